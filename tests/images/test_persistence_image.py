"""Persistence images against Definition 1, exact cases first."""

import math
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tdaflow
from tdaflow.errors import InputError
from tdaflow.images import outside_count, persistence_image, sigma_from_epsilon
from tdaflow.images.profiles import CUT

BASE = {"birth_range": (0.0, 4.0), "death_range": (0.0, 8.0), "sigma": 1.5, "resolution": (8, 4)}
PUBLISHED = {"weight": "gaussian", "plane": "birth-death", "sampling": "centre"}


def definition_1(pairs, birth_range, death_range, sigma, resolution):
    """Definition 1 of Zhu et al. 2024 as a double loop, pixel by pixel and bar by bar."""
    (rows, columns), (m, M), (n, N) = resolution, birth_range, death_range
    image = np.zeros((rows, columns))
    for j in range(rows):
        for i in range(columns):
            x, y = m + (i + 0.5) * (M - m) / columns, n + (j + 0.5) * (N - n) / rows
            for b, d in pairs:
                rho = math.exp(-((d - b) ** 2) / (2 * sigma**2))
                phi = math.exp(-((x - b) ** 2 + (y - d) ** 2) / (2 * sigma**2)) / (2 * math.pi * sigma**2)
                image[j, i] += rho * phi
    return image


def published_image(pairs, **options):
    """The image of Zhu et al. 2024, Definition 1, unless other options are given."""
    return persistence_image(pairs, **{**PUBLISHED, **options})


def random_bars(n, seed, width=4.0):
    rng = np.random.default_rng(seed)
    birth = rng.random(n) * width
    return np.stack([birth, birth + rng.gamma(1.0, width / 4, n)], axis=1)


finite_bars = st.lists(
    st.tuples(st.floats(-1e3, 1e3), st.floats(0, 1e3)).map(lambda b: (b[0], b[0] + b[1])), max_size=30
).map(lambda bars: np.array(bars, float).reshape(-1, 2))
options = st.fixed_dictionaries(
    {
        "weight": st.sampled_from(["gaussian", "linear", "power(2)", "arctan", "constant"]),
        "plane": st.sampled_from(["birth-death", "birth-persistence"]),
        "sampling": st.sampled_from(["centre", "integral"]),
        "outside": st.sampled_from(["tails", "clip", "drop"]),
    }
)


def test_one_bar_at_a_pixels_centre():
    image = published_image([[1.5, 4.5]], **BASE, weight="constant")
    peak = 1 / (2 * math.pi * 1.5**2)
    assert image.shape == (8, 4)
    assert image[4, 1] == pytest.approx(peak, rel=1e-15)
    # rows are deaths, columns births, both one unit wide here
    assert image[5, 1] == pytest.approx(peak * math.exp(-1 / 4.5), rel=1e-15)
    assert image[4, 3] == pytest.approx(peak * math.exp(-4 / 4.5), rel=1e-15)


def test_row_0_is_the_smallest_death_and_column_0_the_smallest_birth():
    image = published_image([[0.5, 0.5]], **BASE)
    assert np.unravel_index(image.argmax(), image.shape) == (0, 0)


@pytest.mark.parametrize("n", [1, 7, 250, 251, 600])
def test_it_is_definition_1(n):
    pairs = random_bars(n, n)
    image = published_image(pairs, **BASE)
    assert np.allclose(image, definition_1(pairs, **BASE), rtol=1e-12, atol=0)
    assert np.array_equal(image, tdaflow.persistence_image(pairs, **BASE, **PUBLISHED))


def test_the_birth_persistence_plane_moves_bars_and_keeps_weights():
    pairs = random_bars(40, 0)
    moved = np.column_stack([pairs[:, 0], pairs[:, 1] - pairs[:, 0]])
    persistence = moved[:, 1]
    expected = sum(
        p * np.outer(np.exp(-((np.arange(8) + 0.5 - p) ** 2) / 4.5), np.exp(-((np.arange(4) + 0.5 - b) ** 2) / 4.5))
        for (b, p) in moved
    ) / (2 * math.pi * 1.5**2)
    image = published_image(pairs, **BASE, plane="birth-persistence", weight="linear")
    assert np.allclose(image, expected, rtol=1e-12)
    by_hand = published_image(pairs, **BASE, plane="birth-persistence", weight=lambda b, p: persistence)
    assert np.array_equal(image, by_hand)


def test_the_default_is_the_birth_persistence_plane_with_all_bars_alike():
    pairs = random_bars(40, 6)
    chosen = persistence_image(pairs, **BASE, plane="birth-persistence", weight="constant")
    assert np.array_equal(tdaflow.persistence_image(pairs, **BASE), chosen)


def test_no_bars_no_image():
    for empty in ([], np.zeros((0, 2)), np.zeros((0,))):
        image = published_image(empty, **BASE, normalise="max")
        assert image.shape == (8, 4)
        assert not image.any()


def test_the_integral_over_the_plane_is_the_weight():
    wide = {"birth_range": (-40.0, 40.0), "death_range": (-40.0, 40.0), "sigma": 3.0, "resolution": 50}
    image = published_image([[0.3, 2.1]], **wide, sampling="integral", weight=lambda b, p: 7.0)
    assert image.sum() == pytest.approx(7.0, rel=1e-14)


def test_the_integral_per_pixel_by_the_normal_distribution():
    from scipy.stats import norm

    pairs = random_bars(30, 1)
    mass = lambda edges, mean: np.diff(norm.cdf(edges, mean, 1.5))  # noqa: E731
    expected = sum(np.outer(mass(np.arange(9), d), mass(np.arange(5), b)) for b, d in pairs)
    image = published_image(pairs, **BASE, sampling="integral", weight="constant")
    assert np.allclose(image, expected, rtol=1e-12, atol=1e-15)


def test_integrals_keep_their_digits_far_from_the_bar():
    from scipy.stats import norm

    # so narrow that each pixel is a difference of distribution functions
    image = published_image(
        [[0.0, 0.0]], birth_range=(0, 20), death_range=(-0.5, 0.5), sigma=0.6, resolution=(1, 20), sampling="integral"
    )
    edges = np.arange(21) / 0.6
    expected = -np.diff(norm.sf(edges)) * (norm.cdf(0.5 / 0.6) - norm.cdf(-0.5 / 0.6))
    seen = expected > CUT
    assert 5 < seen.sum() < 20
    assert np.allclose(image[0, seen], expected[seen], rtol=1e-12, atol=0)
    assert (image[0, ~seen] <= CUT).all()


def test_centre_and_integral_differ_by_less_than_half_a_percent_at_epsilon_095():
    pairs, k = random_bars(500, 2, width=1.0), 40
    ranges = {"birth_range": (0.0, 1.0), "death_range": (0.0, 1.0)}
    sigma = sigma_from_epsilon(0.95, (0, 1), (0, 1), k)
    common = {**ranges, "sigma": sigma, "resolution": k, "weight": "linear", "plane": "birth-persistence"}
    centre = published_image(pairs, **common) / k**2
    integral = published_image(pairs, **common, sampling="integral")
    difference = np.abs(centre - integral).max() / integral.max()
    assert 0 < difference < 0.005


@pytest.mark.parametrize("epsilon", [0.9, 0.95, 0.97])
def test_the_midpoint_rule_is_the_density_times_the_area_of_a_pixel(epsilon):
    pairs, k = random_bars(500, 2, width=1.0), (40, 30)
    ranges = {"birth_range": (0.0, 1.0), "death_range": (0.0, 2.0)}
    common = {**ranges, "sigma": sigma_from_epsilon(epsilon, (0, 1), (0, 2), k), "resolution": k, "weight": "linear"}
    midpoint, integral, centre = (
        persistence_image(pairs, **common, sampling=sampling) for sampling in ("midpoint", "integral", "centre")
    )
    np.testing.assert_allclose(midpoint, centre * (1 / 30) * (2 / 40), rtol=1e-13)
    assert np.abs(midpoint - integral).max() < 0.004 * integral.max()


@pytest.mark.parametrize("exponent", [-300, -70, 1, 80, 300])
@pytest.mark.parametrize("sampling", ["midpoint", "integral"])
def test_a_unit_of_two_to_some_power_changes_no_bit_of_an_image(sampling, exponent):
    pairs, unit = random_bars(200, 5, width=1.0), 2.0**exponent
    sigma = sigma_from_epsilon(0.95, (0, 1), (0, 2), 16)
    plain, scaled = (
        persistence_image(
            pairs * by, birth_range=(0.0, by), death_range=(0.0, 2 * by), sigma=sigma * by, resolution=16,
            sampling=sampling,
        )
        for by in (1.0, unit)
    )  # fmt: skip
    assert plain.tobytes() == scaled.tobytes()


def test_normalisation():
    pairs = random_bars(20, 3)
    raw = published_image(pairs, **BASE)
    assert np.array_equal(published_image(pairs, **BASE, normalise="max"), raw / raw.max())
    assert published_image(pairs, **BASE, normalise="sum").sum() == pytest.approx(1)
    assert np.array_equal(published_image(pairs, **BASE, normalise=4.0), raw / 4)


def test_bars_outside_the_ranges_follow_the_policy_and_are_counted():
    inside, beyond = [[1.0, 5.0]], [[1.0, 5.0], [-1.0, 5.0], [1.0, 9.0]]
    image = {name: published_image(beyond, **BASE, outside=name) for name in ("tails", "clip", "drop")}
    assert np.allclose(image["tails"], definition_1(beyond, **BASE), rtol=1e-12)
    assert np.array_equal(image["drop"], published_image(inside, **BASE))
    # clipped to the border, at the weight of the bar as it was: e^(−p²/2σ²) for p = 4, 6, 8
    weights = np.exp(-(np.array([4.0, 6.0, 8.0]) ** 2) / 4.5)
    clipped = published_image([[1, 5], [0, 5], [1, 8]], **BASE, weight=lambda b, p: weights)
    assert np.allclose(image["clip"], clipped, rtol=1e-15)
    assert outside_count(beyond, (0, 4), (0, 8), "birth-death") == 2
    assert outside_count(beyond, (0, 4), (0, 6)) == 2
    assert outside_count([[0, 8], [4, 4]], (0, 4), (0, 8), "birth-death") == 0  # ranges are closed
    assert outside_count([], (0, 4), (0, 8)) == 0


def test_alpha_h0_has_a_vector_form_of_one_column():
    pairs = np.array([[0.0, 1.0], [0.0, 2.5]])
    image = published_image(
        pairs, birth_range=(0, 0), death_range=(0, 4), sigma=0.8, resolution=(8, 1), weight="constant"
    )
    centres = (np.arange(8) + 0.5) * 0.5
    expected = sum(np.exp(-((centres - d) ** 2) / (2 * 0.8**2)) for d in (1.0, 2.5)) / (2 * math.pi * 0.8**2)
    assert image.shape == (8, 1)
    assert np.allclose(image[:, 0], expected, rtol=1e-14)
    # in the square form the same vector is the middle column of an odd number
    square = published_image(
        pairs, birth_range=(0, 0), death_range=(0, 4), sigma=0.8, resolution=(8, 3), weight="constant"
    )
    assert np.allclose(square[:, 1], image[:, 0], rtol=1e-14)
    assert np.allclose(square[:, 0], square[:, 2], rtol=1e-14)


def test_ranges_of_one_value_still_make_an_image():
    image = published_image(
        [[2.0, 3.0]], birth_range=(2, 2), death_range=(3, 3), sigma=0.01, resolution=5, weight="constant"
    )
    assert np.unravel_index(image.argmax(), image.shape) == (2, 2)


@settings(max_examples=60, deadline=None)
@given(finite_bars, finite_bars, options)
def test_it_is_linear_in_the_bars(first, second, chosen):
    first_image, second_image = (published_image(p, **BASE, **chosen) for p in (first, second))
    both = published_image(np.concatenate([first, second]), **BASE, **chosen)
    assert np.allclose(both, first_image + second_image, rtol=1e-12, atol=1e-300)


@settings(max_examples=60, deadline=None)
@given(finite_bars, st.integers(-50, 50), options)
def test_it_moves_with_the_diagram(bars, shift, chosen):
    bars = np.round(bars * 8) / 8  # so that the shifted numbers are exact
    move = chosen["plane"] == "birth-death"
    image = published_image(bars, **BASE, **chosen)
    shifted = published_image(
        bars + shift,
        **{
            **BASE,
            "birth_range": (shift, 4 + shift),
            "death_range": (shift, 8 + shift) if move else (0.0, 8.0),
        },
        **chosen,
    )
    assert np.array_equal(shifted, image)


@settings(max_examples=60, deadline=None)
@given(finite_bars, options, st.sampled_from([None, "max", "sum", 3.0]), st.floats(1e-3, 1e3))
def test_it_is_finite_and_never_negative(bars, chosen, normalise, sigma):
    image = published_image(bars, **{**BASE, "sigma": sigma}, **chosen, normalise=normalise)
    assert np.isfinite(image).all()
    assert (image >= 0).all()
    if normalise == "max" and image.any():
        assert image.max() == 1


def test_the_order_of_bars_does_not_matter_beyond_rounding():
    pairs = random_bars(700, 4)
    shuffled = np.random.default_rng(0).permutation(pairs)
    assert np.allclose(published_image(pairs, **BASE), published_image(shuffled, **BASE), rtol=1e-12)


def test_pairs_are_left_as_they_are():
    pairs = random_bars(10, 5)
    before = pairs.copy()
    for outside in ("tails", "clip", "drop"):
        published_image(pairs, **BASE, outside=outside, weight="linear")
    assert np.array_equal(pairs, before)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([[0.0, np.inf]], "drop or cap essential bars"),
        ([[np.nan, 1.0]], "NaN"),
        ([[1.0, 0.5]], "dies before its birth"),
        ([[1.0, 2.0, 3.0]], r"shape \(n, 2\)"),
        ([1.0, 2.0], r"shape \(n, 2\)"),
    ],
)
def test_bad_pairs_are_refused(pairs, message):
    with pytest.raises(InputError, match=message):
        published_image(pairs, **BASE)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"sigma": 0.0}, "sigma"),
        ({"sigma": float("nan")}, "sigma"),
        ({"plane": "birth-life"}, "plane"),
        ({"sampling": "center"}, "sampling"),
        ({"outside": "keep"}, "outside"),
        ({"normalise": "l2"}, "normalise"),
        ({"normalise": 0.0}, "normalise"),
        ({"resolution": -1}, "resolution"),
        ({"death_range": (2, 1)}, "death_range"),
        ({"weight": lambda b, p: 1e308 + 0 * b, "sigma": 1e-3}, "overflows"),
    ],
)
def test_bad_options_are_refused(option, message):
    with pytest.raises(InputError, match=message):
        published_image([[1.5, 1.5]], **{**BASE, **option})


def plain_sum(pairs, weights, grid, sigma):
    """Definition 1 in extended precision, whose exponents reach further."""
    x = np.arange(grid) + np.longdouble(0.5)
    gx, gy = (np.exp(-((x[:, None] - v) ** 2) / (2 * np.longdouble(sigma) ** 2)) for v in pairs.T.astype(np.longdouble))
    return (gy * weights) @ gx.T / (2 * np.longdouble(np.pi) * sigma**2)


class TestFarBars:
    """Bars whose Gaussians come to next to nothing on a part of the image, or on all of it."""

    GRID: ClassVar = {
        "birth_range": (0, 200),
        "death_range": (0, 200),
        "resolution": 200,
        "sigma": 3.0,
        "plane": "birth-death",
    }

    def bars(self, n, low, high, seed=0):
        return np.sort(np.random.default_rng(seed).uniform(low, high, (n, 2)), axis=1)

    @pytest.mark.parametrize("weight", ["constant", "linear", "gaussian"])
    def test_the_cut_changes_nothing_that_shows(self, weight):
        pairs = np.concatenate([self.bars(300, 0, 200), self.bars(300, -900, 900), [[-1e200, 1e200]]])
        image = persistence_image(pairs, weight=weight, **self.GRID)
        lengths = np.longdouble(pairs[:, 1]) - pairs[:, 0]
        weights = {"constant": 1, "linear": lengths, "gaussian": np.exp(-((lengths / 3) ** 2) / 2)}[weight]
        expected = plain_sum(pairs, weights, 200, 3.0)
        np.testing.assert_allclose(image, expected.astype(float), rtol=0, atol=1e-13 * float(expected.max()))

    @pytest.mark.parametrize("distance", [30, 45, 60])
    def test_an_image_of_nothing_but_tails_keeps_its_shape_where_it_is_wanted_relative_to_itself(self, distance):
        pairs = self.bars(9, -distance - 5, -distance)
        assert not persistence_image(pairs, weight="constant", **self.GRID).max() > 1e-40
        image = persistence_image(pairs, weight="constant", normalise="max", **self.GRID)
        expected = plain_sum(pairs, 1, 200, 3.0)
        expected = (expected / expected.max()).astype(float)
        np.testing.assert_allclose(image, expected, atol=1e-9)

    def test_bars_whose_weights_are_all_tiny_make_a_proper_image(self):
        # Persistence of 25 standard deviations: the Gaussian weight is 1e-136.
        pairs = np.array([[20.0, 95.0], [90.0, 166.0]])
        one = persistence_image(pairs, weight="gaussian", normalise="max", **self.GRID)
        lengths = np.ptp(pairs, axis=1)
        expected = plain_sum(pairs, np.exp(-np.longdouble(lengths**2 - lengths[0] ** 2) / 18), 200, 3.0)
        np.testing.assert_allclose(one, (expected / expected.max()).astype(float), atol=1e-12)

    def test_bars_out_of_all_reach_make_zeros(self):
        for normalise in (None, "max", "sum"):
            assert not persistence_image([[1e6, 2e6]], normalise=normalise, **self.GRID).any()

    def test_masked_bars_are_refused(self):
        with pytest.raises(InputError, match="masked array"):
            persistence_image(np.ma.masked_less([[0.0, 1.0]], 0), **self.GRID)


@settings(max_examples=60, deadline=None)
@given(finite_bars, st.integers(0, 2**32 - 1), options, st.sampled_from([None, "max", "sum", 3.0]))
def test_a_bar_with_a_count_is_as_many_bars(pairs, seed, chosen, normalise):
    counts = np.random.default_rng(seed).integers(0, 6, len(pairs))
    every = np.repeat(pairs, counts, axis=0)
    ranges = {"birth_range": (-500.0, 500.0), "death_range": (0.0, 900.0)}
    grid = {**ranges, "sigma": 60.0, "resolution": (6, 5), "normalise": normalise, **chosen}
    image = persistence_image(every, **grid)
    atol = 1e-12 * float(np.abs(image).max())
    np.testing.assert_allclose(persistence_image(pairs, counts=counts, **grid), image, rtol=1e-12, atol=atol)
    assert outside_count(pairs, *ranges.values(), counts=counts) == outside_count(every, *ranges.values())


@pytest.mark.parametrize("counts", [[1], [1, -1], [1.0, 1.0], [[1, 1]]])
def test_counts_are_whole_numbers_one_a_bar(counts):
    with pytest.raises(InputError, match="must be 2 whole numbers"):
        published_image([[0.0, 1.0], [0.0, 2.0]], counts=counts, **BASE)


def test_sorted_bars_and_counted_ones_have_the_same_image_to_the_last_bit():
    pairs = np.unique(np.rint(random_bars(300, 5) * 4) / 4, axis=0)
    counts = 1 + np.arange(len(pairs)) % 4
    counted = persistence_image(pairs, counts=counts, **BASE)
    assert np.array_equal(persistence_image(np.repeat(pairs, counts, axis=0), **BASE), counted)
