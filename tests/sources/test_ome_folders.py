"""Where OME-Zarr images are found in a folder."""

import numpy as np
import pytest
import zarr

from tdaflow.sources import Rejected
from tdaflow.sources.ome_zarr import OmeZarr

VOXELS = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


@pytest.fixture
def image(tmp_path):
    """Writer of one small image."""

    def make(name):
        datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}]
        metadata = {"version": "0.5", "multiscales": [{"axes": ["z", "y", "x"], "datasets": datasets}]}
        zarr.create_group(tmp_path / name, attributes={"ome": metadata}).create_array("0", data=VOXELS)

    return make


def test_a_folder_holds_images_at_any_depth(image, tmp_path):
    for name in ("d/b.ome.zarr", "d/a.zarr", "d/patient 1/scan.ome.zarr"):
        image(name)
    (tmp_path / "d" / ".tmp-x.ome.zarr").mkdir()
    (tmp_path / "d" / "notes.txt").write_text("not an image")
    (tmp_path / "d" / "empty.zarr").mkdir()
    (tmp_path / "d" / "loop").symlink_to(tmp_path / "d")
    zarr.create_array(tmp_path / "d" / "plain.zarr", shape=(2, 2, 2), dtype="uint8")
    zarr.create_group(tmp_path / "d" / "series").create_group("labels")
    image("d/series/0")
    zarr.create_group(tmp_path / "d" / "nothing.zarr", attributes={"ome": {"version": "0.5", "plate": {}}})
    source = OmeZarr(tmp_path / "d")
    items = list(source.volumes())
    ids = ["a", "b", "empty", "nothing", "patient 1/scan", "plain", "series/0"]
    assert [item.id for item in items] == ids
    reasons = {item.id: item.reason for item in items if isinstance(item, Rejected)}
    assert reasons.keys() == {"empty", "nothing", "plain"}
    assert "has no zarr.json or .zgroup" in reasons["empty"]
    assert "is a plate" in reasons["nothing"]
    assert "is a Zarr array, not an image group" in reasons["plain"]
    info = source.describe()
    assert (info.n_volumes, info.shape, info.notes[0]) == (7, (4, 5, 6), "3 of 7 images cannot be used")
    assert [item.id for item in OmeZarr(tmp_path / "d", limit=2).volumes()] == ["a", "b"]


def test_names_that_would_be_the_same_id_are_kept_whole(image, tmp_path):
    image("d/a.zarr")
    image("d/a.ome.zarr")
    assert [item.id for item in OmeZarr(tmp_path / "d").volumes()] == ["a.ome.zarr", "a.zarr"]
