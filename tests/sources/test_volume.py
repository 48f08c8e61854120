"""A volume is usable or has a reason why not."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tdaflow
from tdaflow.errors import InputError
from tdaflow.sources import Rejected, SourceInfo, Volume, check_voxels
from tdaflow.sources.volume import checked, count_modalities, tally


def cube(dtype=np.float64):
    return np.arange(8).astype(dtype).reshape(2, 2, 2)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", ">i2", "uint64", "float16", "float32", ">f8"])
def test_finite_volumes_of_any_real_type_are_usable(dtype):
    assert check_voxels(cube(dtype)) is None


def test_reasons_name_what_is_wrong():
    with_nan, with_both = cube(), cube(np.float32)
    with_nan[0, 0, 0] = np.nan
    with_both[0, 0, :] = np.nan, -np.inf
    remedy = "all must be finite: write a grey value there"
    assert check_voxels(with_nan) == f"1 NaN among 8 voxels, {remedy}"
    assert check_voxels(with_both) == f"1 NaN and 1 infinite among 8 voxels, {remedy}"
    assert check_voxels(np.full((2, 2, 2), 7)) == "the volume is constant, every voxel is 7"
    assert check_voxels(np.zeros((0, 2, 2))) == "the volume is empty, its shape is (0, 2, 2)"
    assert "2 dimensions (4, 4)" in check_voxels(np.eye(4))
    assert "complex128" in check_voxels(cube(complex))
    assert "object" in check_voxels(cube().astype(object))
    masked = np.ma.masked_array(cube(), cube() > 5)
    assert check_voxels(masked) == (
        "the volume is a masked array: fill the hidden voxels yourself, such as array.filled(0)"
    )
    assert check_voxels(masked.filled(0)) is None


@settings(max_examples=60)
@given(arrays(np.float32, array_shapes(min_dims=3, max_dims=3, max_side=4), elements=st.floats(width=32)))
def test_usable_means_finite_and_not_constant(voxels):
    usable = bool(np.isfinite(voxels).all() and (voxels != voxels.flat[0]).any())
    assert (check_voxels(voxels) is None) == usable


def test_a_rejected_volume_keeps_what_is_known_about_it():
    volume = Volume("a", np.ones((2, 2, 2)), label=1, split="val", group="p7")
    assert checked(volume) == Rejected("a", "the volume is constant, every voxel is 1.0", 1, "val", "p7")
    good = Volume("b", cube())
    assert checked(good) is good


def test_modalities_are_counted_and_the_unknown_made_up_for():
    assert count_modalities(["MR", None, "CT", "MR"]) == {"CT": 1, "MR": 2}
    info = SourceInfo("a", 4, None, None, modalities={"CT": 1, "MR": 2})
    assert sorted(info.modality_of_volumes(), key=str) == ["CT", "MR", "MR", None]
    assert SourceInfo("a", 2, None, None).modality_of_volumes() == [None, None]


def test_tally_counts_splits_and_classes():
    splits, classes = tally(["test", "train", "train", None], [0, 1, 1, None], 2)
    assert splits == {"train": 2, "test": 1, "unassigned": 1}
    assert classes == {"train": (0, 2), "test": (1, 0), "unassigned": (0, 0)}
    assert tally([None], [None], 0) == ({"unassigned": 1}, {})


@pytest.mark.parametrize(("dtype", "far"), [("int64", -(2**53) - 2), ("uint64", 2**60)])
def test_integers_that_float64_cannot_tell_apart_are_refused_by_that_reason(dtype, far):
    voxels = np.arange(27, dtype=dtype).reshape(3, 3, 3)
    assert check_voxels(voxels) is None
    voxels[1, 1, 1] = far
    assert re.search(rf"{dtype} voxels as large as {far} lose digits .* divide it", check_voxels(voxels))
    with pytest.raises(InputError, match="lose digits"):
        tdaflow.superpixel_point_cloud(voxels, 8)
    with pytest.raises(InputError, match="lose digits"):
        tdaflow.persistence_diagram(voxels, filtration="cubical", homology_dimensions=(0,))
