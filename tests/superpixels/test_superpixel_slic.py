"""SLIC supervoxels as an alternative to the grid."""

import numpy as np
import pytest

from tdaflow.superpixels import superpixels


@pytest.fixture
def two_halves():
    volume = np.zeros((12, 12, 12), np.uint8)
    volume[:, :, 6:] = 200
    return volume


def test_centroids_and_intensities_follow_the_image(two_halves):
    cloud = superpixels(two_halves, 64, method="slic", smoothing=None, intensity="mean", intensity_scale=1.0)
    assert cloud.grid_shape is None
    assert cloud.indices is None
    assert 32 <= len(cloud.points) <= 96
    assert set(cloud.points[:, 3]) == {0.0, 200.0}  # no supervoxel mixes the halves
    assert np.array_equal(cloud.points[:, 2] > 5.5, cloud.points[:, 3] == 200)


def test_centroids_lie_on_quarter_voxels_and_the_move_is_reported(two_halves):
    cloud = superpixels(two_halves, 64, method="slic")
    assert np.array_equal(cloud.points[:, :3] * 4, np.rint(cloud.points[:, :3] * 4))
    assert cloud.rounding <= np.sqrt(3 * 0.125**2 + 0.5**2) + 1e-12


def test_it_is_deterministic_and_accepts_every_dtype(two_halves):
    expected = superpixels(two_halves, 64, method="slic", intensity_step=1.0).points
    for dtype in (np.uint8, np.int16, np.float32, np.float64):
        again = superpixels(two_halves.astype(dtype), 64, method="slic", intensity_step=1.0).points
        assert again.tobytes() == expected.tobytes()


def test_constant_flat_and_anisotropic_volumes_have_supervoxels_too():
    assert len(superpixels(np.full((9, 9, 9), 7, np.uint8), 27, method="slic").points) == 27
    flat = superpixels(np.ones((9, 1, 9), bool), 9, method="slic", spacing=(1.0, 5.0, 1.0))
    assert (flat.points[:, 1] == 0).all()
    assert (flat.points[:, 3] == 1).all()


@pytest.mark.parametrize("stray", [1e6, -1e9])
def test_a_stray_voxel_moves_supervoxels_near_it_only(stray):
    volume = np.random.default_rng(0).normal(100, 20, (12, 12, 12))
    spoilt = volume.copy()
    spoilt[6, 6, 6] = stray
    cloud, other = (superpixels(v, 216, method="slic") for v in (volume, spoilt))
    places = {tuple(p) for p in cloud.points[:, :3]}
    moved = sum(tuple(p) not in places for p in other.points[:, :3])
    assert moved <= 0.15 * len(other.points)
