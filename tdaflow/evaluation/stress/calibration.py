"""Temperature scaling: calibrate probabilities by one number that is chosen on validation.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. The order of volumes, and so
the AUC of two classes, is kept.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.calibration import centred_logits
from tdaflow.evaluation.protocol.evaluate import part_notes
from tdaflow.evaluation.protocol.metrics import checked
from tdaflow.evaluation.protocol.predictions import Predictions

_RANGE = (0.05, 20.0)


def softened(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Softmax of logits / temperature, (n, n_classes)."""
    logits = centred_logits(probabilities) / temperature
    return np.exp(logits - logsumexp(logits, axis=1, keepdims=True))


def best_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Find the temperature between 0.05 and 20 with the lowest cross-entropy on a *validation* split."""
    labels, probabilities = checked(labels, probabilities)
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature: float) -> float:
        logits = centred_logits(probabilities) / np.exp(log_temperature)
        return float((logsumexp(logits, axis=1) - logits[rows, labels]).mean())

    low, high = np.log(_RANGE)
    return float(np.exp(minimize_scalar(cross_entropy, bounds=(low, high), method="bounded").x))


def temperature_scaled(predictions: Predictions) -> Predictions:
    """Scale every seed by the temperature that its validation rows prefer.

    Thresholds of two classes are scaled too, so that decisions are kept.

    Raises
    ------
    InputError
        If there are no validation rows.
    """
    val = predictions.of_split("val")
    if not len(val.ids):
        raise InputError(f"the predictions of {predictions.method!r} have no validation rows to find a temperature on")
    found = {seed: best_temperature(val.labels, values) for seed, values in val.probabilities.items()}
    thresholds = {}
    for seed, threshold in predictions.thresholds.items():
        pair = np.clip([[1 - threshold, threshold]], 0, 1)
        thresholds[seed] = float(softened(pair, found[seed])[0, 1]) if threshold <= 1 else threshold
    told = ", ".join(f"{t:.2f}" for t in found.values())
    return replace(
        predictions,
        method=f"{predictions.method}, temperature-scaled",
        probabilities={seed: softened(values, found[seed]) for seed, values in predictions.probabilities.items()},
        thresholds=thresholds,
        kind="calibrated",
        notes=(
            f"Probabilities of {predictions.method}, softened by the temperature that validation prefers ({told}).",
            *part_notes(predictions.details.get("about", {})),
        ),
        details={"calibrated": predictions.method, "temperatures": {str(seed): t for seed, t in found.items()}},
    )
