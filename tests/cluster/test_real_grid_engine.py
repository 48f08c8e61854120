"""Runs in the jobs of a real Grid Engine of one's own, which `gridengine-single-node.sh` starts; `.ci/full` does.

Jobs of others must not be in it: the tests fill its node.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from xml.etree import ElementTree

import pytest

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        shutil.which("qconf") is None or not os.path.isfile(f"{os.environ.get('SGE_ROOT')}/qmaster.pid"),
        reason="there is no Grid Engine of one's own that SGE_ROOT names",
    ),
]


def qstat(state: str = "") -> list[str]:
    """Numbers of all jobs, or of those in a state."""
    told = subprocess.run(["qstat", "-xml"], capture_output=True, text=True, check=True).stdout
    jobs = ElementTree.fromstring(told).iter("job_list")
    return [job.findtext("JB_job_number", "") for job in jobs if state in ("", job.findtext("state"))]


@pytest.fixture
def table(tmp_path):
    """Options of a specification."""
    sge = {"interface": "lo", "cores": 2, "jobs": 1, "memory": "4GiB", "walltime": "00:05:00"}
    sge |= {"parallel_environment": "smp", "local_directory": str(tmp_path / "local")}
    return {"kind": "sge", "shared_directory": str(tmp_path), "dashboard": "127.0.0.1:0", "sge": sge}


@pytest.fixture
def full_node():
    """A node on which no slot is free."""
    slots = subprocess.run(["qconf", "-sq", "all.q"], capture_output=True, text=True, check=True).stdout
    n = re.search(r"^slots +(\d+)", slots, re.MULTILINE)[1]
    command = ["qsub", "-terse", "-o", "/dev/null", "-j", "y", "-pe", "smp", n, "-b", "y", "sleep", "300"]
    job = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    yield job
    subprocess.run(["qdel", job], check=True)


def test_a_deleted_job_is_replaced_within_a_minute_and_the_bits_are_those_of_one_process(
    begin, command_line, n_batches, tmp_path, wait_for
):
    process, out = begin(n=300)
    seen, before = [], 0
    for _ in range(2):
        # Until its workers have done something: one that ends before is told as a job that has never come so far.
        wait_for(lambda: n_batches(out) > before + 10, seconds=240)  # noqa: B023
        (job,) = qstat()
        subprocess.run(["qdel", job], check=True)
        seen.append(job)
        wait_for(lambda: set(qstat("r")) - set(seen), seconds=60)
        before = n_batches(out)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    assert all(
        re.search(rf"job {job} has ended \(exit code \d+ on localhost\)", " ".join(told.split())) for job in seen
    )
    assert qstat() == []
    assert len(list((out / "logs").iterdir())) == 3
    command_line("run", tmp_path / "run.toml", "--out", tmp_path / "alone", "--cluster", "sync").communicate()
    for path in (tmp_path / "alone" / "features.zarr").rglob("c/*"):
        if path.is_file():
            assert path.read_bytes() == (out / path.relative_to(tmp_path / "alone")).read_bytes()


def test_work_goes_on_across_wall_times_and_no_task_dies_with_its_job(work_across_wall_times):
    said = work_across_wall_times()
    assert any("has ended (exit code 0 on localhost)" in text for text in said), said


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"queue": "no-such-queue"}, 'job requests unknown queue "no-such-queue"'),
        ({"cores": 99}, "only offers 0 slots"),
    ],
)
def test_a_job_that_is_refused_ends_at_once_in_the_words_of_grid_engine(begin, wrong, words):
    process, _ = begin(**wrong)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert re.search(f"Grid Engine refuses the jobs: .*{words}; correct the table", " ".join(told.split()))


def test_a_python_that_is_not_on_the_node_ends_the_run_with_the_end_of_a_log(begin):
    process, out = begin(python="/no/such/python")
    told, _ = process.communicate(timeout=200)
    assert process.returncode == 3
    assert re.search(r"job-\d+\.log ends: .*/no/such/python: No such file or directory; no job has come further", told)
    assert len(list((out / "logs").iterdir())) == 3
    assert qstat() == []


def test_a_job_in_an_error_state_ends_the_run_with_its_reason_and_is_not_left(begin):
    process, _ = begin(directives=["-o /no/such/folder/log"])
    told, _ = process.communicate(timeout=200)
    assert process.returncode == 3
    assert "/no/such/folder" in told
    assert qstat() == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_waiting_is_told_and_a_signal_leaves_no_pending_job(begin, command_line, full_node, wait_for, how):
    process, out = begin()
    log = out / "run.log"
    wait_for(lambda: log.is_file() and "0 of 1 jobs run, 1 pending (queued)" in log.read_text())
    wait_for(lambda: '"queued"' in (out / "run.json").read_text())
    assert json.loads((out / "run.json").read_text())["engine"]["page"].endswith("/tdaflow")
    status, _ = command_line("status", out).communicate(timeout=60)
    assert re.search(r"0 of 1 jobs run, 1 pending \(queued\), for 0:00:\d\d", status)
    process.send_signal(how)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "interrupted; finished batches are kept" in " ".join(told.split())
    assert qstat() == [full_node]
