"""Tidy table of robustness: metrics with intervals, changes, distances of the images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tdaflow.evaluation.protocol.bootstrap import N_RESAMPLES, distribution, interval
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.stress.robustness.measure import Perturbed
from tdaflow.evaluation.stress.robustness.perturbations import KINDS
from tdaflow.evaluation.tables.results import Results, summarise

METRICS = ("auc", "accuracy", "balanced_accuracy", "ece")
DISTANCE = "relative_distance"
CLEAN = "clean"


@dataclass(frozen=True)
class RobustnessRow:
    """One number of the table.

    Attributes
    ----------
    perturbation : str
        Key of `KINDS`, "clean" or "resolution".
    severity : float
        0 for clean.
    unit : str
        Unit of the severity.
    metric : str
        One of `METRICS`, ``relative_distance`` (mean over volumes and channels of the choice) or
        ``relative_distance[CHANNEL]``.
    value, sd : float, float or None
        Mean and standard deviation over seeds; of distances the mean over volumes.
    low, high : float or None
        95 % bootstrap interval over patients.
    change, change_low, change_high : float or None
        Value minus that of the clean volumes, with the interval of the paired bootstrap.
    relative_change : float or None
        100·(value − clean)/clean.
    n_volumes, n_unusable : int
        Volumes without any diagram count as all-zero images.
    """

    perturbation: str
    severity: float
    unit: str
    metric: str
    value: float
    sd: float | None
    low: float | None
    high: float | None
    change: float | None
    change_low: float | None
    change_high: float | None
    relative_change: float | None
    n_volumes: int
    n_unusable: int

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping, NaN as None."""
        return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in asdict(self).items()}


def robustness_rows(
    clean: Predictions,
    perturbed: Sequence[Perturbed],
    half: Predictions | None = None,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> list[RobustnessRow]:
    """Build the table of robustness.

    Parameters
    ----------
    clean : Predictions
        Of the recorded choice; its test rows are used.
    perturbed : sequence of Perturbed
    half : Predictions, optional
        Of the choice fitted at half resolution.
    n_resamples, seed : int
        Of the bootstrap; all settings share the resamples, so changes are paired.
    """
    test = clean.of_split("test")
    listed = [p.predictions.aligned(test.ids) for p in perturbed] + ([] if half is None else [half.aligned(test.ids)])
    results = summarise([test, *listed], n_resamples=n_resamples, seed=seed)
    rows = _metric_rows(results, test, CLEAN, 0.0, "", 0)
    for setting in perturbed:
        kind, n_unusable = KINDS[setting.kind], int(setting.predictions.details["n_unusable"])
        rows += _metric_rows(results, setting.predictions, setting.kind, setting.severity, kind.unit, n_unusable)
        rows += _distance_rows(setting, kind.unit, n_unusable, n_resamples, seed)
    if half is not None:
        rows += _metric_rows(results, half, "resolution", 0.5, "of the test volumes'", 0)
    return rows


def _metric_rows(
    results: Results, predictions: Predictions, kind: str, severity: float, unit: str, n_unusable: int
) -> list[RobustnessRow]:
    of_test = {r.metric: r for r in results.rows if r.split == "test" and r.method == predictions.method}
    reference = results.rows[0].method
    clean = {r.metric: r.value for r in results.rows if r.split == "test" and r.method == reference}
    # The comparisons are clean minus perturbed.
    paired = {c["metric"]: c for c in results.comparisons if c["second"] == predictions.method}
    found = []
    for metric in METRICS:
        row, pair = of_test[metric], paired.get(metric)
        change = row.value - clean[metric]
        found.append(
            RobustnessRow(
                kind, severity, unit, metric, row.value, row.sd, row.low, row.high,
                None if kind == CLEAN else change,
                -pair["high"] if pair else None,
                -pair["low"] if pair else None,
                None if kind == CLEAN or clean[metric] == 0 else 100 * change / clean[metric],
                row.n_volumes, n_unusable,
            )
        )  # fmt: skip
    return found


def _distance_rows(setting: Perturbed, unit: str, n_unusable: int, n_resamples: int, seed: int) -> list[RobustnessRow]:
    by_channel = setting.distances()
    stacked = np.stack(list(by_channel.values()))
    known = np.isfinite(stacked)
    count = known.sum(axis=0)
    together = np.where(count > 0, np.where(known, stacked, 0).sum(axis=0) / np.maximum(count, 1), np.nan)
    found = []
    for metric, values in ((DISTANCE, together), *((f"{DISTANCE}[{n}]", v) for n, v in by_channel.items())):
        there = np.isfinite(values)
        low, high = None, None
        if there.any():
            groups = setting.predictions.groups[there]
            (means,) = distribution([_mean_of(values[there])], groups, n_resamples, seed)
            low, high = interval(means)
        found.append(
            RobustnessRow(
                setting.kind, setting.severity, unit, metric, float(values[there].mean()) if there.any() else np.nan,
                None, low, high, None, None, None, None, int(there.sum()), n_unusable,
            )
        )  # fmt: skip
    return found


def _mean_of(values: np.ndarray) -> Any:
    return lambda weights: (weights @ values) / weights.sum(axis=1)
