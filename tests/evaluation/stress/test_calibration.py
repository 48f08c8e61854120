"""Temperature scaling: probabilities become as sure as they are right, and nothing else changes."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol import metrics
from tdaflow.evaluation.stress.calibration import best_temperature, centred_logits, softened, temperature_scaled


@pytest.fixture
def overconfident():
    """Labels drawn from logits f, and the probabilities of 3·f, (labels, probabilities)."""
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((4000, 3))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=p) for p in honest])
    sure = np.exp(3 * logits)
    return labels, sure / sure.sum(axis=1, keepdims=True)


def test_logits_of_mean_zero_give_the_probabilities_back():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0]])
    logits = centred_logits(probabilities)
    np.testing.assert_allclose(logits.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(softened(probabilities, 1.0), probabilities, atol=1e-5)


def test_the_temperature_that_made_them_too_sure_is_found(overconfident):
    labels, probabilities = overconfident
    found = best_temperature(labels, probabilities)
    assert found == pytest.approx(3, rel=0.1)
    before = metrics.calibration_errors(labels, probabilities)[0]
    assert metrics.calibration_errors(labels, softened(probabilities, found))[0] < before / 4


def test_order_decisions_and_test_labels_play_no_part(predictions):
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 2
    values = np.clip(0.5 + 0.6 * (labels - 0.5) + 0.5 * rng.standard_normal(60), 0.01, 0.99)
    splits = np.repeat(["val", "test"], 30)
    given = predictions(labels, values, splits=splits, thresholds={0: 0.37})
    scaled = temperature_scaled(given)
    assert scaled.kind == "calibrated"
    before, after = given.probabilities[0], scaled.probabilities[0]
    assert np.argsort(before[:, 1]).tolist() == np.argsort(after[:, 1]).tolist()
    decided = [metrics.decisions(p.probabilities[0], p.thresholds[0]) for p in (given, scaled)]
    np.testing.assert_array_equal(*decided)
    flipped = np.where(splits == "test", 1 - labels, labels)
    other = temperature_scaled(predictions(flipped, values, splits=splits, thresholds={0: 0.37}))
    np.testing.assert_array_equal(other.probabilities[0], after)


def test_without_validation_rows_there_is_no_temperature(predictions):
    with pytest.raises(InputError, match="no validation rows"):
        temperature_scaled(predictions([0, 1], np.array([0.2, 0.8])))
