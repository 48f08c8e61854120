"""Slope and intercept of probabilities: found, order-preserving, of train alone, and part of every evaluation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from tdaflow.evaluation import Ledger, Protocol, evaluate
from tdaflow.evaluation.protocol import metrics
from tdaflow.evaluation.protocol.calibration import Calibration, centred_logits
from tdaflow.evaluation.protocol.choice import candidates, out_of_fold
from tdaflow.evaluation.protocol.fit import fit_calibration


def pair(values):
    return np.stack([1 - values, values], axis=1)


def test_slope_and_intercept_that_were_applied_are_undone():
    rng = np.random.default_rng(0)
    true = rng.normal(-1, 1.5, 20_000)
    labels = (rng.random(true.size) < expit(true)).astype(int)
    found = Calibration.fitted(labels, pair(expit(true / 3 + 0.7)))
    assert found.slopes == pytest.approx((3, 3), rel=0.05)
    assert found(pair(expit(true / 3 + 0.7)))[:, 1] == pytest.approx(expit(true), abs=0.02)


def test_scores_that_a_penalty_made_tiny_get_the_slope_that_they_need():
    rng = np.random.default_rng(3)
    true = rng.normal(0, 2, 5000)
    labels = (rng.random(true.size) < expit(true)).astype(int)
    found = Calibration.fitted(labels, pair(expit(true / 500 - 1)))
    assert found.slopes == pytest.approx((500, 500), rel=0.1)
    assert found(pair(expit(true / 500 - 1)))[:, 1] == pytest.approx(expit(true), abs=0.03)


def test_several_classes_have_a_slope_and_an_intercept_each():
    rng = np.random.default_rng(1)
    true = rng.normal(0, 1.5, (30_000, 3))
    true -= true.mean(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=p) for p in softmax(true, axis=1)])
    pulled = softmax(true / [2, 2, 2] - np.array([1, 0, -1]), axis=1)
    found = Calibration.fitted(labels, pulled)
    assert found(pulled) == pytest.approx(softmax(true, axis=1), abs=0.05)
    assert sum(found.intercepts) == pytest.approx(0, abs=1e-9)


def test_targets_are_platts_so_a_perfect_score_stays_finite():
    labels = np.repeat([0, 1], [30, 10])
    found = Calibration.fitted(labels, pair(np.where(labels, 0.9, 0.1)))
    values = found(pair(np.array([0.1, 0.9])))[:, 1]
    assert values == pytest.approx([1 / 32, 11 / 12], abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 8), st.floats(-4, 4))
def test_the_order_of_two_classes_and_so_auc_is_kept(seed, spread, shift):
    rng = np.random.default_rng(seed)
    labels = np.arange(40) % 2
    values = np.clip(expit(spread * rng.standard_normal(40) + 0.3 * labels + shift), 1e-5, 1 - 1e-5)
    found = Calibration.fitted(labels[:20], pair(values)[:20])
    after = found(pair(values))
    assert after.sum(axis=1) == pytest.approx(1)
    assert metrics.auc(labels[20:], after[20:]) == metrics.auc(labels[20:], pair(values)[20:])


def test_every_row_is_a_function_of_itself_and_survives_json():
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet(np.ones(4), 50)
    found = Calibration.fitted(rng.integers(0, 4, 50), probabilities)
    assert Calibration.from_dict(found.as_dict()) == found
    alone = np.concatenate([found(row[None]) for row in probabilities])
    np.testing.assert_array_equal(alone, found(probabilities))


def test_logits_of_mean_zero_give_the_probabilities_back():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0]])
    logits = centred_logits(probabilities)
    np.testing.assert_allclose(logits.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(softmax(logits, axis=1), probabilities, atol=1e-5)


def test_the_evaluation_calibrates_on_train_alone(features, with_test_rows, tmp_path):
    """A strong penalty answers the class frequencies; calibrated, it tells the classes apart at ½ too."""
    protocol = Protocol(("logistic",), n_seeds=2)
    first = evaluate(features, protocol, Ledger(tmp_path / "a"))
    rng = np.random.default_rng(0)
    other = with_test_rows(features, blocks={name: rng.random((30, 9)) for name in features.blocks})
    val = other.splits == "val"
    shuffled = replace(other, labels=np.where(val, 1 - other.labels, other.labels))
    second = evaluate(shuffled, protocol, Ledger(tmp_path / "b"))
    told = first.predictions.details["calibration"]
    assert min(told["slopes"]) > 0
    if second.chosen.candidate == first.chosen.candidate:
        assert second.predictions.details["calibration"] == told
    train = features.rows("train")
    assert fit_calibration(first.chosen.candidate, train).as_dict() == told
    assert any("slope and an intercept" in note for note in first.predictions.notes)


def test_the_majority_class_becomes_an_answer(features):
    """A penalty that answers the more frequent class whatever it sees, before the calibration, not after it."""
    keep = np.flatnonzero((features.labels == 0) | (np.arange(len(features)) % 4 == 1))
    uneven = features.taken(keep)
    train = uneven.rows("train")
    (weak,) = [c for c in candidates(["alpha H1"], ["logistic"]) if c.options["C"] == 0.001][:1]
    scores = out_of_fold(train, weak, 0)
    assert set(metrics.decisions(scores)) == {0}
    after = fit_calibration(weak, train)(scores)
    assert set(metrics.decisions(after)) == {0, 1}
    assert metrics.accuracy(train.labels, after) > metrics.accuracy(train.labels, scores)


def test_classes_with_too_few_volumes_are_not_calibrated_and_the_table_says_so(features, tmp_path):
    train = np.flatnonzero(features.splits == "train")
    few = train[features.labels[train] == 1][1:]
    keep = np.setdiff1d(np.arange(len(features)), few)
    found = evaluate(features.taken(keep), Protocol(("logistic",), n_seeds=1), Ledger(tmp_path))
    assert found.predictions.details["calibration"] is None
    assert any("not calibrated" in note for note in found.predictions.notes)


def test_scores_of_a_strong_penalty_are_not_taken_for_the_class_frequencies_of_their_folds():
    """Scores of a thousandth, beside which the frequencies of folds that differ by a volume are all there is."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    signal = 1e-3 * (np.eye(3)[labels] * 4 + rng.standard_normal((60, 3)))
    folds = np.arange(60) % 5
    frequencies = np.stack([np.bincount(labels[folds != k], minlength=3) / (folds != k).sum() for k in folds])
    frequencies[folds == 1] = [15 / 48, 17 / 48, 16 / 48]
    frequencies[folds == 2] = [17 / 48, 16 / 48, 15 / 48]
    out_of_fold = np.exp(signal) * frequencies
    out_of_fold /= out_of_fold.sum(axis=1, keepdims=True)
    everything = np.full(3, 1 / 3)
    whole = np.exp(signal) * everything / (np.exp(signal) * everything).sum(axis=1, keepdims=True)
    found = Calibration.fitted(labels, out_of_fold, frequencies, everything)(whole)
    assert (found.argmax(axis=1) == labels).mean() > 0.9
    assert found.max(axis=1).mean() > 0.75
