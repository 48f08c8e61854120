"""typical: one number for a cohort that no single volume decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.extents import cohort_bounds, typical

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3], 3),
        ([1, 3], 2),
        ([-100, 1, 3, 100], 2),
        ([0, 1, 2, 3, 4], 2),
    ],
)
def test_it_is_in_the_middle(values, expected):
    assert typical(values) == pytest.approx(expected, rel=1e-12)


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


@given(numbers, st.floats(-1e6, 1e6))
def test_a_shift_shifts_it(values, shift):
    assert typical(np.array(values) + shift) == pytest.approx(typical(values) + shift, abs=1e-6)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 60))
def test_equal_numbers_give_that_number(value, n):
    assert typical([value] * n) == value


def test_nothing_is_typical_of_no_volumes():
    with pytest.raises(InputError, match="no volumes"):
        typical([])


def test_volumes_that_are_points_lie_within_a_deviation_of_each_other():
    points = np.random.default_rng(0).normal(10, 2, 2000)
    low, high = cohort_bounds(points, points)
    assert low == pytest.approx(10 - points.std(), abs=0.1)
    assert high == pytest.approx(10 + points.std(), abs=0.1)


def test_what_volumes_differ_by_hardly_counts_beside_their_extents():
    rng = np.random.default_rng(0)
    lows, highs = rng.normal(0, 0.05, 2000), rng.normal(1, 0.05, 2000)
    assert cohort_bounds(lows, highs) == pytest.approx((0, 1), abs=0.006)


@given(st.integers(8, 60), st.integers(0, 2**32 - 1), st.sampled_from([1e12, -1e12, 1e308, 3.0]))
def test_one_stray_volume_moves_the_bounds_by_next_to_nothing(n, seed, stray):
    rng = np.random.default_rng(seed)
    lows, highs = rng.normal(0, 0.02, n), rng.normal(1, 0.02, n)
    before = np.array(cohort_bounds(lows, highs))
    lows[0], highs[0] = stray, stray
    assert np.abs(np.array(cohort_bounds(lows, highs)) - before).max() < 0.02


@given(numbers, st.integers(-300, 300))
def test_a_unit_scales_the_bounds_bit_for_bit(values, power):
    values = np.array([v if abs(v) > 1e-100 else 0.0 for v in values])
    scaled = cohort_bounds(values * 2.0**power, (values + 1) * 2.0**power)
    assert scaled == tuple(end * 2.0**power for end in cohort_bounds(values, values + 1))
