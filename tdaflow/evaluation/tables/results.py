"""Summarise predictions as a tidy table, a row a method, split and metric, with SD and bootstrap intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol import metrics
from tdaflow.evaluation.protocol.bootstrap import (
    N_RESAMPLES,
    STATISTICS,
    auc_interval,
    distribution,
    interval,
    paired_p,
)
from tdaflow.evaluation.protocol.files import without_nan
from tdaflow.evaluation.protocol.predictions import OUT_OF_FOLD, Predictions
from tdaflow.evaluation.tables.published import PublishedRow

COMPARED = ("auc", "accuracy", "balanced_accuracy")


@dataclass(frozen=True)
class Row:
    """One number of the tidy table.

    Attributes
    ----------
    data_set, method, kind, split, metric : str
        `kind` is "method", "baseline", "published protocol" or "published".
    value : float
        Mean over seeds.
    sd : float or None
        Standard deviation over seeds (n − 1); None for one seed.
    n_seeds : int
        0 for a published number.
    low, high : float or None
        95 % bootstrap interval over patients of the mean over seeds, of the AUC as `auc_interval`; not on validation.
    n_volumes : int
    source : str
        Publication, or "" for ours.
    """

    data_set: str
    method: str
    kind: str
    split: str
    metric: str
    value: float
    sd: float | None = None
    n_seeds: int = 0
    low: float | None = None
    high: float | None = None
    n_volumes: int = 0
    source: str = ""


@dataclass(frozen=True)
class Results:
    """Content of the tables.

    Attributes
    ----------
    data_set : str
    rows : list of Row
    comparisons : list of dict
        Paired bootstrap of the first method against every other: ``first``, ``second``, ``metric``, ``difference``,
        ``low``, ``high``, ``p``.
    confusion : dict of str to list
        Method to confusion matrix on `split` (rows true, columns predicted), of the mean prediction over seeds: every
        volume counts once.
    class_names : tuple of str
        Of two, the second is the positive class.
    notes : dict of str to list of str
        Notes under the table, by method.
    n_resamples : int
    unavailable : dict of str to str
        Baselines that these volumes do not have, and why: rows of "n/a".
    split : str
        What intervals, comparisons and confusion matrices are of: "test", or `OUT_OF_FOLD`.
    n_patients : dict of str to int
        Patients of every split; without a split whose patients are unknown.
    """

    data_set: str
    rows: list[Row]
    comparisons: list[dict[str, Any]]
    confusion: dict[str, list[list[int]]]
    class_names: tuple[str, ...]
    notes: dict[str, list[str]] = field(default_factory=dict)
    n_resamples: int = N_RESAMPLES
    unavailable: dict[str, str] = field(default_factory=dict)
    split: str = "test"
    n_patients: dict[str, int] = field(default_factory=dict)

    @property
    def positive(self) -> str | None:
        """Name of the positive class, if there are two."""
        return self.class_names[1] if len(self.class_names) == 2 else None

    def n_volumes(self, split: str) -> int:
        """Number of volumes of a split."""
        return max((row.n_volumes for row in self.rows if row.split == split), default=0)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping, NaN as None."""
        names = ("data_set", "comparisons", "confusion", "notes", "n_resamples", "unavailable", "split", "n_patients")
        told = {name: getattr(self, name) for name in names}
        rows = [asdict(row) for row in self.rows]
        return without_nan({**told, "class_names": list(self.class_names), "rows": rows})


def summarise(
    listed: Sequence[Predictions],
    *,
    data_set: str = "",
    published: Sequence[PublishedRow] = (),
    unavailable: Mapping[str, str] | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    positive: str | None = None,
) -> Results:
    """Build the results of several methods on the same volumes.

    Parameters
    ----------
    listed : sequence of Predictions
        The first is compared with every other. All must be of the same test volumes (or all of the same volumes of
        nested cross-validation); validation rows are optional.
    data_set : str
    published : sequence of PublishedRow
        Shown beside ours, without comparisons.
    unavailable : mapping, optional
        Titles of baselines that do not exist for these volumes, and why.
    n_resamples, seed : int
        Of the bootstrap; all methods share the resamples.
    positive : str, optional
        Name of the positive one of two classes; by default the second.

    Raises
    ------
    InputError
        If there is nothing to summarise, two methods have one name, or the test volumes or their labels differ.
    """
    if not listed:
        raise InputError("there are no predictions to make a table of: evaluate first")
    listed = [p.with_positive(positive) for p in listed]
    names = [p.method for p in listed]
    if len(set(names)) < len(names):
        raise InputError(f"two methods are called {max(names, key=names.count)!r}: give each a name of its own")
    split = OUT_OF_FOLD if (listed[0].splits == OUT_OF_FOLD).any() else "test"
    reference = listed[0].of_split(split)
    if not len(reference.ids):
        raise InputError(f"the predictions of {names[0]!r} hold no test volume: evaluate again")
    tests = [p.of_split(split).aligned(reference.ids) for p in listed]
    for test in tests:
        if not np.array_equal(test.labels, reference.labels) or test.class_names != reference.class_names:
            raise InputError(f"{test.method!r} and {names[0]!r} give the same test volumes different labels")
    resamples = _resamples(tests, n_resamples, seed)
    rows = []
    for whole, test in zip(listed, tests, strict=True):
        val = whole.of_split("val")
        if len(val.ids):
            rows += _rows(val, data_set, "val", {})
        of_method = {metric: values for (name, metric), values in resamples.items() if name == test.method}
        intervals = {metric: _interval(test, metric, values) for metric, values in of_method.items()}
        rows += _rows(test, data_set, split, intervals)
    for line in published:
        rows += [
            Row(data_set, f"{line.method} ({line.table})", "published", split, metric, value, source=line.source)
            for metric, value in line.metrics.items()
        ]
    return Results(
        data_set=data_set,
        rows=rows,
        comparisons=_comparisons(tests, resamples),
        confusion={t.method: _confusion(t).tolist() for t in tests},
        class_names=reference.class_names,
        notes={p.method: list(p.notes) for p in listed} | _about_patients(tests[0], resamples),
        n_resamples=n_resamples,
        unavailable=dict(unavailable or {}),
        split=split,
        n_patients={
            name: len(np.unique(groups))
            for name in ("val", split)
            if len(groups := listed[0].of_split(name).groups) and (groups != "").all()
        },
    )


def point_metrics(predictions: Predictions, seed: int) -> dict[str, float]:
    """Compute all metrics of one seed on the given rows, with a recall for every class."""
    labels, values = predictions.labels, predictions.probabilities[seed]
    n_classes = len(predictions.class_names)
    predicted = metrics.decisions(values, predictions.thresholds.get(seed))
    expected, largest = metrics.calibration_errors(labels, values)
    found = {
        "auc": _auc(predictions, seed),
        "accuracy": metrics.accuracy(labels, values),
        "balanced_accuracy": metrics.balanced_accuracy(labels, predicted, n_classes),
    }
    if n_classes == 2:
        found["auc_pr"] = metrics.average_precision(labels, values)
        found["accuracy_at_threshold"] = float((predicted == labels).mean())
        found["threshold"] = predictions.thresholds.get(seed, 0.5)
    found |= {"ece": expected, "mce": largest}
    recalls = metrics.recall_by_class(labels, predicted, n_classes)
    return found | {f"recall[{name}]": float(r) for name, r in zip(predictions.class_names, recalls, strict=True)}


def _auc(predictions: Predictions, seed: int) -> float:
    if not predictions.folds:
        return metrics.auc(predictions.labels, predictions.probabilities[seed])
    one = replace(
        predictions, probabilities={seed: predictions.probabilities[seed]}, folds={seed: predictions.folds[seed]}
    )
    return float(STATISTICS["auc"](one)(np.ones((1, len(one.ids))))[0])


def _rows(
    predictions: Predictions, data_set: str, split: str, intervals: Mapping[str, tuple[float, float]]
) -> list[Row]:
    by_seed = [point_metrics(predictions, seed) for seed in predictions.seeds]
    rows = []
    for metric in by_seed[0]:
        values = np.array([found[metric] for found in by_seed])
        low, high = intervals.get(metric, (None, None))
        rows.append(
            Row(
                data_set,
                predictions.method,
                predictions.kind,
                split,
                metric,
                float(values.mean()),
                float(values.std(ddof=1)) if len(values) > 1 else None,
                len(values),
                low,
                high,
                len(predictions.ids),
            )
        )
    return rows


def _resamples(tests: Sequence[Predictions], n_resamples: int, seed: int) -> dict[tuple[str, str], np.ndarray]:
    """Values of every method and metric over the same resamples of patients."""
    binary = len(tests[0].class_names) == 2
    wanted = [m for m in STATISTICS if binary or m not in ("auc_pr", "accuracy_at_threshold")]
    keys = [(test.method, metric) for test in tests for metric in wanted]
    statistics = [STATISTICS[metric](test) for test in tests for metric in wanted]
    values = distribution(statistics, tests[0].groups, n_resamples, seed)
    return dict(zip(keys, values, strict=True))


def _interval(test: Predictions, metric: str, values: np.ndarray, inflation: float = 1.0) -> tuple[float, float]:
    if metric != "auc":
        return interval(values)
    estimate = float(STATISTICS[metric](test)(np.ones((1, len(test.ids))))[0])
    return auc_interval(values, estimate, test.labels, inflation=inflation)


def _about_patients(test: Predictions, resamples: Mapping[tuple[str, str], np.ndarray]) -> dict[str, list[str]]:
    """What the intervals assume where it is not known which volumes are of one patient, and what it may cost."""
    if (test.groups != "").any():
        return {}
    low, high = _interval(test, "auc", resamples[test.method, "auc"], inflation=np.sqrt(2))
    return {
        "Patients": [
            "they are not known, so intervals take every volume for a patient of its own. If volumes came in pairs of "
            "one patient that are alike, all intervals would be 1.4 times as wide: that of the AUC of "
            f"{test.method} [{low:.3f}, {high:.3f}]."
        ]
    }


def _comparisons(tests: Sequence[Predictions], resamples: Mapping[tuple[str, str], np.ndarray]) -> list[dict[str, Any]]:
    once, first, found = np.ones((1, len(tests[0].ids))), tests[0], []
    for other in tests[1:]:
        for metric in COMPARED:
            ours, theirs = resamples[first.method, metric], resamples[other.method, metric]
            low, high = interval(ours - theirs)
            observed = STATISTICS[metric](first)(once)[0] - STATISTICS[metric](other)(once)[0]
            found.append(
                {
                    "first": first.method,
                    "second": other.method,
                    "metric": metric,
                    "difference": float(observed),
                    "low": low,
                    "high": high,
                    "p": paired_p(ours, theirs),
                }
            )
    return found


def _confusion(test: Predictions) -> np.ndarray:
    return metrics.confusion_matrix(test.labels, test.decided, len(test.class_names))
