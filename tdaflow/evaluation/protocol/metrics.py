"""Metrics of predicted probabilities on one split.

AUC and accuracy are those of MedMNIST's `Evaluator` (Yang et al., Scientific Data 2023), so that published rows
are comparable: one-vs-rest macro AUC, accuracy at 0.5 for two classes and of the most probable class for more.
"""

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from tdaflow.errors import InputError

N_BINS = 15


def auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the ROC curve, for more than two classes the mean over classes of one against the rest.

    Parameters
    ----------
    labels : int array, shape (n,)
        Class index.
    probabilities : array, shape (n, n_classes)

    Raises
    ------
    InputError
        If a class has no volume, or every volume; also for shapes that do not fit and values that are not finite.
    """
    labels, probabilities = checked(labels, probabilities)
    n_classes = probabilities.shape[1]
    for k in range(n_classes):
        if not 0 < (labels == k).sum() < len(labels):
            raise InputError(f"class {k} has {(labels == k).sum()} of {len(labels)} volumes: AUC needs two classes")
    if n_classes == 2:
        return float(roc_auc_score(labels, probabilities[:, 1]))
    return float(np.mean([roc_auc_score(labels == k, probabilities[:, k]) for k in range(n_classes)]))


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Share of volumes whose class is predicted, at probability > 0.5 for two classes."""
    labels, probabilities = checked(labels, probabilities)
    return float((decisions(probabilities) == labels).mean())


def decisions(probabilities: np.ndarray, threshold: float | None = None) -> np.ndarray:
    """Predicted class index, int64 (n,).

    Parameters
    ----------
    probabilities : array, shape (n, n_classes)
    threshold : float, optional
        For two classes: class 1 from this probability on (≥). By default class 1 is predicted above 0.5; of more
        classes the most probable is, of equals the first.
    """
    if probabilities.shape[1] == 2:
        positive = probabilities[:, 1]
        return (positive > 0.5 if threshold is None else positive >= threshold).astype(np.int64)
    return probabilities.argmax(axis=1)


def average_precision(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the precision–recall curve of class 1, as the step-wise sum; two classes only."""
    labels, probabilities = checked(labels, probabilities)
    if probabilities.shape[1] != 2:
        raise InputError(f"AUC-PR is defined for two classes, there are {probabilities.shape[1]}: use AUC")
    return float(average_precision_score(labels, probabilities[:, 1]))


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts, int64 (n_classes, n_classes): rows are true classes, columns predicted ones."""
    return np.bincount(labels * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def recall_by_class(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Recall of every class, (n_classes,); NaN for a class without volumes."""
    matrix = confusion_matrix(labels, predicted, n_classes)
    sizes = matrix.sum(axis=1)
    return np.where(sizes > 0, matrix.diagonal() / np.maximum(sizes, 1), np.nan)


def balanced_accuracy(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> float:
    """Mean of the recalls of the classes that have volumes."""
    return float(np.nanmean(recall_by_class(labels, predicted, n_classes)))


def reliability(labels: np.ndarray, probabilities: np.ndarray, n_bins: int = N_BINS) -> dict[str, Any]:
    """Bin predictions by confidence, the probability of the most probable class.

    Parameters
    ----------
    labels : int array, shape (n,)
    probabilities : array, shape (n, n_classes)
    n_bins : int
        Bins of equal width over (0, 1], each closed on the right.

    Returns
    -------
    dict
        ``count``, ``accuracy`` and ``confidence``, arrays (n_bins,); the last two NaN in empty bins.
    """
    labels, probabilities = checked(labels, probabilities)
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, n_bins + 1)
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, n_bins - 1)
    count = np.bincount(index, minlength=n_bins)
    size = np.where(count > 0, count, np.nan)
    return {
        "count": count,
        "accuracy": np.bincount(index, correct, n_bins) / size,
        "confidence": np.bincount(index, confidence, n_bins) / size,
    }


def calibration_errors(labels: np.ndarray, probabilities: np.ndarray, n_bins: int = N_BINS) -> tuple[float, float]:
    """Expected and maximum calibration error: Σ n_b/n·|acc_b − conf_b| and max |acc_b − conf_b| (Guo et al. 2017)."""
    bins = reliability(labels, probabilities, n_bins)
    filled = bins["count"] > 0
    gaps = np.abs(bins["accuracy"] - bins["confidence"])[filled]
    return float((bins["count"][filled] * gaps).sum() / bins["count"].sum()), float(gaps.max())


def nearest_corner_threshold(labels: np.ndarray, scores: np.ndarray) -> float:
    """Find the threshold of the ROC point nearest to (0, 1).

    Parameters
    ----------
    labels : int array, shape (n,)
        0 or 1, of the *validation* split.
    scores : array, shape (n,)
        Probability of class 1.

    Returns
    -------
    float
        Class 1 is predicted from this score on (≥). Of equally near points the highest threshold. Above every score
        if predicting none is nearest.
    """
    false_rate, true_rate, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    best = int(np.argmin(false_rate**2 + (1 - true_rate) ** 2))
    threshold = float(thresholds[best])
    return threshold if np.isfinite(threshold) else float(np.nextafter(scores.max(), np.inf))


def checked(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities as arrays; InputError if their shapes do not fit or values are not finite."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or probabilities.shape[1] < 2:
        raise InputError(
            f"labels {labels.shape} and probabilities {probabilities.shape} do not fit: give (n,) and (n, n_classes)"
        )
    if not np.isfinite(probabilities).all():
        raise InputError("a predicted probability is NaN or infinite: check the classifier and its features")
    return labels, probabilities
