"""robust_bounds: two of the numbers, which a few strays cannot move far."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.extents import QUANTILES, robust_bounds

numbers = st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=60)
quantiles = st.sampled_from([QUANTILES, (0.0, 1.0), (0.1, 0.9), (0.0, 0.5), (0.25, 1.0)])


@pytest.mark.parametrize(
    ("n", "left_out"), [(1, 0), (2, 0), (7, 0), (8, 1), (15, 1), (16, 2), (24, 3), (200, 3), (400, 4), (1000, 10)]
)
def test_of_many_numbers_a_hundredth_is_left_out_at_each_end_and_of_few_an_eighth(n, left_out):
    assert robust_bounds(np.arange(n)) == (left_out, n - 1 - left_out)


def test_other_quantiles_leave_out_their_shares():
    assert robust_bounds(np.arange(1000), (0.1, 0.8)) == (100, 799)
    assert robust_bounds(np.arange(1000), (0.25, 1)) == (250, 999)


@given(numbers)
def test_the_quantiles_0_and_1_are_the_extremes(values):
    assert robust_bounds(values, (0, 1)) == (min(values), max(values))


@given(numbers, quantiles)
def test_the_bounds_are_two_of_the_numbers_in_order(values, shares):
    low, high = robust_bounds(values, shares)
    assert low <= high
    assert {low, high} <= set(values)


@given(numbers, quantiles, st.randoms(use_true_random=False))
def test_their_order_and_shape_change_nothing(values, shares, random):
    shuffled = random.sample(values, len(values))
    assert robust_bounds(np.array(shuffled)[:, None], shares) == robust_bounds(values, shares)


@given(numbers, quantiles, st.integers(-(2**40), 2**40), st.integers(-900, 900))
def test_a_shift_or_a_unit_shifts_or_scales_them(values, shares, shift, power):
    low, high = robust_bounds(values, shares)
    assert robust_bounds([v + shift for v in values], shares) == (low + shift, high + shift)
    unit = 2.0**power
    assert robust_bounds([v * unit for v in values], shares) == (low * unit, high * unit)
    assert robust_bounds([-v for v in values], (1 - shares[1], 1 - shares[0])) == (-high, -low)


@given(st.lists(st.integers(-1000, 1000), min_size=8, max_size=60), st.data())
def test_one_stray_of_eight_or_more_moves_a_bound_by_one_rank_at_most(values, data):
    index = data.draw(st.integers(0, len(values) - 1))
    stray = data.draw(st.sampled_from([1e308, -1e308, float(np.finfo(np.float32).max), 0.0]))
    low, high = robust_bounds([*values[:index], stray, *values[index + 1 :]])
    others = sorted([*values[:index], *values[index + 1 :]])
    assert others[0] <= low <= high <= others[-1]
    ordered = sorted(values)
    before = robust_bounds(values)
    for bound, was in zip((low, high), before, strict=True):
        below, above = np.searchsorted(ordered, was, "left"), np.searchsorted(ordered, was, "right") - 1
        assert ordered[max(below - 1, 0)] <= bound <= ordered[min(above + 1, len(ordered) - 1)] or bound == stray


@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.5, 0.5), (-0.1, 1), (0, 1.1), (float("nan"), 1)])
def test_bad_quantiles_are_refused(shares):
    with pytest.raises(InputError, match="0 <= low < high <= 1"):
        robust_bounds([1, 2], shares)


def test_nothing_has_no_bounds():
    with pytest.raises(InputError, match="no numbers"):
        robust_bounds([])
