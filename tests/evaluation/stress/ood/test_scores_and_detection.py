"""Out-of-distribution scores and their detection metrics, on numbers that can be checked by hand."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation.stress.ood.detection import after_rejection, detection_auc, false_positive_rate
from tdaflow.evaluation.stress.ood.scores import (
    all_scores,
    energy,
    ensemble_variance,
    mutual_information,
    one_minus_max,
)

SURE, UNSURE = [0.98, 0.01, 0.01], [0.34, 0.33, 0.33]


def test_every_score_is_higher_where_the_method_is_less_sure():
    chosen = np.array([SURE, UNSURE])
    members = np.array([[SURE, [0.9, 0.05, 0.05]], [SURE, [0.05, 0.9, 0.05]]])
    for name, values in all_scores(chosen, members, 2.0).items():
        assert values[1] > values[0], name


def test_energy_is_that_of_the_logits():
    logits = np.array([[2.0, -1.0, -1.0]])
    probabilities = np.exp(logits) / np.exp(logits).sum()
    for temperature in (1.0, 2.0):
        expected = -temperature * np.log(np.exp(logits / temperature).sum())
        assert energy(probabilities, temperature) == pytest.approx([expected])


def test_mutual_information_is_disagreement_not_doubt():
    doubt = np.array([[[0.5, 0.5]], [[0.5, 0.5]]])
    disagreement = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert mutual_information(doubt) == pytest.approx([0])
    assert mutual_information(disagreement) == pytest.approx([np.log(2)])
    assert ensemble_variance(doubt) == pytest.approx([0])
    assert ensemble_variance(disagreement) == pytest.approx([0.25])
    # Doubt is what the softmax sees.
    assert one_minus_max(doubt.mean(axis=0)) == one_minus_max(disagreement.mean(axis=0)) == pytest.approx([0.5])


def test_detection_counts_pairs_in_the_right_order():
    known, ood = np.array([0.1, 0.2, 0.3]), np.array([0.25, 0.9])
    value, low, high = detection_auc(known, ood, np.full(5, ""), n_resamples=200)
    assert value == pytest.approx(5 / 6)
    assert low <= value <= high
    assert detection_auc(known, known, np.full(6, ""), n_resamples=200)[0] == pytest.approx(0.5)


def test_false_positives_are_ood_volumes_accepted_with_95_percent_of_the_known():
    known = np.arange(100.0)
    assert false_positive_rate(known, np.array([94.0, 94.5, 95.0, 200.0])) == 0.25
    assert false_positive_rate(known, known) == 0.95
    with pytest.raises(InputError, match="needs in-distribution and out-of-distribution"):
        false_positive_rate(known, np.array([]))


def test_rejecting_the_highest_scores_leaves_the_others():
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
    right = np.where(labels, 0.9, 0.1)
    right[8:] = 1 - right[8:]
    probabilities = np.stack([1 - right, right], axis=1)
    lines = after_rejection(labels, probabilities, np.arange(10.0), (0.0, 0.05, 0.2, 0.95))
    assert [line["n"] for line in lines] == [10, 10, 8, 1]
    assert [line["accuracy"] for line in lines] == [0.8, 0.8, 1.0, 1.0]
    assert lines[2]["auc"] == 1.0
    assert np.isnan(lines[3]["auc"])
