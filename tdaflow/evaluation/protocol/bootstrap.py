"""Bootstrap over patients, vectorised: intervals of every metric and paired differences from the same resamples.

A resample is a vector of how often each volume was drawn; a metric of many resamples is a matrix product with it. The
mean over a method's seeds is bootstrapped, so the interval is about new patients, the SD over seeds about training.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.metrics import decisions
from tdaflow.evaluation.protocol.patients import patient_units
from tdaflow.evaluation.protocol.predictions import Predictions

N_RESAMPLES = 10_000
# Elements of one block of resamples: bounds the memory whatever the number of volumes.
_BLOCK = 4_000_000

Statistic = Callable[[np.ndarray], np.ndarray]
"""From weights (resamples, n) to one value a resample; NaN where a resample lacks a class."""


def resampled(groups: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield blocks of weights, float64 (some resamples, n): how often each volume was drawn.

    Parameters
    ----------
    groups : array of str, shape (n,)
        Patients: all volumes of one are drawn together. A volume with group "" is its own.
    n_resamples : int
    seed : int
        The same seed, groups and number give the same resamples.
    """
    if not len(groups):
        raise InputError("there is no volume to resample")
    _, unit = np.unique(patient_units(groups), return_inverse=True)
    n_units = int(unit.max()) + 1
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(groups))
    for left in range(0, n_resamples, block):
        size = min(block, n_resamples - left)
        drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=size)
        yield drawn[:, unit].astype(np.float64)


def distribution(
    statistics: Sequence[Statistic], groups: np.ndarray, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Values of all statistics over the same resamples, float64 (len(statistics), n_resamples)."""
    blocks = [np.stack([s(w) for s in statistics]) for w in resampled(groups, n_resamples, seed)]
    return np.concatenate(blocks, axis=1)


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of one statistic's resamples; (NaN, NaN) where more than half of them lack a class."""
    defined = values[np.isfinite(values)]
    if len(defined) <= len(values) / 2:
        return np.nan, np.nan
    low, high = np.percentile(defined, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def auc_interval(
    values: np.ndarray, estimate: float, labels: np.ndarray, *, level: float = 0.95, inflation: float = 1.0
) -> tuple[float, float]:
    """Interval of an AUC on the scale of its logit, from the standard deviation of its resamples.

    A percentile interval of an AUC near 1 is too short, since resamples of few wrong pairs have fewer still: for an AUC
    of .98 and 10 + 40 volumes 95 % intervals hold it in 80 % of simulated samples, this one in 98 %; for .9 and 25 + 73
    volumes in 91 % and 92 %.

    Parameters
    ----------
    values : float64 (n_resamples,)
        NaN where a resample lacks a class.
    estimate : float
        Of all volumes. If it is 0 or 1, half a pair counts as on the other side, and the deviation is that of a share
        of the volumes of the smallest class.
    labels : int array (n,)
    level : float
    inflation : float
        Factor of the standard deviation.

    Returns
    -------
    tuple of float
        (NaN, NaN) where more than half of the resamples lack a class.

    References
    ----------
    Pepe, The Statistical Evaluation of Medical Tests for Classification and Prediction (2003), section 5.2.5.
    """
    defined = values[np.isfinite(values)]
    if len(defined) <= len(values) / 2:
        return np.nan, np.nan
    counts = np.bincount(labels)
    counts = counts[counts > 0]
    half_a_pair = 0.5 / float((counts * (len(labels) - counts)).min())
    inside = float(np.clip(estimate, half_a_pair, 1 - half_a_pair))
    deviation = float(defined.std())
    if estimate in (0.0, 1.0):
        deviation = max(deviation, float(np.sqrt(inside * (1 - inside) / counts.min())))
    reach = norm.ppf(0.5 * (1 + level)) * inflation * deviation / (inside * (1 - inside))
    low, high = (float(end) for end in expit(logit(inside) + np.array([-reach, reach])))
    return min(low, estimate), max(high, estimate)


def paired_p(first: np.ndarray, second: np.ndarray) -> float:
    """Share of resamples in which the first is not better: P(first − second ≤ 0); NaN if none is defined."""
    difference = first - second
    defined = np.isfinite(difference)
    return float((difference[defined] <= 0).mean()) if defined.any() else np.nan


def paired_bootstrap(
    first: Predictions, second: Predictions, metric: str, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> dict[str, float]:
    """Compare two methods on the same resamples of patients.

    Parameters
    ----------
    first, second : Predictions
        Of one split, over the same ids in any order.
    metric : str
        A key of `STATISTICS`.

    Returns
    -------
    dict
        ``difference`` (first − second on the volumes themselves), ``low``, ``high`` (95 %), and ``p``, the share of
        differences ≤ 0.

    Raises
    ------
    InputError
        If the ids differ.
    """
    pair = [STATISTICS[metric](first), STATISTICS[metric](second.aligned(first.ids))]
    once = np.ones((1, len(first.ids)))
    values = distribution(pair, first.groups, n_resamples, seed)
    low, high = interval(values[0] - values[1])
    difference = float((pair[0](once) - pair[1](once))[0])
    return {"difference": difference, "low": low, "high": high, "p": paired_p(*values)}


def auc_statistic(predictions: Predictions) -> Statistic:
    """Macro one-vs-rest AUC, mean over seeds.

    AUC is the weighted share of (positive, negative) pairs in the right order, ties counting half (Mann–Whitney), so
    the pairs of all seeds add up before any resampling. Of a cross-validation only the pairs within a fold count.
    """
    classes = range(len(predictions.class_names)) if len(predictions.class_names) > 2 else (1,)
    terms = [
        [_ranked(predictions, k, *together) for together in part] for part in _comparable(predictions) for k in classes
    ]

    def statistic(weights: np.ndarray) -> np.ndarray:
        values = []
        for ranked in terms:
            pairs, won = np.zeros(len(weights)), np.zeros(len(weights))
            for positive, negative, wins, n_seeds in ranked:
                of_positive, of_negative = weights[:, positive], weights[:, negative]
                pairs += of_positive.sum(axis=1) * of_negative.sum(axis=1) * n_seeds
                won += ((of_positive @ wins) * of_negative).sum(axis=1)
            values.append(won / np.where(pairs > 0, pairs, np.nan))
        return np.mean(values, axis=0)

    return statistic


_Together = tuple[np.ndarray, Sequence[int]]


def _comparable(predictions: Predictions) -> list[list[_Together]]:
    """Rows and seeds whose scores can be ranked together, in parts with an AUC each: all, or a fold of a seed."""
    if not predictions.folds:
        return [[(np.arange(len(predictions.ids)), predictions.seeds)]]
    return [
        [(np.flatnonzero(folds == fold), [seed]) for fold in np.unique(folds)]
        for seed, folds in predictions.folds.items()
    ]


def _ranked(
    predictions: Predictions, k: int, rows: np.ndarray, seeds: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Rows of class `k`, the others, in how many seeds the first is above (a tie counts half), number of seeds."""
    of_class = predictions.labels[rows] == k
    positive, negative = rows[of_class], rows[~of_class]
    wins = np.zeros((len(positive), len(negative)))
    for seed in seeds:
        values = predictions.probabilities[seed]
        above, below = values[positive, k, None], values[None, negative, k]
        wins += (above > below) + 0.5 * (above == below)
    return positive, negative, wins, len(seeds)


def accuracy_statistic(predictions: Predictions) -> Statistic:
    """Accuracy as `metrics.accuracy`, mean over seeds."""
    return _share_of(predictions, sum(decisions(v) == predictions.labels for v in predictions.probabilities.values()))


def accuracy_at_threshold_statistic(predictions: Predictions) -> Statistic:
    """Accuracy of the decisions at the validation thresholds, mean over seeds."""
    return _share_of(predictions, _correct(predictions))


def balanced_accuracy_statistic(predictions: Predictions) -> Statistic:
    """Mean of the recalls of the decisions at the validation thresholds, mean over seeds."""
    correct, n_seeds = _correct(predictions), len(predictions.probabilities)
    members = (predictions.labels[:, None] == np.arange(len(predictions.class_names))).astype(np.float64)

    def statistic(weights: np.ndarray) -> np.ndarray:
        sizes = weights @ members * n_seeds
        return ((weights @ (members * correct[:, None])) / np.where(sizes > 0, sizes, np.nan)).mean(axis=1)

    return statistic


def average_precision_statistic(predictions: Predictions) -> Statistic:
    """Area under the precision–recall curve of class 1, mean over seeds."""
    orders = []
    for values in predictions.probabilities.values():
        order = np.argsort(-values[:, 1], kind="stable")
        ends = np.flatnonzero(np.diff(values[order, 1], append=-np.inf))
        orders.append((order, ends))
    positive = predictions.labels == 1

    def statistic(weights: np.ndarray) -> np.ndarray:
        values = []
        for order, ends in orders:
            hits = np.cumsum(weights[:, order] * positive[order], axis=1)[:, ends]
            calls = np.cumsum(weights[:, order], axis=1)[:, ends]
            precision = hits / np.where(calls > 0, calls, 1)
            total = hits[:, -1]
            steps = np.diff(hits, axis=1, prepend=0)
            values.append((steps * precision).sum(axis=1) / np.where(total > 0, total, np.nan))
        return np.mean(values, axis=0)

    return statistic


def _correct(predictions: Predictions) -> np.ndarray:
    hits = np.zeros(len(predictions.ids))
    for seed, values in predictions.probabilities.items():
        hits += decisions(values, predictions.thresholds.get(seed)) == predictions.labels
    return hits


def _share_of(predictions: Predictions, hits: np.ndarray) -> Statistic:
    n_seeds = len(predictions.probabilities)
    return lambda weights: (weights @ hits) / (weights.sum(axis=1) * n_seeds)


STATISTICS: dict[str, Callable[[Predictions], Statistic]] = {
    "auc": auc_statistic,
    "accuracy": accuracy_statistic,
    "accuracy_at_threshold": accuracy_at_threshold_statistic,
    "balanced_accuracy": balanced_accuracy_statistic,
    "auc_pr": average_precision_statistic,
}
