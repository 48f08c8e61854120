"""Section on the results of `tdaflow evaluate`: tables, confusion matrices, ROC and reliability curves."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.metrics import reliability
from tdaflow.evaluation.protocol.nested import NESTED_FOLDERS
from tdaflow.evaluation.protocol.predictions import OUT_OF_FOLD, Predictions
from tdaflow.evaluation.run_nested import fold_table
from tdaflow.evaluation.tables.results import Results, Row
from tdaflow.evaluation.tables.results_page import notes, reading_tables
from tdaflow.report.blocks import FigureBlock, Section, TableBlock, figure_block
from tdaflow.report.figures_evaluation import confusion_figure, curves_figure, reliability_figure
from tdaflow.report.run_data import RunData
from tdaflow.report.style import short

# Most methods in one figure.
_METHODS = 6
_CONFUSIONS = 4


def evaluation_section(run: RunData) -> Section:
    """Build the section; without results it names the command that makes them."""
    section = Section("evaluation", "Classification results")
    folder = EvaluationFolder(run.folder.path)
    for letter, name in zip("abc", NESTED_FOLDERS, strict=True):
        _add_nested(section, EvaluationFolder(run.folder.path, name), letter)
    results = read_results(folder.path / "results.json")
    if isinstance(results, str):
        if not section.items:
            section.paragraphs.append(results)
        return section
    section.items.append(
        "Models were fitted on training volumes and chosen on validation volumes; the test volumes were used once, at "
        "the end, unless a note below says otherwise. Published rows follow the protocols of their authors."
    )
    for table in reading_tables(results):
        section.items.append(TableBlock(table.title, table.header, table.rows, numeric=2, kinds=table.kinds))
    section.notes += notes(results)
    try:
        listed = folder.predictions()
    except InputError as error:
        section.items.append(str(error))
        listed = []
    section.items += _figures(results, [p.of_split("test") for p in listed])
    return section


def _add_nested(section: Section, folder: EvaluationFolder, letter: str) -> None:
    """Add the tables and figures of a nested cross-validation, if there is one."""
    if not (folder.path / "results.json").is_file():
        return
    results, folds = read_results(folder.path / "results.json"), folder.read_rows("folds")
    if isinstance(results, str) or folds is None:
        section.items.append(f"The results in {folder.path.name} cannot be read; evaluate again.")
        return
    rows, about = folds
    title = str(about["title"])
    section.items.append(
        f"{title[0].upper()}{title[1:]}: every volume is predicted by a model whose channels, classifier, options and "
        "calibration were chosen and fitted on volumes of other patients."
    )
    for table in [*reading_tables(results), fold_table(rows, str(about["one"]))]:
        section.items.append(TableBlock(table.title, table.header, table.rows, numeric=2, kinds=table.kinds))
    section.notes += notes(results)
    section.items += _figures(results, folder.predictions(), letter)


def read_results(path: Path) -> Results | str:
    """Read the results of an evaluation; return a sentence if there are none.

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
    except FileNotFoundError:
        return (
            "These features have not been evaluated. `tdaflow evaluate RUN` fits classifiers and uses the test split "
            "once; write the report again afterwards."
        )
    except (ValueError, KeyError, TypeError, OSError) as error:
        return (
            f"The results in {path.name} cannot be read ({type(error).__name__}); run `tdaflow evaluate RUN --rebuild`."
        )


def _with_nan(told: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: math.nan if value is None and name in names else value for name, value in told.items()}


def _figures(results: Results, tests: list[Predictions], figure: str = "") -> list[FigureBlock]:
    found = []
    nested = results.split == OUT_OF_FOLD
    informed = {m: np.array(c) for m, c in results.confusion.items() if not m.startswith("majority class")}
    matrices = dict(list((informed or {m: np.array(c) for m, c in results.confusion.items()}).items())[:_CONFUSIONS])
    if matrices:
        first = next(iter(matrices))
        recall = matrices[first].diagonal().sum() / max(matrices[first].sum(), 1)
        found.append(
            figure_block(
                confusion_figure(matrices, results.class_names),
                f"9{figure}",
                "Confusion matrices, nested cross-validation" if nested else "Confusion matrices on the test split",
                "Rows are true classes, columns predicted ones; numbers count volumes (summed over seeds), colours "
                "show the share of the true class. A bright diagonal is good.",
                f"Confusion matrices of {', '.join(matrices)}; {first} has an accuracy of {recall:.0%}.",
            )
        )
    tests = [t for t in tests if len(t.ids) and not t.method.startswith("majority class")][:_METHODS]
    if tests and not nested:
        found += [_curves(tests), _reliability(tests)]
    return found


def _curves(tests: list[Predictions]) -> FigureBlock:
    from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

    first = tests[0]
    if len(first.class_names) == 2:
        listed = [(t.method, t.labels == 1, _mean(t)[:, 1]) for t in tests]
        prevalence = float((first.labels == 1).mean())
        what = f"One line per method; the positive class is {first.class_names[1]}"
    else:
        listed = [(name, first.labels == k, _mean(first)[:, k]) for k, name in enumerate(first.class_names)]
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
        "10",
        "ROC and precision–recall on the test split",
        f"{what}. Probabilities are means over seeds, so these areas can differ slightly from the means in the table. "
        "Dashed: chance.",
        f"ROC and precision–recall curves. Areas under the ROC curves: {', '.join(areas)}.",
    )


def _reliability(tests: list[Predictions]) -> FigureBlock:
    bins = {}
    for test in tests:
        labels = np.tile(test.labels, len(test.seeds))
        bins[test.method] = reliability(labels, np.concatenate([test.probabilities[s] for s in test.seeds]))
    return figure_block(
        reliability_figure(bins),
        "11",
        "Calibration of the predicted confidence",
        "Left: accuracy of predictions by confidence; predictions on the dashed line are calibrated, below it "
        "overconfident. Right: share of predictions by confidence; points of few predictions are unreliable.",
        f"Reliability diagrams of {', '.join(bins)} in 15 bins of confidence.",
    )


def _mean(predictions: Predictions) -> np.ndarray:
    return np.mean([predictions.probabilities[s] for s in predictions.seeds], axis=0)
