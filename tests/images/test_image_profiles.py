"""The two factors of an image, one axis at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.images.axes import PixelAxis
from tdaflow.images.image_kernel import compiled
from tdaflow.images.profiles import CUT, LEAST, AxisProfile, pixel_series


def precise_mass(axis, sigma, bars):
    """Gauss-Legendre rule of 24 points per pixel in extended precision."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    nodes, weights = nodes.astype(np.longdouble), weights.astype(np.longdouble)
    x = axis.start + (np.arange(axis.count)[:, None] + np.longdouble(0.5) + nodes / 2) * axis.width
    t = (x[:, None, :] - bars[:, None]) / (np.sqrt(np.longdouble(2)) * sigma)
    scale = axis.width / (2 * np.longdouble(sigma) * np.sqrt(2 * np.longdouble(math.pi)))
    return (np.exp(-(t**2)) @ weights) * scale


@pytest.mark.parametrize("sigma", [50.0, 12.0, 4.4, 2.0, 1.3, 0.9, 0.4])
def test_the_share_of_each_pixel_to_the_last_digits(sigma):
    axis = PixelAxis(0.0, 1.0, 60)
    bars = np.random.default_rng(0).random(100) * 60
    exact = precise_mass(axis, sigma, bars)
    ours = AxisProfile(axis, sigma, "integral", 100)(bars)
    # positions up to 60 pixels are known to 60 · 2^-53, that is to `sharpness` times as much on the Gaussian's scale
    sharpness = 1 / (math.sqrt(2) * sigma)
    assert np.abs(ours - exact).max() <= (3e-15 + 60 * 2.0**-52 * sharpness) * float(exact.max())


def test_wide_gaussians_need_few_terms_and_narrow_ones_take_the_error_function():
    assert len(pixel_series(0.08)) == 7
    assert len(pixel_series(1e-12)) == 1
    assert len(pixel_series(0.45)) == 12
    assert pixel_series(0.5) is None


@settings(max_examples=100, deadline=None)
@given(st.floats(0.05, 200), st.integers(1, 120), st.integers(0, 1000), st.sampled_from(["centre", "integral"]))
def test_profiles_are_shares_and_never_negative(sigma, count, seed, sampling):
    bars = np.random.default_rng(seed).uniform(-0.5 * count, 1.5 * count, 40)
    with np.errstate(all="ignore"):
        profile = AxisProfile(PixelAxis(0.0, 1.0, count), sigma, sampling, 64)(bars)
    assert profile.shape == (count, 40)
    assert (profile >= 0).all()
    assert (profile <= 1).all()
    if sampling == "integral":
        assert (profile.sum(axis=0) <= 1 + 1e-12).all()


def test_bars_beyond_the_image_keep_the_digits_of_their_tails():
    axis, sigma = PixelAxis(0.0, 1.0, 20), 4.4
    bars = np.array([-30.0, 45.0])
    assert pixel_series(1 / (2 * math.sqrt(2) * sigma)) is not None
    ours = AxisProfile(axis, sigma, "integral", 2)(bars)
    assert np.allclose(ours, precise_mass(axis, sigma, bars).astype(float), rtol=1e-11, atol=0)


@pytest.mark.parametrize(
    ("sampling", "sigma"), [("centre", 4.4), ("centre", 1.2), ("integral", 4.4), ("integral", 0.4)]
)
def test_a_cut_gaussian_is_the_same_one_and_next_to_nothing_far_out(sampling, sigma):
    axis = PixelAxis(0.0, 1.0, 200)
    bars = np.array([-60.0, -5.0, 0.0, 77.3, 199.9, 230.0, 1e30])
    weights = np.array([1.0, -2.0, 1.0, 3.0, 1.0, 0.5, 1.0])
    with np.errstate(over="ignore"):
        whole, cut = (AxisProfile(axis, sigma, sampling, 7)(bars, weights, cut=cut).copy() for cut in (False, True))
    peak = np.abs(whole).max()
    np.testing.assert_allclose(cut, whole, rtol=0, atol=5e-15 * peak)
    far = np.abs(whole) < CUT
    assert far.any()
    assert np.abs(cut[far]).max() <= CUT


def test_cut_gaussians_of_no_weight_are_0():
    profile = AxisProfile(PixelAxis(0.0, 1.0, 9), 2.0, "centre", 2)
    bars, weights = np.array([4.0, 5.0]), np.array([1.0, LEAST / 2])
    assert not profile(bars, weights, cut=True)[:, 1].any()
    assert profile(bars, weights)[:, 1].all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-300, 300), min_size=1, max_size=9), st.floats(0.3, 60), st.integers(1, 200))
def test_the_window_holds_all_that_shows(bars, sigma, count):
    values = np.array(bars)
    profile = AxisProfile(PixelAxis(0.0, 1.0, count), sigma, "centre", 9)
    first, stop = profile.window(values)
    assert 0 <= first <= count
    whole = profile(values).copy()
    assert (np.delete(whole, slice(first, stop), axis=0) <= CUT).all()
    if first < stop:
        assert np.array_equal(profile(values, window=(first, stop)), whole[first:stop])


@settings(max_examples=100, deadline=None)
@given(st.floats(-700, 700))
def test_the_exponential_is_that_of_the_library(x):
    got = compiled().exponential(x)
    assert abs(got - math.exp(x)) <= (5e-16 + 1e-16 * abs(x)) * math.exp(x)
