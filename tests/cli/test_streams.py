"""What is printed may get lost: neither a run nor its exit code depends on it."""

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="another C library than glibc's has no /dev/full")


def tdaflow(*arguments: object, out=subprocess.PIPE, err=subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tdaflow", *map(str, arguments)]
    return subprocess.run(command, stdout=out, stderr=err, text=True, check=False, timeout=120)


def test_a_run_goes_on_when_its_log_does_not(config, tmp_path):
    with FULL.open("w") as full:
        ended = tdaflow("run", config(nan=1), "--out", tmp_path / "run", err=full)
    assert ended.returncode == 4
    assert (tmp_path / "run" / "features.zarr").is_dir()


def test_a_result_that_is_lost_is_no_success():
    with FULL.open("w") as full:
        ended = tdaflow("config", out=full)
    assert ended.returncode == 3
    assert "incomplete: No space left" in ended.stderr
    with FULL.open("w") as full:
        assert tdaflow("config", "nowhere.toml", out=full).returncode == 2


def test_a_reader_that_has_enough_is_none_of_our_business():
    ended = subprocess.run(
        f"{sys.executable} -m tdaflow config | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ended.stdout.splitlines()[-1] == "0"
    assert ended.stderr == ""


def test_characters_that_a_terminal_lacks_are_escaped():
    ended = subprocess.run(
        [sys.executable, "-m", "tdaflow", "--help"], capture_output=True, check=False, timeout=120,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr
