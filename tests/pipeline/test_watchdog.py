"""A block that takes too long ends its process, even where Python itself never runs again."""

import subprocess
import sys

import pytest

from tdaflow.pipeline.guards import exceeded, limit


def run(body: str) -> tuple[int, str]:
    code = "import time, threading\nfrom tdaflow.pipeline.guards import limit\n" + body
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_a_block_in_time_goes_on_and_its_alarm_is_off():
    code, _ = run("with limit(0.2): pass\ntime.sleep(0.4)\nfor _ in range(3):\n    with limit(30): pass\n")
    assert code == 0


@pytest.mark.parametrize(
    "hangs",
    [
        "time.sleep(60)",
        "[None for _ in iter(int, 1)]",
        # One call of compiled code that never lets another thread of Python run.
        "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')",
    ],
)
def test_a_block_that_hangs_ends_the_process_and_says_where(hangs):
    code, err = run(f"with limit(0.3): {hangs}")
    assert code == 1
    assert "Timeout" in err
    assert 'File "<string>", line 3' in err


def test_an_exception_leaves_no_alarm_behind():
    code, _ = run("try:\n    with limit(0.3): 1 / 0\nexcept ZeroDivisionError: pass\ntime.sleep(0.6)\n")
    assert code == 0


def test_of_two_threads_the_first_deadline_counts():
    body = (
        "def work(seconds, allowed):\n"
        "    with limit(allowed): time.sleep(seconds)\n"
        "threads = [threading.Thread(target=work, args=a, daemon=True) for a in ((1.5, {first}), (0.1, 30))]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
    )
    assert run(body.format(first=20))[0] == 0
    assert run(body.format(first=0.5))[0] == 1


def test_without_a_limit_nothing_happens(tmp_path):
    with limit(None, tmp_path / "evidence"):
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyError), limit(None):
        raise KeyError


def test_what_was_exceeded_is_told_by_a_file_that_stays_only_then(tmp_path):
    evidence = tmp_path / "evidence"
    assert exceeded(evidence, "work") is None
    body = (
        "from pathlib import Path\n"
        "def deeper(seconds): time.sleep(seconds)\n"
        "def work(seconds):\n"
        f"    with limit(0.5, Path({str(evidence)!r})): deeper(seconds)\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"  # its stack is written too
        "work({seconds})\n"
    )
    assert run(body.format(seconds=0)) == (0, "")
    assert not evidence.exists()
    code, err = run(body.format(seconds=60))
    assert (code, err) == (1, "")
    assert exceeded(evidence, "work") == "deeper (<string>:4)"
    assert exceeded(evidence, "elsewhere") == "an unknown place"


def test_a_process_that_died_of_something_else_did_not_exceed_its_limit(tmp_path):
    evidence = tmp_path / "evidence"
    code, _ = run(f"import os, pathlib\nwith limit(30, pathlib.Path({str(evidence)!r})): os.kill(os.getpid(), 9)")
    assert code == -9
    assert evidence.exists()
    assert exceeded(evidence, "<module>") is None
