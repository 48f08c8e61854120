"""Runs in the jobs of a real SLURM of one's own, which ``SLURM_CONF`` names; `.ci/full` starts one.

Jobs of others must not be in it: the tests fill its node.
"""

import os
import re
import shutil
import signal
import subprocess

import pytest

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        shutil.which("sbatch") is None or not os.path.isfile(os.environ.get("SLURM_CONF", "")),
        reason="there is no SLURM of one's own that SLURM_CONF names",
    ),
]


def squeue(*options: str) -> list[str]:
    command = ["squeue", "--noheader", "--format", "%i", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture
def table(tmp_path):
    """Options of a specification."""
    slurm = {"interface": "lo", "cores": 2, "jobs": 1, "memory": "4GiB", "walltime": "00:05:00"}
    slurm["local_directory"] = str(tmp_path / "local")
    return {"kind": "slurm", "shared_directory": str(tmp_path), "dashboard": "127.0.0.1:0", "slurm": slurm}


@pytest.fixture
def full_node():
    """A node on which no core is free."""
    cores = subprocess.run(["sinfo", "--noheader", "--format", "%c"], capture_output=True, text=True, check=True)
    command = ["sbatch", "--parsable", "-o", "/dev/null", "-c", cores.stdout.split()[0], "--wrap", "sleep 300"]
    job = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    yield job
    subprocess.run(["scancel", job], check=True)


def test_a_cancelled_job_is_replaced_within_a_minute_and_a_finished_run_asks_for_none(
    begin, command_line, n_batches, tmp_path, wait_for
):
    process, out = begin(n=300)
    seen, before = [], 0
    for _ in range(2):
        # Until its workers have done something: one that ends before is told as a job that has never come so far.
        wait_for(lambda: n_batches(out) > before + 10, seconds=240)  # noqa: B023
        (job,) = squeue()
        subprocess.run(["scancel", job], check=True)
        seen.append(job)
        wait_for(lambda: set(squeue("--states", "RUNNING")) - set(seen), seconds=60)
        before = n_batches(out)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    assert all(f"job {job} has ended (CANCELLED" in " ".join(told.split()) for job in seen)
    assert squeue() == []
    logs = sorted((out / "logs").iterdir())
    assert len(logs) == 3
    alone = command_line("run", tmp_path / "run.toml", "--out", tmp_path / "alone", "--cluster", "sync")
    alone.communicate()
    for path in (tmp_path / "alone" / "features.zarr").rglob("c/*"):
        if path.is_file():
            assert path.read_bytes() == (out / path.relative_to(tmp_path / "alone")).read_bytes()
    again, _ = begin(n=300)
    told, _ = again.communicate()
    assert "nothing to do" in told
    assert "dashboard" not in told
    assert sorted((out / "logs").iterdir()) == logs


def test_work_goes_on_across_wall_times_and_no_task_dies_with_its_job(work_across_wall_times):
    said = work_across_wall_times()
    assert any("has ended (COMPLETED" in text for text in said), said


def test_a_job_that_slurm_refuses_ends_at_once_in_its_words(begin):
    process, _ = begin(queue="no-such-partition")
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "SLURM refuses the jobs: Invalid partition name specified" in told


def test_a_python_that_is_not_on_the_node_ends_the_run_with_the_end_of_a_log(begin):
    process, out = begin(python="/no/such/python")
    told, _ = process.communicate(timeout=200)
    assert process.returncode == 3
    assert re.search(r"job-\d+\.log ends: .*/no/such/python: No such file or directory; no job has come further", told)
    assert len(list((out / "logs").iterdir())) == 3
    assert squeue() == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_waiting_is_told_and_a_signal_leaves_no_pending_job(begin, command_line, full_node, wait_for, how):
    process, out = begin()
    log = out / "run.log"
    wait_for(lambda: log.is_file() and "0 of 1 jobs run, 1 pending (Resources)" in log.read_text())
    wait_for(lambda: '"Resources"' in (out / "run.json").read_text())
    status, _ = command_line("status", out).communicate(timeout=60)
    assert re.search(r"0 of 1 jobs run, 1 pending \(Resources\), for 0:00:\d\d", status)
    process.send_signal(how)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "interrupted; finished batches are kept" in " ".join(told.split())
    assert squeue() == [full_node]
