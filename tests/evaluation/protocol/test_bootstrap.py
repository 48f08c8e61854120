"""The vectorised bootstrap: equal to resampling by hand, and as wide as it should be."""

import numpy as np
import pytest
from scipy.stats import norm

from tdaflow.errors import InputError
from tdaflow.evaluation import paired_bootstrap
from tdaflow.evaluation.protocol import bootstrap, metrics
from tdaflow.evaluation.protocol.bootstrap import STATISTICS, auc_interval, distribution, interval, resampled
from tdaflow.evaluation.tables.results import point_metrics


def scores(n, n_classes, seed, signal=1.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    raw = np.round(rng.random((n, n_classes)) + signal * rng.random() * np.eye(n_classes)[labels], 1) + 0.01
    return labels, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_every_statistic_is_the_metric_of_the_resampled_volumes(predictions, n_classes):
    n = 40
    labels, first = scores(n, n_classes, 0)
    second = scores(n, n_classes, 1)[1]
    both = predictions(labels, [first, second], thresholds={0: 0.4, 1: 0.6} if n_classes == 2 else {})
    rng = np.random.default_rng(5)
    draws = [rng.integers(0, n, n) for _ in range(5)]
    weights = np.stack([np.bincount(d, minlength=n) for d in draws]).astype(float)
    for metric, make in STATISTICS.items():
        if n_classes == 4 and metric in ("auc_pr", "accuracy_at_threshold"):
            continue
        for value, draw in zip(make(both)(weights), draws, strict=True):
            drawn = predictions(labels[draw], [first[draw], second[draw]], thresholds=both.thresholds)
            expected = np.mean([point_metrics(drawn, seed)[metric] for seed in (0, 1)])
            assert value == pytest.approx(expected, abs=1e-12), metric


def test_a_patients_volumes_are_drawn_together():
    groups = np.array(["p", "p", "", "", "q", "q", "q"])
    (weights,) = resampled(groups, 200, seed=3)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 4:] == weights[:, 4:5]).all()
    assert (weights[:, 2] != weights[:, 3]).any()
    # Four units are drawn four times.
    assert (weights[:, [0, 2, 3, 4]].sum(axis=1) == 4).all()


def test_resamples_do_not_depend_on_the_block(monkeypatch):
    groups = np.full(11, "")
    whole = np.concatenate(list(resampled(groups, 100)))
    monkeypatch.setattr(bootstrap, "_BLOCK", 11 * 7)
    assert np.array_equal(np.concatenate(list(resampled(groups, 100))), whole)


def test_the_interval_of_an_accuracy_covers_the_truth(predictions):
    rng = np.random.default_rng(0)
    covered, widths = 0, []
    for _ in range(150):
        labels = np.arange(80) % 2
        right = rng.random(80) < 0.7
        made = predictions(labels, np.where(right, labels, 1 - labels) * 0.8 + 0.1)
        low, high = interval(distribution([STATISTICS["accuracy"](made)], made.groups, 400)[0])
        covered += low <= 0.7 <= high
        widths.append(high - low)
    assert 0.88 <= covered / 150 <= 1.0
    # Normal approximation: 2 · 1.96 · sqrt(.7 · .3 / 80) = .2
    assert np.mean(widths) == pytest.approx(0.2, abs=0.02)


def test_paired_bootstrap_of_a_method_with_itself_says_nothing(predictions):
    labels, values = scores(30, 2, 0)
    found = paired_bootstrap(predictions(labels, values), predictions(labels, values, "other"), "auc", 500)
    assert found == {"difference": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}


def test_paired_bootstrap_tells_better_from_worse_in_any_order_of_rows(predictions):
    labels = np.arange(60) % 2
    good, bad = np.where(labels, 0.9, 0.1), np.random.default_rng(0).random(60)
    ours, theirs = predictions(labels, good), predictions(labels, bad, "other")
    shuffled = theirs.aligned(theirs.ids[::-1])
    found = paired_bootstrap(ours, shuffled, "auc", 500)
    assert found == paired_bootstrap(ours, theirs, "auc", 500)
    assert found["p"] == 0.0
    assert found["difference"] == pytest.approx(1 - metrics.auc(labels, theirs.probabilities[0]))
    assert paired_bootstrap(theirs, ours, "auc", 500)["p"] == 1.0


def test_other_volumes_cannot_be_compared(predictions):
    labels, values = scores(30, 2, 0)
    with pytest.raises(InputError, match="of other volumes"):
        paired_bootstrap(predictions(labels, values), predictions(labels[:-1], values[:-1], "other"), "auc")


def test_a_metric_that_most_resamples_lack_has_no_interval():
    assert np.isnan(interval(np.array([0.5, np.nan, np.nan, np.nan]))).all()


@pytest.mark.parametrize(("true", "n_positive", "n_negative"), [(0.9, 25, 73), (0.98, 10, 40), (0.98, 25, 73)])
def test_the_interval_of_an_auc_near_one_covers_the_truth(true, n_positive, n_negative):
    rng = np.random.default_rng(0)
    n, covered, covered_by_percentiles = n_positive + n_negative, 0, 0
    labels = np.repeat([1, 0], [n_positive, n_negative])
    for _ in range(150):
        positive = rng.normal(np.sqrt(2) * norm.ppf(true), 1, n_positive)
        negative = rng.normal(0, 1, n_negative)
        wins = (positive[:, None] > negative[None]).astype(float)
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=200).astype(float)
        of_positive, of_negative = drawn[:, :n_positive], drawn[:, n_positive:]
        values = ((of_positive @ wins) * of_negative).sum(1) / (of_positive.sum(1) * of_negative.sum(1))
        low, high = auc_interval(values, wins.mean(), labels)
        covered += low <= true <= high
        shortest, longest = interval(values)
        covered_by_percentiles += shortest <= true <= longest
    assert covered / 150 > 0.9
    assert covered > covered_by_percentiles


@pytest.mark.parametrize("estimate", [0.0, 1.0])
def test_the_interval_of_an_auc_without_a_wrong_pair_is_no_point(estimate):
    low, high = auc_interval(np.full(100, estimate), estimate, np.repeat([0, 1], [10, 40]))
    assert low <= estimate <= high
    assert (high - low) > 0.05
    assert (low, high) != (0, 1)


def test_the_interval_of_an_auc_widens_with_the_deviation_and_is_undefined_without_a_class():
    values = np.random.default_rng(0).normal(0.9, 0.02, 1000)
    labels = np.repeat([0, 1], [50, 50])
    (low, high), (lower, higher) = (auc_interval(values, 0.9, labels, inflation=factor) for factor in (1.0, 1.5))
    assert lower < low < 0.9 < high < higher < 1
    assert np.isnan(auc_interval(np.full(10, np.nan), 0.9, labels)).all()
