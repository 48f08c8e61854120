"""Retests: small, functions of id, draw and seed, and masks stay masks."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.evaluation.stress.reliability.retests import Retest
from tdaflow.evaluation.stress.robustness.perturbations import KINDS, RETESTS, resampled, rotated, shifted


@pytest.fixture
def volume():
    noise = gaussian_filter(np.random.default_rng(1).standard_normal((14, 16, 12)), 2)
    return (100 * noise / noise.std()).astype(np.float32)


@pytest.mark.parametrize("kind", RETESTS)
def test_a_retest_changes_a_little_and_is_a_function_of_id_draw_and_seed(volume, kind):
    found = Retest(kind, 0, 0)(volume, "a")
    assert (found.shape, found.dtype) == (volume.shape, volume.dtype)
    assert 0 < np.linalg.norm(found - volume) < 0.5 * np.linalg.norm(volume)
    np.testing.assert_array_equal(found, Retest(kind, 0, 0)(volume, "a"))
    if kind == "shift":
        for other in (
            Retest(kind, 1, 0)(volume, "a"),
            Retest(kind, 0, 1)(volume, "a"),
            Retest(kind, 0, 0)(volume, "b"),
        ):
            assert not np.array_equal(found, other)


def test_retests_have_other_names_than_perturbations():
    assert not RETESTS.keys() & KINDS.keys()


@pytest.mark.parametrize("factor", [1, 1e-6, 1e6])
def test_noise_is_relative_to_the_volumes_own_extent(volume, factor):
    found = Retest("noise", 0, 0)(volume * np.float32(factor), "a")
    np.testing.assert_allclose(found / factor, Retest("noise", 0, 0)(volume, "a"), rtol=1e-4, atol=1e-2)


def test_noise_leaves_a_constant_background():
    volume = np.zeros((12, 12, 12))
    volume[3:9, 3:9, 3:9] = np.random.default_rng(0).uniform(50, 100, (6, 6, 6))
    found = Retest("noise", 0, 0)(volume, "a")
    assert not found[volume == 0].any()
    assert (found[volume > 0] != volume[volume > 0]).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_masks_stay_masks_which_noise_does_not_change(volume, dtype):
    mask = np.where(volume > 0, 255, 0).astype(dtype)
    for kind in RETESTS:
        found = Retest(kind, 0, 0)(mask, "a")
        assert found.dtype == dtype
        assert np.unique(found).tolist() == [0, 255]
        assert np.array_equal(found, mask) == (kind == "noise")


def test_a_shift_has_the_length_asked_for_and_a_rotation_its_angle():
    z, y, x = np.indices((20, 20, 20)) - 9.5
    ball = np.exp(-(z**2 + y**2 + x**2) / 18)

    def centre(voxels):
        return np.array([(axis * voxels).sum() for axis in (z, y, x)]) / voxels.sum()

    assert np.linalg.norm(centre(shifted(ball, 1, np.random.default_rng(0)))) == pytest.approx(1, abs=0.02)
    aside = np.roll(ball, 4, axis=2)
    turned = centre(rotated(aside, 5, np.random.default_rng(0)))
    before = centre(aside)
    assert turned[0] == pytest.approx(0, abs=1e-6)
    angle = np.degrees(np.arctan2(turned[1], turned[2]) - np.arctan2(before[1], before[2]))
    assert abs(angle) == pytest.approx(5, abs=0.3)


def test_resampling_keeps_what_is_linear():
    z, y, x = np.indices((20, 16, 25)).astype(float)
    ramp = z + 2 * y - x
    found = resampled(ramp, 1.25, np.random.default_rng(0))
    np.testing.assert_allclose(found[2:-2, 2:-2, 2:-2], ramp[2:-2, 2:-2, 2:-2], atol=0.6)
