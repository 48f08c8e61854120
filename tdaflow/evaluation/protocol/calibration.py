"""Calibrated probabilities: a slope and an intercept a class, fitted on out-of-fold scores of the training volumes.

A penalty that is chosen for its AUC pulls probabilities towards the class frequencies, and then hardly any volume
passes ½. Slope and intercept put the scores back without another look at validation or test labels: every training
volume is predicted by a model that was fitted on the other folds (Platt, "Probabilistic outputs for support vector
machines", 1999, section 2.2), and

    p_k = softmax_k(slope_k · z_k + intercept_k),    z = log p − mean of log p over classes,

minimises the cross-entropy of these volumes: *vector scaling* (Guo et al., "On Calibration of Modern Neural Networks",
ICML 2017, section 4.2), which is Platt scaling for two classes. A temperature alone has no intercept, so it cannot move
a decision of two classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from tdaflow.evaluation.protocol.metrics import checked

# Trees give probabilities of exactly 0.
FLOOR = 1e-6
# Of slopes times the standard deviation of the scores. They stay positive: the order of two classes, and so AUC, is
# that of the scores, even where these say nothing.
_SLOPES = (0.01, 50.0)
# Below it scores differ by rounding alone.
_ROUNDING = 1e-9


def centred_logits(probabilities: np.ndarray) -> np.ndarray:
    """Logits that give these probabilities and add up to 0 in every row: log p − mean log p.

    Parameters
    ----------
    probabilities : array, shape (n, n_classes)
        Values below `FLOOR` count as that.

    Returns
    -------
    float64 array, shape (n, n_classes)
        Of a multinomial logistic regression, whose coefficients add up to 0 over classes, they are its decision values.
    """
    logs = np.log(np.clip(probabilities, FLOOR, None))
    return logs - logs.mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class Calibration:
    """A slope and an intercept a class.

    Attributes
    ----------
    slopes, intercepts : tuple of float, one a class
    """

    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]

    @classmethod
    def fitted(
        cls,
        labels: np.ndarray,
        probabilities: np.ndarray,
        frequencies: np.ndarray | None = None,
        all_frequencies: np.ndarray | None = None,
    ) -> "Calibration":
        """Fit to the out-of-fold probabilities of training volumes.

        Parameters
        ----------
        labels : int array, shape (n,)
        probabilities : array, shape (n, n_classes)
        frequencies : array, shape (n, n_classes), optional
            Class frequencies among the volumes that each row's model was fitted on. Under a strong penalty the scores
            are little else, and those of the folds differ by a volume or two.
        all_frequencies : array, shape (n_classes,), optional
            Those of all training volumes, which the final model is fitted on.

        Notes
        -----
        Targets are Platt's: (n_k + 1) / (n_k + n_classes) for the true class k with n_k volumes, 1 / (n_k + n_classes)
        for each other. They keep the fit finite where scores tell the classes apart without error.
        """
        labels, probabilities = checked(labels, probabilities)
        n, n_classes = probabilities.shape
        counts = np.bincount(labels, minlength=n_classes)
        by_class = (1.0 + np.diag(counts)) / (counts + n_classes)[:, None]
        targets, logits = by_class[labels], centred_logits(probabilities)
        if frequencies is not None:
            logits = logits - centred_logits(frequencies)
        # A strong penalty leaves scores a hundred times smaller than probabilities need.
        deviations = logits.std(axis=0)
        deviations[deviations < _ROUNDING] = 1.0
        logits = logits / deviations

        def cross_entropy(values: np.ndarray) -> tuple[float, np.ndarray]:
            scores = logits * values[:n_classes] + values[n_classes:]
            error = softmax(scores, axis=1) - targets
            loss = logsumexp(scores, axis=1).sum() - (targets * scores).sum()
            return loss / n, np.concatenate([(error * logits).sum(axis=0), error.sum(axis=0)]) / n

        found = minimize(
            cross_entropy, np.repeat([1.0, 0.0], n_classes), jac=True, method="L-BFGS-B",
            bounds=[_SLOPES] * n_classes + [(None, None)] * n_classes,
            options={"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-9},
        ).x  # fmt: skip
        slopes, intercepts = found[:n_classes] / deviations, found[n_classes:] - found[n_classes:].mean()
        if all_frequencies is not None:
            intercepts = intercepts - slopes * centred_logits(all_frequencies[None])[0]
            intercepts -= intercepts.mean()
        if n_classes == 2:
            # Only their sum can be seen, and equal ones keep the scores of both classes opposite.
            slopes = np.full(2, slopes.mean())
        return cls(tuple(slopes.tolist()), tuple(intercepts.tolist()))

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Calibration":
        """From what `as_dict` gave."""
        return cls(tuple(map(float, told["slopes"])), tuple(map(float, told["intercepts"])))

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"slopes": list(self.slopes), "intercepts": list(self.intercepts)}

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, float64 (n, n_classes), each row a function of that row alone."""
        scores: np.ndarray = softmax(centred_logits(probabilities) * self.slopes + self.intercepts, axis=1)
        return scores
