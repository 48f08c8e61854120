"""grey_values: how far a volume's grey values extend, whatever single voxels hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.extents import IntensityExtent, extent_known, grey_values, intensity_extent

SHAPE = (20, 20, 20)
N = 8000
FOREGROUNDS = [0.001, 0.01, 0.05, 0.099, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99]
DTYPES = ["bool", "uint8", "int16", "int32", "uint64", "float32", "float64"]
FLT_MAX = float(np.finfo(np.float32).max)


def two_valued(share: float, low: float, high: float, dtype: str) -> np.ndarray:
    voxels = np.full(N, low, dtype=dtype)
    voxels[np.random.default_rng(0).permutation(N)[: round(share * N)]] = high
    return voxels.reshape(SHAPE)


def sparse_grey(share: float, dtype: str) -> np.ndarray:
    """An organ of grey values about 1000 on a background of zeros."""
    rng = np.random.default_rng(1)
    voxels = np.zeros(N)
    voxels[rng.permutation(N)[: round(share * N)]] = np.rint(rng.normal(1000, 50, round(share * N)))
    return voxels.astype(dtype).reshape(SHAPE)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("share", FOREGROUNDS)
def test_the_extent_of_a_mask_is_its_two_values_however_small_the_foreground(share, dtype):
    low, high = (0, 1) if dtype == "bool" else (3, 103)
    found = grey_values(two_valued(share, low, high, dtype))
    assert (found.low, found.high, found.width) == (low, high, high - low)
    assert found.median == (high if share > 0.5 else low)


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("share", FOREGROUNDS)
def test_the_extent_of_a_small_organ_on_an_empty_background_is_the_organs(share, dtype):
    found = grey_values(sparse_grey(share, dtype))
    assert 1000 < found.high < 1250
    assert found.low == 0 if share < 0.9 else found.low < 1000


@pytest.mark.parametrize(("dtype", "stray"), [
    ("int16", 32767), ("int16", -32768), ("int32", 2**31 - 1), ("float32", FLT_MAX), ("float32", -FLT_MAX),
    ("float64", FLT_MAX), ("float64", 1e308), ("float64", -1e308),
])  # fmt: skip
def test_one_voxel_whatever_it_holds_changes_next_to_nothing(dtype, stray):
    for share in FOREGROUNDS:
        mask, organ = two_valued(share, 3, 103, dtype), sparse_grey(share, dtype)
        for voxel in (0, N // 3, int(mask.argmax()), int(mask.argmin())):
            assert spoilt(mask, voxel, stray).low == 3
            assert spoilt(mask, voxel, stray).high == 103
        before = grey_values(organ)
        for voxel in (0, N // 3, int(organ.argmax()), int(organ.argmin())):
            after = spoilt(organ, voxel, stray)
            assert 0 <= after.low <= after.median <= after.high <= organ.max()
            assert abs(after.high - before.high) < 60
            # Where air is just the lowest hundredth, the rank beside the quantile is of air.
            assert abs(after.low - before.low) < 60 or share == 0.99


def spoilt(voxels: np.ndarray, voxel: int, stray: float) -> IntensityExtent:
    """The extent of a volume in which one voxel holds something else."""
    changed = voxels.copy()
    changed.flat[voxel] = stray
    return grey_values(changed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_integers_and_the_floats_that_equal_them_have_one_extent(dtype):
    for share in FOREGROUNDS:
        voxels = sparse_grey(share, "int16")
        expected = grey_values(voxels)
        assert grey_values(voxels.astype(dtype)) == grey_values(voxels.astype(np.int64)) == expected


def test_a_constant_volume_has_no_width():
    found = grey_values(np.full(SHAPE, 7, dtype=np.uint8))
    assert (found.low, found.high, found.median, found.width) == (7, 7, 7, 0)
    assert grey_values(np.array([5.0])).width == 0


def test_the_quantiles_are_those_of_all_voxels():
    found = grey_values(two_valued(0.005, 0, 9, "uint8"))
    assert found.quantiles == (0, 0)
    assert grey_values(np.arange(1000)).quantiles == (10, 989)


def test_without_a_common_value_the_extent_is_that_of_the_quantiles():
    found = grey_values(np.arange(1000.0))
    assert (found.low, found.high) == found.quantiles


grey = st.lists(st.integers(0, 255), min_size=1, max_size=100)


@settings(max_examples=100)
@given(grey, st.integers(-(2**40), 2**40), st.integers(-60, 60), st.randoms(use_true_random=False))
def test_order_shifts_and_units_do_what_they_should(values, shift, power, random):
    found = facts(np.array(values))
    shifted = np.array(values, dtype=np.int64) + shift
    assert facts(np.array(random.sample(values, len(values)))) == found
    assert facts(shifted) == facts(shifted.astype(float)) == [v + shift for v in found]
    assert facts(np.array(values) * 2.0**power) == [v * 2.0**power for v in found]


def facts(voxels: np.ndarray) -> list[float]:
    """Low, high, median and the quantiles."""
    found = grey_values(voxels)
    return [found.low, found.high, found.median, *found.quantiles]


@given(grey)
def test_it_lies_within_the_voxels(values):
    found = grey_values(np.array(values, dtype=np.uint8))
    assert min(values) <= found.low <= found.high <= max(values)
    assert {found.low, found.high, found.median, *found.quantiles} <= set(values)


def test_an_extent_that_is_known_is_looked_up_for_that_array_alone():
    voxels = np.arange(27.0).reshape(3, 3, 3)
    with extent_known(voxels, (-5.0, 5.0)):
        assert intensity_extent(voxels) == IntensityExtent(-5, 5)
        assert intensity_extent(voxels.copy()) == grey_values(voxels)
    assert intensity_extent(voxels) == grey_values(voxels)
