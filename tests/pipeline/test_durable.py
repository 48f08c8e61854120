"""After a power failure every name stands for what was written under it."""

import os
from pathlib import Path

import pytest

from tdaflow.atomic import write_whole


def stamp(path: Path) -> tuple[int, int]:
    """What changes when a file or the names in a folder do."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


class Recorder:
    """Which files and folders were synced in what state, what was renamed too early, and which folders are to come."""

    def __init__(self, monkeypatch) -> None:
        self.synced: dict[Path, tuple[int, int]] = {}
        self.early: list[Path] = []
        self.waiting: dict[Path, Path] = {}
        self.named: list[str] = []
        fsync, calls = os.fsync, {name: getattr(os, name) for name in ("rename", "replace", "link")}

        def recorded(descriptor: int) -> None:
            fsync(descriptor)
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            self.synced[path] = stamp(path)
            self.waiting.pop(path, None)

        monkeypatch.setattr(os, "fsync", recorded)
        for name, call in calls.items():
            monkeypatch.setattr(os, name, self._renaming(call))

    def _renaming(self, call):
        def rename(source, target, **options) -> None:
            source, target = Path(source), Path(target)
            # What is deleted goes the other way; Zarr's chunks count only with the part that lists them.
            commits = source.name.startswith(".") and not target.name.startswith(".tmp-")
            if commits:
                inside = [p for p in (source, *source.rglob("*")) if ".parts" not in p.parts]
                self.early += [p for p in inside if self.synced.get(p) != stamp(p)]
                self.named.append(target.name)
                if target.name != "run.json":
                    self.waiting[target.parent] = target
            call(source, target, **options)

        return rename


@pytest.fixture
def recorder(monkeypatch):
    """Record syncs and renames from here on."""
    return Recorder(monkeypatch)


@pytest.mark.parametrize("equal", [True, False], ids=["one array", "an array a volume"])
def test_no_name_is_given_before_what_it_stands_for_is_on_the_disk(sync, settings, folder, recorder, equal):
    sync(settings(**({} if equal else {"preprocess": {"steps": [{"step": "clip", "low": 10, "high": 200}]}})))
    assert {"run.json", "volumes.zarr", "diagrams.zarr", "00000003-00000006", "features.zarr"} <= set(recorder.named)
    assert recorder.early == []
    assert recorder.waiting == {}


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_folder_after(tmp_path, recorder):
    write_whole(tmp_path / "a", "x")
    assert (recorder.named, recorder.early, recorder.waiting) == (["a"], [], {})


def test_a_beat_syncs_the_file_alone(tmp_path, recorder):
    write_whole(tmp_path / "a", "x", durable=False)
    assert recorder.early == []
    assert list(recorder.waiting) == [tmp_path]
