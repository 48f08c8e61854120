"""What other batch systems than SLURM are given, and how what they tell is understood; without one."""

import os
import signal

import pytest

from tdaflow.cluster import KINDS, cluster_spec, connect
from tdaflow.cluster.batch import Batch, Listed
from tdaflow.errors import ConfigError

pytest.importorskip("dask_jobqueue", reason='needs pip install "tdaflow[cluster]"')

SYSTEMS = {name: kind for name, kind in KINDS.items() if issubclass(kind, Batch)}
TABLE = {
    "interface": "ib0",
    "queue": "long",
    "account": "imaging",
    "cores": 4,
    "memory": "16GiB",
    "walltime": "1-02:00:00",
    "directives": ["-M me@here"],
    "prologue": ["module load python"],
    "log_directory": "/my logs",
}


def spec_of(kind, **changes):
    more = {"parallel_environment": "smp"} if kind == "sge" else {}
    return cluster_spec(kind=kind, **{kind: {**TABLE, **more, **changes}})


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        (
            "sge",
            [
                "#$ -N tdaflow", "#$ -q long", "#$ -P imaging", "#$ -l h_rt=26:00:00", "#$ -cwd", "#$ -j y",
                "#$ -S /bin/bash", '#$ -o ":/my logs/job-$JOB_ID.log"', "#$ -pe smp 4", "#$ -M me@here",
            ],
        ),
        (
            "pbs",
            [
                "#PBS -N tdaflow", "#PBS -q long", "#PBS -A imaging", "#PBS -l select=1:ncpus=4:mem=16GB",
                "#PBS -l walltime=26:00:00", "#PBS -j oe", "#PBS -o /dev/null", "#PBS -M me@here",
                """exec >'/my logs'/job-"${PBS_JOBID%%.*}".log 2>&1""",
            ],
        ),
    ],
)  # fmt: skip
def test_the_job_asks_for_what_the_table_says(kind, asked):
    lines = spec_of(kind).job_script().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert [line for line in lines if line.startswith(("#$", "#PBS", "exec"))] == asked
    assert "module load python" in lines


@pytest.mark.parametrize("kind", SYSTEMS)
def test_every_job_has_workers_of_one_thread_that_end_before_its_time(kind):
    command = spec_of(kind).job_script().splitlines()[-1]
    for option in ("--nworkers 4", "--nthreads 1", "--memory-limit 4.00GiB", "--nanny", "--lifetime 93000s"):
        assert option in command


@pytest.mark.parametrize("kind", SYSTEMS)
def test_where_no_job_can_be_submitted_it_is_refused(kind, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(ConfigError, match=f"there is no {SYSTEMS[kind].submit} on this machine"),
        connect(spec_of(kind)),
    ):
        pass


def test_jobs_of_grid_engine_are_told_apart_by_their_states():
    rows = "".join(
        f"<job_list><JB_job_number>{i}</JB_job_number><JB_name>{name}</JB_name><state>{state}</state></job_list>"
        for i, (name, state) in enumerate([("us", "r"), ("us", "qw"), ("us", "hqw"), ("us", "Eqw"), ("them", "r")])
    )
    assert SYSTEMS["sge"].read_listing(f"<job_info>{rows}</job_info>", "us") == {
        "0": Listed("RUNNING"), "1": Listed("PENDING", "queued"), "2": Listed("PENDING", "held"), "3": Listed("STUCK"),
    }  # fmt: skip


def test_what_is_no_listing_of_grid_engine_is_not_taken_for_an_empty_one():
    with pytest.raises(ValueError, match="no XML"):
        SYSTEMS["sge"].read_listing("error: unable to contact qmaster", "us")


def test_jobs_of_pbs_are_told_apart_by_their_states():
    text = "".join(
        f"Job Id: {i}.server\n    Job_Name = us\n    job_state = {state}\n" for i, state in enumerate("RQHEFC")
    )
    why = "    comment = Not Running: Insufficient amount of resource: ncpus\n"
    assert SYSTEMS["pbs"].read_listing(text + "Job Id: 9.server\n    job_state = Q\n" + why, "us") == {
        "0": Listed("RUNNING"), "1": Listed("PENDING", "queued"), "2": Listed("PENDING", "held"),
        "3": Listed("RUNNING"),
        "9": Listed("PENDING", "Not Running: Insufficient amount of resource: ncpus"),
    }  # fmt: skip


@pytest.fixture
def pbs(tmp_path, pbs_commands, monkeypatch):
    """A specification for the commands of this test, whose queue is looked at often."""
    monkeypatch.setattr("tdaflow.cluster.job_queue._LOOK_SECONDS", 0.3)
    monkeypatch.setattr("tdaflow.cluster.job_queue._PAUSE", 0.1)
    table = {"interface": "lo", "jobs": 1, "cores": 2, "memory": "1GiB", "log_directory": str(tmp_path / "logs")}
    return cluster_spec(kind="pbs", dashboard="127.0.0.1:0", shared_directory=str(tmp_path / "shared"), pbs=table)


def test_a_job_of_pbs_that_ends_is_replaced_and_the_last_is_cancelled(tmp_path, pbs, pbs_commands, squares):
    said = []
    with connect(pbs, said.append) as engine:
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
        (first,) = (pbs_commands / "submitted").read_text().split()
        os.killpg(int(first), signal.SIGKILL)
        assert squares(engine) == [0, 1, 4, 9, 16, 25]
        _, second = (pbs_commands / "submitted").read_text().split()
    assert f"job {first} has ended (exit code 271 on n1/0); another is asked for while there is work" in said
    assert second in (pbs_commands / "cancelled").read_text().split()
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {f"job-{first}.log", f"job-{second}.log"}


def test_what_cannot_be_asked_before_is_refused_as_a_configuration_when_it_is_submitted(pbs, pbs_commands, squares):
    (pbs_commands / "refusal").write_text("qsub: Unknown queue\n")
    refused = r"PBS refuses a job: Unknown queue; no job has come further, so correct the table \[pbs\]"
    with pytest.raises(ConfigError, match=refused), connect(pbs) as engine:
        squares(engine)
