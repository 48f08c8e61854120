"""The head of the page: one sentence of conclusion, the limits below it, and whose scans the page shows."""

from collections.abc import Sequence

import numpy as np

from tdaflow.evaluation.tables.results import Results, Row
from tdaflow.evaluation.tables.results_page import FEW, counted, interval_cell
from tdaflow.report.blocks import FigureBlock, Section
from tdaflow.report.run_data import RunData
from tdaflow.report.section_evaluation import Evaluated
from tdaflow.store.integrity import check_cohort

_LEVEL = 0.05
# Most ids that the head lists.
_NAMED = 12


def conclusion(run: RunData, evaluations: Sequence[Evaluated]) -> str:
    """Return the sentence that a reader remembers: of the test split, or of cross-validation if it is closed."""
    if not evaluations:
        if not run.has_images:
            return "The run has not come to its end, so there are no features yet: run the same command again."
        if not run.class_names:
            return f"{run.name} has features and no labels: there is nothing to predict."
        return f"These features have not been evaluated: {run.command('evaluate')} does that, once on the test split."
    results = evaluations[0].results
    method = evaluations[0].first.method
    rows = {(row.method, row.metric): row for row in results.rows if row.split == results.split}
    auc, accuracy = rows[method, "auc"], rows[method, "accuracy"]
    where = "In nested cross-validation" if evaluations[0].title else "On the test split"
    classes = (
        " from ".join(results.class_names) if len(results.class_names) == 2 else f"{len(results.class_names)} classes"
    )
    return (
        f"{where} ({counted(results)}) {method} tells {classes} apart with an AUC of {interval_cell(auc)} and an "
        f"accuracy of {interval_cell(accuracy)}{_majority(rows)}, {_verdict(results, method, auc, rows)}."
    )


def _majority(rows: dict[tuple[str, str], Row]) -> str:
    found = [row.value for (name, metric), row in rows.items() if metric == "accuracy" and name.startswith("majority")]
    return f" (always naming the most frequent class: {max(found):.3f})" if found else ""


def _verdict(results: Results, method: str, auc: Row, rows: dict[tuple[str, str], Row]) -> str:
    if auc.low is None or not auc.low > 0.5:
        return "which is not shown to be better than chance"
    simple = [
        row for (name, metric), row in rows.items()
        if metric == "auc" and row.kind == "baseline" and not name.startswith("majority")
    ]  # fmt: skip
    if not simple:
        return "better than chance, with no simple row (shape, acquisition) beside it"
    best = max(simple, key=lambda row: row.value)
    p = next((c["p"] for c in results.comparisons if (c["second"], c["metric"]) == (best.method, "auc")), np.nan)
    versus = f"{best.method} (AUC {best.value:.3f}), the strongest other row, paired p = {p:.3f}"
    return f"higher than {versus}" if p < _LEVEL else f"not shown to be higher than {versus}"


def limits(run: RunData, evaluations: Sequence[Evaluated]) -> list[str]:
    """Return what limits the conclusion, a sentence each."""
    found = []
    if evaluations:
        results = evaluations[0].results
        n = results.n_volumes(results.split)
        if n < FEW:
            found.append(f"{counted(results)} are few: one volume changes accuracy by {1 / max(n, 1):.1%}.")
        if results.split not in results.n_patients:
            found.append(
                "Patients are unknown: intervals take volumes for independent, and are too narrow if some share one."
            )
        n_val = results.n_volumes("val")
        told = evaluations[0].first.details
        if told.get("chosen_on") == "validation" and 0 < n_val < FEW and int(told.get("n_candidates", 0)) > 1:
            found.append(
                f"The model was chosen among {told['n_candidates']} candidates on {n_val} validation volumes only."
            )
        if int(told.get("number", 1)) > 1 and not evaluations[0].title:
            found.append(f"This is choice {told['number']} on the same test split: it was open before.")
    if limit := run.state["config"]["data"].get("limit"):
        found.append(f"A part of the data only: the first {limit:,} volumes, of each split if there are splits.")
    outcomes = list(run.state.get("outcomes", {}).values())
    if lost := len(outcomes) - outcomes.count("ok"):
        found.append(f"{lost:,} of {len(outcomes):,} volumes are left out.")
    if run.volumes is not None:
        found += [f"{problem.where}: {problem.what}." for problem in check_cohort(run.rows)]
    return found


def scans_shown(run: RunData, sections: Sequence[Section]) -> str:
    """Say of how many volumes the page shows voxels, and which."""
    figures = [item for section in sections for item in section.items if isinstance(item, FigureBlock)]
    ids = list(dict.fromkeys(identity for figure in figures for identity in figure.scans))
    if not ids:
        return "This page shows no scan; it names volumes by their ids."
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return (
        f"This page shows slices of {len(ids)} scan{'s' if len(ids) > 1 else ''} ({', '.join(ids[:_NAMED])}{more}): "
        f"give it to nobody who may not see them; {run.command('report', '--scans', 'none')} makes one without."
    )
