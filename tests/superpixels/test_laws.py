"""What holds for every cloud: one voxel changes the points that read it, units and shifts commute."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.superpixels import default_intensity_step, superpixels

FLT_MAX = float(np.finfo(np.float32).max)
VOLUME = np.random.default_rng(0).normal(100, 20, (12, 12, 36))
SPOILT = (5, 6, 4)
METHODS = ["grid", "slic"]


def spoilt(*values, volume=VOLUME):
    other = volume.copy()
    for value, place in zip(values, (SPOILT, (7, 3, 5)), strict=False):
        other[place] = value
    return other


def far(cloud):
    """Points of the half of the volume that has no spoilt voxel, in an order of their own."""
    rows = cloud.points[cloud.points[:, 2] > 20]
    return rows[np.lexsort(rows.T)]


class TestOneVoxel:
    @pytest.mark.parametrize("values", [(1e4,), (-1e4,), (FLT_MAX,), (-FLT_MAX,), (1e308,), (1e308, -1e308)])
    def test_one_that_no_point_reads_changes_step_and_scale_by_a_hundredth_at_most(self, values):
        before = superpixels(VOLUME, 48, smoothing=None)
        assert SPOILT not in set(map(tuple, before.indices.tolist()))
        after = superpixels(spoilt(*values), 48, smoothing=None)
        assert after.intensity_step == before.intensity_step
        assert after.intensity_scale == pytest.approx(before.intensity_scale, rel=0.01)
        assert after.points == pytest.approx(before.points, rel=0.01)
        alike = superpixels(spoilt(*values), 48, smoothing=None, intensity_scale=before.intensity_scale)
        assert alike.points.tobytes() == before.points.tobytes()

    @pytest.mark.parametrize("value", [FLT_MAX, -FLT_MAX, 1e308, -1e308])
    @pytest.mark.parametrize("method", METHODS)
    def test_one_that_a_point_reads_is_refused_where_it_has_no_place_on_the_lattice(self, value, method):
        with pytest.raises(InputError, match=r"2\^40 steps of .*mend the voxels"):
            superpixels(spoilt(value), 600, method=method, intensity="mean")

    @pytest.mark.parametrize("value", [1e6, -1e6])
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("intensity", ["point", "mean"])
    def test_points_that_do_not_read_it_stay_where_they_are(self, value, method, intensity):
        options = {"method": method, "intensity": intensity, "intensity_scale": 0.25}
        before, after = (superpixels(v, 300, **options) for v in (VOLUME, spoilt(value)))
        assert after.intensity_step == before.intensity_step
        np.testing.assert_array_equal(far(after), far(before))
        # It is kept as it is: the points near it show it.
        assert np.abs(after.points[:, 3]).max() > 2 * np.abs(before.points[:, 3]).max()

    @pytest.mark.parametrize("value", [255, -255])
    def test_supervoxels_of_a_phantom_stay_where_they_are(self, value):
        z, y, x = np.indices(VOLUME.shape)
        phantom = 100.0 * ((x // 6 + y // 6 + z // 6) % 2)
        before, after = (superpixels(v, 200, method="slic") for v in (phantom, spoilt(100 * value, volume=phantom)))
        np.testing.assert_array_equal(far(after), far(before))


class TestUnits:
    @pytest.mark.parametrize("k", [-900, -80, 80, 900])
    @pytest.mark.parametrize("method", METHODS)
    def test_by_default_a_cloud_has_no_unit_of_intensity(self, k, method):
        before, after = (superpixels(v, 300, method=method) for v in (VOLUME, np.ldexp(VOLUME, k)))
        assert after.intensity_step == np.ldexp(before.intensity_step, k)
        assert after.points.tobytes() == before.points.tobytes()

    @pytest.mark.parametrize("k", [-140, 119])
    def test_float32_at_both_ends_of_its_range(self, k):
        whole = np.random.default_rng(1).integers(0, 500, (9, 9, 9))
        single = np.ldexp(whole.astype(np.float32), k)
        np.testing.assert_array_equal(
            superpixels(single, 100).points, superpixels(whole.astype(np.float64), 100).points
        )

    @pytest.mark.parametrize("shift", [-1024.0, 2.0**20])
    def test_shifts_move_intensities(self, shift):
        whole = np.rint(VOLUME)
        before, after = (superpixels(v, 300) for v in (whole, whole + shift))
        assert after.intensity_step == before.intensity_step
        assert after.intensity_scale == before.intensity_scale
        moved = shift / before.intensity_step * before.units[3]
        np.testing.assert_allclose(after.points[:, 3], before.points[:, 3] + moved, rtol=0, atol=before.units[3])

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_mirrored_voxels_make_a_mirrored_cloud(self, axis):
        # An odd number of voxels in each block, so that its centre is a voxel.
        volume = VOLUME[:9, :9, :27]
        before, after = (superpixels(v, 3 * 3 * 9) for v in (volume, np.flip(volume, axis)))
        mirrored = before.points.copy()
        mirrored[:, axis] = volume.shape[axis] - 1 - mirrored[:, axis]
        for points in (mirrored, after.points):
            points[:] = points[np.lexsort(points[:, :3].T)]
        np.testing.assert_allclose(after.points, mirrored, rtol=0, atol=before.units[3])


@settings(max_examples=40, deadline=None)
@given(st.floats(0.001, 0.99), st.integers(0, 99), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_a_mask_is_as_bright_as_it_is_long_whatever_its_share(share, seed, low, width):
    mask = np.zeros(24**3, bool)
    mask[: round(share * mask.size)] = True
    mask = np.random.default_rng(seed).permutation(mask).reshape(24, 24, 24)
    high = low + width
    volume = np.where(mask, high, low)
    assert superpixels(volume, 100, spacing=(1.0, 1.0, 3.0)).intensity_scale == 72 / (high - low)
    volume[0, 0, 0] = FLT_MAX
    assert intensity_extent(volume).width == high - low
    assert default_intensity_step(low, high) <= width / 4000


@pytest.mark.parametrize("value", [0.0, 7.0, -1e30, 1e-300])
@pytest.mark.parametrize("method", METHODS)
def test_constant_volumes_are_clouds_too(value, method):
    cloud = superpixels(np.full((6, 6, 6), value), 27, method=method)
    assert cloud.intensity_scale == 1.0
    assert np.isfinite(cloud.points).all()
    assert np.ptp(cloud.points[:, 3]) == 0
