"""Metrics of an out-of-distribution score: AUC, false positive rate, accuracy after rejection."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol import metrics
from tdaflow.evaluation.protocol.bootstrap import auc_statistic, distribution, interval
from tdaflow.evaluation.protocol.predictions import Predictions

TRUE_RATE = 0.95
REJECTED = (0.0, 0.05, 0.2)


def detection_auc(
    own: np.ndarray, ood: np.ndarray, groups: np.ndarray, *, n_resamples: int, seed: int = 0
) -> tuple[float, float, float]:
    """Probability that an out-of-distribution volume scores higher than an own one (ties ½), and its 95 % interval.

    Parameters
    ----------
    own, ood : arrays, shapes (n,), (m,)
        Scores of volumes in and out of distribution.
    groups : array of str, shape (n + m,)
        Patients of the own, then of the out-of-distribution volumes; "" if unknown.
    n_resamples, seed : int
        Of the bootstrap over patients.

    Returns
    -------
    tuple of float
        AUC, and the low and high end of its interval.
    """
    ranks = rankdata(np.concatenate([own, ood]))
    likely = ranks / (len(ranks) + 1)
    pair = Predictions(
        "score", np.arange(len(ranks)).astype(str), np.repeat([0, 1], [len(own), len(ood)]),
        np.full(len(ranks), "test"), groups, ("own", "ood"), {0: np.stack([1 - likely, likely], axis=1)},
    )  # fmt: skip
    statistic = auc_statistic(pair)
    (values,) = distribution([statistic], groups, n_resamples, seed)
    return float(statistic(np.ones((1, len(ranks))))[0]), *interval(values)


def false_positive_rate(own: np.ndarray, ood: np.ndarray, true_rate: float = TRUE_RATE) -> float:
    """Share of the out-of-distribution volumes that are accepted if `true_rate` of the own ones are.

    The threshold is the lowest score at which at least this share of the own volumes is accepted (≤).
    """
    if not len(own) or not len(ood):
        raise InputError("a false positive rate needs in-distribution and out-of-distribution volumes")
    threshold = np.quantile(own, true_rate, method="inverted_cdf")
    return float((ood <= threshold).mean())


def after_rejection(
    labels: np.ndarray, probabilities: np.ndarray, scores: np.ndarray, rejected: Sequence[float] = REJECTED
) -> list[dict[str, float]]:
    """Accuracy and AUC after the volumes with the highest scores are rejected.

    Parameters
    ----------
    labels : int array, shape (n,)
    probabilities : array, shape (n, n_classes)
    scores : array, shape (n,)
    rejected : sequence of float
        Shares of the volumes, rounded down; of equal scores those that come first are kept.

    Returns
    -------
    list of dict
        ``rejected``, ``n`` left, ``accuracy`` and ``auc``; AUC is NaN where a class has no volume left.
    """
    order = np.argsort(scores, kind="stable")
    found = []
    for share in rejected:
        kept = order[: len(order) - int(share * len(order))]
        whole = len(np.unique(labels[kept])) == probabilities.shape[1]
        found.append(
            {
                "rejected": share,
                "n": len(kept),
                "accuracy": metrics.accuracy(labels[kept], probabilities[kept]),
                "auc": metrics.auc(labels[kept], probabilities[kept]) if whole else float("nan"),
            }
        )
    return found
