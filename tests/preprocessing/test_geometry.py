"""Steps on the grid: the physical extent stays, edges line up, nothing wraps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from tdaflow.errors import InputError
from tdaflow.preprocessing import CropPad, Resample

MM = (1.0, 1.0, 1.0)


def row(*values, dtype="float64"):
    return np.array([[values]], dtype=dtype)


def test_halving_a_row_takes_means_of_pairs():
    voxels, spacing = Resample(shape=(1, 1, 2), antialias=False).apply(row(0, 2, 10, 20), (1.0, 1.0, 1.5))
    assert voxels.tolist() == [[[1, 15]]]
    assert spacing == (1.0, 1.0, 3.0)


def test_doubling_a_row_puts_voxels_at_quarters():
    voxels, spacing = Resample(shape=(1, 1, 4)).apply(row(0, 4), MM)
    assert voxels.tolist() == [[[0, 1, 3, 4]]]
    assert spacing == (1.0, 1.0, 0.5)


def test_nearest_keeps_labels():
    labels = row(0, 7, 7, 3, 3, 3, dtype="uint8")
    voxels, _ = Resample(shape=(1, 1, 3), interpolation="nearest").apply(labels, MM)
    assert set(voxels.ravel()) <= {0, 7, 3}
    assert voxels.dtype == np.uint8
    doubled, _ = Resample(shape=(1, 1, 12), interpolation="nearest").apply(labels, MM)
    assert doubled.ravel().tolist() == np.repeat(labels, 2).tolist()


def test_isotropic_spacing_takes_the_nearest_count_that_keeps_the_extent():
    step, volume = Resample(spacing=1.0, antialias=False), np.zeros((10, 20, 7), np.int16)
    voxels, spacing = step.apply(volume, (2.5, 0.5, 0.77))
    assert voxels.shape == (25, 10, 5)
    assert spacing == (1.0, 1.0, 7 * 0.77 / 5)
    assert step.facts(volume.shape, (2.5, 0.5, 0.77)) == {
        "from_shape": [10, 20, 7],
        "to_shape": [25, 10, 5],
        "from_spacing": [2.5, 0.5, 0.77],
        "to_spacing": list(spacing),
        "zoom": [2.5, 0.5, 5 / 7],
        "antialias_sigma": [0.0, 0.0, 0.0],
    }


def test_three_spacings():
    voxels, spacing = Resample(spacing=[2, 1, 0.5]).apply(np.zeros((4, 4, 4)), MM)
    assert (voxels.shape, spacing) == ((2, 4, 8), (2.0, 1.0, 0.5))


def test_the_grid_that_is_there_already_changes_nothing():
    volume = np.random.default_rng(0).normal(size=(3, 4, 5))
    voxels, spacing = Resample(spacing=0.7).apply(volume, (0.7, 0.7, 0.7))
    assert voxels.tobytes() == volume.tobytes()
    assert spacing == (0.7, 0.7, 0.7)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(*[st.integers(1, 9)] * 3),
    st.tuples(*[st.integers(1, 12)] * 3),
    st.tuples(*[st.sampled_from([0.5, 0.7, 1.0, 3.0])] * 3),
)
def test_interpolation_is_at_the_stated_coordinates(shape, target, spacing):
    volume = np.random.default_rng(sum(shape)).normal(size=shape)
    voxels, after = Resample(shape=target, antialias=False).apply(volume, spacing)
    coordinates = [(np.arange(m) + 0.5) * n / m - 0.5 for n, m in zip(shape, target, strict=True)]
    expected = map_coordinates(volume, np.meshgrid(*coordinates, indexing="ij"), order=1, mode="nearest")
    np.testing.assert_allclose(voxels, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.multiply(target, after), np.multiply(shape, spacing), rtol=1e-15)


@pytest.mark.parametrize("target", [(5, 4, 3), (3, 12, 2), (20, 4, 9), (1, 1, 1)])
def test_skimage_agrees(target):
    from skimage.transform import resize

    volume = np.random.default_rng(1).normal(size=(10, 8, 9))
    voxels, _ = Resample(shape=target).apply(volume, MM)
    expected = resize(volume, target, order=1, mode="edge", anti_aliasing=True, preserve_range=True)
    np.testing.assert_allclose(voxels, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float16"])
def test_dtype_and_extremes_stay(dtype):
    kind = np.dtype(dtype)
    ends = (np.iinfo(kind).min, np.iinfo(kind).max) if kind.kind in "iu" else (-1000, 1000)
    volume = np.random.default_rng(2).choice(np.array(ends, dtype), size=(9, 9, 9))
    for target in ((5, 13, 9), (4, 4, 4)):
        voxels, _ = Resample(shape=target).apply(volume, MM)
        assert voxels.dtype == kind
        assert volume.min() <= voxels.min() <= voxels.max() <= volume.max()


def test_antialiasing_removes_what_a_coarse_grid_cannot_show():
    volume = np.indices((24, 24, 24)).sum(axis=0) % 2 * 100.0
    coarse = {
        a: Resample(shape=(8, 8, 8), antialias=a).apply(volume, MM)[0][1:-1, 1:-1, 1:-1].std() for a in (True, False)
    }
    assert coarse[True] < 0.01 * coarse[False]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (5, [1, 2, 3, 4, 5]),
        (4, [1, 2, 3, 4]),
        (3, [2, 3, 4]),
        (1, [3]),
        (6, [1, 2, 3, 4, 5, 9]),
        (8, [9, 1, 2, 3, 4, 5, 9, 9]),
        (0, [1, 2, 3, 4, 5]),
    ],
)
def test_cropping_and_padding_around_the_centre(length, expected):
    volume = row(1, 2, 3, 4, 5, dtype="int16")
    if length == 0:
        voxels, spacing = CropPad((2, 0, 0), 9).apply(volume, (3.0, 2.0, 1.0))
        assert voxels.tolist() == [[expected], [[9] * 5]]
    else:
        voxels, spacing = CropPad((0, 0, length), 9).apply(volume, (3.0, 2.0, 1.0))
        assert voxels.tolist() == [[expected]]
    assert spacing == (3.0, 2.0, 1.0)
    assert voxels.dtype == np.int16


def test_padding_with_the_minimum_is_noted():
    step, volume = CropPad((3, 1, 2)), row(-7, 5, 6)
    fixed = step.fixed(lambda: [volume])
    assert fixed == CropPad((3, 1, 2), -7.0)
    assert step.apply(volume, MM)[0].tolist() == [[[-7, -7]], [[-7, 5]], [[-7, -7]]]
    assert fixed.facts(volume.shape, MM) == {"from_shape": [1, 1, 3], "to_shape": [3, 1, 2], "start": [-1, 0, 0]}


def test_padding_with_the_minimum_is_no_stray_voxel():
    volume = np.random.default_rng(0).integers(50, 90, (6, 7, 8)).astype(np.int16)
    volume[3, 3, 3] = -20000
    step = CropPad((8, 7, 8))
    assert step.fixed(lambda: [volume]).value == step.apply(volume, MM)[0][0, 0, 0] >= 50


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(1, 7)] * 3), st.tuples(*[st.integers(1, 9)] * 3))
def test_start_says_where_voxels_went(shape, target):
    volume = np.arange(1, np.prod(shape) + 1).reshape(shape)
    step = CropPad(target, 0)
    voxels, start = step.apply(volume, MM)[0], step.facts(shape, MM)["start"]
    assert voxels.shape == target
    for index in np.ndindex(target):
        old = tuple(i + s for i, s in zip(index, start, strict=True))
        inside = all(0 <= i < n for i, n in zip(old, shape, strict=True))
        assert voxels[index] == (volume[old] if inside else 0)


def test_a_crop_is_not_a_view():
    volume = np.zeros((4, 4, 4))
    voxels, _ = CropPad((2, 2, 2)).apply(volume, MM)
    assert not np.shares_memory(voxels, volume)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Resample(), "give either spacing"),
        (lambda: Resample(spacing=1.0, shape=(2, 2, 2)), "give either spacing"),
        (lambda: Resample(spacing=0), "above 0 mm"),
        (lambda: Resample(spacing=float("nan")), "must be finite"),
        (lambda: Resample(spacing=(1, 1)), "one number or three"),
        (lambda: Resample(spacing="fine"), "must be a number"),
        (lambda: Resample(shape=(0, 2, 2)), "three whole numbers"),
        (lambda: Resample(shape=(2.5, 2, 2)), "three whole numbers"),
        (lambda: Resample(shape=3), "three whole numbers"),
        (lambda: Resample(shape=(10**6, 10**6, 10**6)), "at most"),
        (lambda: Resample(spacing=1, interpolation="cubic"), "interpolation is 'cubic'"),
        (lambda: Resample(spacing=1, antialias="yes"), "use true or false"),
        (lambda: CropPad(), "give shape"),
        (lambda: CropPad((0, 0, -1)), "three whole numbers"),
        (lambda: CropPad((1, 1, 1), float("nan")), "must be finite"),
        (lambda: CropPad((1, 1, 1), "mean"), "must be a number"),
        (lambda: Resample(spacing=1e-9).apply(np.zeros((9, 9, 9)), MM), "take a larger spacing"),
        (lambda: CropPad((5, 5, 5), -1).apply(np.zeros((1, 1, 1), np.uint8), MM), "cannot have"),
        (lambda: CropPad((5, 5, 5), 0.5).apply(np.zeros((1, 1, 1), np.int16), MM), "cannot have"),
    ],
)
def test_options_are_checked(make, reason):
    with pytest.raises(InputError, match=reason):
        make()
