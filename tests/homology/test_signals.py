"""Persistence of batches of signals."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tdaflow.errors import InputError
from tdaflow.homology import Cubical, persistence_diagram
from tdaflow.homology.signals import signal_persistence


def of_each(signals, **options):
    bars, offsets = signal_persistence(signals, **options)
    assert offsets[0] == 0
    assert offsets[-1] == len(bars)
    return [bars[a:b].tolist() for a, b in pairwise(offsets)]


def test_valleys_end_where_they_meet_a_deeper_one():
    assert of_each([[0, 5, 1, 7, 3]]) == [[[0, 7], [1, 5], [3, 7]]]
    assert of_each([[0, 5, 1, 7, 3]], essential="drop") == [[[1, 5], [3, 7]]]


def test_a_shallower_valley_dies_on_whichever_side_it_lies():
    assert of_each([[3, 4, 0, 5, 2, 9, 1]], essential="drop") == [[[3, 4], [2, 5], [1, 9]]]


def test_signals_are_ragged_and_a_flat_or_single_valued_one_has_no_bars():
    assert of_each([[2, 2, 2], [1, 3, 2], [3, 2, 1]]) == [[], [[1, 3], [2, 3]], [[1, 3]]]
    assert of_each([[4], [5]]) == [[], []]


def test_a_plateau_is_one_valley_or_one_peak():
    assert of_each([[1, 1, 4, 4, 0, 0, 4, 2, 2]], essential="drop") == [[[1, 4], [2, 4]]]


def test_no_signals_have_no_bars():
    bars, offsets = signal_persistence(np.zeros((0, 5)))
    assert bars.shape == (0, 2)
    assert offsets.tolist() == [0]


@settings(max_examples=100, deadline=None)
@given(
    arrays(np.int8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(-3, 3)),
    st.sampled_from(["cap", "drop"]),
)
def test_bars_are_those_of_gudhi(signals, essential):
    for signal, bars in zip(signals, of_each(signals, essential=essential), strict=True):
        diagram = persistence_diagram(
            signal,
            filtration=Cubical(engine="gudhi"),
            homology_dimensions=(0,),
            min_persistence=0,
            essential=essential,
        )
        assert sorted(bars) == diagram[0].tolist()


@settings(max_examples=20, deadline=None)
@given(arrays(np.float64, 40, elements=st.floats(-1e6, 1e6), unique=True))
def test_bars_are_those_of_a_rips_like_reduction_of_the_path(signal):
    """The elder rule, edge by edge."""
    label = list(range(len(signal)))
    expected = []
    for edge in sorted(range(len(signal) - 1), key=lambda i: max(signal[i], signal[i + 1])):
        a, b = label[edge], label[edge + 1]
        younger, older = (a, b) if signal[a] > signal[b] else (b, a)
        height = max(signal[edge], signal[edge + 1])
        if signal[younger] < height:
            expected.append([signal[younger], height])
        label = [older if root == younger else root for root in label]
    assert sorted(of_each([signal], essential="drop")[0]) == sorted(expected)


@pytest.mark.parametrize(
    ("signals", "options", "message"),
    [
        ([1.0, 2.0], {}, r"got \(2,\); pass one signal as signal\[None, :\]"),
        ([[0.0, np.nan]], {}, "1 NaN or infinite"),
        (np.zeros((2, 0)), {}, "hold no values"),
        ([[1.0]], {"essential": 3.0}, "essential=3.0 does not exist for signals"),
    ],
)
def test_bad_input_is_refused(signals, options, message):
    with pytest.raises(InputError, match=message):
        signal_persistence(signals, **options)
