"""Section on the results of `tdaflow evaluate`: tables, confusion matrix, ROC and reliability curves, wrong cases."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError, TdaflowError
from tdaflow.evaluation.protocol.features import feature_digest
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.metrics import reliability
from tdaflow.evaluation.protocol.nested import NESTED_FOLDERS
from tdaflow.evaluation.protocol.predictions import OUT_OF_FOLD, Predictions
from tdaflow.evaluation.run_evaluation import run_results
from tdaflow.evaluation.run_nested import fold_table
from tdaflow.evaluation.tables.results import Results, Row
from tdaflow.evaluation.tables.results_page import FEW, counted, notes, reading_tables
from tdaflow.report.blocks import FigureBlock, Section, TableBlock, figure_block
from tdaflow.report.figures_evaluation import confusion_figure, curves_figure, reliability_figure
from tdaflow.report.figures_volume import thumbnails_figure
from tdaflow.report.run_data import RunData
from tdaflow.report.style import short
from tdaflow.report.thumbnails import Case, how_shown, thumbnails

# Most methods in one figure.
_METHODS = 6
# Most wrong cases in the list, and with a scan.
_LISTED, _SHOWN = 15, 12


@dataclass(frozen=True)
class Evaluated:
    """Results of one evaluation folder.

    Attributes
    ----------
    results : Results
    predictions : list of Predictions
        Of the volumes that the results are of, the method first; the positive class is that of the results.
    remark : str
        What a reader must know before the tables, or "".
    folder : str
        Of the files, below that of the run.
    title : str
        Of a nested cross-validation, else "".
    folds : TableBlock or None
    """

    results: Results
    predictions: list[Predictions]
    folder: str
    remark: str = ""
    title: str = ""
    folds: TableBlock | None = None

    @property
    def first(self) -> Predictions:
        """Predictions of the method that is compared with all others."""
        return self.predictions[0]


def read_evaluations(run: RunData) -> tuple[list[Evaluated], list[str]]:
    """Read what was evaluated, the test split first, and sentences on what cannot be read."""
    found: list[Evaluated] = []
    problems: list[str] = []
    for part in ("", *NESTED_FOLDERS):
        folder = EvaluationFolder(run.folder.path, part)
        if (folder.path / "results.json").is_file():
            one = _read(run, folder, nested=bool(part))
            if isinstance(one, str):
                problems.append(one)
            else:
                found.append(one)
    return found, problems


def _read(run: RunData, folder: EvaluationFolder, *, nested: bool) -> Evaluated | str:
    results = read_results(folder.path / "results.json")
    if isinstance(results, str):
        return results
    try:
        listed = folder.predictions()
        rows = folder.read_rows("folds") if nested else None
    except InputError as error:
        return str(error)
    if not listed or (nested and rows is None):
        return f"The results in {folder.path.name} cannot be read; evaluate again."
    remark = ""
    if not nested and _older(folder, results, listed):
        again = run.command("evaluate", "--rebuild")
        try:
            results = run_results(folder, listed, run.name, results.n_resamples, results.positive)
            remark = f"The tables were older than the predictions and are made anew here; {again} makes the files anew."
        except TdaflowError as error:
            remark = f"The tables are older than the predictions, and cannot be made anew: {error}"
    used = (listed[0].details.get("choice") or {}).get("features")
    if used is not None and feature_digest(run.folder.path) not in (None, used):
        remark += f" The features of this run were made anew since: {run.command('evaluate')} evaluates them."
    predictions = [p.of_split(results.split).with_positive(results.positive) for p in listed]
    name = folder.path.relative_to(run.folder.path).as_posix()
    if rows is None:
        return Evaluated(results, predictions, name, remark.strip())
    table = fold_table(rows[0], str(rows[1]["one"]))
    folds = TableBlock(table.title, table.header, table.rows, numeric=2)
    return Evaluated(results, predictions, name, remark.strip(), str(rows[1]["title"]), folds)


def _older(folder: EvaluationFolder, results: Results, listed: list[Predictions]) -> bool:
    """Return True if the tables lack predictions that were saved since, or were made by a tdaflow that counted less."""
    written = (folder.path / "results.json").stat().st_mtime_ns
    newer = any(path.stat().st_mtime_ns > written for path in folder.path.glob("predictions/*.npz"))
    once = np.sum(results.confusion.get(listed[0].method, 0)) == results.n_volumes(results.split)
    return newer or not once or {p.method for p in listed} != set(results.confusion)


def evaluation_section(run: RunData, evaluations: list[Evaluated], problems: list[str]) -> Section | None:
    """Build the section; None if nothing was evaluated."""
    if not evaluations and not problems:
        return None
    section = Section("evaluation", "Classification results", list(problems))
    for one in evaluations:
        if one.remark:
            section.items.append(one.remark)
        section.items.append(
            f"{one.title[0].upper()}{one.title[1:]}: every volume is predicted by a model whose channels, classifier, "
            "options and calibration were chosen and fitted on volumes of other patients."
            if one.title
            else "Models were fitted on training volumes and chosen on validation volumes; the test volumes were used "
            "once, at the end, unless a note below says otherwise. Published rows follow the protocols of their "
            "authors."
        )
        for table in reading_tables(one.results):
            section.items.append(TableBlock(table.title, table.header, table.rows, numeric=2, kinds=table.kinds))
        if one.folds is not None:
            section.items.append(one.folds)
        section.items += _figures(one)
        section.items += _wrong(run, one)
        section.notes += [note for note in notes(one.results) if note not in section.notes]
    return section


def read_results(path: Path) -> Results | str:
    """Read the results of an evaluation; return a sentence if they cannot be read.

    Parameters
    ----------
    path : Path
        ``results.json`` of an evaluation folder.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        rows = [Row(**_with_nan(row, ("value",))) for row in told.pop("rows")]
        comparisons = [_with_nan(c, ("difference", "low", "high", "p")) for c in told.pop("comparisons")]
        return Results(**{**told, "rows": rows, "comparisons": comparisons, "class_names": tuple(told["class_names"])})
    except (ValueError, KeyError, TypeError, OSError) as error:
        return (
            f"The results in {path.name} cannot be read ({type(error).__name__}); run `tdaflow evaluate RUN --rebuild`."
        )


def _with_nan(told: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: math.nan if value is None and name in names else value for name, value in told.items()}


def _figures(one: Evaluated) -> Iterator[FigureBlock]:
    results, n = one.results, counted(one.results)
    nested = results.split == OUT_OF_FOLD
    if one.first.method in results.confusion:
        matrix = np.array(results.confusion[one.first.method])
        share = matrix.diagonal().sum() / max(matrix.sum(), 1)
        yield figure_block(
            confusion_figure({one.first.method: matrix}, results.class_names),
            "Confusion matrix, " + ("nested cross-validation" if nested else "test split"),
            f"{n[0].upper()}{n[1:]}, each once, by the mean probability over {'repeats' if nested else 'seeds'}. "
            "Rows are true classes, columns predicted ones; colours show the share of the true class."
            + (f" The positive class is {results.positive}." if results.positive else ""),
            f"Confusion matrix of {one.first.method}, which decides {share:.0%} of {n} correctly.",
        )
    tests = [p for p in one.predictions if len(p.ids) and not p.method.startswith("majority class")][:_METHODS]
    if tests and not nested:
        yield _curves(tests, n)
        # A curve through bins of few volumes is noise.
        if len(tests[0].ids) >= FEW:
            yield _reliability(tests, n)


def _wrong(run: RunData, one: Evaluated) -> Iterator[FigureBlock | TableBlock | str]:
    """Yield the volumes that the method decides wrongly, those it is surest of first."""
    rows = [row for row in one.first.rows() if not row["correct"]]
    threshold = one.first.threshold
    at = (
        ""
        if threshold is None
        else f" Class {one.results.positive} is predicted from a probability of {threshold:.2f} on."
    )
    rows.sort(key=lambda row: -row[f"p[{row['predicted']}]"])
    n = len(one.first.ids)
    if not rows:
        yield f"No volume of {n:,} is decided wrongly by {one.first.method}."
        return
    cases = [Case(r["id"], f"{r['p[' + r['predicted'] + ']']:.2f} {r['predicted']}, is {r['class']}") for r in rows]
    if shown := thumbnails(run, cases[:_SHOWN]):
        yield figure_block(
            thumbnails_figure(shown),
            "Wrong cases" if len(shown) == len(rows) else "Wrong cases that the method is surest of",
            f"{len(shown)} of {len(rows)} wrong among {n:,}: probability of the predicted class, and the true one. "
            f"{how_shown(shown)}{at}",
            f"Slices of {', '.join(t.id for t in shown)}.",
            scans=[t.id for t in shown],
        )
    grouped = any(row["group"] for row in rows)
    listed: list[tuple[str, ...]] = [
        (
            r["id"], *((r["group"],) if grouped else ()), r["class"], r["predicted"],
            f"{r['p[' + r['predicted'] + ']']:.3f}",
        )
        for r in rows[:_LISTED]
    ]  # fmt: skip
    yield TableBlock(
        f"Wrong cases of {one.first.method}: {len(rows)} of {n:,}"
        + (f", the surest {_LISTED}" if len(rows) > _LISTED else "")
        + f" (all predictions: {one.folder}/predictions.csv)",
        ("volume", *(("patient",) if grouped else ()), "true class", "predicted", "probability"),
        listed,
        numeric=4 if grouped else 3,
    )


def _curves(tests: list[Predictions], n: str) -> FigureBlock:
    from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

    first = tests[0]
    if len(first.class_names) == 2:
        listed = [(t.method, t.labels == 1, t.averaged[:, 1]) for t in tests]
        prevalence = float((first.labels == 1).mean())
        what = f"One line per method; the positive class is {first.class_names[1]}"
    else:
        listed = [(name, first.labels == k, first.averaged[:, k]) for k, name in enumerate(first.class_names)]
        prevalence = None
        what = f"{first.method}: one line per class, against all others"
    roc, precision_recall, areas = {}, {}, []
    for name, truth, scores in listed:
        if not 0 < truth.sum() < len(truth):
            continue
        area = roc_auc_score(truth, scores)
        areas.append(f"{name} {area:.3f}")
        roc[f"{short(name, 38)} (AUC {area:.3f})"] = roc_curve(truth, scores, drop_intermediate=True)[:2]
        precision, recall, _ = precision_recall_curve(truth, scores)
        precision_recall[name] = (recall[::-1], precision[::-1])
    return figure_block(
        curves_figure(roc, precision_recall, prevalence),
        "ROC and precision–recall on the test split",
        f"{n[0].upper()}{n[1:]}. {what}. Probabilities are means over seeds, so these areas can differ slightly from "
        "the means in the table. Dashed: chance.",
        f"ROC and precision–recall curves. Areas under the ROC curves: {', '.join(areas)}.",
    )


def _reliability(tests: list[Predictions], n: str) -> FigureBlock:
    bins = {test.method: reliability(test.labels, test.averaged) for test in tests}
    return figure_block(
        reliability_figure(bins),
        "Calibration of the predicted confidence",
        f"{n[0].upper()}{n[1:]}. Left: accuracy of predictions by confidence; predictions on the dashed line are "
        "calibrated, below it overconfident. Right: share of predictions by confidence; points of few predictions are "
        "unreliable.",
        f"Reliability diagrams of {', '.join(bins)} in 15 bins of confidence.",
    )
