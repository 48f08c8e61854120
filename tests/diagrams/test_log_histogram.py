"""LogHistogram: fixed buckets, integer counts, merged as a mapping."""

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.diagrams import LogHistogram
from tdaflow.diagrams.histogram import GAMMA, bucket_codes, bucket_edges
from tdaflow.errors import InputError

finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.lists(finite, max_size=20)


def test_powers_of_two_are_bucket_edges():
    for value in (1.0, 2.0, 0.25, 1024.0, 2.0**-1074):
        low, high = bucket_edges(int(bucket_codes([value])[0]))
        assert low == value
        assert high >= value


def test_zero_has_its_own_bucket_between_the_signs():
    assert bucket_codes([0.0, -0.0]).tolist() == [0, 0]
    assert bucket_edges(0) == (0.0, 0.0)
    assert bucket_codes([-5e-324])[0] < 0 < bucket_codes([5e-324])[0]


def test_negative_values_mirror_positive_ones():
    low, high = bucket_edges(int(bucket_codes([3.0])[0]))
    assert bucket_edges(int(bucket_codes([-3.0])[0])) == (-high, -low)


@settings(max_examples=200, deadline=None)
@given(finite.filter(bool))
def test_every_value_lies_in_its_bucket(value):
    low, high = bucket_edges(int(bucket_codes([value])[0]))
    assert low <= value <= high
    if 1e-300 < abs(value) < 1e300:
        assert high / low == pytest.approx(GAMMA if value > 0 else 1 / GAMMA, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(values)
def test_codes_rise_with_the_values(numbers):
    assert (np.diff(bucket_codes(sorted(numbers))) >= 0).all()


def test_quantiles_are_bucket_edges_around_the_exact_quantiles():
    numbers = np.random.default_rng(0).gamma(2, 30, 5000)
    histogram = LogHistogram.from_values(numbers, "a")
    for low, high in ((0.0, 1.0), (0.05, 0.95), (0.5, 0.5)):
        left, right = histogram.quantile_range(low, high)
        exact = np.quantile(numbers, low, method="lower"), np.quantile(numbers, high, method="higher")
        assert exact[0] / GAMMA <= left <= exact[0]
        assert exact[1] <= right <= exact[1] * GAMMA


def test_quantiles_with_zeros_and_negative_values():
    histogram = LogHistogram.from_values([-4.0, 0, 0, 0, 4.0], "a")
    assert histogram.quantile_range(0.25, 0.75) == (0.0, 0.0)
    assert histogram.quantile_range(0, 1) == (-4 * GAMMA, 4 * GAMMA)


def test_quantiles_do_not_depend_on_how_values_are_spread_over_volumes():
    numbers = np.random.default_rng(1).normal(0, 10, 999)
    whole = LogHistogram.from_values(numbers, "all")
    parts = [LogHistogram.from_values(chunk, str(i)) for i, chunk in enumerate(np.array_split(numbers, 7))]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.count == whole.count == 999
    assert merged.quantile_range(0.01, 0.99) == whole.quantile_range(0.01, 0.99)


@settings(max_examples=60, deadline=None)
@given(values, values, values)
def test_merge_is_associative_commutative_and_idempotent(first, second, third):
    a, b, c = (LogHistogram.from_values(v, key) for v, key in ((first, "a"), (second, "b"), (third, "c")))
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(b) == b.merge(a)
    assert a.merge(a) == a
    assert a.merge(b).merge(a) == a.merge(b)
    assert a.merge(LogHistogram()) == a


@settings(max_examples=30, deadline=None)
@given(values)
def test_round_trips(numbers):
    histogram = LogHistogram.from_values(numbers, "a")
    assert LogHistogram.from_dict(json.loads(json.dumps(histogram.to_dict()))) == histogram
    assert pickle.loads(pickle.dumps(histogram)) == histogram
    assert histogram.count == len(numbers)


def test_one_volume_with_two_contents_is_refused():
    with pytest.raises(InputError, match="'a' arrived twice with different contents"):
        LogHistogram.from_values([1.0], "a").merge(LogHistogram.from_values([2.0], "a"))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_only_finite_values(bad):
    with pytest.raises(InputError, match="finite values only"):
        LogHistogram.from_values([bad], "a")


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.5), (0.6, 0.5), (0.5, 1.1)])
def test_quantiles_must_be_ordered_fractions(low, high):
    with pytest.raises(InputError, match="0 <= low <= high <= 1"):
        LogHistogram.from_values([1.0], "a").quantile_range(low, high)


def test_an_empty_histogram_has_no_quantiles():
    with pytest.raises(InputError, match="empty"):
        LogHistogram.from_values([], "a").quantile_range(0, 1)


def test_malformed_parts_are_refused():
    with pytest.raises(InputError, match="ascending bucket codes and positive counts"):
        LogHistogram({"a": np.array([[2, 1], [1, 1]])})
