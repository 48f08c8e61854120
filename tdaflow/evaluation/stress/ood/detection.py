"""How well a score tells known from strange, and what is gained by refusing to answer."""

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
    known: np.ndarray, strange: np.ndarray, groups: np.ndarray, *, n_resamples: int, seed: int = 0
) -> tuple[float, float, float]:
    """Chance that a strange volume scores higher than a known one, ties counting half, and its 95 % interval.

    Parameters
    ----------
    known, strange : arrays, shapes (n,), (m,)
        Scores.
    groups : array of str, shape (n + m,)
        Patients of the known, then of the strange volumes; "" where unknown.
    n_resamples, seed : int
        Of the bootstrap over patients.
    """
    ranks = rankdata(np.concatenate([known, strange]))
    likely = ranks / (len(ranks) + 1)
    pair = Predictions(
        "score", np.arange(len(ranks)).astype(str), np.repeat([0, 1], [len(known), len(strange)]),
        np.full(len(ranks), "test"), groups, ("known", "strange"), {0: np.stack([1 - likely, likely], axis=1)},
    )  # fmt: skip
    statistic = auc_statistic(pair)
    (values,) = distribution([statistic], groups, n_resamples, seed)
    return float(statistic(np.ones((1, len(ranks))))[0]), *interval(values)


def false_positive_rate(known: np.ndarray, strange: np.ndarray, true_rate: float = TRUE_RATE) -> float:
    """Share of the strange volumes that pass for known where `true_rate` of the known ones do.

    The threshold is the lowest score that lets at least this share of the known volumes pass (≤).
    """
    if not len(known) or not len(strange):
        raise InputError("a false positive rate needs known and strange volumes")
    threshold = np.quantile(known, true_rate, method="inverted_cdf")
    return float((strange <= threshold).mean())


def after_rejection(
    labels: np.ndarray, probabilities: np.ndarray, scores: np.ndarray, rejected: Sequence[float] = REJECTED
) -> list[dict[str, float]]:
    """Accuracy and AUC on what is left after the strangest volumes are refused.

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
