"""Rounding to short units and whole levels."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.superpixels import default_intensity_step
from tdaflow.superpixels.lattice import axis_units, intensity_levels, lattice_points, short_unit


@pytest.mark.parametrize("unit", [0.0, 1.0, 0.5, 0.625, 3.0, 4095.0, 2.0**-30])
def test_short_units_stay_as_they_are(unit):
    assert short_unit(unit) == unit


@given(st.floats(1e-6, 1e6))
def test_a_short_unit_has_12_bits_and_is_near(unit):
    short = short_unit(unit)
    assert abs(short - unit) <= unit * 2.0**-12
    numerator = Fraction(short).numerator
    assert (numerator // (numerator & -numerator)).bit_length() <= 12


def test_half_weight_leaves_positions_and_intensities_as_they_are():
    wanted, units = axis_units(0.5, (1.0, 2.0, 2.5), 1.0, 1.0)
    assert wanted == units == (1.0, 2.0, 2.5, 1.0)


@pytest.mark.parametrize(
    ("low", "high", "step"),
    [
        (0.0, 4096.0, 1.0),
        (0, 255, 2.0**-5),  # whole grey levels are filtered, so there is something between them
        (0.0, 4095.0, 0.5),
        (-1.0, 1.0, 2.0**-11),
        (0.0, 0.0, 1.0),
        (5.0, 5.0, 2.0**-10),  # constant: the value takes the place of the range
        (2.0**40, 2.0**40 + 1, 2.0),  # a finer step would need more than 2^40 levels
    ],
)
def test_intensities_step_by_the_largest_power_of_two_within_their_extent_over_4096(low, high, step):
    assert default_intensity_step(low, high) == step


@given(st.floats(-1e12, 1e12), st.floats(0, 1e12))
def test_a_default_step_is_never_refused(low, width):
    high = low + width
    intensity_levels(np.array([low, high]), default_intensity_step(low, high))


def test_halves_go_to_the_even_level_and_noise_cannot_tip_them():
    noise = 1e-13
    values = np.array([0.5, 1.5, 2.5, 0.5 + noise, 1.5 - noise, 2.5 + noise, -0.5 - noise, 0.50001])
    assert intensity_levels(values, 1.0).tolist() == [0, 2, 2, 0, 2, 2, 0, 1]


def test_too_many_levels_are_refused():
    with pytest.raises(InputError, match="pass a larger intensity_step"):
        intensity_levels(np.array([1e9]), 1e-6)


def test_rounding_is_the_largest_distance_moved():
    wanted, units = axis_units(0.5, (1.0, 1.0, 1.0), 1.0, 1.0)
    points, rounding = lattice_points(np.array([[0, 0, 0], [1, 2, 3]]), np.array([7.25, 3.5]), wanted, units, 1.0)
    assert points.tolist() == [[0, 0, 0, 7], [1, 2, 3, 4]]
    assert rounding == 0.5
    points, rounding = lattice_points(np.array([[0.25, 1.3, 0.0]]), np.array([1.0]), wanted, units, 1.0, fraction=4)
    assert points.tolist() == [[0.25, 1.25, 0.0, 1.0]]
    assert rounding == pytest.approx(0.05)


@given(st.floats(0.1, 10), st.floats(0, 1))
def test_every_coordinate_is_an_exact_multiple_of_its_unit(spacing, weight):
    wanted, units = axis_units(weight, (spacing, 1.0, 0.7), 1.0, 0.3)
    position = np.array([[511, 3, 1023], [7, 0, 1]])
    points, rounding = lattice_points(position, np.array([300.0, -4.0]), wanted, units, 0.3)
    index = np.column_stack([position, [1000, -13]])
    for row, whole in zip(points, index, strict=True):
        for value, unit, k in zip(row, units, whole, strict=True):
            assert Fraction(float(value)) == Fraction(float(unit)) * int(k)
    assert math.isfinite(rounding)
    assert not np.signbit(points[points == 0]).any()
