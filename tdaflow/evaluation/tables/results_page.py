"""Results of a run as tables, in Markdown and in one self-contained HTML page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tdaflow.evaluation.protocol.predictions import OUT_OF_FOLD
from tdaflow.evaluation.tables.pages import Table, html_document, markdown_page
from tdaflow.evaluation.tables.results import Results, Row

TITLES = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "auc_pr": "AUC-PR",
    "accuracy_at_threshold": "accuracy at threshold",
    "ece": "ECE",
}
SPLITS = {"test": "test split", OUT_OF_FOLD: "nested cross-validation"}
_KINDS = {"method": "", "baseline": "baseline", "published protocol": "published protocol", "published": "published"}
_METRICS = {
    "test": (
        "seeds",
        "AUC (one-vs-rest, macro) and accuracy are computed as MedMNIST's Evaluator does, accuracy of two classes at "
        "0.5; probabilities are calibrated inside train, those of networks are as they come. Balanced accuracy, "
        "recalls and the confusion matrix use the threshold chosen on validation.",
    ),
    OUT_OF_FOLD: (
        "repeats",
        "Every volume is predicted once a repeat, by a model whose channels, classifier, options and calibration were "
        "chosen and fitted on the other folds. AUC (one-vs-rest, macro) is that of the pairs of volumes within a fold; "
        "the other metrics are of all predictions together, decisions of two classes at 0.5. The interval resamples "
        "patients under the models as they are: it does not hold how much models of other patients would differ.",
    ),
}
FEW = 50
"""Below so many volumes one more wrong case changes accuracy by two percent or more, and calibration has no curve."""
# A constant has an AUC of 0.5 whatever the volumes, and its accuracy stands in the table.
_CONSTANT = "majority class"
# Between numbers that belong together.
_NO_BREAK = "\N{NO-BREAK SPACE}"


def reading_tables(results: Results) -> list[Table]:
    """Make the tables of a page: test results, paired comparisons, validation results, recalls and confusion matrix."""
    names = [name for name in TITLES if any(r.metric == name and r.kind != "published" for r in results.rows)]
    if results.split == OUT_OF_FOLD:
        names = [name for name in names if name != "accuracy_at_threshold"]  # no threshold is chosen
    title = f"{results.data_set or 'Results'}: {SPLITS[results.split]} ({counted(results)})"
    found = [_wide(results, results.split, names, title)]
    if any(not c["second"].startswith(_CONSTANT) for c in results.comparisons):
        found.append(_comparisons(results))
    if any(row.split == "val" for row in results.rows):
        title = f"Validation split, where choices were made ({counted(results, 'val')})"
        found.append(_wide(results, "val", names, title))
    return [*found, *_by_class(results)]


def counted(results: Results, split: str | None = None) -> str:
    """Say how many volumes and patients a split has, by default the one that results are of."""
    name = split or results.split
    n, patients = results.n_volumes(name), results.n_patients.get(name)
    return f"{n:,} volumes" + (", patients unknown" if patients is None else f" of {patients:,} patients")


def warning_of_few(results: Results) -> str | None:
    """Return a warning if the volumes that results are of are few."""
    n = results.n_volumes(results.split)
    if not 0 < n < FEW:
        return None
    return f"Warning: {counted(results)} are few: one volume changes accuracy by {1 / n:.1%}; read the intervals."


def notes(results: Results) -> list[str]:
    """Notes to read with the tables."""
    what, metrics_note = _METRICS[results.split]
    warning = warning_of_few(results)
    about = [
        *([warning] if warning else []),
        *(
            [f"Positive class: {results.positive}; choose it with --positive. Its recall is the sensitivity."]
            if results.positive
            else []
        ),
        f"± is the standard deviation over {what}; [ ] the 95 % bootstrap interval over patients, or "
        f"volumes where patients are unknown ({results.n_resamples:,} resamples) of the mean over {what}.",
        metrics_note,
        "p is the share of paired bootstrap differences ≤ 0.",
    ]
    own = [f"{method}: {' '.join(told)}" for method, told in results.notes.items() if told]
    own += [f"{method}: n/a, {reason}" for method, reason in results.unavailable.items()]
    sources = dict.fromkeys(
        f"{row.method.rpartition('(')[2].rstrip(')')}: {row.source}." for row in results.rows if row.source
    )
    return [*about, *own, *sources]


def markdown(results: Results) -> str:
    """Format the page as Markdown."""
    return markdown_page(reading_tables(results), notes(results))


def html_page(results: Results) -> str:
    """Format the page as self-contained HTML, for light and dark screens."""
    return html_document(results.data_set or "Results", reading_tables(results), notes(results))


def _wide(results: Results, split: str, names: Sequence[str], title: str) -> Table:
    rows: dict[tuple[str, str], dict[str, Row]] = {}
    for row in results.rows:
        if row.split == split:
            rows.setdefault((row.method, row.kind), {})[row.metric] = row
    lines = [
        (method, _KINDS.get(kind, kind), *(_cell(found.get(n)) for n in names), _seeds(found))
        for (method, kind), found in rows.items()
    ]
    kinds = [kind for _, kind in rows]
    for method in results.unavailable:
        # Before the published rows, among the baselines.
        at = next((i for i, kind in enumerate(kinds) if kind.startswith("published")), len(kinds))
        lines.insert(at, (method, _KINDS["baseline"], *("n/a" for _ in names), "–"))
        kinds.insert(at, "baseline")
    return Table(
        title,
        ("method", "kind", *(TITLES[name] for name in names), _METRICS[results.split][0]),
        tuple(lines),
        tuple(kinds),
    )


def _comparisons(results: Results) -> Table:
    return Table(
        f"Paired bootstrap: {results.comparisons[0]['first']} minus another",
        ("other", "metric", "difference", "95 %", "p"),
        tuple(
            (c["second"], TITLES[c["metric"]], *_difference(c), _p(c["p"], results.n_resamples))
            for c in results.comparisons
            if not c["second"].startswith(_CONSTANT)
        ),
    )


def _by_class(results: Results) -> list[Table]:
    method, matrix = next(iter(results.confusion.items()))
    return [
        Table(
            f"By class, {SPLITS[results.split]} ({counted(results)}): {method} (mean probability over "
            f"{_METRICS[results.split][0]}; columns are predictions)",
            ("true class", "recall", *results.class_names),
            tuple(
                (name, f"{row[k] / sum(row):.3f}" if sum(row) else "–", *map(str, row))
                for k, (name, row) in enumerate(zip(results.class_names, matrix, strict=True))
            ),
        )
    ]


def _cell(row: Row | None) -> str:
    if row is None or row.value != row.value:
        return "–"
    text = f"{row.value:.3f}"
    if row.sd is not None:
        text += f" ± {row.sd:.3f}"
    if row.low is not None and row.high is not None and row.low == row.low:
        text += f" [{row.low:.3f},{_NO_BREAK}{row.high:.3f}]"
    return text.replace(" ± ", f"{_NO_BREAK}±{_NO_BREAK}")


def interval_cell(row: Row) -> str:
    """Format a number and its bootstrap interval, without the SD over seeds."""
    return _cell(replace(row, sd=None))


def _difference(comparison: Mapping[str, float]) -> tuple[str, str]:
    return f"{comparison['difference']:+.3f}", f"[{comparison['low']:+.3f}, {comparison['high']:+.3f}]"


def _seeds(found: dict[str, Row]) -> str:
    n = next(iter(found.values())).n_seeds
    return str(n) if n else "–"


def _p(value: float, n_resamples: int) -> str:
    return f"< {1 / n_resamples:g}" if value == 0 else f"{value:.4f}"
