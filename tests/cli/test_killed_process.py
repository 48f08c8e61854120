"""A real ``tdaflow run`` that is killed: the same command finishes it, and counts what was left."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

DIAGRAMS = "superpixels+persistence"
# One volume takes long enough that the run can be met in the middle.
CONFIG = """
[data]
kind = "phantoms"
n_volumes = 16
shape = [16, 16, 16]
kinds = ["ball", "shell"]

[superpixels]
n_superpixels = 400

[images]
resolution = 6

[run]
batch = 1
"""


def start(*arguments: object) -> subprocess.Popen[str]:
    # The tests may run under nohup, whose children ignore SIGHUP.
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); from tdaflow.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def status(run) -> dict:
    process = start("status", run, "--json")
    out, _ = process.communicate(timeout=60)
    return json.loads(out)


@pytest.mark.parametrize(
    ("how", "cluster"),
    [
        (signal.SIGKILL, "sync"),
        (signal.SIGTERM, "threads"),
        pytest.param(signal.SIGHUP, "sync", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_resumes_and_computes_what_was_left(tmp_path, how, cluster):
    (tmp_path / "c.toml").write_text(CONFIG)
    run = tmp_path / "run"
    command = ("run", tmp_path / "c.toml", "--out", run, "--cluster", cluster, "--workers", 1)
    process = start(*command)
    batches = run / "diagrams.zarr"
    while process.poll() is None and len(list(batches.glob("0*"))) < 4:
        time.sleep(0.005)
    os.kill(process.pid, how)
    _, err = process.communicate(timeout=60)
    if how is not signal.SIGKILL:
        assert process.returncode == 3
        assert "Traceback" not in err
    before = status(run)
    assert before["state"] == "interrupted"
    left = before["stages"][DIAGRAMS]["left"]
    assert 0 < left <= 12
    resumed = start(*command)
    _, err = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, err
    assert ("taken over from pid" in err) == (how is signal.SIGKILL)
    after = status(run)
    assert after["state"] == "done"
    counts = after["stages"][DIAGRAMS]
    assert (counts["computed"], counts["reused"], counts["left"]) == (left, 16 - left, 0)
    assert [p for p in run.rglob("*") if p.name.startswith(".tmp-") or p.name.endswith(".partial")] == []


def test_a_second_run_in_the_same_folder_is_refused_while_the_first_one_lives(tmp_path):
    (tmp_path / "c.toml").write_text(CONFIG)
    command = ("run", tmp_path / "c.toml", "--out", tmp_path / "run", "--cluster", "sync")
    first = start(*command)
    try:
        while first.poll() is None and not (tmp_path / "run" / "run.json").exists():
            time.sleep(0.005)
        second = start(*command)
        _, err = second.communicate(timeout=60)
        assert second.returncode == 2
        assert f"pid {first.pid}" in err
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 400 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_ends_with_3_and_the_run_can_go_on_once_there_is_room(tiny_disk, tmp_path):
    (tmp_path / "c.toml").write_text(CONFIG)
    command = ("run", tmp_path / "c.toml", "--out", tiny_disk / "run", "--cluster", "sync")
    process = start(*command)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    assert "Traceback" not in err
    assert "No space left on device; make room or rights, then run again to resume" in err.splitlines()[-1]
    done = len(list((tiny_disk / "run" / "diagrams.zarr").glob("0*")))
    assert done > 0
    subprocess.run(["mount", "-o", "remount,size=20m", str(tiny_disk)], check=True)
    again = start(*command)
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert status(tiny_disk / "run")["stages"][DIAGRAMS]["reused"] == done
