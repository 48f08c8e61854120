"""RangeRecord: what every volume says of the ranges, a row a volume, added up in any order."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.diagrams import ChannelRanges, PersistenceDiagram, RangeRecord
from tdaflow.errors import InputError
from tdaflow.extents import QUANTILES, robust_bounds

PAIRS = [[0.0, 2.0], [1.0, 1.5], [-1.0, 0.0]]
CHANNEL = ("alpha", 1)


def record_of(*volumes, quantiles=QUANTILES):
    return RangeRecord.from_volumes([{CHANNEL: pairs} for pairs in volumes], [CHANNEL], quantiles)


def rows(record):
    """The rows of each channel, in an order that does not depend on that of the volumes."""
    return {channel: sorted(found.bounds.reshape(-1, 6).tolist()) for channel, found in record.channels.items()}


def test_a_volume_is_one_row_of_its_low_and_high_birth_death_and_persistence():
    found = record_of(PAIRS).channels[CHANNEL]
    assert found.bounds.tolist() == [[[-1.0, 1.0], [0.0, 2.0], [0.5, 2.0]]]
    assert found.of("birth").tolist() == [[-1.0, 1.0]]
    assert found.of("death").tolist() == [[0.0, 2.0]]
    assert found.of("persistence").tolist() == [[0.5, 2.0]]
    assert found.n_bars == 3


@pytest.mark.parametrize("quantiles", [QUANTILES, (0.1, 0.9), (0, 1)])
def test_low_and_high_are_robust_bounds_of_the_bars_of_that_volume(quantiles):
    births = np.arange(300.0)
    found = record_of(np.column_stack([births, births**2 + 300]), quantiles=quantiles).channels[CHANNEL]
    for axis, values in (("birth", births), ("death", births**2 + 300), ("persistence", births**2 - births + 300)):
        expected = robust_bounds(values, quantiles)
        edge = 0 if quantiles == (0, 1) else 2.0**-13 * expected[1]  # to the nearest of fixed edges
        np.testing.assert_allclose(found.of(axis), [expected], rtol=0, atol=edge)


def test_infinite_bars_do_not_count_and_nan_is_refused():
    endless = record_of([[0, 1], [0, math.inf]], [[-math.inf, math.inf]]).channels[CHANNEL]
    assert endless.bounds.tolist() == record_of([[0, 1]]).channels[CHANNEL].bounds.tolist()
    assert endless.n_bars == 1
    with pytest.raises(InputError, match="NaN"):
        record_of([[0, math.nan]])


def test_a_volume_without_bars_has_no_row():
    found = record_of(PAIRS, np.zeros((0, 2)), []).channels[CHANNEL]
    assert found.bounds.shape == (1, 3, 2)
    nothing = RangeRecord.from_volumes([{}, {("alpha", 0): PAIRS}], [CHANNEL]).channels[CHANNEL]
    assert nothing.bounds.shape == (0, 3, 2)
    assert nothing.n_bars == 0


def test_minus_zero_is_zero():
    (low, high), *_ = record_of([[-0.0, 1.0]]).channels[CHANNEL].bounds[0]
    assert math.copysign(1, low) == math.copysign(1, high) == 1


def test_record_of_diagrams_has_a_channel_a_dimension_that_is_asked_for():
    diagrams = [PersistenceDiagram({0: PAIRS, 1: [], 2: PAIRS[:1]}), PersistenceDiagram({0: PAIRS, 1: [], 2: []})]
    record = RangeRecord.from_diagrams(diagrams, (0, 2), "mine", (0, 1))
    assert list(record.channels) == [("mine", 0), ("mine", 2)]
    assert [len(found.bounds) for found in record.channels.values()] == [2, 1]
    assert [found.n_bars for found in record.channels.values()] == [6, 1]
    assert record.quantiles == (0, 1)


def test_records_of_different_quantiles_are_refused():
    with pytest.raises(InputError, match="different quantiles"):
        RangeRecord.merge_all([record_of(PAIRS), record_of(PAIRS, quantiles=(0, 1))])


def test_nothing_merges_to_nothing():
    assert RangeRecord.merge_all([]) == RangeRecord()
    assert len(ChannelRanges().of("death")) == 0


bars = st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1e9)), max_size=12).map(
    lambda rows: [(birth, birth + length) for birth, length in rows]
)
volumes = st.lists(
    st.dictionaries(st.tuples(st.sampled_from(["alpha", "sublevel"]), st.integers(0, 2)), bars, max_size=4), max_size=8
)
CHANNELS = [(name, k) for name in ("alpha", "sublevel") for k in range(3)]


@settings(max_examples=60, deadline=None)
@given(volumes, st.lists(st.integers(0, 8), max_size=3), st.randoms(use_true_random=False))
def test_however_the_volumes_are_cut_into_tasks_the_sum_has_the_same_rows(cohort, cuts, random):
    whole = RangeRecord.from_volumes(cohort, CHANNELS)
    ends = sorted(min(cut, len(cohort)) for cut in cuts)
    parts = [
        RangeRecord.from_volumes(cohort[left:right], CHANNELS)
        for left, right in zip([0, *ends], [*ends, len(cohort)], strict=True)
    ]
    random.shuffle(parts)
    merged = RangeRecord.merge_all(parts)
    nested = RangeRecord.merge_all([RangeRecord.merge_all(parts[:2]), *parts[2:], RangeRecord()])
    assert rows(merged) == rows(nested) == rows(whole)
    for channel in CHANNELS:
        assert merged.channels[channel].n_bars == nested.channels[channel].n_bars == whole.channels[channel].n_bars
