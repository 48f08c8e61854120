"""TIFF stacks as ImageJ and OME write them, with their voxel size; other TIFFs are refused in one sentence."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdaflow.sources import ImageFolder, Rejected, Volume
from tdaflow.sources.guess import guess_source

tifffile = pytest.importorskip("tifffile")

VOXELS = (np.arange(4 * 5 * 6) % 37).reshape(4, 5, 6).astype(np.uint16)


def only(path):
    [item] = ImageFolder(path).volumes()
    return item


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_voxels_are_those_of_tifffile(tmp_path, dtype, order, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOXELS.astype(dtype), byteorder=order, compression=compression, photometric="minisblack")
    item = only(path)
    assert isinstance(item, Volume), item.reason
    assert np.array_equal(item.voxels, tifffile.imread(path))
    assert item.voxels.dtype == np.dtype(dtype)
    assert (item.spacing, item.facts["units"]) == ((1.0, 1.0, 1.0), "none, taken as mm")
    assert guess_source(tmp_path).kind == "images"


def test_the_voxel_size_of_imagej_and_of_ome(tmp_path):
    axes = {"spacing": 2.5, "unit": "um", "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "i.tif", VOXELS, imagej=True, resolution=(2.0, 4.0), metadata=axes)
    assert only(tmp_path / "i.tif").spacing == pytest.approx((2.5e-3, 0.25e-3, 0.5e-3))
    axes = {"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": 0.25,
            "PhysicalSizeYUnit": "mm", "PhysicalSizeZ": 2000.0, "PhysicalSizeZUnit": "µm"}  # fmt: skip
    tifffile.imwrite(tmp_path / "o.ome.tif", VOXELS, metadata=axes)
    assert only(tmp_path / "o.ome.tif").spacing == (2.0, 0.25, 0.5)


@pytest.mark.parametrize(
    ("voxels", "reason"),
    [
        (VOXELS[0], "a slice of 5×6, a volume has 3: stack the slices"),
        (np.zeros((2, 4, 5, 6), np.uint8), "4 dimensions"),
        (np.zeros((9, 8, 3), np.uint8), "colours (S)"),
        (VOXELS.astype(np.complex64), "save grey values"),
    ],
)
def test_what_is_no_volume_is_refused(tmp_path, voxels, reason):
    tifffile.imwrite(tmp_path / "a.tif", voxels, photometric="rgb" if voxels.shape[-1] == 3 else "minisblack")
    assert reason in only(tmp_path / "a.tif").reason


def test_times_are_no_slices(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VOXELS, imagej=True, metadata={"axes": "TYX"})
    assert "axes are TYX" in only(tmp_path / "a.tif").reason


@settings(max_examples=60, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=4)), max_size=4),
    length=st.one_of(st.none(), st.integers(-300, -1)),
)
def test_any_damage_is_a_rejection_or_harmless(tmp_path, changes, length):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOXELS, imagej=True, metadata={"spacing": 2.0, "unit": "mm", "axes": "ZYX"})
    data = bytearray(path.read_bytes())
    for position, word in changes:
        data[position : position + len(word)] = word
    path.write_bytes(data[:length])
    item = only(path)
    if isinstance(item, Rejected):
        assert str(tmp_path) not in item.reason
        assert "its reader meets a" not in item.reason
    else:
        assert item.voxels.ndim == 3
