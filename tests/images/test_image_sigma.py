"""The σ rule and the pixel grid it rests on."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.images import persistence_image, pixel_axes, sigma_from_epsilon

RANGES = st.tuples(st.floats(-100, 100), st.floats(0.01, 100)).map(lambda r: (r[0], r[0] + r[1]))


def test_the_formula_of_the_paper():
    # Δx = 2/10, Δy = 4/20
    expected = math.sqrt(-(0.2**2 + 0.2**2) / (2 * math.log(0.95)))
    assert sigma_from_epsilon(0.95, (1, 3), (0, 4), (20, 10)) == pytest.approx(expected, rel=1e-15)


@given(st.floats(0.01, 0.999), RANGES, RANGES, st.integers(1, 200))
def test_a_diagonal_neighbour_has_epsilon_times_the_peak(epsilon, births, deaths, k):
    sigma = sigma_from_epsilon(epsilon, births, deaths, k)
    dx, dy = (births[1] - births[0]) / k, (deaths[1] - deaths[0]) / k
    assert math.exp(-(dx**2 + dy**2) / (2 * sigma**2)) == pytest.approx(epsilon, rel=1e-12)


def test_epsilon_shows_in_the_image():
    sigma = sigma_from_epsilon(0.9, (0, 8), (8, 16), 8)
    image = persistence_image(
        [[3.5, 15.0]], birth_range=(0, 8), death_range=(8, 16), sigma=sigma, resolution=8, weight="constant"
    )
    assert image[4, 4] / image[3, 3] == pytest.approx(0.9, rel=1e-12)


def test_one_zero_width_takes_the_others_pixel_width():
    expected = sigma_from_epsilon(0.95, (0, 10), (0, 10), 10)
    assert sigma_from_epsilon(0.95, (0, 0), (0, 10), 10) == expected
    assert sigma_from_epsilon(0.95, (0, 10), (3, 3), 10) == expected
    assert sigma_from_epsilon(0.95, (0, 0), (0, 10), (10, 1)) == expected


@pytest.mark.parametrize("epsilon", [0, 1, -0.5, 1.5, float("nan"), 1 - 1e-17])
def test_epsilon_outside_0_1_is_refused(epsilon):
    with pytest.raises(ValueError, match="epsilon"):
        sigma_from_epsilon(epsilon, (0, 1), (0, 1), 10)


@pytest.mark.parametrize(
    ("births", "deaths", "resolution", "message"),
    [
        ((0, 0), (2, 2), 10, "both have zero width"),
        ((1, 0), (0, 1), 10, "birth_range"),
        ((0, 1), (1, 0), 10, "death_range"),
        ((0, np.inf), (0, 1), 10, "birth_range"),
        ((0, 1), (np.nan, 1), 10, "death_range"),
        ((0, 1, 2), (0, 1), 10, "birth_range"),
        ((0, 1), (0, 1), 0, "resolution"),
        ((0, 1), (0, 1), (10, 10, 10), "resolution"),
        ((0, 1), (0, 1), 2.5, "resolution"),
        ((0, 1), (0, 1), True, "resolution"),
    ],
)
def test_bad_ranges_and_resolutions_are_refused(births, deaths, resolution, message):
    with pytest.raises(InputError, match=message):
        sigma_from_epsilon(0.95, births, deaths, resolution)


def test_pixel_centres_lie_half_a_pixel_inside():
    columns, rows = pixel_axes((1, 3), (0, 4), (4, 4))
    assert columns.centres.tolist() == [1.25, 1.75, 2.25, 2.75]
    assert rows.centres.tolist() == [0.5, 1.5, 2.5, 3.5]
    assert columns.range == (1, 3)


def test_a_zero_width_axis_is_centred_on_its_value():
    columns, rows = pixel_axes((5, 5), (0, 4), (8, 3))
    assert columns.width == rows.width == 0.5
    assert columns.centres.tolist() == [4.5, 5.0, 5.5]
    one_column, _ = pixel_axes((0, 0), (0, 4), (8, 1))
    assert one_column.centres.tolist() == [0.0]


@pytest.mark.parametrize(("value", "width"), [(0.0, 1e-6), (1e-4, 1e-6), (5.0, 5e-3), (-5.0, 5e-3)])
def test_two_zero_widths_take_a_thousandth_of_the_value(value, width):
    columns, rows = pixel_axes((0, 0), (value, value), 4)
    assert columns.width == rows.width == width
    assert rows.centres.mean() == pytest.approx(value)
