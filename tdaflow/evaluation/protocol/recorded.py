"""The recorded choice of a run, fitted again for analyses.

Nothing is chosen here. The candidate and the number of seeds come from the saved evaluation, the fit is a function of
train and seed, and its validation predictions must equal the saved ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tdaflow.errors import InputError, RunError
from tdaflow.evaluation.protocol.calibration import Calibration
from tdaflow.evaluation.protocol.choice import Candidate, fitted
from tdaflow.evaluation.protocol.evaluate import FAMILY
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.fit import FittedChoice, members_of
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.ledger import split_digest
from tdaflow.evaluation.protocol.predictions import Predictions

# Probabilities of one and the same fit on another processor differ by rounding, and by where a solver then stops.
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Recorded:
    """The recorded choice and its fitted models.

    Attributes
    ----------
    candidate : Candidate
    predictions : Predictions
        As saved, with the thresholds of every seed.
    fit : FittedChoice
        Fitted on train once a seed, with the calibration that was saved.
    """

    candidate: Candidate
    predictions: Predictions
    fit: FittedChoice

    def probabilities(self, blocks: Mapping[str, np.ndarray]) -> dict[int, np.ndarray]:
        """Predict every seed's probabilities, (n, classes), from the channels of the choice, each (n, d)."""
        return self.fit.probabilities(blocks)


def recorded_predictions(features: Features, folder: EvaluationFolder) -> Predictions | None:
    """Find the saved predictions of the newest choice on these features and this test split; None if there are none."""
    test = features.rows("test")
    ledger = {
        entry["number"]: entry["choice"]
        for entry in folder.ledger.entries()
        if entry["family"] == FAMILY and entry["test"] == split_digest(test.ids, test.labels)
    }
    for predictions in folder.predictions():
        told = predictions.details
        if told.get("family") == FAMILY and ledger.get(told.get("number")) == told["choice"]:
            return predictions if told["choice"]["features"] == features.digest else None
    return None


def refitted(features: Features, predictions: Predictions) -> Recorded:
    """Fit the recorded choice again, on train.

    Parameters
    ----------
    features : Features
        Those that the choice was made on.
    predictions : Predictions
        As `recorded_predictions` gives them.

    Raises
    ------
    InputError
        If the features lack a channel of the choice.
    RunError
        If the fit does not reproduce the saved validation predictions.
    """
    told = predictions.details["choice"]
    candidate = Candidate(told["classifier"], told["subset"], tuple(told["blocks"]), told["options"])
    lacking = [name for name in candidate.blocks if name not in features.blocks]
    if lacking:
        raise InputError(f"the features lack {lacking[0]!r}, which the recorded choice uses: evaluate the run again")
    train, val = features.rows("train"), features.rows("val")
    found = predictions.details.get("calibration")
    calibration = None if found is None else Calibration.from_dict(found)
    members = {seed: members_of(candidate, fitted(candidate, train, seed), train) for seed in predictions.seeds}
    recorded = Recorded(candidate, predictions, FittedChoice(candidate, members, calibration))
    saved = predictions.of_split("val").aligned(val.ids).probabilities
    for seed, values in recorded.probabilities(val.blocks).items():
        difference = float(np.abs(values - saved[seed]).max())
        if difference > _TOLERANCE:
            raise RunError(
                f"fitted again, seed {seed} of the recorded choice differs from what was saved by {difference:.2g}: it "
                "was made with other versions of the packages; evaluate a copy of the run with these"
            )
    return recorded
