"""Every reader finds the same in a folder: links are followed once, hidden copies are left out and counted."""

import shutil

import numpy as np
import pytest
import zarr

from tdaflow.errors import InputError
from tdaflow.sources import Arrays, ImageFolder, OmeZarr
from tdaflow.sources.dicom.listing import list_files
from tdaflow.sources.guess import fitting_sources
from tdaflow.sources.walk import Walk


def made(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def names(root):
    return sorted(Walk(root).files())


def test_links_to_folders_elsewhere_are_followed(tmp_path):
    made(tmp_path / "disk1/a/1.x")
    made(tmp_path / "disk2/2.x")
    (tmp_path / "disk1/b").symlink_to(tmp_path / "disk2")
    made(tmp_path / "disk3/3.x")
    (tmp_path / "disk2/c").symlink_to(tmp_path / "disk3")
    assert names(tmp_path / "disk1") == ["a/1.x", "b/2.x", "b/c/3.x"]


def test_a_folder_is_read_once_and_by_its_own_name(tmp_path):
    made(tmp_path / "root/z/1.x")
    (tmp_path / "root/a").symlink_to(tmp_path / "root/z")
    made(tmp_path / "disk/deep/2.x")
    (tmp_path / "root/m").symlink_to(tmp_path / "disk")
    (tmp_path / "root/n").symlink_to(tmp_path / "disk")
    walk = Walk(tmp_path / "root")
    assert sorted(walk.files()) == ["m/deep/2.x", "z/1.x"]
    assert walk.notes() == ("2 links lead to folders that are read under another name",)


@pytest.mark.parametrize("target", ["root", "root/a", "."])
def test_a_link_that_leads_back_up_ends(tmp_path, target):
    made(tmp_path / "root/a/1.x")
    (tmp_path / "root/a/up").symlink_to(tmp_path / target)
    assert names(tmp_path / "root") == ["a/1.x"]


def test_links_in_circles_and_to_nowhere_are_no_folders(tmp_path):
    made(tmp_path / "1.x")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "gone.x").symlink_to(tmp_path / "nowhere")
    assert names(tmp_path) == ["1.x", "gone.x", "self"]


def test_two_archives_that_link_to_each_other(tmp_path):
    for here, there in ("pq", "qp"):
        made(tmp_path / here / f"{here}.x")
        (tmp_path / here / "other").symlink_to(tmp_path / there)
    assert names(tmp_path / "p") == ["other/q.x", "p.x"]


def test_hidden_ones_are_counted_wherever_the_root_lies(tmp_path):
    root = tmp_path / ".cache"
    for name in ("1.x", "._1.x", ".Trash-1000/files/1.x", "$RECYCLE.BIN/1.x", "a/.DS_Store", "a/2.x"):
        made(root / name)
    walk = Walk(root)
    assert sorted(walk.files()) == ["1.x", "a/2.x"]
    assert walk.notes() == ("2 hidden files and 2 hidden folders are not read",)
    assert walk.notes(folders_only=True) == ("2 hidden folders are not read",)


def test_a_link_into_a_hidden_folder_is_followed(tmp_path):
    made(tmp_path / ".store/1.x")
    (tmp_path / "a").symlink_to(tmp_path / ".store")
    assert names(tmp_path) == ["a/1.x"]


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path, monkeypatch):
    import os

    made(tmp_path / "a/1.x")
    scandir = os.scandir

    def denied(path):
        if os.fspath(path).endswith("a"):
            raise PermissionError(13, "denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(InputError, match="1 sub-folders of the source cannot be read: give yourself the right"):
        list(Walk(tmp_path).files())


@pytest.fixture
def two_disks(tmp_path):
    """A folder, and one that it links to; hidden copies beside both."""

    def make(write):
        write(tmp_path / "root/site1")
        write(tmp_path / "disk/x")
        (tmp_path / "root/site2").symlink_to(tmp_path / "disk")
        shutil.copytree(tmp_path / "root/site1", tmp_path / "root/.Trash-1000/files/site1")
        return tmp_path / "root"

    return make


HIDDEN = "1 hidden folder is not read"


def test_image_files(two_disks):
    def write(folder):
        folder.mkdir(parents=True)
        np.save(folder / "v.npy", np.arange(24).reshape(2, 3, 4))

    source = ImageFolder(two_disks(write))
    assert [item.id for item in source.volumes()] == ["site1/v", "site2/x/v"]
    assert source.describe().notes == (HIDDEN,)
    assert [(f.kind, f.n) for f in fitting_sources(source.path)] == [("images", 2)]


def test_stacks_behind_links_are_found(two_disks):
    def write(folder):
        folder.mkdir(parents=True)
        np.save(folder / "v.npy", np.arange(48).reshape(2, 2, 3, 4))

    assert [f.path.parent.name for f in fitting_sources(two_disks(write))] == ["site1", "x"]


def test_ome_zarr(two_disks):
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}]
    axes = [{"name": name, "type": "space", "unit": "millimeter"} for name in "zyx"]
    metadata = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}

    def write(folder):
        group = zarr.create_group(folder / "v.ome.zarr", attributes={"ome": metadata})
        group.create_array("0", data=np.arange(24).reshape(2, 3, 4))

    source = OmeZarr(two_disks(write))
    assert [item.id for item in source.volumes()] == ["site1/v", "site2/x/v"]
    assert source.describe().notes == (HIDDEN,)
    assert [(f.kind, f.n) for f in fitting_sources(source.path)] == [("ome-zarr", 2)]


def test_dicom_files(two_disks):
    def write(folder):
        made(folder / "IM1")

    listing = list_files(two_disks(write))
    assert [(file.number, file.path) for file in listing.files] == [(1, "site1/IM1"), (2, "site2/x/IM1")]
    assert listing.notes == (HIDDEN,)


def test_single_arrays(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(24).reshape(2, 3, 4))
    shutil.copy(tmp_path / "a.npy", tmp_path / "._a.npy")
    source = Arrays(tmp_path)
    assert [item.id for item in source.volumes()] == ["a"]
    assert source.describe().notes == ("1 hidden file is not read",)
