"""A run folder belongs to one run and, at any time, to one process."""

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tdaflow.atomic import temporary_path
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.store import RunFolder, run_folder
from tdaflow.store.run_folder import holder, is_alive

HOLD = """
import sys, time
from tdaflow.store import RunFolder
from tdaflow.store.run_folder import holder
folder = RunFolder(sys.argv[1])
folder.create()
with folder.locked():
    folder.write({"state": "running", "holder": holder()})
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """A run folder that another process holds, and that process."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    yield RunFolder(tmp_path / "run"), process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_told_who_holds_the_folder(held):
    folder, process = held
    assert is_alive(folder.read())
    with pytest.raises(ConfigError, match=rf"another tdaflow .*pid {process.pid}\) runs in .*--out"), folder.locked():
        pass


def test_the_lock_of_a_killed_process_is_taken_over_with_a_sentence(held):
    folder, process = held
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not is_alive(folder.read())
    with folder.locked() as sentence:
        assert f"taken over from pid {process.pid}" in sentence


def test_a_folder_whose_run_ended_is_locked_without_a_word(tmp_path):
    folder = RunFolder(tmp_path)
    for state in ("done", "failed", "interrupted"):
        folder.write({"state": state, "holder": holder()})
        with folder.locked() as sentence:
            assert sentence is None


def test_the_lock_is_released_when_the_run_ends_badly(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(RuntimeError), folder.locked():
        raise RuntimeError
    with folder.locked():
        pass


def test_whether_a_process_elsewhere_lives_is_told_by_its_last_sign_of_life():
    elsewhere = {**holder(), "machine": "another", "pid": 1}
    assert is_alive({"holder": elsewhere})
    assert not is_alive({"holder": {**elsewhere, "heartbeat": time.time() - 61}})
    assert not is_alive({"holder": {**holder(), "pid": 2**22 + 1}})


@pytest.fixture
def no_locks(monkeypatch):
    """A file system without locks, whose leases last half a second."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(run_folder, "_SILENCE", 0.5)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_folder_is_leased(tmp_path):
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    with first.locked():
        first.write({"state": "running", "holder": holder()})
        with pytest.raises(ConfigError, match="another tdaflow"), second.locked():
            pass
        first.write({"state": "done", "holder": holder()})
    with second.locked() as sentence:
        assert sentence is None


@pytest.mark.usefixtures("no_locks")
def test_a_lease_that_nobody_touches_is_taken_and_its_former_holder_commits_nothing(tmp_path):
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    with first.locked():
        silent = {**holder(), "machine": "another", "heartbeat": time.time() - 60}
        first.write({"state": "running", "holder": silent})
        # As if it came from another machine, which has stopped.
        marker = tmp_path / ".lease"
        marker.unlink()
        for _ in range(100):
            time.sleep(0.05)
            if first._lost is not None:
                break
        with pytest.raises(RunError, match="has taken over"):
            first.write({"state": "running", "holder": holder()})
        with second.locked() as sentence:
            assert "taken over from" in sentence
            second.write({"state": "done", "holder": holder()})
    assert second.read()["state"] == "done"


def test_run_json_is_replaced_as_a_whole(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    folder.write({"state": "running"})

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tdaflow.atomic.os.replace", dies)
    with pytest.raises(KeyboardInterrupt):
        folder.write({"state": "done"})
    assert folder.read()["state"] == "running"


def test_no_reader_ever_sees_half_a_run_json(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write({"state": "0", "filler": "x" * 200_000})
    writer = os.fork()
    if writer == 0:
        for i in range(200):
            folder.write({"state": str(i), "filler": "x" * 200_000})
        os._exit(0)
    end = time.monotonic() + 20
    while os.waitpid(writer, os.WNOHANG)[0] == 0 and time.monotonic() < end:
        assert len(folder.read()["filler"]) == 200_000


def test_a_folder_without_a_run_reads_as_none_and_a_broken_one_is_named(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.read() is None
    folder.run_json.write_text("{")
    with pytest.raises(InputError, match=r"run\.json is damaged .*run the same"):
        folder.read()
    folder.run_json.write_text(json.dumps({"format": 99}))
    with pytest.raises(
        InputError, match="has format 99, this tdaflow reads 2: run again with this version, in another"
    ):
        folder.read()


def test_a_file_is_no_output_folder(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(ConfigError, match=r"out is a file; give a folder with --out"):
        RunFolder(tmp_path / "out").create()
    with pytest.raises(ConfigError, match="not writable"):
        RunFolder(tmp_path / "out" / "below").create()


def test_a_folder_with_somebody_elses_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match=r"no run\.json, so it is no run of tdaflow.*--out"):
        RunFolder(tmp_path).create()
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_holds_only_ingested_volumes_or_a_lock_can_be_used(tmp_path):
    (tmp_path / "volumes.zarr").mkdir()
    (tmp_path / ".lock").touch()
    temporary_path(tmp_path / "volumes.zarr").mkdir()
    RunFolder(tmp_path).create()


def test_a_folder_that_cannot_be_written_is_refused():
    if not os.path.isdir("/proc/self"):
        pytest.skip("needs a folder that even root cannot write")
    with pytest.raises(ConfigError, match=r"not writable .*--out"):
        RunFolder("/proc/self/tdaflow").create()
