"""Late fusion: α and the other method are chosen on validation, and the test split is opened once for them."""

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import Ledger
from tdaflow.evaluation.baselines.late_fusion import ALPHAS, late_fusion

N = 60


@pytest.fixture
def method(predictions):
    """Maker of predictions on 30 validation and 30 test volumes that are right as far as `signal` goes."""
    labels = np.arange(N) % 2

    def make(name, signal, seed=0, n_seeds=1, flip_test=False, **more):
        rng = np.random.default_rng(seed)
        noise = 0.25 * rng.standard_normal((n_seeds, N))
        values = [np.clip(0.5 + signal * (labels - 0.5) + noise[s], 0.01, 0.99) for s in range(n_seeds)]
        told = np.where(np.arange(N) >= 30, 1 - labels, labels) if flip_test else labels
        splits = np.repeat(["val", "test"], 30)
        return predictions(told, values, method=name, splits=splits, kind="baseline", **more)

    return make


def test_the_weighted_mean_of_the_better_partner_is_chosen(method, tmp_path):
    ours, weak, good = method("ours", 0.3, 1, n_seeds=2), method("weak", 0.0, 2), method("good", 0.4, 3)
    found = late_fusion(ours, [weak, good], Ledger(tmp_path))
    assert found.other == "good"
    assert 0 < found.alpha < 1
    fused = found.predictions
    assert (fused.kind, fused.seeds) == ("fusion", (0, 1))
    expected = found.alpha * ours.probabilities[1] + (1 - found.alpha) * good.probabilities[0]
    np.testing.assert_allclose(fused.probabilities[1], expected)
    curve = fused.details["curves"]["good"]
    assert [line["alpha"] for line in curve] == list(ALPHAS)
    assert max(line["auc"] for line in curve) >= max(curve[0]["auc"], curve[-1]["auc"])
    # The whole curve of every partner is kept, its ends are the methods alone.
    assert fused.details["curves"]["weak"][-1]["auc"] == curve[-1]["auc"]


def test_of_equal_choices_the_persistence_images_weigh_most(method, tmp_path):
    ours = method("ours", 0.4, 1)
    found = late_fusion(ours, [method("same", 0.4, 1), method("same too", 0.4, 1)], Ledger(tmp_path))
    assert (found.alpha, found.other) == (1.0, "same")


def test_test_labels_change_nothing_that_is_chosen(method, tmp_path):
    plain, flipped = (
        late_fusion(
            method("ours", 0.3, 1, flip_test=flip),
            [method("good", 0.4, 3, flip_test=flip)],
            Ledger(tmp_path / str(flip)),
        )
        for flip in (False, True)
    )
    assert (plain.alpha, plain.predictions.thresholds) == (flipped.alpha, flipped.predictions.thresholds)
    assert plain.predictions.details["curves"] == flipped.predictions.details["curves"]


def test_other_candidates_are_a_second_choice(method, tmp_path):
    ours, good, better = method("ours", 0.3, 1), method("good", 0.4, 3), method("better", 0.8, 4)
    ledger = Ledger(tmp_path)
    late_fusion(ours, [good], ledger)
    assert late_fusion(ours, [good], ledger).predictions.details["number"] == 1
    with pytest.raises(ConfigError, match="--allow-second-test"):
        late_fusion(ours, [good, better], ledger)
    assert late_fusion(ours, [good, better], ledger, allow_second_test=True).predictions.method.endswith("(choice 2)")


def test_what_cannot_be_fused_is_refused(method, predictions, tmp_path):
    ours = method("ours", 0.3)
    with pytest.raises(InputError, match="needs a second method"):
        late_fusion(ours, [], Ledger(tmp_path))
    with pytest.raises(InputError, match="different labels"):
        late_fusion(ours, [method("other", 0.4, flip_test=True)], Ledger(tmp_path))
    with pytest.raises(InputError, match="no validation rows"):
        late_fusion(
            predictions([0, 1], np.array([0.2, 0.8])),
            [predictions([0, 1], np.array([0.2, 0.8]), method="b")],
            Ledger(tmp_path),
        )
    with pytest.raises(InputError, match="choose_by='f1' is unknown"):
        late_fusion(ours, [method("good", 0.4)], Ledger(tmp_path), choose_by="f1")
