"""Statistics are exact, and the same however a volume is cut into blocks and whatever their order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tdaflow.errors import InputError
from tdaflow.preprocessing import extremes, moments, order_statistics, percentiles, statistics

DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "float16", "float32", "float64")


@pytest.fixture(autouse=True, scope="module", params=["sorted", "counted"])
def _either_way(request):
    """Every test once as for small volumes, and once as for large ones."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "counted":
            patch.setattr(order_statistics, "_SORTED", 0)
        yield


def cut(volume, parts, order):
    """Blocks along every axis, in a shuffled order."""
    blocks = [volume]
    for axis, sections in enumerate(parts):
        blocks = [b for block in blocks for b in np.array_split(block, sections, axis=axis) if b.size]
    shuffled = [blocks[i] for i in np.random.default_rng(order).permutation(len(blocks))]
    return lambda: iter(shuffled)


def volumes():
    def of(dtype):
        kind = np.dtype(dtype)
        limits = {"allow_nan": False, "allow_infinity": False} if kind.kind == "f" else {}
        if dtype == "int64":
            limits = {"min_value": -(2**52), "max_value": 2**52}
        if dtype == "float64":
            limits |= {"min_value": -1e100, "max_value": 1e100}
        return hnp.arrays(
            kind, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=hnp.from_dtype(kind, **limits)
        )

    return st.sampled_from(DTYPES).flatmap(of)


def test_a_volume_of_four_voxels():
    blocks = lambda: [np.array([[[1, 2, 3, 6]]], dtype=np.int16)]  # noqa: E731
    assert extremes(blocks) == (1.0, 6.0)
    assert moments(blocks) == (4, 3.0, np.sqrt(3.5))
    assert percentiles(blocks, (0, 50, 75, 100)) == (1.0, 2.5, 3.75, 6.0)


def test_all_at_once():
    blocks = lambda: [np.array([[[0, 2, 4]]], dtype=np.float32)]  # noqa: E731
    found = statistics(blocks, (50,), "nonzero")
    assert (found.n, found.minimum, found.maximum, found.mean, found.std) == (2, 2.0, 4.0, 3.0, 1.0)
    assert found.percentiles == {50.0: 3.0}


def test_sums_do_not_cancel():
    """Mean and spread of voxels far from zero keep every digit."""
    blocks = lambda: [np.array([[[1e16, 1e16 + 2]]]), np.array([[[1e16 + 4]]])]  # noqa: E731
    n, mean, std = moments(blocks)
    assert (n, mean) == (3, 1e16 + 2)
    assert std == pytest.approx(np.sqrt(8 / 3), rel=1e-15)


@settings(max_examples=60, deadline=None)
@given(volumes(), st.tuples(*[st.integers(1, 3)] * 3), st.integers(0, 5), st.sampled_from(["all", "nonzero"]))
def test_the_cut_does_not_matter(volume, parts, order, over):
    whole = lambda: [volume]  # noqa: E731
    blocks = cut(volume, parts, order)
    if over == "nonzero" and not volume.any():
        with pytest.raises(InputError, match="no voxel that is not zero"):
            moments(blocks, over)
        return
    assert extremes(blocks) == extremes(whole)
    assert moments(blocks, over) == moments(whole, over)
    assert percentiles(blocks, (0.5, 33, 99), over) == percentiles(whole, (0.5, 33, 99), over)


@settings(max_examples=80, deadline=None)
@given(volumes(), st.lists(st.floats(0, 100), min_size=1, max_size=4))
def test_numpy_agrees(volume, wanted):
    whole = lambda: [volume]  # noqa: E731
    values = volume.astype(np.float64)
    assert extremes(whole) == (values.min(), values.max())
    n, mean, std = moments(whole)
    size = max(np.abs(values).max(), 1e-300)
    assert n == values.size
    assert mean == pytest.approx(values.mean(), rel=1e-12, abs=1e-12 * size)
    assert std == pytest.approx(values.std(), rel=1e-6, abs=1e-7 * size)
    np.testing.assert_allclose(percentiles(whole, wanted), np.percentile(values, wanted), rtol=1e-12, atol=1e-12 * size)


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_order_statistics_are_exact_in_larger_volumes(dtype):
    rng = np.random.default_rng(0)
    volume = (rng.normal(size=(23, 41, 37)) * 40).astype(dtype)
    blocks = cut(volume, (3, 2, 2), 1)
    ranks = np.arange(0, 101, 10)
    np.testing.assert_allclose(percentiles(blocks, ranks), np.percentile(volume.astype(np.float64), ranks), rtol=1e-14)


def test_transposed_and_byte_swapped_volumes():
    volume = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    blocks = lambda: [volume.transpose(2, 0, 1)]  # noqa: E731
    assert percentiles(blocks, (50,)) == (11.5,)
    assert moments(blocks)[1] == 11.5


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([], "no voxels"),
        ([np.zeros((0, 2, 2))], "must have 3 dimensions"),
        ([np.zeros((2, 2))], "must have 3 dimensions"),
        ([np.zeros((1, 1, 1), complex)], "not a grey image"),
        ([np.full((1, 1, 2), np.nan)], "NaN or infinite"),
    ],
)
@pytest.mark.parametrize("function", [extremes, moments, lambda b: percentiles(b, (50,))])
def test_what_has_no_statistics(function, blocks, reason):
    with pytest.raises(InputError, match=reason):
        function(lambda: blocks)


@pytest.mark.parametrize("bad", [-1, 100.5, float("nan"), "half"])
def test_percentages_are_checked(bad):
    with pytest.raises(InputError, match="percentile"):
        percentiles(lambda: [np.zeros((1, 1, 1))], (bad,))


def test_over_is_checked():
    with pytest.raises(InputError, match="over is 'some'"):
        moments(lambda: [np.zeros((1, 1, 1))], "some")


def test_sums_beyond_all_floats_are_refused():
    for held in (1e308, -1.7e308):
        blocks = lambda held=held: [np.full((2, 2, 2), held), np.ones((1, 2, 2))]  # noqa: E731
        with pytest.raises(InputError, match="its values are too large; limit it with a clip step"):
            moments(blocks)
