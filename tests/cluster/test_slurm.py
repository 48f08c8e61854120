"""The script that SLURM is given, and what becomes of jobs; without a SLURM."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tdaflow.cluster import cluster_spec, connect, on_demand
from tdaflow.errors import ConfigError, RunError

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
    "log_directory": "/my logs",
}


def script(tls=None, **changes):
    return cluster_spec(kind="slurm", tls=tls, slurm={**TABLE, **changes}).job_script()


def test_the_job_asks_for_what_the_table_says():
    lines = script().splitlines()
    asked = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")]
    assert asked == [
        "-J tdaflow", "-p cpu", "-A imaging", "-n 1", "--cpus-per-task=8", "--mem=32G", "-t 24:00:00",
        '--output="/my logs/job-%j.log"', "--exclusive",
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


def test_an_interface_that_is_not_there_is_told_in_one_sentence(tmp_path, slurm_commands):
    spec = cluster_spec(kind="slurm", slurm={"interface": "no-such-0"}, shared_directory=str(tmp_path))
    with pytest.raises(ConfigError, match="no scheduler can listen on the interface 'no-such-0'"), connect(spec):
        pass
    assert [path for path in tmp_path.iterdir() if path != slurm_commands] == []


def test_only_slurm_has_a_job_script():
    assert cluster_spec(kind="threads").job_script() is None


@pytest.fixture
def spec(tmp_path, slurm_commands, monkeypatch):
    """A specification for the commands of this test, whose queue is looked at often."""
    jobs = "tdaflow.cluster.job_queue"
    monkeypatch.setattr(f"{jobs}._LOOK_SECONDS", 0.3)
    monkeypatch.setattr(f"{jobs}._PAUSE", 0.1)

    def make(**table):
        local = {"interface": "lo", "jobs": 1, "memory": "1GiB", "local_directory": str(tmp_path / "scratch")}
        return cluster_spec(
            kind="slurm",
            dashboard="127.0.0.1:0",
            shared_directory=str(tmp_path / "shared"),
            slurm={**local, "log_directory": str(tmp_path / "logs of jobs"), **table},
        )

    return make


def ids(folder, name="submitted"):
    return (folder / name).read_text().split()


def test_jobs_are_submitted_for_work_and_cancelled_at_the_end(tmp_path, spec, slurm_commands, squares):
    with connect(spec()) as engine:
        assert engine.describe()["scheduler"].startswith("tls://127.0.0.1:")
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
        (job,) = ids(slurm_commands)
        assert engine.describe()["jobs"]["wanted"] == 1
    assert job in ids(slurm_commands, "cancelled")
    assert list((tmp_path / "shared").iterdir()) == []
    assert (tmp_path / "logs of jobs" / f"job-{job}.log").is_file()


@pytest.mark.parametrize("cores", [1, 2])
def test_a_job_that_ends_is_replaced_also_if_it_has_several_workers(spec, slurm_commands, squares, cores):
    said = []
    with connect(spec(cores=cores), said.append) as engine:
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
        (first,) = ids(slurm_commands)
        os.killpg(int(first), signal.SIGKILL)
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
        assert len(ids(slurm_commands)) == 2
        names = {worker["name"] for worker in engine.list_workers()}
    assert names <= {"job-2", "job-2-0", "job-2-1"}  # none of an ended job, whose workers the scheduler may still know
    assert f"job {first} has ended (FAILED, exit code 127:0 on n1); another is asked for while there is work" in said


def test_jobs_that_end_before_a_worker_registers_end_the_run_with_the_end_of_their_log(spec, slurm_commands, squares):
    said = []
    with (
        pytest.raises(
            RunError, match=r"job \d+ ended before a worker .* ends: .*no-python: not found; no job has come"
        ),
        connect(spec(python="/no-python"), said.append) as engine,
    ):
        squares(engine)
    assert len(ids(slurm_commands)) == 3
    assert [text.rpartition("; ")[2] for text in said] == ["trying again in 0 s"] * 2


def test_a_passing_error_of_sbatch_loses_no_place(spec, slurm_commands, squares):
    refusal = slurm_commands / "refusal"
    refusal.write_text("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n")
    said = []

    def say(text):
        said.append(text)
        refusal.unlink()

    with connect(spec(), say) as engine:
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
    assert said == ["SLURM refuses a job: Socket timed out on send/recv operation; trying again in 0 s"]


def test_a_job_that_slurm_would_refuse_is_refused_before_anything_is_started(tmp_path, spec, slurm_commands):
    (slurm_commands / "refusal").write_text("allocation failure: Invalid partition name specified\n")
    wrong = r"SLURM refuses the jobs: Invalid partition name specified; correct the table \[slurm\]"
    for start in (connect(spec()), on_demand(spec(), str)):
        with pytest.raises(ConfigError, match=wrong), start:
            pass
    assert not (tmp_path / "logs of jobs").exists()


def test_without_sbatch_it_is_refused(spec, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="there is no sbatch on this machine"), connect(spec()):
        pass


def test_ctrl_c_stays_what_it_was(slurm_commands):
    code = (
        "import signal\nfrom tdaflow.cluster import cluster_spec\nbefore = signal.getsignal(signal.SIGINT)\n"
        "cluster_spec(kind='slurm', slurm={'interface': 'lo'}).check()\n"
        "assert signal.getsignal(signal.SIGINT) is before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_waited_for_is_told(spec, slurm_commands, squares):
    (slurm_commands / "no-nodes").touch()
    said, reports = [], []

    def say(text):
        said.append(text)
        if len(said) == 1:
            reports.append(engine._jobs())
            (slurm_commands / "no-nodes").unlink()
            os.killpg(int(ids(slurm_commands)[0]), signal.SIGKILL)

    with connect(spec(jobs=2), say) as engine:
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
    assert said[0] == "0 of 1 jobs run, 1 pending (Resources)"
    assert "ended before a worker registered" in said[1]
    (report,) = reports
    assert report.pop("since") <= time.time()
    assert report == {"wanted": 1, "running": 0, "pending": {"Resources": 1}}
