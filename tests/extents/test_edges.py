"""on_edges: numbers of volumes on fixed edges, in any unit and however far from zero."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.extents import on_edges
from tdaflow.extents.edges import SIGNIFICANT_BITS

floats = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=True)


@given(floats, floats)
def test_it_is_near_and_stays(value, scale):
    found = float(on_edges(value, scale))
    assert abs(found - value) <= abs(scale) * 2.0 ** -(SIGNIFICANT_BITS + 1)
    assert float(on_edges(found, scale)) == found
    assert float(on_edges(-value, scale)) == -found


@given(floats)
def test_a_number_on_the_edges_of_its_own_size_stays_there(value):
    found = on_edges(value, value)
    assert on_edges(found, found) == found


@given(st.floats(1e-100, 1e100), st.floats(1e-100, 1e100), st.integers(-600, 600))
def test_a_unit_by_a_power_of_two_scales_it_bit_for_bit(value, scale, power):
    unit = 2.0**power
    assert on_edges(value * unit, scale * unit) == on_edges(value, scale) * unit


@given(st.integers(0, 2**20), st.integers(-(2**10), 2**10), st.sampled_from([1.0, 1.5, 3.0]))
def test_a_shift_by_whole_numbers_shifts_numbers_of_small_extent(sixteenths, shift, scale):
    value = sixteenths / 2**18
    assert on_edges(value + shift, scale) == pytest.approx(float(on_edges(value, scale)) + shift, abs=0)


def test_numbers_of_few_bits_are_on_them():
    whole = np.arange(-4095, 4096)
    np.testing.assert_array_equal(on_edges(whole, np.maximum(np.abs(whole), 1)), whole)
