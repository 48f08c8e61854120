"""The numbers of a table: those of the statistics, and a Betti maximum that a sampled curve can miss."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.diagrams import NO_BARS, Bars
from tdaflow.vectorisations import Statistics, betti_maximum, summary_names, summary_numbers

bars = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted), max_size=12).map(
    lambda rows: np.array(rows, dtype=np.float64).reshape(-1, 2)
)


@given(bars)
def test_the_betti_maximum_is_that_of_the_curve_at_every_birth(pairs):
    alive = [(int(((pairs[:, 0] <= t) & (t < pairs[:, 1])).sum()), -t) for t in pairs[:, 0]]
    most, at = max(alive, default=(0, 0.0))
    assert betti_maximum(Bars.of(pairs)) == ((most, -at) if most else (0, 0.0))


@given(bars)
def test_every_number_has_a_name_and_is_finite(pairs):
    names, numbers = summary_names(), summary_numbers(Bars.of(pairs))
    assert len(names) == len(set(names)) == len(numbers)
    assert np.isfinite(numbers).all()
    np.testing.assert_array_equal(numbers[:-4], Statistics().vector(Bars.of(pairs), (0.0, 1.0)))
    told = dict(zip(names, numbers, strict=True))
    assert told["total persistence"] == (pairs[:, 1] - pairs[:, 0]).sum()
    assert told["maximum persistence"] == max((pairs[:, 1] - pairs[:, 0]).tolist(), default=0)


def test_no_bars_are_zeros():
    assert not summary_numbers(NO_BARS).any()
