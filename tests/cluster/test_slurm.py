"""The script that SLURM is given, rendered without a SLURM."""

import pytest

from tdaflow.cluster import cluster_spec
from tdaflow.errors import ConfigError

pytest.importorskip("dask_jobqueue", reason='needs pip install "tdaflow[cluster]"')

TABLE = {
    "interface": "ib0",
    "queue": "cpu",
    "account": "imaging",
    "cores": 8,
    "memory": "32GiB",
    "walltime": "24:00:00",
    "directives": ["--exclusive"],
    "prologue": ["module load python"],
    "python": "/shared/venv/bin/python",
}


def script(tls=None, **changes):
    return cluster_spec(kind="slurm", tls=tls, slurm={**TABLE, **changes}).job_script()


def test_the_job_asks_for_what_the_table_says():
    lines = script().splitlines()
    asked = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")]
    assert asked == [
        "-J tdaflow", "-p cpu", "-A imaging", "-n 1", "--cpus-per-task=8", "--mem=32G", "-t 24:00:00", "--exclusive",
    ]  # fmt: skip
    assert "module load python" in lines


def test_one_process_a_core_with_one_thread_its_share_of_the_memory_and_a_nanny():
    command = script().splitlines()[-1]
    assert command.startswith("/shared/venv/bin/python -m distributed.cli.dask_worker tls://")
    for option in ("--nworkers 8", "--nthreads 1", "--memory-limit 4.00GiB", "--nanny", "--interface ib0"):
        assert option in command


@pytest.mark.parametrize(
    ("walltime", "lifetime", "stagger"),
    [("24:00:00", 85800, 300), ("1-00:00:00", 85800, 300), ("00:10:00", 480, 60), ("00:02:00", 96, 12)],
)
def test_workers_end_by_themselves_before_the_wall_time(walltime, lifetime, stagger):
    assert f"--lifetime {lifetime}s --lifetime-stagger {stagger}s" in script(walltime=walltime)


def test_workers_have_the_settings_of_every_worker_that_tdaflow_starts():
    lines = script().splitlines()
    assert "export DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=1" in lines
    assert "export DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE=False" in lines


def test_traffic_is_encrypted_unless_it_is_switched_off():
    assert "--protocol tls:// --tls-ca-file <CA> --tls-cert <CERTIFICATE> --tls-key <KEY>" in script()
    assert "export DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=True" in script()
    assert "tls" not in script(tls=False)
    assert "tcp://<SCHEDULER>" in script(tls=False)


def test_the_users_own_jobqueue_configuration_fills_in_what_the_table_leaves_out():
    import dask

    with dask.config.set({"jobqueue.slurm.account": "mine", "jobqueue.slurm.queue": "night"}):
        rendered = script(account=None)
    assert "#SBATCH -A mine" in rendered
    assert "#SBATCH -p cpu" in rendered


def test_an_interface_that_is_not_there_is_told_in_one_sentence(tmp_path):
    from tdaflow.cluster import connect

    spec = cluster_spec(kind="slurm", slurm={"interface": "no-such-0"}, shared_directory=str(tmp_path))
    with pytest.raises(ConfigError, match="no scheduler can listen on the interface 'no-such-0'"), connect(spec):
        pass
    assert list(tmp_path.iterdir()) == []


def test_only_slurm_has_a_job_script():
    assert cluster_spec(kind="threads").job_script() is None


@pytest.mark.timeout(60)
def test_jobs_are_submitted_for_work_and_cancelled_at_the_end(tmp_path, slurm_commands, squares):
    from tdaflow.cluster import connect

    spec = cluster_spec(
        kind="slurm",
        dashboard="127.0.0.1:0",
        shared_directory=str(tmp_path / "shared"),
        slurm={"interface": "lo", "jobs": 1, "memory": "1GiB", "local_directory": str(tmp_path / "scratch")},
    )
    with connect(spec) as engine:
        assert engine.describe()["scheduler"].startswith("tls://127.0.0.1:")
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
    assert (slurm_commands / "cancelled").read_text().strip()
    assert list((tmp_path / "shared").iterdir()) == []
