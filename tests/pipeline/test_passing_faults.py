"""A disk or a network that does not answer is not a property of a volume: it is tried again, and never quarantined."""

import builtins
import errno
import io
import os
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tdaflow import open_run
from tdaflow.config import RunConfig
from tdaflow.errors import RunError
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.pipeline.stages import diagrams as diagrams_stage
from tdaflow.store import VolumeStore

N = 6


class SickDisk:
    """Paths whose opening fails, and how often it has done so."""

    def __init__(self) -> None:
        self.bad: dict[str, int] = {}
        self.times = 10**6
        self.failures = 0

    def check(self, path: object) -> None:
        if isinstance(path, str | os.PathLike) and self.times and os.path.basename(path) in self.bad:
            self.times -= 1
            self.failures += 1
            code = self.bad[os.path.basename(path)]
            raise OSError(code, os.strerror(code), os.fspath(path))


@pytest.fixture
def disk(monkeypatch) -> SickDisk:
    """A disk on which files can be made sick."""
    sick, real = SickDisk(), io.open

    def checked(file, *args, **options):
        sick.check(file)
        return real(file, *args, **options)

    monkeypatch.setattr(builtins, "open", checked)
    monkeypatch.setattr(io, "open", checked)
    return sick


@pytest.fixture(scope="session")
def scans(tmp_path_factory, volumes) -> Path:
    """A folder of small NIfTI files of unequal shapes, so that each is an array of its own."""
    folder = tmp_path_factory.mktemp("scans")
    for i in range(N):
        nibabel.save(nibabel.Nifti1Image(volumes[i][: 12 + i % 3], np.eye(4)), folder / f"s{i}.nii.gz")
    return folder


@pytest.fixture
def config(scans, settings):
    """Maker of a configuration that reads them."""

    def make(**options) -> RunConfig:
        return settings(data={"kind": "nifti", "path": str(scans)}, run=options)

    return make


def images(folder) -> np.ndarray:
    return np.asarray(open_run(folder.path).features["persistence_image"].values)


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EACCES, errno.ENOTCONN])
def test_a_file_that_cannot_be_read_now_fails_and_the_next_run_reads_it(config, folder, disk, code):
    disk.bad = {"s2.nii.gz": code}
    with pytest.raises(RunError, match=r"1 of 6 volumes failed \(first: s2: s2.nii.gz.*cannot be read now .*run again"):
        run(config(), folder, InProcess(), Silent())
    told = folder.read()
    assert set(told["failed"]) == {"s2"}
    assert told["quarantined"] == {}
    assert told["outcomes"]["s2"] == "failed"
    assert not folder.volumes.exists()
    disk.bad = {}
    state = run(config(), folder, InProcess(), Silent())
    assert state.stages["ingest"].computed == 1
    assert set(state.outcomes.values()) == {"ok"}


def test_a_fault_that_passes_meanwhile_costs_nothing(config, folder, disk):
    disk.bad, disk.times = {"s2.nii.gz": errno.EIO}, 1
    state = run(config(), folder, InProcess(), Silent())
    assert disk.failures == 1
    assert set(state.outcomes.values()) == {"ok"}
    assert (state.failed, state.stages["ingest"].done) == ({}, N)


def test_a_file_system_that_fails_as_a_whole_stops_the_run_as_such(config, folder, disk):
    disk.bad = {f"s{i}.nii.gz": errno.EIO for i in range(N)}
    with pytest.raises(RunError) as raised:
        run(config(), folder, InProcess(), Silent())
    assert "file system" in str(raised.value)
    assert "allow_failed" not in str(raised.value)


def test_an_accepted_loss_is_told_counted_and_read_again_on_demand(config, folder, disk):
    disk.bad = {"s2.nii.gz": errno.EIO}
    state = run(config(allow_failed=1), folder, InProcess(), Silent())
    assert state.outcomes == {f"s{i}": "failed" if i == 2 else "ok" for i in range(N)}
    assert state.stages["ingest"].failed == 1
    again = run(config(allow_failed=1), folder, InProcess(), Silent())
    assert set(again.failed) == {"s2"}
    with pytest.raises(RunError, match="--restart-from volumes"):
        run(config(), folder, InProcess(), Silent())
    disk.bad = {}
    state = run(config(), folder, InProcess(), Silent(), restart_from="volumes")
    assert set(state.outcomes.values()) == {"ok"}


def test_of_a_chunk_with_several_volumes_only_the_sick_one_fails(volumes, settings, tmp_path, folder, disk):
    for i in range(N):
        nibabel.save(nibabel.Nifti1Image(volumes[i], np.eye(4)), tmp_path / f"s{i}.nii")
    config = settings(data={"kind": "nifti", "path": str(tmp_path)})
    disk.bad = {"s4.nii": errno.EIO}
    with pytest.raises(RunError, match="1 of 6 volumes failed"):
        run(config, folder, InProcess(), Silent())
    assert set(folder.read()["failed"]) == {"s4"}
    disk.bad = {}
    assert set(run(config, folder, InProcess(), Silent()).outcomes.values()) == {"ok"}
    (voxels,) = VolumeStore(folder.volumes).voxels(4, 5)
    np.testing.assert_array_equal(np.sort(voxels, axis=None), np.sort(volumes[4], axis=None))


def test_a_run_folder_whose_file_system_fails_is_not_a_matter_of_volumes(settings, folder, monkeypatch):
    real = diagrams_stage.read_volumes

    def sick(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(diagrams_stage, "read_volumes", sick)
    with pytest.raises(RunError) as raised:
        run(settings(), folder, InProcess(), Silent())
    assert "file system" in str(raised.value)
    assert "allow_failed" not in str(raised.value)
    monkeypatch.setattr(diagrams_stage, "read_volumes", real)
    state = run(settings(), folder, InProcess(), Silent())
    assert set(state.outcomes.values()) == {"ok"}


def test_the_images_are_those_of_a_run_that_nothing_disturbed(config, folder, disk, tmp_path):
    disk.bad = {"s2.nii.gz": errno.EIO}
    with pytest.raises(RunError):
        run(config(), folder, InProcess(), Silent())
    disk.bad = {}
    run(config(), folder, InProcess(), Silent())
    disturbed = images(folder)
    shutil.rmtree(folder.path)
    run(config(), folder, InProcess(), Silent())
    np.testing.assert_array_equal(images(folder), disturbed)


@pytest.mark.parametrize("store", ["volumes", "diagrams", "features"])
def test_a_check_of_stores_that_cannot_be_read_now_proposes_nothing_that_deletes(settings, folder, monkeypatch, store):
    run(settings(), folder, InProcess(), Silent())
    real, sick = io.open, os.fspath(folder.path / f"{store}.zarr")

    def checked(file, *args, **options):
        if isinstance(file, str | os.PathLike) and os.fspath(file).startswith(sick):
            raise OSError(errno.EIO, os.strerror(errno.EIO), os.fspath(file))
        return real(file, *args, **options)

    monkeypatch.setattr(builtins, "open", checked)
    monkeypatch.setattr(io, "open", checked)
    errors = [problem for problem in open_run(folder.path).check(deep=True) if problem.severity == "error"]
    assert errors
    assert [problem for problem in errors if "--restart-from" in problem.remedy] == []
