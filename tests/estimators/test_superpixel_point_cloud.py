"""`SuperpixelPointCloud`: the kernel over a list, with a scale that is learnt from the training volumes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tdaflow import SuperpixelPointCloud, superpixel_point_cloud
from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent, typical
from tdaflow.sources import Volume
from tdaflow.superpixels import cohort_scale


def some_volumes() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [
        rng.integers(0, 256, (4, 6, 5), dtype=np.uint8),
        rng.integers(-900, 900, (9, 3, 4), dtype=np.int16),
        rng.normal(size=(2, 7, 7)).astype(np.float32),
    ]


def test_volumes_of_unequal_shapes_give_one_cloud_each_equal_to_the_kernels() -> None:
    options = {"smoothing": None, "space_weight": 0.3, "intensity_scale": 0.5, "grid": "integer-step"}
    clouds = SuperpixelPointCloud(20, spacing=(2.0, 1.0, 1.0), **options).fit_transform(some_volumes())
    for cloud, volume in zip(clouds, some_volumes(), strict=True):
        expected = superpixel_point_cloud(volume, 20, spacing=(2.0, 1.0, 1.0), **options)
        assert cloud.dtype == np.float64
        np.testing.assert_array_equal(cloud, expected)


def test_a_stack_is_a_list_of_volumes() -> None:
    stack = np.random.default_rng(2).integers(0, 256, (3, 4, 4, 4), dtype=np.uint8)
    from_stack, from_list = (SuperpixelPointCloud(8).fit_transform(X) for X in (stack, list(stack)))
    np.testing.assert_array_equal(from_stack, from_list)


def test_a_volume_that_brings_its_spacing_keeps_it() -> None:
    voxels = some_volumes()[0]
    [own, common] = SuperpixelPointCloud(20, spacing=(3.0, 1.0, 1.0), intensity_scale="volume").transform(
        [Volume("a", voxels, spacing=(1.0, 2.0, 1.5)), voxels]
    )
    np.testing.assert_array_equal(own, superpixel_point_cloud(voxels, 20, spacing=(1.0, 2.0, 1.5)))
    np.testing.assert_array_equal(common, superpixel_point_cloud(voxels, 20, spacing=(3.0, 1.0, 1.0)))


def mask(low: int, high: int) -> np.ndarray:
    """A volume that extends from one grey level to the other."""
    voxels = np.full((4, 4, 4), low, np.int16)
    voxels[1:3, 1:3, 1:3] = high
    return voxels


def test_one_scale_makes_the_typical_extent_as_long_as_the_longest_edge_and_ignores_later_volumes() -> None:
    train = [mask(10, 61), mask(0, 50), mask(-52, 0)]  # extents of 51, 50 and 52
    estimator = SuperpixelPointCloud(8, spacing=(1.0, 63.75, 2.0), smoothing=None).fit(train)
    assert estimator.intensity_scale_ == estimator.scale_.number == 5.0  # 4 · 63.75 mm / 51
    assert (estimator.scale_.mode, estimator.scale_.edge, estimator.scale_.extent) == ("cohort", 255.0, 51.0)
    [cloud] = estimator.transform([np.full((4, 4, 4), 1000, np.int16)])
    assert set(cloud[:, 3]) == {5000.0}


def test_volumes_of_units_of_their_own_get_scales_of_their_own() -> None:
    train = [mask(0, 10**k) for k in range(5)]
    estimator = SuperpixelPointCloud(8, smoothing=None).fit(train)
    assert estimator.intensity_scale_ == estimator.scale_.mode == "volume"
    for cloud, volume in zip(estimator.transform(train), train, strict=True):
        assert np.array_equal(cloud, superpixel_point_cloud(volume, 8, smoothing=None))
    one_for_all = SuperpixelPointCloud(8, intensity_scale="cohort").fit(train)
    assert one_for_all.intensity_scale_ == 4 / typical([10**k for k in range(5)])


def test_what_is_learnt_is_the_cohorts_scale() -> None:
    volumes = some_volumes()
    edges = [max(np.multiply(v.shape, (2.0, 1.0, 1.0))) for v in volumes]
    extents = [intensity_extent(v).width for v in volumes]
    for wanted in ("auto", "cohort"):
        fitted = SuperpixelPointCloud(8, spacing=(2.0, 1.0, 1.0), intensity_scale=wanted).fit(volumes)
        assert fitted.scale_ == cohort_scale(edges, extents, wanted)


def test_one_voxel_hardly_moves_the_scale() -> None:
    clean = np.stack([v.astype(np.float64) for v in np.random.default_rng(0).integers(0, 100, (5, 6, 6, 6))])
    spoilt = clean.copy()
    spoilt[:, 3, 3, 3] = 1e300
    before, after = (SuperpixelPointCloud(8).fit(stack).intensity_scale_ for stack in (clean, spoilt))
    assert after == pytest.approx(before, rel=0.05)


def test_volumes_of_one_grey_level_are_left_alone() -> None:
    assert SuperpixelPointCloud(8).fit([np.ones((2, 2, 2))]).intensity_scale_ == 1.0


@pytest.mark.parametrize("given", [2.0, "volume"])
def test_what_is_given_is_not_learnt_and_forgets_what_was(given: float | str) -> None:
    estimator = SuperpixelPointCloud(8).fit([mask(0, 9)])
    estimator.set_params(intensity_scale=given).fit([mask(0, 9)])
    assert not hasattr(estimator, "intensity_scale_")
    assert not hasattr(estimator, "scale_")
    clone(estimator).transform([mask(0, 9)])  # there is nothing to fit


def test_a_scale_that_is_learnt_must_be_learnt_first() -> None:
    with pytest.raises(NotFittedError):
        SuperpixelPointCloud(8).transform([mask(0, 9)])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"n_superpixels": 7}, "n_superpixels is 7"),
        ({"spacing": (1.0, 0.0, 1.0)}, "spacing"),
        ({"spacing": (1.0, 1.0)}, "spacing"),
        ({"space_weight": 1.5}, "space_weight"),
        ({"intensity_scale": "range"}, "intensity_scale is 'range'; it must be 'auto', 'cohort', 'volume' or"),
        ({"intensity_scale": -1.0}, "intensity_scale"),
        ({"intensity_scale": None}, "intensity_scale"),
        ({"intensity_scale": float("inf")}, "intensity_scale"),
        ({"intensity_step": 0.0}, "intensity_step"),
        ({"smoothing": "steps"}, "smoothing"),
        ({"grid": "hexagonal"}, "grid"),
        ({"intensity": "median"}, "intensity"),
        ({"method": "watershed"}, "method"),
    ],
)
def test_bad_parameters_are_refused_in_fit(options: dict, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        SuperpixelPointCloud(**options).fit(np.zeros((1, 4, 4, 4)))


def test_a_bad_volume_is_named() -> None:
    bad = [np.zeros((2, 2, 2)), np.full((2, 2, 2), np.nan)]
    with pytest.raises(InputError, match=r"sample 1 of X: the volume holds NaN"):
        SuperpixelPointCloud(8, intensity_scale=1.0).fit_transform(bad)
    with pytest.raises(InputError, match=r"sample 1 of X: the volume holds NaN"):
        SuperpixelPointCloud(8).fit(bad)
    with pytest.raises(InputError, match=r"sample 0 of X: a volume of shape \(0, 2, 2\)"):
        SuperpixelPointCloud(8).fit([np.zeros((0, 2, 2))])


def test_a_single_volume_is_not_taken_for_a_stack_of_slices() -> None:
    with pytest.raises(InputError, match="put a single volume in a list"):
        SuperpixelPointCloud(8).fit(np.zeros((4, 4, 4)))
