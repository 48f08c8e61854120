"""Perturbations: each does what its name says, is a function of volume id and severity, and keeps shape and dtype."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from tdaflow.errors import InputError
from tdaflow.evaluation.stress.robustness.perturbations import (
    KINDS,
    Perturbation,
    amplitude_spectrum,
    blurred,
    chosen_kinds,
    gaussian_noise,
    poisson,
    salt_and_pepper,
    speckle,
    stored_as,
    translated,
)

SETTINGS = [(name, severity) for name, kind in KINDS.items() for severity in kind.severities]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def volume():
    """uint8 (12, 10, 8) with values over the whole range."""
    noise = gaussian_filter(np.random.default_rng(1).standard_normal((12, 10, 8)), 1.5)
    return np.rint(255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


@pytest.mark.parametrize(("kind", "severity"), SETTINGS)
def test_a_setting_keeps_shape_and_dtype_and_is_a_function_of_the_id(volume, kind, severity):
    perturbation = Perturbation(kind, severity, 0.0, 255.0)
    first = perturbation(volume, "v1")
    assert first.dtype == np.uint8
    assert first.shape == volume.shape
    assert not np.array_equal(first, volume)
    np.testing.assert_array_equal(first, perturbation(volume, "v1"))
    if kind != "blur":
        assert not np.array_equal(first, perturbation(volume, "v2"))


@pytest.mark.parametrize("kind", ["gaussian", "speckle", "salt-pepper", "spectrum"])
def test_severities_share_their_random_numbers(volume, kind):
    mild, severe = KINDS[kind].severities[0], KINDS[kind].severities[-1]
    floats = volume.astype(np.float64)
    first, second = (Perturbation(kind, s, 0.0, 255.0)(floats, "v") - floats for s in (mild, severe))
    assert np.linalg.norm(second) > np.linalg.norm(first)
    # Where the mild one changes a voxel, the severe one changes it the same way.
    changed = np.abs(first) > 1e-9
    assert np.corrcoef(first[changed], second[changed])[0, 1] > 0.7


def test_the_grid_is_that_of_the_protocol():
    assert KINDS["blur"].severities == (2, 3, 4, 5, 6)
    assert KINDS["translation"].severities == (0.1, 0.2, 0.3)
    assert KINDS["gaussian"].severities == (0.02, 0.04, 0.06, 0.08, 0.1)
    assert all(list(kind.severities) == sorted(kind.severities) for kind in KINDS.values())


def test_blur_is_the_mean_of_a_cube(rng):
    point = np.zeros((7, 7, 7))
    point[3, 3, 3] = 27.0
    expected = np.zeros_like(point)
    expected[2:5, 2:5, 2:5] = 1.0
    np.testing.assert_allclose(blurred(point, 3, rng), expected)


def test_translation_moves_by_whole_voxels_and_fills_with_the_lowest_value(rng):
    ball = np.full((20, 20, 20), 0.25)
    ball[10, 10, 10] = 1.0
    moved = translated(ball, 0.2, rng)
    (offset,) = np.argwhere(moved == 1.0) - 10
    assert np.linalg.norm(offset) == pytest.approx(4, abs=1)
    assert set(np.unique(moved)) == {0.25, 1.0}


def test_noise_has_the_standard_deviation_asked_for(rng):
    flat = np.full((40, 40, 40), 0.5)
    assert gaussian_noise(flat, 0.06, rng).std() == pytest.approx(0.06, rel=0.02)
    assert speckle(flat, 0.2, rng).std() == pytest.approx(0.1, rel=0.02)
    # The relative SD at the top of the range is the severity; at half of it √2 times that.
    assert poisson(np.ones_like(flat), 0.1, rng).std() == pytest.approx(0.1, rel=0.02)
    assert (poisson(flat, 0.1, rng) / 0.5).std() == pytest.approx(0.1 * np.sqrt(2), rel=0.02)
    assert poisson(flat, 0.1, rng).mean() == pytest.approx(0.5, rel=0.01)


def test_salt_and_pepper_strikes_the_share_asked_for_at_both_ends(rng):
    struck = salt_and_pepper(np.full((40, 40, 40), 0.5), 0.05, rng)
    assert (struck != 0.5).mean() == pytest.approx(0.05, rel=0.1)
    assert (struck == 1).sum() == pytest.approx((struck == 0).sum(), rel=0.15)


@pytest.mark.parametrize("shape", [(6, 5, 4), (7, 7, 7)])
def test_the_spectrum_keeps_phases_and_changes_high_frequencies_most(rng, shape):
    voxels = rng.random((*shape,))
    before, after = (np.fft.fftn(v) for v in (voxels, amplitude_spectrum(voxels, 0.5, np.random.default_rng(1))))
    ratio = after / before
    np.testing.assert_allclose(ratio.imag, 0, atol=1e-9)
    assert (ratio.real > -1e-9).all()
    # A real result: opposite frequencies have one factor.
    np.testing.assert_allclose(ratio, np.roll(np.flip(ratio), 1, axis=(0, 1, 2)), atol=1e-9)
    squared = sum(np.square(g) for g in np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij"))
    low, high = np.abs(ratio.real - 1)[squared < 0.1], np.abs(ratio.real - 1)[squared > 0.4]
    assert low.mean() < high.mean()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_integers_are_rounded_and_end_where_the_dtype_does(values):
    stored = stored_as(np.array(values), np.dtype(np.uint8))
    assert stored.tolist() == [min(max(round(v), 0), 255) for v in values]


def test_an_unknown_kind_is_refused_with_the_known_ones():
    assert list(chosen_kinds(("spectrum", "blur"))) == ["blur", "spectrum"]
    with pytest.raises(InputError, match="no perturbation 'fog': choose from blur"):
        chosen_kinds(("fog",))
