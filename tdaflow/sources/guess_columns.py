"""Recognise what the columns of a table of labels hold, by names and cells; of two candidates none is guessed.

A guess is a column and a sentence that says why and which option names another.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tdaflow.errors import InputError, did_you_mean
from tdaflow.printable import counted
from tdaflow.sources.cells import cell_text, split_name
from tdaflow.sources.csv_rows import read_csv
from tdaflow.sources.volume import SPLITS

_NAMES = {
    "label": "label labels class class_name diagnosis dx target outcome pathology category y",
    "split": "split fold set subset partition",
    "group": "group patient patient_id patientid subject subject_id subjectid participant participant_id pid",
    "site": "site site_id center centre hospital institution scanner",
}
_KNOWN = {kind: frozenset(names.split()) for kind, names in _NAMES.items()}
# More values than that are a measurement or a name.
_MOST_CLASSES = 20


@dataclass(frozen=True)
class LabelTable:
    """A header and the cells below it, as they are in the file."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @cached_property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """Cells by column, without surrounding blanks, "" for missing values."""
        cells = zip(*self.rows, strict=True)
        return {name: tuple(cell_text(c) or "" for c in own) for name, own in zip(self.header, cells, strict=True)}

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)


@dataclass(frozen=True)
class Guess:
    """A column, None where there is none, and the sentence about it ("" for none)."""

    column: str | None
    sentence: str = ""


def read_label_table(path: Path) -> LabelTable:
    """Read a table as `tdaflow.sources.csv_rows.read_csv` does; InputError if it cannot be used."""
    header, lines = read_csv(path.expanduser())
    if not lines:
        raise InputError(f"{path} has no rows below its header: it needs one for each volume")
    twice = [name for name, n in Counter(header).items() if n > 1]
    if twice:
        raise InputError(f"{path} has the column {twice[0]!r} more than once: keep one")
    ragged = next((number for number, cells in lines if None in cells or None in cells.values()), None)
    if ragged is not None:
        raise InputError(f"{path} line {ragged} has another number of cells than the header: quote cells with commas")
    return LabelTable(path, tuple(header), tuple(tuple(cells[name] or "" for name in header) for _, cells in lines))


def label_column(table: LabelTable, given: str | None, taken: Sequence[str | None]) -> Guess:
    """The column of classes: the one that is called so, or the only one with a few repeated values.

    InputError if there are several candidates, or none.
    """
    column = _given(table, given, "--label")
    if column is None:
        named = [name for name in _named(table, "label") if name not in taken]
        by_content = [name for name in table.columns if name not in taken and _is_classes(table.columns[name])]
        column = _only(table, named or by_content, "labels", "--label")
    if column is None:
        raise InputError(
            f"no column of {table.path} looks like classes (its columns are {', '.join(table.columns)}): name it with "
            "--label COLUMN"
        )
    counts = Counter(cell for cell in table.columns[column] if cell)
    if not 2 <= len(counts) <= _MOST_CLASSES and given is None:
        raise InputError(
            f"the column {column!r} of {table.path} has {len(counts)} different values, which are no classes: name "
            "another with --label COLUMN"
        )
    shown = ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))
    return Guess(column, f"labels: column {column!r} ({shown}); another with --label COLUMN")


def split_column(table: LabelTable, given: str | None, taken: Sequence[str | None]) -> Guess:
    """The column whose cells are all train, val or test in some spelling."""
    column = _given(table, given, "--split")
    if column is None:
        column = _only(
            table, [n for n, cells in table.columns.items() if n not in taken and _is_split(cells)], "splits", "--split"
        )
    if column is None:
        return Guess(None, "splits: none; give them with --split COLUMN, or make them with tdaflow split")
    counts = Counter(split_name(cell) for cell in table.columns[column])
    shown = ", ".join(f"{name} {counts[name]}" for name in SPLITS if counts[name])
    return Guess(column, f"splits: column {column!r} ({shown}); another with --split COLUMN")


def group_column(table: LabelTable, given: str | None, taken: Sequence[str | None]) -> Guess:
    """The column of patients that have several rows."""
    column = _given(table, given, "--group")
    if column is None:
        named = [name for name in _named(table, "group") if name not in taken]
        several = [name for name in named if len(set(table.columns[name])) < table.n_rows]
        partitions = {tuple(map(table.columns[name].index, table.columns[name])): name for name in reversed(several)}
        column = _only(table, list(partitions.values()), "patients", "--group")
    if column is None:
        return Guess(None, "patients: every volume counts as one of its own; name their column with --group COLUMN")
    n = len(set(table.columns[column]))
    return Guess(
        column, f"patients: column {column!r} ({n} of {counted(table.n_rows, 'row')}); another with --group COLUMN"
    )


def site_column(table: LabelTable, given: str | None, taken: Sequence[str | None]) -> Guess:
    """The column of where volumes were acquired, if one is called so; nothing is decided by it."""
    column = _given(table, given, "--site")
    if column is None:
        column = _only(table, [name for name in _named(table, "site") if name not in taken], "sites", "--site")
    if column is None:
        return Guess(None)
    n = len(set(table.columns[column]))
    return Guess(column, f"sites: column {column!r} ({counted(n, 'site')}); another with --site COLUMN")


def _given(table: LabelTable, column: str | None, option: str) -> str | None:
    if column is not None and column not in table.columns:
        raise InputError(f"{table.path} has no column {column!r} ({option}); {did_you_mean(column, table.columns)}")
    return column


def _only(table: LabelTable, candidates: Sequence[str], what: str, option: str) -> str | None:
    if len(candidates) > 1:
        shown = ", ".join(map(repr, candidates))
        raise InputError(
            f"{len(candidates)} columns of {table.path} may hold {what}, {shown}: choose one with {option}"
        )
    return candidates[0] if candidates else None


def _named(table: LabelTable, kind: str) -> list[str]:
    return [name for name in table.columns if re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") in _KNOWN[kind]]


def _is_classes(cells: Sequence[str]) -> bool:
    counts = Counter(cell for cell in cells if cell)
    return 2 <= len(counts) <= _MOST_CLASSES and min(counts.values()) > 1 and not _is_split(cells)


def _is_split(cells: Sequence[str]) -> bool:
    found = {split_name(cell) for cell in cells if cell}
    return len(found) > 1 and found <= set(SPLITS)
