"""typical: the interquartile mean, one number for a cohort that no single volume decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.extents import typical

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3], 3),
        ([1, 3], 2),
        ([0, 6, 9], (0 * 1 + 6 * 4 + 9 * 1) / 6),  # the middle half takes a quarter of each outer third
        ([-100, 1, 3, 100], 2),
        ([0, 1, 2, 3, 4, 5, 6, 1000], 3.5),
        ([0, 1, 2, 3, 4], 2),
    ],
)
def test_it_is_the_mean_of_the_middle_half(values, expected):
    assert typical(values) == pytest.approx(expected, rel=1e-15)


@given(st.integers(4, 40), st.integers(0, 2**32 - 1), st.sampled_from([np.inf, -np.inf, 1e308, -1e308, 0.0]))
def test_of_four_and_more_no_single_one_can_move_it_further_than_the_others_reach(n, seed, stray):
    values = np.random.default_rng(seed).normal(size=n)
    values[seed % n] = stray
    others = np.delete(values, seed % n)
    assert others.min() <= typical(values) <= others.max()


@given(numbers, st.randoms(use_true_random=False))
def test_their_order_changes_nothing(values, random):
    assert typical(random.sample(values, len(values))) == typical(values)


@given(numbers, st.integers(-500, 500))
def test_a_unit_of_a_power_of_two_scales_it_bit_for_bit(values, power):
    values = [v if abs(v) > 1e-100 else 0.0 for v in values]
    assert typical(np.array(values) * 2.0**power) == typical(values) * 2.0**power


@given(st.integers(0, 5), st.data(), st.integers(-(2**30), 2**30))
def test_a_shift_of_whole_numbers_shifts_it(power, data, shift):
    values = data.draw(st.lists(st.integers(-(2**20), 2**20), min_size=2**power, max_size=2**power))
    assert typical([v + shift for v in values]) == typical(values) + shift


@given(numbers, st.floats(-1e6, 1e6))
def test_a_shift_shifts_it(values, shift):
    assert typical(np.array(values) + shift) == pytest.approx(typical(values) + shift, abs=1e-9)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 60))
def test_equal_numbers_give_that_number(value, n):
    assert typical([value] * n) == value


@given(numbers, numbers)
def test_larger_numbers_give_no_smaller_value(values, more):
    larger = np.sort(np.array(values)) + np.abs(np.resize(more, len(values)))
    assert typical(values) <= typical(larger)


def test_nothing_is_typical_of_no_volumes():
    with pytest.raises(InputError, match="no volumes"):
        typical([])
