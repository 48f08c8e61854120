"""Evaluate a run by nested cross-validation: what ``tdaflow evaluate --nested`` and ``--leave-out`` do."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.simple import MAJORITY, title_of
from tdaflow.evaluation.baselines.tabular import TABULAR
from tdaflow.evaluation.baselines.volumes import LabelledVolumes, development_volumes
from tdaflow.evaluation.model.keep import keep_nested_model
from tdaflow.evaluation.protocol.bootstrap import N_RESAMPLES
from tdaflow.evaluation.protocol.choice import CROSS_VALIDATION, Candidate, candidates, varying
from tdaflow.evaluation.protocol.classifiers import FOLDS
from tdaflow.evaluation.protocol.evaluate import FAMILY, Protocol, part_notes, ranges_note
from tdaflow.evaluation.protocol.features import Features, development_features
from tdaflow.evaluation.protocol.fit import fit_choice
from tdaflow.evaluation.protocol.folder import EvaluationFolder, check_is_run
from tdaflow.evaluation.protocol.nested import (
    Method,
    Nested,
    NestedResult,
    chosen_inside,
    nested_predictions,
    outer_folds,
)
from tdaflow.evaluation.protocol.steps import Steps
from tdaflow.evaluation.tables.pages import Table
from tdaflow.evaluation.tables.results import Results, summarise
from tdaflow.evaluation.tables.written import write_results
from tdaflow.pipeline import Observer, Silent
from tdaflow.pipeline.apply import run_volumes
from tdaflow.printable import counted
from tdaflow.store import RunFolder

BASELINES = ("shape", "acquisition", MAJORITY)
"""Simple baselines that are predicted in the same folds."""

METHOD = "TDA, everything chosen inside each fold"


@dataclass(frozen=True)
class NestedEvaluation:
    """Tables of a nested cross-validation.

    Attributes
    ----------
    results : Results
        The method first, then the baselines, with paired differences.
    folds : list of dict
        A row a method, repeat and fold (or site): size, metrics and what was chosen.
    files : list of Path
    """

    results: Results
    folds: list[dict[str, Any]]
    files: list[Path]


def evaluate_nested(
    run: Path,
    protocol: Protocol | None = None,
    nested: Nested | None = None,
    *,
    n_resamples: int = N_RESAMPLES,
    positive: str | None = None,
    observer: Observer | None = None,
) -> NestedEvaluation:
    """Predict every labelled volume by a model that was chosen and fitted on the other patients; write the tables.

    Parameters
    ----------
    run : Path
        Folder of a finished run. If it has a test split, that stays closed: only the other volumes are used. Results go
        to ``evaluation/nested``, or ``evaluation/leave-one-site-out``; finished folds are kept there.
    protocol : Protocol, optional
        Candidates of the choice in each fold, which is always made by cross-validation, and the number of fits.
    nested : Nested, optional
        Five folds by default.
    n_resamples : int
        Resamples of the bootstrap over patients.
    positive : str, optional
        Name of the positive one of two classes in the tables; by default the second.
    observer : Observer, optional

    Returns
    -------
    NestedEvaluation
        If nothing of the run was tested before, the model of the same choice on all these volumes is kept for
        `predict`.

    Raises
    ------
    InputError
        If the folder holds no finished run, or patients or volumes of a class are too few, see `outer_folds`.
    RunError
        If a file cannot be written.
    """
    observer, nested = observer or Silent(), nested or Nested()
    protocol = replace(protocol or Protocol(), choose_on=CROSS_VALIDATION)
    check_is_run(run)
    features, folder = development_features(run), EvaluationFolder(run, nested.name)
    units = None if nested.leave_out is None else _units(run, features, nested.leave_out)
    divided = outer_folds(features, nested, units)
    for sentence in _about(features, nested):
        observer.message(sentence)
    method = _method(features, protocol)
    assert method.listed is not None
    n_fits = sum(len(method.listed(features.taken(fold.train))) for folds in divided for fold in folds)
    steps = Steps("candidates", n_fits, observer.message)
    found = [nested_predictions(method, divided, nested, folder, steps.advanced)]
    found[0] = _with_notes(found[0], features, nested, protocol)
    unavailable = {}
    for name, made in _baselines(run, features):
        if isinstance(made, InputError):
            unavailable[title_of(name)] = str(made)
            continue
        observer.message(f"{made.title}: in the same folds")
        found.append(nested_predictions(made, divided, nested, folder))
    for result in found:
        folder.save(result.predictions)
    listed = [result.predictions for result in found]
    results = summarise(
        listed, data_set=str(features.about.get("data_set", "")), unavailable=unavailable, n_resamples=n_resamples,
        positive=positive,
    )  # fmt: skip
    rows = [row for result in found for row in result.rows]
    files = write_results(results, folder.path, listed)
    files += folder.write_rows("folds", rows, {"title": nested.title, "one": nested.one})
    if any(entry["family"] == FAMILY for entry in EvaluationFolder(run).ledger.entries()):
        observer.message("the model that was tested stays the one that `tdaflow predict` uses")
    else:
        _keep(run, method, protocol, nested, found[0], n_resamples)
        observer.message(f"the same choice on all {len(features)} volumes is the model of `tdaflow predict {run} DATA`")
    return NestedEvaluation(results, rows, files)


def fold_table(rows: list[dict[str, Any]], one: str) -> Table:
    """Make the table of the method's folds or sites (`one` of them), whose last row is their spread."""
    rows = [row for row in rows if row["method"] == METHOD]
    names = ("auc", "accuracy", "balanced_accuracy")

    def cell(value: float | None) -> str:
        return "–" if value is None or value != value else f"{value:.3f}"

    repeated = len({row["repeat"] for row in rows}) > 1
    lines = [
        (
            f"{row['fold']} (repeat {row['repeat'] + 1})" if repeated else str(row["fold"]),
            f"{row['classifier']} on {row['channels']}",
            str(row["volumes"]),
            *(cell(row[name]) for name in names),
        )
        for row in rows
    ]
    spread = []
    for name in names:
        values = np.array([row[name] for row in rows if row[name] is not None], dtype=np.float64)
        values = values[np.isfinite(values)]
        spread.append(f"{cell(values.mean())} ± {values.std(ddof=1):.3f}" if len(values) > 1 else "–")
    lines.append((f"mean ± SD over {one}s", "", "", *spread))
    return Table(
        f"By {one}: {METHOD}",
        (one, "chosen in it", "volumes", "AUC", "accuracy", "balanced accuracy"),
        tuple(lines),
    )


def _method(features: Features, protocol: Protocol) -> Method:
    def listed(train: Features) -> list[Candidate]:
        return candidates(varying(train), protocol.classifiers, protocol.resolved(features).channels)

    return Method(METHOD, "method", features, listed, protocol.choose_by, protocol.n_seeds)


def _baselines(run: Path, features: Features) -> Iterator[tuple[str, Method | InputError]]:
    volumes: LabelledVolumes | InputError
    try:
        volumes = development_volumes(run, features.ids)
    except InputError as error:
        volumes = error
    for name in BASELINES:
        if name == MAJORITY:
            yield (
                name,
                Method("majority class", "baseline", features, None, note="The class frequencies of the other folds."),
            )
            continue
        baseline = TABULAR[name]
        try:
            if isinstance(volumes, InputError):
                raise volumes
            made = baseline.columns(volumes)
        except InputError as error:
            yield name, error
            continue
        columns = made.of_ids(features.ids)
        blocks = tuple(columns.blocks)
        listed = tuple(Candidate(baseline.classifier, blocks[0], blocks, options) for options in baseline.options)
        yield name, Method(baseline.title, "baseline", columns, partial(_always, listed), note=baseline.note)


def _always(listed: Sequence[Candidate], train: Features) -> Sequence[Candidate]:
    return listed


def _units(run: Path, features: Features, column: str) -> np.ndarray:
    """The site or group of every row."""
    if column == "group":
        return features.groups
    table = run_volumes(RunFolder(run)).table()
    sites = {
        str(identity): str(json.loads(facts or "{}").get("site", ""))
        for identity, facts in zip(table.id, table.facts, strict=True)
    }
    return np.array([sites.get(identity, "") for identity in features.ids.tolist()], dtype=np.str_)


def _about(features: Features, nested: Nested) -> list[str]:
    """What is evaluated, and what it means."""
    about = features.about
    n_test = about.get("n_test", 0)
    closed = (
        f"; the {counted(n_test, 'volume of the test split stays', 'volumes of the test split stay')} closed"
        if n_test
        else ""
    )
    whose = {
        "all": "of the run, those of the held-out fold too",
        "train": "of the training split, which are in all folds",
    }
    reference = str(about.get("reference"))
    learnt = (
        f"Ranges and σ were learnt without labels from all volumes {whose[reference]}: features are made once for the "
        "cohort, and what is measured is the choice and fit of a classifier on them."
        if reference in whose
        else ranges_note(about)
    )
    found = [
        f"{nested.title} of {len(features)} volumes{closed}",
        learnt,
        *part_notes(about),
    ]
    if about.get("left_out"):
        left_out = counted(about["left_out"], "volume without label or split is", "volumes without label or split are")
        found.append(f"{left_out} left out.")
    if not (features.groups != "").any():
        found.append("Patients are unknown: every volume counts as one; name their column with --group when you run.")
    return found


def _with_notes(found: NestedResult, features: Features, nested: Nested, protocol: Protocol) -> NestedResult:
    chosen = Counter(f"{row['classifier']} on {row['channels']}" for row in found.rows)
    told = ", ".join(f"{what} in {n}" for what, n in chosen.most_common(3)) + (", …" if len(chosen) > 3 else "")
    metric = protocol.choose_by.replace("_", " ").replace("auc", "AUC")
    first, *others = _about(features, nested)
    notes = (
        f"{first[0].upper()}{first[1:]}.",
        f"In each, the candidate is chosen by {metric} in {FOLDS}-fold cross-validation on the other volumes, fitted "
        f"{protocol.n_seeds} times and averaged; of {len(found.rows)} choices: {told}.",
        *others,
    )
    return replace(found, predictions=replace(found.predictions, notes=notes))


def _keep(run: Path, method: Method, protocol: Protocol, nested: Nested, found: NestedResult, n_resamples: int) -> None:
    """Keep the model of the same choice on all volumes."""
    features = method.features
    scored, n_candidates = chosen_inside(method, features, nested.seed, lambda n: None)
    fit = fit_choice(scored.candidate, features, protocol.n_seeds)
    details = {
        "family": FAMILY,
        "choice": {**scored.candidate.as_dict(), "features": features.digest},
        "number": 1,
        "chosen_by": protocol.choose_by,
        "chosen_on": protocol.choose_on,
        "n_candidates": n_candidates,
        "calibration": None if fit.calibration is None else fit.calibration.as_dict(),
    }
    predictions = replace(found.predictions, details={**found.predictions.details, **details})
    keep_nested_model(run, features, fit, predictions, n_resamples=n_resamples)
