"""Volumes to 4D point clouds."""

import dataclasses
import inspect
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tdaflow
from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.superpixels import (
    SuperpixelOptions,
    default_intensity_step,
    sample,
    superpixel_plan,
    superpixel_point_cloud,
    superpixels,
    superpixels_from_values,
    volume_scale,
)

# Intensities as they are, where a test is about grey levels.
GREY = {"intensity_scale": 1.0, "intensity_step": 1.0}


@pytest.fixture
def volume():
    return np.random.default_rng(0).integers(0, 256, (12, 14, 16), dtype=np.uint8)


def test_without_a_filter_points_are_voxels_and_their_intensities():
    small = np.arange(8, dtype=np.uint8).reshape(2, 2, 2) * 30
    assert superpixel_point_cloud(small, 8, smoothing=None, **GREY).tolist() == [
        [0, 0, 0, 0],
        [0, 0, 1, 30],
        [0, 1, 0, 60],
        [0, 1, 1, 90],
        [1, 0, 0, 120],
        [1, 0, 1, 150],
        [1, 1, 0, 180],
        [1, 1, 1, 210],
    ]


def test_integer_data_at_half_weight_is_not_moved(volume):
    cloud = superpixels(volume, 200, smoothing=None, **GREY)
    assert cloud.rounding == 0
    assert np.array_equal(cloud.points[:, :3], cloud.indices)
    assert np.array_equal(cloud.points[:, 3], volume[tuple(cloud.indices.T)])


def test_a_filtered_intensity_moves_by_at_most_half_a_level(volume):
    cloud = superpixels(volume, 200, **GREY)
    assert np.array_equal(cloud.points[:, :3], cloud.indices)
    assert np.array_equal(cloud.points[:, 3], np.rint(cloud.points[:, 3]))
    assert 0 < cloud.rounding <= 0.5
    assert cloud.intensity_step == 1


def test_the_cloud_says_how_it_came_about(volume):
    cloud = superpixels(volume, 6 * 7 * 8, **GREY)
    assert cloud.grid_shape == (6, 7, 8)
    assert cloud.step == (2.0, 2.0, 2.0)
    assert cloud.sigma == (1.0, 1.0, 1.0)
    assert cloud.radius == (3, 3, 3)
    assert cloud.units == (1.0, 1.0, 1.0, 1.0)
    assert cloud.intensity_scale == 1.0
    assert pickle.loads(pickle.dumps(cloud)).points.tobytes() == cloud.points.tobytes()


def test_the_public_name_is_the_same_function(volume):
    assert np.array_equal(tdaflow.superpixel_point_cloud(volume, 100), superpixels(volume, 100).points)


def test_a_weight_of_one_ignores_intensity(volume):
    cloud = superpixel_point_cloud(volume, 200, space_weight=1.0)
    assert np.array_equal(cloud, superpixel_point_cloud(255 - volume, 200, space_weight=1.0))
    assert (cloud[:, 3] == 0).all()
    assert np.ptp(cloud[:, 0]) > 0


def test_a_weight_of_zero_ignores_space(volume):
    cloud = superpixel_point_cloud(volume, volume.size, space_weight=0.0, smoothing=None)
    shuffled = np.random.default_rng(1).permutation(volume.ravel()).reshape(volume.shape)
    other = superpixel_point_cloud(shuffled, volume.size, space_weight=0.0, smoothing=None)
    assert (cloud[:, :3] == 0).all()
    assert np.array_equal(np.sort(cloud[:, 3]), np.sort(other[:, 3]))


def test_weights_scale_both_parts_by_square_roots(volume):
    plain = superpixel_point_cloud(volume, 200, smoothing=None, **GREY)
    scaled = superpixel_point_cloud(
        volume, 200, smoothing=None, space_weight=0.2, spacing=(1.0, 1.0, 1.0), intensity_scale=3.0
    )
    factors = np.array([0.4**0.5] * 3 + [1.6**0.5 * 3])
    assert np.allclose(scaled, plain * factors, rtol=2.0**-12)


def test_spacing_stretches_positions(volume):
    plain = superpixels(volume, volume.size, smoothing=None, **GREY)
    thick = superpixels(volume, volume.size, smoothing=None, spacing=(2.5, 0.5, 1.0), **GREY)
    assert np.array_equal(thick.points, plain.points * [2.5, 0.5, 1.0, 1.0])
    assert thick.rounding == 0
    odd = superpixels(volume, volume.size, smoothing=None, spacing=(0.7, 0.7, 1.1), **GREY)
    assert np.allclose(odd.points, plain.points * [0.7, 0.7, 1.1, 1.0], rtol=2.0**-12)
    assert 0 < odd.rounding < 2.0**-12 * np.hypot(np.hypot(12 * 0.7, 14 * 0.7), 16 * 1.1)
    # a regular grid stays regular: one distance along each axis
    assert len(np.unique(np.diff(np.unique(odd.points[:, 0])))) == 1


def test_dtypes_of_the_same_values_give_the_same_cloud_and_nothing_wraps(volume):
    step = {"intensity_step": 1.0}
    expected = superpixel_point_cloud(volume, 300, **step)
    for dtype in (np.int16, np.uint16, np.int32, np.uint64, np.float32, np.float64):
        assert superpixel_point_cloud(volume.astype(dtype), 300, **step).tobytes() == expected.tobytes()
    dim = volume // 4  # fits int8 and float16 exactly
    expected = superpixel_point_cloud(dim, 300, **step)
    for dtype in (np.int8, np.float16):
        assert superpixel_point_cloud(dim.astype(dtype), 300, **step).tobytes() == expected.tobytes()
    assert superpixel_point_cloud(np.full((9, 9, 9), 255, np.uint8), 27, **GREY)[:, 3].tolist() == [255] * 27
    low = np.full((9, 9, 9), -32768, np.int16)
    assert superpixel_point_cloud(low, 27, intensity="mean", **GREY)[:, 3].tolist() == [-32768] * 27


def test_bool_masks_are_zeros_and_ones(volume):
    mask = volume > 100
    assert np.array_equal(superpixel_point_cloud(mask, 300), superpixel_point_cloud(mask.astype(np.uint8), 300))
    assert set(superpixel_point_cloud(mask, 300, **GREY)[:, 3]) <= {0.0, 1.0}


def test_negative_intensities_keep_their_sign():
    volume = np.random.default_rng(2).integers(-1000, 1000, (10, 10, 10)).astype(np.int16)
    for options in ({}, {"intensity": "mean"}, {"smoothing": None}):
        assert np.array_equal(
            superpixel_point_cloud(-volume, 100, **options)[:, 3], -superpixel_point_cloud(volume, 100, **options)[:, 3]
        )


def test_float_volumes_are_rounded_to_a_power_of_two(volume):
    cloud = superpixels(volume / 255.0, 300, intensity_scale=1.0)
    assert cloud.intensity_step == 2.0**-13 or cloud.intensity_step == 2.0**-12
    assert np.array_equal(cloud.points[:, 3] / cloud.intensity_step, np.rint(cloud.points[:, 3] / cloud.intensity_step))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.integers(1, 12)] * 3).filter(lambda s: np.prod(s) >= 8),
    st.data(),
    st.sampled_from(["nearest", "integer-step"]),
    st.sampled_from(["point", "mean"]),
    st.floats(0, 1),
)
def test_any_small_volume_gives_finite_points(shape, data, grid, intensity, weight):
    n = data.draw(st.integers(8, int(np.prod(shape))))
    volume = np.random.default_rng(n).normal(size=shape)
    cloud = superpixels(volume, n, grid=grid, intensity=intensity, space_weight=weight)
    assert cloud.points.shape == (np.prod(cloud.grid_shape), 4)
    assert np.isfinite(cloud.points).all()
    assert cloud.rounding >= 0
    low, high = volume.min() - cloud.intensity_step, volume.max() + cloud.intensity_step
    scale = (2 * (1 - weight)) ** 0.5 * cloud.intensity_scale
    slack = 1e-2 * cloud.intensity_scale
    assert (cloud.points[:, 3] >= low * scale - slack).all()
    assert (cloud.points[:, 3] <= high * scale + slack).all()


def test_blocks_put_together_are_the_cloud_of_the_whole(volume):
    plan = superpixel_plan(volume.shape, SuperpixelOptions(200))
    values = np.empty(plan.grid.counts)
    for z in range(plan.grid.counts[0]):  # one layer of points at a time, with its halo
        taps = (plan.taps[0].select(slice(z, z + 1)), *plan.taps[1:])
        start, stop = taps[0].span
        values[z : z + 1] = sample(volume[start:stop], taps, (start, 0, 0))
    scale = volume_scale(volume.shape, (1.0, 1.0, 1.0), intensity_extent(volume).width)
    extent = intensity_extent(volume)
    cloud = superpixels_from_values(plan, values, default_intensity_step(extent.low, extent.high), scale)
    assert cloud.points.tobytes() == superpixels(volume, 200).points.tobytes()


def test_the_volume_is_left_as_it_is_and_clouds_are_ones_own(volume):
    before = volume.copy()
    first = superpixels(volume, 100)
    first.points[:] = 0
    assert np.array_equal(volume, before)
    assert superpixels(volume, 100).points.any()
    assert not first.indices.flags.writeable  # shared by all clouds of this shape


def test_intensity_extends_as_far_as_space_by_default(volume):
    spacing = (3.0, 1.0, 1.0)
    scale = 36 / intensity_extent(volume).width
    assert volume_scale(volume.shape, spacing, intensity_extent(volume).width) == scale
    told = superpixels(volume, 200, spacing=spacing, intensity_scale=scale)
    for name in ("auto", "cohort", "volume"):
        cloud = superpixels(volume, 200, spacing=spacing, intensity_scale=name)
        assert cloud.intensity_scale == scale
        assert cloud.points.tobytes() == told.points.tobytes()
    assert superpixels(np.full((4, 4, 4), 9), 8).intensity_scale == 1.0


def test_a_scale_that_is_to_be_learnt_is_no_number_for_values_alone(volume):
    plan = superpixel_plan(volume.shape, SuperpixelOptions(200, intensity_scale="cohort"))
    values = sample(volume, plan.taps)
    with pytest.raises(InputError, match=r"'cohort'.*volume_scale"):
        superpixels_from_values(plan, values, 1.0)
    assert superpixels_from_values(plan, values, 1.0, 2.0).intensity_scale == 2.0


def test_no_smoothing_has_two_names():
    assert SuperpixelOptions(smoothing="none") == SuperpixelOptions(smoothing=None)


def test_defaults_of_the_functions_are_those_of_the_options():
    for function in (superpixels, superpixel_point_cloud):
        given = {name: p.default for name, p in inspect.signature(function).parameters.items() if name != "volume"}
        assert given.pop("spacing") is None  # that of a Volume, 1 otherwise
        assert given == dataclasses.asdict(SuperpixelOptions())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((4, 4)), "must have 3 dimensions"),
        (np.zeros((4, 4, 4, 4, 4)), "must have 3 dimensions"),
        (np.zeros((0, 4, 4)), "is empty"),
        (np.zeros((3, 3, 3), complex), "dtype complex128"),
        (np.full((3, 3, 3), "a"), "not a grey image"),
        (np.full((3, 3, 3), np.nan), "NaN"),
        (np.where(np.arange(27).reshape(3, 3, 3) == 13, np.inf, 0), "infinite"),
        (np.zeros((2, 2, 1)), "has only 4 voxels"),
        (np.ma.masked_less(np.arange(27).reshape(3, 3, 3), 0), "masked array"),
    ],
)
def test_bad_volumes_are_refused_in_one_sentence(bad, message):
    with pytest.raises(InputError, match=message):
        superpixels(bad, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_superpixels": 7}, "n_superpixels is 7"),
        ({"n_superpixels": 8.5}, "whole number"),
        ({"n_superpixels": float("inf")}, "whole number"),
        ({"n_superpixels": "600"}, "whole number"),
        ({"space_weight": 1.1}, "space_weight"),
        ({"space_weight": float("nan")}, "space_weight"),
        ({"intensity_scale": 0.0}, "intensity_scale"),
        ({"intensity_scale": "range"}, "intensity_scale"),
        ({"intensity_step": -1.0}, "intensity_step"),
        ({"smoothing": "steps"}, "smoothing"),
        ({"smoothing": -0.5}, "smoothing"),
        ({"grid": "hexagonal"}, "grid"),
        ({"intensity": "median"}, "intensity"),
        ({"method": "watershed"}, "method"),
        ({"spacing": (1, 1)}, "spacing"),
        ({"spacing": (1, 0, 1)}, "spacing"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(volume, options, message):
    with pytest.raises(InputError, match=message):
        superpixels(volume, **{"n_superpixels": 8, **options})


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["organmnist3d", "adrenalmnist3d"])
def test_real_volumes_equal_the_plain_recipe(data_dir, name):
    from scipy.ndimage import gaussian_filter

    with np.load(data_dir / "medmnist" / f"{name}.npz") as archive:
        volumes = archive["val_images"][:10]
    for volume in volumes:
        cloud = superpixels(volume, 600, grid="integer-step", **GREY)
        filtered = gaussian_filter(volume.astype(float), 1.5, mode="nearest", truncate=3.0)[::3, ::3, ::3].ravel()
        assert cloud.points.shape == (1000, 4)
        assert np.abs(cloud.points[:, 3] - filtered).max() <= 0.5 + 1e-6
        unlike = cloud.points[:, 3] != np.rint(filtered)
        assert np.allclose(np.abs(filtered - np.floor(filtered) - 0.5)[unlike], 0, atol=1e-6)  # halves only
