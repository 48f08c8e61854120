"""ChannelRange and RangeRecord: what merges in a tree, in any order, any number of times."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.diagrams import ChannelRange, PersistenceDiagram, RangeRecord
from tdaflow.errors import InputError

PAIRS = [[0.0, 2.0], [1.0, 1.5], [-1.0, 0.0]]


def test_range_of_one_volume():
    channel_range = ChannelRange.from_pairs(PAIRS, "v0")
    assert channel_range.birth == (-1.0, 1.0)
    assert channel_range.death == (0.0, 2.0)
    assert channel_range.persistence == (0.5, 2.0)
    assert channel_range.count == 3
    assert channel_range.counts == {"v0": 3}


def test_infinite_bars_do_not_count_and_nan_is_refused():
    assert ChannelRange.from_pairs([[0, 1], [0, math.inf]], "v0") == ChannelRange.from_pairs([[0, 1]], "v0")
    with pytest.raises(InputError, match="NaN"):
        ChannelRange.from_pairs([[0, math.nan]], "v0")


def test_no_bars_is_neutral_but_remembered():
    empty = ChannelRange.from_pairs(np.zeros((0, 2)), "v1")
    merged = ChannelRange.from_pairs(PAIRS, "v0").merge(empty)
    assert merged.birth == (-1.0, 1.0)
    assert merged.counts == {"v0": 3, "v1": 0}
    assert empty.to_dict()["birth"] is None
    assert ChannelRange.from_dict(empty.to_dict()) == empty


def test_a_retry_does_not_count_twice():
    channel_range = ChannelRange.from_pairs(PAIRS, "v0")
    assert channel_range.merge(channel_range) == channel_range


def test_two_volumes_of_one_id_are_refused():
    with pytest.raises(InputError, match="'v0' arrived twice with different contents; make volume ids unique"):
        ChannelRange.from_pairs(PAIRS, "v0").merge(ChannelRange.from_pairs(PAIRS[:1], "v0"))


def test_record_of_a_diagram_has_a_channel_a_dimension():
    diagram = PersistenceDiagram({0: PAIRS, 2: []}, {}, {"filtration": "alpha"})
    record = RangeRecord.from_diagram(diagram, "v0")
    assert list(record.channels) == [("alpha", 0), ("alpha", 2)]
    assert record.channels["alpha", 0].count == 3
    assert record.histograms == {}


def test_a_diagram_without_a_filtration_needs_a_name():
    with pytest.raises(InputError, match="filtration="):
        RangeRecord.from_diagram(PersistenceDiagram({0: PAIRS}), "v0")
    named = RangeRecord.from_diagram(PersistenceDiagram({0: PAIRS}), "v0", filtration="mine")
    assert list(named.channels) == [("mine", 0)]


bars = st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1e9)), max_size=6).map(
    lambda rows: [(birth, birth + length) for birth, length in rows]
)
channels = st.dictionaries(
    st.tuples(st.sampled_from(["alpha", "cubical-sublevel"]), st.integers(0, 2)), bars, max_size=4
)


def record(contents, key):
    return RangeRecord.from_channels(contents, key, histograms=True)


@settings(max_examples=60, deadline=None)
@given(channels, channels, channels)
def test_merge_is_associative_commutative_and_idempotent(first, second, third):
    a, b, c = record(first, "a"), record(second, "b"), record(third, "c")
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(b) == b.merge(a)
    assert a.merge(a) == a
    assert a.merge(b).merge(b).merge(a) == a.merge(b)
    assert a.merge(RangeRecord()) == RangeRecord().merge(a) == a


@settings(max_examples=60, deadline=None)
@given(st.lists(channels, max_size=7), st.randoms(use_true_random=False))
def test_neither_order_nor_repeats_change_so_much_as_a_byte(contents, random):
    records = [record(c, f"v{i}") for i, c in enumerate(contents)]
    again = random.sample(records, len(records)) + random.choices(records or [RangeRecord()], k=3)
    once = json.dumps(RangeRecord.merge_all(records).to_dict())
    assert json.dumps(RangeRecord.merge_all(again).to_dict()) == once


@settings(max_examples=60, deadline=None)
@given(channels)
def test_json_round_trip_is_exact(contents):
    original = record(contents, "v")
    assert RangeRecord.from_dict(json.loads(json.dumps(original.to_dict(), allow_nan=False))) == original


@settings(max_examples=40, deadline=None)
@given(st.lists(bars, min_size=1, max_size=5))
def test_merged_range_is_the_range_of_all_bars(volumes):
    merged = RangeRecord.merge_all(record({("alpha", 1): b}, str(i)) for i, b in enumerate(volumes))
    together = ChannelRange.from_pairs([bar for b in volumes for bar in b], "all")
    ours = merged.channels["alpha", 1]
    assert (ours.birth, ours.death, ours.persistence) == (together.birth, together.death, together.persistence)
    assert ours.count == together.count


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(channels, min_size=1, max_size=3), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_blocks_of_volumes_merge_like_volumes_and_keep_the_ranges(blocks, random):
    volumes = [[record(c, f"b{i}v{j}") for j, c in enumerate(block)] for i, block in enumerate(blocks)]
    pooled = [RangeRecord.merge_all(block).pooled(f"b{i}") for i, block in enumerate(volumes)]
    merged = RangeRecord.merge_all(pooled)
    again = random.sample(pooled, len(pooled)) + random.choices(pooled, k=3)
    assert RangeRecord.merge_all(again) == merged
    whole = RangeRecord.merge_all(v for block in volumes for v in block)
    assert merged.channels.keys() == whole.channels.keys()
    for channel, found in merged.channels.items():
        one_by_one = whole.channels[channel]
        assert (found.birth, found.death, found.persistence) == (
            one_by_one.birth,
            one_by_one.death,
            one_by_one.persistence,
        )
        assert found.count == one_by_one.count
        for axis, histogram in merged.histograms[channel].items():
            assert histogram.pooled("all") == whole.histograms[channel][axis].pooled("all")


def test_a_block_of_two_volumes_has_one_count_and_one_histogram():
    both = record({("alpha", 1): [(1, 2)]}, "a").merge(record({("alpha", 1): [(1, 3), (4, 5)]}, "b"))
    block = both.pooled("block")
    assert block.channels["alpha", 1].counts == {"block": 3}
    births = block.histograms["alpha", 1]["birth"]
    assert {key: part[:, 1].tolist() for key, part in births.parts.items()} == {"block": [2, 1]}
