"""`SuperpixelPointCloud`: the kernel over a list, and a scale that is learned only when asked for."""

import numpy as np
import pytest

from tdaflow import SuperpixelPointCloud, superpixel_point_cloud
from tdaflow.errors import InputError
from tdaflow.sources import Volume


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
    [own, common] = SuperpixelPointCloud(20, spacing=(3.0, 1.0, 1.0)).transform(
        [Volume("a", voxels, spacing=(1.0, 2.0, 1.5)), voxels]
    )
    np.testing.assert_array_equal(own, superpixel_point_cloud(voxels, 20, spacing=(1.0, 2.0, 1.5)))
    np.testing.assert_array_equal(common, superpixel_point_cloud(voxels, 20, spacing=(3.0, 1.0, 1.0)))


def test_range_makes_intensities_extend_as_far_as_the_longest_edge_and_ignores_later_volumes() -> None:
    train = [np.full((2, 2, 2), 10, np.int16), np.full((2, 2, 2), 61, np.int16)]
    estimator = SuperpixelPointCloud(8, spacing=(1.0, 127.5, 2.0), intensity_scale="range", smoothing=None).fit(train)
    assert estimator.intensity_scale_ == 5.0  # 2 · 127.5 mm / (61 − 10)
    [cloud] = estimator.transform([np.full((2, 2, 2), 1000, np.int16)])
    assert set(cloud[:, 3]) == {5000.0}


def test_range_of_volumes_of_one_grey_level_is_left_alone() -> None:
    assert SuperpixelPointCloud(8, intensity_scale="range").fit([np.ones((2, 2, 2))]).intensity_scale_ == 1.0


def test_a_number_is_not_learned_and_forgets_what_was() -> None:
    estimator = SuperpixelPointCloud(8, intensity_scale="range").fit(np.arange(8).reshape(1, 2, 2, 2))
    estimator.set_params(intensity_scale=2.0).fit(np.arange(8).reshape(1, 2, 2, 2))
    assert not hasattr(estimator, "intensity_scale_")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"n_superpixels": 7}, "n_superpixels is 7"),
        ({"spacing": (1.0, 0.0, 1.0)}, "spacing"),
        ({"spacing": (1.0, 1.0)}, "spacing"),
        ({"space_weight": 1.5}, "space_weight"),
        ({"intensity_scale": "train"}, "'range'"),
        ({"intensity_scale": -1.0}, "intensity_scale"),
        ({"intensity_step": 0.0}, "intensity_step"),
        ({"smoothing": "none"}, "smoothing"),
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
        SuperpixelPointCloud(8).fit_transform(bad)
    with pytest.raises(InputError, match=r"sample 1 of X: the volume holds NaN"):
        SuperpixelPointCloud(8, intensity_scale="range").fit(bad)
    with pytest.raises(InputError, match=r"sample 0 of X: a volume of shape \(0, 2, 2\)"):
        SuperpixelPointCloud(8, intensity_scale="range").fit([np.zeros((0, 2, 2))])


def test_a_single_volume_is_not_taken_for_a_stack_of_slices() -> None:
    with pytest.raises(InputError, match="put a single volume in a list"):
        SuperpixelPointCloud(8).fit(np.zeros((4, 4, 4)))
