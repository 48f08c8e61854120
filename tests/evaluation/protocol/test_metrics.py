"""Metrics: hand values first, then what must hold of any prediction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol import metrics


def both(positive):
    positive = np.asarray(positive, dtype=float)
    return np.stack([1 - positive, positive], axis=1)


def test_auc_counts_ordered_pairs_and_ties_as_half():
    # Pairs (positive, negative): .8>.1, .8>.4, .4>.1, .4=.4 -> 3.5 of 4.
    assert metrics.auc(np.array([0, 0, 1, 1]), both([0.1, 0.4, 0.8, 0.4])) == pytest.approx(3.5 / 4)


def test_auc_of_many_classes_is_the_mean_of_one_against_the_rest():
    values = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.2, 0.5, 0.3], [0.5, 0.1, 0.4]])
    # Class 0: .7 and .5 over .3 and .2. Class 1: .4 over .2 and .1, under .5. Class 2: .3 over .1, equal .3, under .4.
    assert metrics.auc(np.array([0, 1, 2, 0]), values) == pytest.approx((1 + 2 / 3 + 1.5 / 3) / 3)


def test_accuracy_of_two_classes_is_above_one_half_not_at_it():
    assert metrics.accuracy(np.array([0, 1, 1, 0]), both([0.5, 0.5, 0.51, 0.6])) == 0.5


def test_accuracy_of_many_classes_takes_the_first_of_equals():
    assert metrics.accuracy(np.array([0, 1]), np.array([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2]])) == 0.5


@pytest.mark.parametrize(("name", "n_classes"), [("nodulemnist3d", 2), ("fracturemnist3d", 3), ("organmnist3d", 11)])
def test_auc_and_accuracy_are_those_of_the_medmnist_evaluator(name, n_classes, tmp_path):
    reason = 'medmnist asks for torch: pip install "tdaflow[medmnist]"; CI runs this test after the others'
    evaluator = pytest.importorskip("medmnist.evaluator", reason=reason).Evaluator
    rng = np.random.default_rng(n_classes)
    labels = np.arange(12 * n_classes) % n_classes
    np.savez(tmp_path / f"{name}.npz", test_labels=labels[:, None])
    # Counts of 8: with ties, values of exactly ½, and probabilities of 0.
    values = rng.multinomial(8, np.full(n_classes, 1 / n_classes), size=len(labels)) / 8
    theirs = evaluator(name, "test", root=str(tmp_path)).evaluate(values)
    assert metrics.auc(labels, values) == pytest.approx(theirs.AUC, rel=1e-12)
    assert metrics.accuracy(labels, values) == theirs.ACC


def test_balanced_accuracy_recalls_and_confusion():
    labels, predicted = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert metrics.confusion_matrix(labels, predicted, 2).tolist() == [[2, 1], [0, 1]]
    assert metrics.recall_by_class(labels, predicted, 2).tolist() == [2 / 3, 1.0]
    assert metrics.balanced_accuracy(labels, predicted, 2) == pytest.approx(5 / 6)


def test_recall_of_a_class_without_volumes_is_nan():
    assert np.isnan(metrics.recall_by_class(np.array([0, 0]), np.array([0, 1]), 3)[1:]).all()


def test_average_precision_is_the_stepwise_sum():
    # Ranks: positive, negative, positive -> ½·1 + ½·⅔.
    assert metrics.average_precision(np.array([1, 0, 1]), both([0.9, 0.8, 0.7])) == pytest.approx(0.5 + 1 / 3)
    with pytest.raises(InputError, match="two classes"):
        metrics.average_precision(np.array([0, 1, 2]), np.eye(3))


def test_calibration_errors_by_hand():
    # Confidence .9, .9 (bin 14 of 15, one right) and .6 (bin 9, right): gaps .4 and .4.
    expected, largest = metrics.calibration_errors(np.array([1, 0, 1]), both([0.9, 0.9, 0.6]))
    assert (expected, largest) == (pytest.approx(0.4), pytest.approx(0.4))
    # Confidence 1 belongs to the last bin, and a perfect prediction has no error.
    assert metrics.calibration_errors(np.array([1, 0]), both([1.0, 0.0])) == (0.0, 0.0)


def test_bins_are_closed_on_the_right():
    bins = metrics.reliability(np.array([1, 1]), both([0.6, 0.6 + 1e-9]), n_bins=5)
    assert bins["count"].tolist() == [0, 0, 1, 1, 0]


def test_threshold_is_the_roc_point_nearest_the_corner():
    labels, scores = np.array([0, 0, 1, 1, 1]), np.array([0.1, 0.6, 0.5, 0.7, 0.9])
    # From .7 on: (0, 2/3), distance 1/3; from .5 on: (1/2, 1), distance 1/2.
    assert metrics.nearest_corner_threshold(labels, scores) == 0.7
    assert metrics.decisions(both(scores), 0.7).tolist() == [0, 0, 0, 1, 1]


def test_threshold_of_a_useless_score_predicts_none():
    assert metrics.nearest_corner_threshold(np.array([1, 0]), np.array([0.2, 0.9])) > 0.9


@pytest.mark.parametrize(
    ("labels", "values", "match"),
    [
        ([0, 0], [[0.5, 0.5], [0.5, 0.5]], "class 0 has 2 of 2"),
        ([0, 1], [[0.5, 0.5]], "do not fit"),
        ([0, 1], [[np.nan, 0.5], [0.5, 0.5]], "NaN"),
    ],
)
def test_what_has_no_auc_is_refused(labels, values, match):
    with pytest.raises(InputError, match=match):
        metrics.auc(np.array(labels), np.array(values))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=4, max_size=40))
def test_auc_is_blind_to_monotone_maps_and_turns_with_the_score(rows):
    labels, scores = np.array(rows).T
    if len(set(labels)) < 2:
        return
    value = metrics.auc(labels, both(scores / 8))
    assert metrics.auc(labels, both((scores / 8) ** 3)) == pytest.approx(value)
    assert metrics.auc(labels, both(1 - scores / 8)) == pytest.approx(1 - value)
    assert 0 <= metrics.calibration_errors(labels, both(scores / 8))[0] <= 1
