"""Files and folders appear complete or not at all, whoever writes them, and what killed writers leave is found."""

import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import tdaflow
from tdaflow import atomic
from tdaflow.atomic import (
    PREFIX,
    is_abandoned,
    leftovers,
    remove_leftovers,
    remove_leftovers_of,
    temporary_path,
    write_whole,
    written_whole,
)
from tdaflow.store import RunFolder
from tdaflow.store.integrity import check_run


def killed_while_writing(target: Path, *, folder: bool = False) -> Path:
    """Fork a writer that is killed between writing and renaming; return what it leaves."""
    before = set(target.parent.iterdir())
    child = os.fork()
    if child == 0:
        with written_whole(target) as temporary:
            temporary.mkdir() if folder else temporary.write_text("half")
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    (left,) = set(target.parent.iterdir()) - before
    return left


@pytest.fixture
def another_host(monkeypatch):
    """What is written from here on carries the mark of another host."""
    ours = atomic.this_machine()
    monkeypatch.setattr(atomic, "this_machine", lambda: "0" * 12)

    def back() -> None:
        monkeypatch.setattr(atomic, "this_machine", lambda: ours)

    return back


def aged(path: Path, hours: float) -> Path:
    """Let a file or folder be as old as this."""
    for entry in (path, *path.rglob("*")):
        then = entry.lstat().st_mtime - hours * 3600
        os.utime(entry, (then, then))
    return path


def test_a_file_takes_its_name_only_when_the_block_ends_well(tmp_path):
    target = write_whole(tmp_path / "table.csv", "old\n")

    def fails() -> None:
        with written_whole(target) as temporary:
            temporary.write_text("half")
            assert temporary.parent == target.parent  # one file system, so that renaming is atomic
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("table.csv", "old\n")]
    assert write_whole(target, "ü\r\n") == target
    assert target.read_bytes() == "ü\r\n".encode()
    write_whole(target, b"\0")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("table.csv", b"\0")]


def test_a_file_that_another_process_wrote_meanwhile_can_be_kept(tmp_path):
    for text in ("first", "second"):
        with written_whole(tmp_path / "key", keep_existing=True) as temporary:
            temporary.write_text(text)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("key", "first")]


def test_a_folder_takes_its_name_only_when_the_block_ends_well(tmp_path):
    target = tmp_path / "batch"

    def fails() -> None:
        with written_whole(target) as temporary:
            temporary.mkdir()
            (temporary / "half").touch()
            assert temporary.name.startswith(".tmp-")
            assert temporary.parent == target.parent
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert list(tmp_path.iterdir()) == []
    with written_whole(target) as temporary:
        temporary.mkdir()
        (temporary / "whole").touch()
        assert not target.exists()
    assert [p.name for p in tmp_path.rglob("*")] == ["batch", "whole"]


def test_an_existing_folder_is_never_replaced(tmp_path):
    target = tmp_path / "batch"
    target.mkdir()
    (target / "first").touch()
    with pytest.raises(OSError, match="not empty"), written_whole(target) as temporary:
        temporary.mkdir()
    with written_whole(target, keep_existing=True) as temporary:
        temporary.mkdir()
        (temporary / "second").touch()
    assert [p.name for p in target.iterdir()] == ["first"]
    assert [p.name for p in tmp_path.iterdir()] == ["batch"]


def test_a_process_that_is_killed_inside_leaves_nothing_that_passes_for_complete(tmp_path):
    left = killed_while_writing(tmp_path / "batch", folder=True)
    assert left.name.startswith(".tmp-batch-")
    other = killed_while_writing(tmp_path / "other.json")
    remove_leftovers_of(tmp_path / "batch")
    assert list(tmp_path.iterdir()) == [other]
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_writers_at_once_use_two_names_and_one_of_them_stays(tmp_path):
    target, both_write = tmp_path / "shared.json", threading.Barrier(2)
    texts = ["a" * 100_000, "b" * 100_000]

    def write(text: str) -> None:
        with written_whole(target) as temporary:
            temporary.write_text(text)
            both_write.wait()

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text() in texts
    assert list(tmp_path.iterdir()) == [target]


def test_two_hosts_with_one_process_number_do_not_share_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(socket, "gethostname", lambda: "node")
    assert temporary_path(tmp_path / "a") != temporary_path(tmp_path / "a")


@pytest.mark.parametrize("place", [".", "evaluation/predictions", "pinet", "diagrams.zarr", "volumes.zarr/.parts"])
def test_what_a_killed_writer_leaves_is_named_by_check_and_removed_by_the_next_run(tmp_path, place):
    run = RunFolder(tmp_path)
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for store in (run.diagrams, run.volumes):
        if store.is_dir():
            (store / "zarr.json").write_text("{}")
    left = killed_while_writing(tmp_path / place / "results.json")
    where = left.relative_to(tmp_path).as_posix()
    if "volumes.zarr" not in place:  # `check_volumes` names what is in there, once its table can be read
        told = [(p.severity, p.where, p.remedy) for p in check_run(run)[0] if p.kind == "leftover"]
        assert told == [("warning", where, "delete it")]
    remove_leftovers(tmp_path)
    assert not left.exists()


def test_what_may_still_be_written_is_never_removed(tmp_path, another_host):
    with written_whole(tmp_path / "theirs.json") as theirs:
        theirs.write_text("half")
        another_host()
        with written_whole(tmp_path / "ours.json") as ours:
            ours.write_text("half")
            assert list(leftovers(tmp_path)) == [theirs]
            assert not is_abandoned(theirs)
            (found,) = check_run(RunFolder(tmp_path))[0]
            assert found.what == "a process on another machine writes it or was killed"
            remove_leftovers(tmp_path)
            remove_leftovers_of(tmp_path / "theirs.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ours.json", "theirs.json"]


def test_a_living_process_of_this_host_keeps_what_it_writes(tmp_path):
    script = (
        "import sys; from pathlib import Path; from tdaflow.atomic import written_whole\n"
        "with written_whole(Path(sys.argv[1])) as path:\n"
        "    path.write_text('half'); print('writes', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "a")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "writes\n"
        remove_leftovers(tmp_path)
        assert list(leftovers(tmp_path)) == []
        assert len(list(tmp_path.iterdir())) == 1
        writer.stdin.close()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_nobody_wrote_to_for_a_day_is_removed_whoever_began_it(tmp_path, another_host):
    left = temporary_path(tmp_path / "batch")
    left.mkdir()
    (left / "zarr.json").touch()
    (tmp_path / f"{PREFIX}4711-older-version.json").touch()
    another_host()
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    for path in tmp_path.iterdir():
        aged(path, 25)
    (left / "zarr.json").touch()  # it is being written
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [left]
    aged(left, 25)
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_looked_for_inside_arrays_and_links_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    (tmp_path / "run/store.zarr/voxels/c").mkdir(parents=True)
    outside.mkdir()
    (tmp_path / "run/store.zarr/zarr.json").touch()
    kept = [tmp_path / "run/store.zarr/voxels/c/.tmp-x", outside / ".tmp-x"]
    for path in kept:
        path.touch()
        aged(path, 25)
    (tmp_path / "run" / "link").symlink_to(outside)
    (tmp_path / "run" / f"{PREFIX}link").symlink_to(outside)
    assert list(leftovers(tmp_path / "run")) == [tmp_path / "run" / f"{PREFIX}link"]
    remove_leftovers(tmp_path / "run")
    assert all(path.exists() for path in kept)
    assert (tmp_path / "run" / "link").is_symlink()


def test_nobody_else_writes_and_renames_by_hand():
    package = Path(tdaflow.__file__).parent
    by_hand = re.compile(r"os\.replace\(|shutil\.move\(|[\"']\.tmp-|getpid\(\)\}|uuid4\(\)\.hex\}")
    allowed = {"atomic.py", "pipeline/tasks.py"}
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if by_hand.search(path.read_text(encoding="utf-8"))
    }
    assert found - allowed == set()
    # A folder that was filled under a working name, by many processes, gets its name from the client.
    renamed = {p.relative_to(package).as_posix() for p in package.rglob("*.py") if "os.rename(" in p.read_text("utf-8")}
    assert renamed - allowed == {
        "store/volume_builder.py",  # within a folder that has a working name
    }
