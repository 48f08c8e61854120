"""Bars: distinct pairs in order, and how often each occurs; expanded they are the bars that were given."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tdaflow.diagrams import NO_BARS, Bars, PersistenceDiagram, RangeRecord
from tdaflow.diagrams.bars import distinct_bars
from tdaflow.errors import InputError
from tdaflow.extents import robust_bounds

GREY_LEVELS = st.integers(-3, 3).map(float)
TIES = st.sampled_from(
    [-0.0, 0.0, 5e-324, 0.1, np.float64(np.float32(0.1)), 0.1 + 2**-55, -1e300, 1e300, 1.7e308, -1.7e308]
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def rows_of(values):
    """0–40 bars whose births and deaths are among some values."""
    return (
        st.integers(0, 40)
        .flatmap(lambda n: arrays(np.float64, (n, 2), elements=values))
        .map(lambda a: np.sort(a, axis=1))
    )


rows = st.one_of(
    rows_of(GREY_LEVELS),
    rows_of(TIES),
    rows_of(FLOATS),
    rows_of(st.floats(width=32, allow_nan=False, allow_infinity=False)),
)


def in_order(pairs):
    """The bars as diagrams held them before there were counts."""
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))] + 0.0


def test_repeated_bars_are_counted():
    bars = Bars.of([[1, 2], [0, 3], [1, 2], [0, 1]])
    assert bars.pairs.tolist() == [[0, 1], [0, 3], [1, 2]]
    assert bars.counts.tolist() == [1, 1, 2]
    assert bars.n_bars == 4
    assert bars.expanded.tolist() == [[0, 1], [0, 3], [1, 2], [1, 2]]


@settings(max_examples=300, deadline=None)
@given(rows)
def test_expanded_bars_are_the_sorted_ones_to_the_byte(pairs):
    bars = Bars.of(pairs)
    assert bars.expanded.tobytes() == in_order(pairs).tobytes()
    assert len(np.unique(bars.pairs, axis=0)) == len(bars.pairs)
    assert bars.counts.sum() == bars.n_bars == len(pairs)


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, max_size=4))
def test_parts_counted_together_are_each_counted_alone(parts):
    assert distinct_bars(parts, ["pairs"] * len(parts)) == [Bars.of(part) for part in parts]


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, max_size=4))
def test_joined_bars_are_those_of_all_parts(parts):
    joined = Bars.joined([Bars.of(part) for part in parts])
    assert joined == Bars.of(np.concatenate([np.zeros((0, 2)), *parts]))


@settings(max_examples=100, deadline=None)
@given(rows_of(GREY_LEVELS), GREY_LEVELS, st.floats(0, 3))
def test_one_more_bar_is_as_if_it_had_been_there(pairs, birth, length):
    more = np.array([[birth, birth + length]])
    assert Bars.of(pairs).with_bar(birth, birth + length) == Bars.of(np.concatenate([pairs, more]))


def test_bars_beyond_a_block_are_counted_too():
    births = np.random.default_rng(0).integers(-200, 200, 50_000)
    pairs = np.column_stack([births, births + np.random.default_rng(1).integers(1, 9, 50_000)]) / 8
    assert np.array_equal(Bars.of(pairs).expanded, in_order(pairs))
    pairs[-1] = [1e-9, 1.0]  # no multiple of the unit of all others
    assert np.array_equal(Bars.of(pairs).expanded, in_order(pairs))


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(rows_of(GREY_LEVELS), rows_of(st.floats(-1e6, 1e6))), st.sampled_from([(0.02, 0.98), (0.1, 0.7), (0, 1)])
)
def test_ranges_of_counted_bars_are_those_of_all_bars(pairs, quantiles):
    record = RangeRecord.from_volumes([{("alpha", 1): Bars.of(pairs)}], [("alpha", 1)], quantiles)
    found = record.channels["alpha", 1]
    assert found.n_bars == len(pairs)
    if len(pairs):
        births, deaths = in_order(pairs).T
        expected = np.array([robust_bounds(values, quantiles) for values in (births, deaths, deaths - births)])
        edge = 0 if quantiles == (0, 1) else 2.0**-12 * max(np.ptp(expected[:2]), expected[2, 1])
        np.testing.assert_allclose(found.bounds[0], expected, rtol=0, atol=edge)


@settings(max_examples=60, deadline=None)
@given(rows_of(st.floats(-1e6, 1e6)), rows_of(GREY_LEVELS), st.floats(0, 1))
def test_cleaning_counted_bars_is_cleaning_all_of_them(one, other, relative):
    cleaned = PersistenceDiagram({0: one, 1: other}).with_min_persistence(relative)
    ends = np.concatenate([one.ravel(), other.ravel()])
    low, high = robust_bounds(ends) if ends.size else (0.0, 0.0)
    shortest = relative * (high / 2 - low / 2)
    for k, pairs in ((0, one), (1, other)):
        births, deaths = in_order(pairs).T
        longer = deaths / 2 - births / 2 > shortest if shortest > 0 else deaths > births
        assert np.array_equal(cleaned[k], in_order(pairs)[longer])
        assert cleaned.metadata["removed"][k] == len(pairs) - longer.sum()


def test_they_cannot_be_changed_and_pickles_of_them_neither():
    bars = Bars.of([[0, 1], [0, 1]])
    for twin in (bars, pickle.loads(pickle.dumps(bars))):
        assert twin == bars
        for array in (twin.pairs, twin.counts, twin.expanded):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 7
    assert bars != Bars.of([[0, 1]])
    assert bars != [[0, 1], [0, 1]]
    with pytest.raises(TypeError, match="unhashable"):
        hash(bars)


def test_a_diagram_of_repeated_bars_pickles_their_counts_alone():
    diagram = PersistenceDiagram({0: np.tile([[0.0, 1.0]], (100_000, 1))})
    assert len(diagram[0]) == 100_000
    assert len(pickle.dumps(diagram)) < 2000
    assert pickle.loads(pickle.dumps(diagram)) == diagram


def test_a_diagram_takes_bars_as_they_are():
    bars = Bars.of([[0, 1], [0, 1]])
    assert PersistenceDiagram({1: bars}).bars[1] is bars
    assert PersistenceDiagram({0: [], 1: bars}) == PersistenceDiagram({0: NO_BARS, 1: [[0, 1], [0, 1]]})


@pytest.mark.parametrize(
    "pairs", [[[0, np.nan]], [[np.nan, 0]], [[0, np.inf]], [[-np.inf, 0]], [[1, 0]], [0, 1], [[0, 1, 2]]]
)
def test_bad_bars_are_refused_by_name(pairs):
    with pytest.raises(InputError, match=r"^the pairs of H1 h"):
        Bars.of(pairs, "the pairs of H1")
    with pytest.raises(InputError, match=r"^the second h"):
        distinct_bars([[[0, 1]], pairs], ["the first", "the second"])
