"""Gather the results of all runs of a data set, and what is missing and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tdaflow.evaluation.protocol.bootstrap import N_RESAMPLES
from tdaflow.evaluation.protocol.committee import filtrations_of
from tdaflow.evaluation.protocol.evaluate import FAMILY
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.tables.overview.methods import MULTI, TDA, method_key, row_label
from tdaflow.evaluation.tables.published import published_rows
from tdaflow.evaluation.tables.results import Results, summarise

# Alpha, sublevel and superlevel.
_PUBLISHED_FILTRATIONS = 3


@dataclass(frozen=True)
class SetResults:
    """Results of one data set, or the reason why there are none.

    Attributes
    ----------
    data_set : str
    results : Results or None
        None if the data are not at hand.
    labels : mapping of str to (str, str)
        Method of the tables and label of the row, by method of the results.
    not_trained : tuple of str
        Titles of networks that the plan asks for and that have no predictions.
    reason : str
        Why there are no results.
    """

    data_set: str
    results: Results | None = None
    labels: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    not_trained: tuple[str, ...] = ()
    reason: str = ""


def gather(
    data_set: str,
    runs: Sequence[tuple[str, Path]],
    *,
    networks: Mapping[str, str],
    n_resamples: int = N_RESAMPLES,
) -> SetResults:
    """Read the saved predictions of a data set's runs and summarise them together; nothing is fitted.

    Parameters
    ----------
    data_set : str
    runs : sequence of (title, folder)
        Evaluated runs on the same volumes; the first one's choice is compared with everything else.
    networks : mapping of str to str
        Deep baselines that the plan asks for, and their titles.
    n_resamples : int
        Of the bootstrap.

    Raises
    ------
    InputError
        If the runs are of different test volumes, or were not evaluated.
    """
    found: dict[str, tuple[Predictions, tuple[str, str]]] = {}
    unavailable: dict[str, str] = {}
    trained: set[str] = set()
    for title, path in runs:
        folder = EvaluationFolder(path)
        unavailable |= folder.unavailable()
        trained |= set(folder.baselines())
        for predictions in folder.predictions():
            named, label = _named(predictions, title)
            # The majority class is the same in every run.
            found.setdefault(named.method, (named, label))
    # The methods first; the first of them is what all others are compared with.
    ordered = sorted(found.values(), key=lambda pair: pair[1][0] not in (TDA, MULTI))
    results = summarise(
        [predictions for predictions, _ in ordered], data_set=data_set, published=published_rows(data_set),
        unavailable=unavailable, n_resamples=n_resamples,
    )  # fmt: skip
    labels = {method: label for method, (_, label) in found.items()}
    missing = tuple(title for name, title in networks.items() if name not in trained)
    return SetResults(data_set, results, labels, missing)


def _named(predictions: Predictions, title: str) -> tuple[Predictions, tuple[str, str]]:
    """Rename predictions uniquely among runs; return also their method of the tables and label of the row."""
    method = predictions.method
    if predictions.details.get("family") == FAMILY:
        number = int(predictions.details.get("number", 1))
        label = title if number == 1 else f"{title} (choice {number})"
        named = replace(predictions, method=f"{title}: {method.removeprefix('TDA: ')}")
        n_filtrations = len(filtrations_of(predictions.details.get("choice", {}).get("blocks", ())))
        return named, (MULTI if n_filtrations > _PUBLISHED_FILTRATIONS else TDA, f"ours, {label}")
    return predictions, (method_key(method), row_label(method))
