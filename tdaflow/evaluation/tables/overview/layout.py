"""Lay out Tables 1 and 2 of Zhu et al. (2024), and Table 2 by AUC: published rows beside ours, a column a data set."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tdaflow.evaluation.tables.overview.gathered import SetResults
from tdaflow.evaluation.tables.overview.methods import MAJORITY, METHODS, method_key, row_label
from tdaflow.evaluation.tables.pages import Table
from tdaflow.evaluation.tables.published import Publication, publications
from tdaflow.evaluation.tables.results import Row
from tdaflow.evaluation.tables.results_page import TITLES, interval_cell, notes, reading_tables

NOT_AT_HAND, NOT_TRAINED, NOT_AVAILABLE, NOTHING = "not at hand", "not trained", "n/a", "–"
TABLE_1, TABLE_2 = "unpublished reproduction", "Zhu et al., Table 2"
_KINDS = ("published", "method", "fusion", "calibrated", "baseline", "published protocol")


@dataclass
class _Line:
    """Row of a table that is being filled: cells by data set."""

    method: str
    label: str
    kind: str
    cells: dict[str, str] = field(default_factory=dict)


def overview_tables(sets: Sequence[SetResults]) -> list[Table]:
    """Make all tables: a reproduction and Table 2 by accuracy, Table 2 by AUC, then each data set's own."""
    listed = publications()
    first = next(p for p in listed if p.title == TABLE_1)
    second = [p for p in listed if p.title != TABLE_1]
    of_first = [found for found in sets if found.data_set in first.data_sets]
    tables = []
    if of_first:
        methods = [*dict.fromkeys(map(method_key, first.methods)), MAJORITY]
        tables.append(_table("Accuracy, beside an unpublished reproduction", "accuracy", of_first, [first], methods))
    tables += [
        _table(f"Table 2, {TITLES[metric]}, {len(sets)} data sets", metric, sets, second)
        for metric in ("accuracy", "auc")
    ]
    for found in sets:
        if found.results is not None:
            tables += reading_tables(found.results)[:2]
    return tables


def overview_notes(sets: Sequence[SetResults]) -> list[str]:
    """Notes to read with the tables."""
    found = [
        "Test split; [ ] is the 95 % bootstrap interval. Every row of ours is a method declared in advance, fitted on "
        "train, chosen on validation and tested once; no row was picked by its test result. Rows of the published "
        "protocol choose the epoch on the test split and say so.",
        f"“{NOT_AVAILABLE}” is a published row without a value, or a baseline that these volumes do not have; "
        f"“{NOTHING}” was not measured; “{NOT_TRAINED}” networks are trained with --train.",
    ]
    found += [f"{s.data_set} is not at hand: {s.reason}" for s in sets if s.results is None]
    # What is said of a method differs between data sets; what is said of all tables does not.
    told = [
        f"{each.data_set}, {note}" if _is_of_a_method(note, each) else note
        for each in sets
        for note in (notes(each.results) if each.results else ())
    ]
    return [*found, *dict.fromkeys(told)]


def _is_of_a_method(note: str, found: SetResults) -> bool:
    unavailable = {} if found.results is None else found.results.unavailable
    return any(note.startswith(f"{method}: ") for method in (*found.labels, *unavailable))


def _table(
    title: str,
    metric: str,
    sets: Sequence[SetResults],
    listed: Sequence[Publication],
    methods: Sequence[str] | None = None,
) -> Table:
    lines = _published_lines(listed, metric, [found.data_set for found in sets])
    for found in sets:
        _add_ours(lines, found, metric)
    for found in sets:
        _add_missing(lines, found)
    order = [*METHODS, *dict.fromkeys(line.method for line in lines if line.method not in METHODS)]
    kept = sorted(
        (line for line in lines if methods is None or line.method in methods),
        key=lambda line: (line.kind == _KINDS[-1], order.index(line.method), _KINDS.index(line.kind)),
    )
    return Table(
        title,
        ("method", "source", *(found.data_set for found in sets)),
        tuple((line.method, line.label, *(_filled(line, found) for found in sets)) for line in kept),
        tuple(line.kind for line in kept),
    )


def _published_lines(listed: Sequence[Publication], metric: str, names: Sequence[str]) -> list[_Line]:
    lines = []
    for publication in listed:
        for method, values in publication.values.get(metric, {}).items():
            cells = {
                name: NOT_AVAILABLE if value != value else f"{value:.3f}"
                for name, value in zip(publication.data_sets, values, strict=True)
                if name in names
            }
            if cells:
                lines.append(_Line(method_key(method), publication.title, "published", cells))
    return lines


def _add_ours(lines: list[_Line], found: SetResults, metric: str) -> None:
    rows: list[Row] = [] if found.results is None else found.results.rows
    for row in rows:
        if row.method in found.labels and row.split == "test" and row.metric == metric:
            method, label = found.labels[row.method]
            _line(lines, method, label, row.kind).cells[found.data_set] = interval_cell(row)


def _add_missing(lines: list[_Line], found: SetResults) -> None:
    """Mark planned rows without a result, on the line that other data sets have for them."""
    if found.results is None:
        return
    missing = [*((t, NOT_TRAINED) for t in found.not_trained), *((t, NOT_AVAILABLE) for t in found.results.unavailable)]
    for title, state in missing:
        method, kind = method_key(title), _KINDS[-1] if _KINDS[-1] in title else "baseline"
        same = [line for line in lines if line.method == method and line.kind == kind]
        line = same[0] if same else _line(lines, method, row_label(title), kind)
        line.cells.setdefault(found.data_set, state)


def _line(lines: list[_Line], method: str, label: str, kind: str) -> _Line:
    same = [line for line in lines if (line.method, line.label, line.kind) == (method, label, kind)]
    if not same:
        lines.append(_Line(method, label, kind))
        return lines[-1]
    return same[0]


def _filled(line: _Line, found: SetResults) -> str:
    if line.kind != "published" and found.results is None:
        return NOT_AT_HAND
    return line.cells.get(found.data_set, NOTHING)
