"""Workers read the files that the client saw, wherever they work, or end the run with what is different."""

import os
import socket
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.config import load_config
from tdaflow.errors import InputError
from tdaflow.pipeline import InProcess, Silent, guards, ingest_only
from tdaflow.pipeline.guards import check_same_source, remember_source
from tdaflow.pipeline.stages.volumes import IngestTask, ingest_batch
from tdaflow.preprocessing import Preprocessing
from tdaflow.sources import Arrays, Dicom, ImageFolder, Phantoms
from tdaflow.store import VolumeBuilder


class Elsewhere(InProcess):
    """A worker with another working folder, in a process that has seen nothing yet."""

    def __init__(self, folder, monkeypatch):
        self._folder, self._monkeypatch = folder, monkeypatch

    def completed(self, stage, function, tasks):
        here = os.getcwd()
        os.chdir(self._folder)
        self._monkeypatch.setattr(guards, "_seen", set())
        try:
            yield from super().completed(stage, function, tasks)
        finally:
            os.chdir(here)


@pytest.fixture
def two_stacks(tmp_path, volumes, monkeypatch):
    """Files of one name in two folders, the first of which is the working folder."""
    for name, stack in (("here", volumes[:4]), ("there", volumes[4:8])):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "stack.npy", stack)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "there"


def test_a_relative_path_is_that_of_the_client(two_stacks, folder, volumes, monkeypatch):
    config = load_config(None, ["data.kind=arrays", "data.path=stack.npy", "run.cluster=sync"])
    store = ingest_only(config, folder, Elsewhere(two_stacks, monkeypatch), Silent())
    assert np.array_equal(np.stack(list(store.voxels(0, 4))), volumes[:4])


def test_another_file_of_that_name_ends_the_run(two_stacks, folder, monkeypatch):
    config = load_config(None, ["data.kind=arrays", "data.path=stack.npy"])
    # A path that stays relative stands for a machine whose disk has other files under the same path.
    monkeypatch.setattr("tdaflow.config.model.open_source", lambda _: Arrays("stack.npy"))
    message = r"sees another source at stack\.npy .*: stack\.npy differs in its time of change"
    with pytest.raises(InputError, match=message) as caught:
        ingest_only(config, folder, Elsewhere(two_stacks, monkeypatch), Silent())
    assert socket.gethostname() in str(caught.value)
    assert not folder.volumes.exists()


@pytest.fixture
def images(tmp_path):
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", np.arange(24).reshape(2, 3, 4))
    return tmp_path


def changed(path):
    os.utime(path / "b.npy", ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (changed, "b.npy differs in its time of change"),
        (lambda path: np.save(path / "b.npy", np.zeros((9, 9, 9))), "b.npy differs in its size"),
        (lambda path: (path / "b.npy").unlink(), "b.npy is not there"),
        (lambda path: np.save(path / "aa.npy", np.zeros((2, 2, 2))), "aa.npy is there in addition"),
        (lambda path: path.rename(path.with_name("gone")), "there is no file or folder"),
    ],
)
def test_what_differs_is_named(images, change, problem):
    source = ImageFolder(images)
    fingerprint = source.fingerprint()
    digest = guards.options_digest(fingerprint)
    check_same_source(source, digest, fingerprint)
    change(images)
    guards._seen.clear()
    with pytest.raises(InputError, match=problem) as caught:
        check_same_source(source, digest, fingerprint)
    assert str(images) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_process_looks_once_and_the_client_not_again(images, monkeypatch):
    looked = []
    real = ImageFolder.fingerprint
    monkeypatch.setattr(ImageFolder, "fingerprint", lambda self: looked.append(self) or real(self))
    source = ImageFolder(images)
    fingerprint = source.fingerprint()
    digest = remember_source(source, fingerprint)
    check_same_source(source, digest, fingerprint)
    assert len(looked) == 1
    guards._seen.clear()
    for _ in range(3):
        check_same_source(source, digest, fingerprint)
    assert len(looked) == 2


def test_paths_that_are_kept_secret_are_not_told(tmp_path):
    source = Dicom(tmp_path / "Jane", tmp_path / "k")
    with pytest.raises(InputError, match="the path of the dicom source does not exist") as caught:
        check_same_source(source, "digest", {"kind": "dicom"})
    assert "Jane" not in str(caught.value)


def test_data_without_a_path_are_each_machines_own():
    check_same_source(Phantoms(), "not looked at", {})


def test_a_task_compares_before_it_reads(images, tmp_path):
    source = ImageFolder(images)
    path = tmp_path / "store"
    attributes = {"fingerprint": source.fingerprint()}
    VolumeBuilder.create(path, n_entries=3, shape=None, dtype=None, attributes=attributes)
    task = IngestTask(source, Preprocessing(), path, 0, 3, fingerprint=guards.options_digest(attributes["fingerprint"]))
    changed(images)
    with pytest.raises(InputError, match=r"b\.npy differs in its time of change"):
        ingest_batch(task)
    assert ingest_batch(replace(task, fingerprint="")).n_quarantined == 0
