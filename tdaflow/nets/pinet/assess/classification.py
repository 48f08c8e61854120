"""Classification on predicted images: trained on exact or on predicted images, applied to either."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sklearn.pipeline import Pipeline

from tdaflow.evaluation.protocol.choice import Scored, best, candidates, fitted, score_all, varying
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.predictions import Predictions

CLASSIFIERS = ("logistic",)
CHOOSE_BY = "auc"

EXACT_EXACT = "trained on exact, applied to exact"
EXACT_PREDICTED = "trained on exact, applied to predicted"
PREDICTED_PREDICTED = "trained on predicted, applied to predicted"


@dataclass(frozen=True)
class Chosen:
    """A classifier that validation chose.

    Attributes
    ----------
    scored : Scored
    model : Pipeline
        Fitted on train.
    """

    scored: Scored
    model: Pipeline

    def probabilities(self, features: Features) -> np.ndarray:
        """Return the probabilities of the classes, float64 (n, classes)."""
        found: np.ndarray = self.model.predict_proba(features.matrix(self.scored.candidate.blocks))
        return found


def choose(features: Features) -> Chosen:
    """Choose options of a classifier on all channels by validation, fit on train; test rows are not looked at."""
    train, val = features.rows("train"), features.rows("val")
    blocks = varying(train)
    listed = [c for c in candidates(blocks, CLASSIFIERS) if len(c.blocks) == len(blocks)]
    chosen = best(score_all(train, val, listed, 0), CHOOSE_BY)
    return Chosen(chosen, fitted(chosen.candidate, train, 0))


def test_predictions(
    exact: Features, predicted: Features, on_exact: Chosen, on_predicted: Chosen, open_test: Callable[[], None]
) -> list[Predictions]:
    """Predict the classes of the test volumes in three ways; the others are compared with the first.

    Parameters
    ----------
    exact, predicted : Features
        The same volumes.
    on_exact, on_predicted : Chosen
        Classifiers chosen on either.
    open_test : callable
        Notes in the ledger that the test split is looked at, or refuses.
    """
    open_test()
    test, seen = exact.rows("test"), predicted.rows("test")
    rows = [
        (EXACT_EXACT, on_exact, test),
        (EXACT_PREDICTED, on_exact, seen),
        (PREDICTED_PREDICTED, on_predicted, seen),
    ]
    return [
        Predictions(
            name, test.ids, test.labels, test.splits, test.groups, test.class_names,
            {0: chosen.probabilities(features)},
            details={"choice": chosen.scored.candidate.as_dict(), "validation": dict(chosen.scored.metrics)},
        )
        for name, chosen, features in rows
    ]  # fmt: skip


def with_images(features: Features, blocks: dict[str, np.ndarray], digest: str) -> Features:
    """Return the features of the same volumes with other images."""
    return replace(features, blocks=blocks, about={**features.about, "digest": digest})
