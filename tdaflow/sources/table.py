"""Read the table of the arrays source: ids, labels, splits, groups and spacings from a CSV."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tdaflow.errors import InputError
from tdaflow.sources.cells import cell_text, decimal, is_missing_word, split_name, whole_number
from tdaflow.sources.columns import Renamed, named_columns
from tdaflow.sources.csv_rows import read_csv
from tdaflow.sources.volume import SPLITS

SPACING_COLUMNS = ("spacing_z", "spacing_y", "spacing_x")
COLUMNS = ("id", "label", "split", "group", *SPACING_COLUMNS, "modality", "site")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")


@dataclass(frozen=True)
class Row:
    """One row; None where the column is absent or the cell is empty or a word for a missing value."""

    line: int
    id: str | None
    label: str | None
    split: str | None
    group: str | None
    spacing: tuple[float, float, float] | None
    modality: str | None = None
    site: str | None = None


@dataclass(frozen=True)
class Table:
    """A validated table.

    Parameters
    ----------
    rows : tuple of Row
        In file order.
    columns : frozenset of str
        Known columns that are present.
    ignored : tuple of str
        Columns that tdaflow does not read.
    n_missing_words : int
        Number of cells in known columns with a word for a missing value, such as ``NA``.
    """

    rows: tuple[Row, ...]
    columns: frozenset[str]
    ignored: tuple[str, ...]
    n_missing_words: int = 0


def read_table(path: Path, renamed: Renamed = ()) -> Table:
    """Read and validate a CSV with a header line.

    Parameters
    ----------
    path : pathlib.Path
        As `tdaflow.sources.csv_rows.read_csv` reads it. Known columns, all optional but at least one present: ``id``;
        ``label`` (numbers or names); ``split`` (train, val or test, or a longer form of these words); ``group``;
        ``spacing_z``, ``spacing_y``, ``spacing_x`` in mm (all three or none); ``modality`` (a DICOM code such as CT or
        MR); ``site`` (where it was acquired). Other columns are ignored and listed. Words for missing values
        (`tdaflow.sources.cells.MISSING`) are empty cells.
    renamed : tuple of (str, str)
        `tdaflow.sources.columns.ColumnNames.renamed`.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        If the table or a row cannot be used; names the line.
    """
    header, lines = named_columns(path, *read_csv(path), renamed)
    columns = _check_header(path, header)
    rows = tuple(_row(path, line, cells, columns) for line, cells in lines)
    if not rows:
        raise InputError(f"{path} has no rows below its header: it needs one for each volume")
    _check_unique(path, rows)
    n_missing = sum(is_missing_word(cells[name]) for _, cells in lines for name in columns)
    return Table(rows, columns, tuple(name for name in header if name not in COLUMNS), n_missing)


def encode_labels(labels: Sequence[str | None]) -> tuple[tuple[str, ...], list[int | None]]:
    """Turn labels into class names and integer codes.

    Parameters
    ----------
    labels : sequence of str or None
        None for an unlabelled volume.

    Returns
    -------
    class_names : tuple of str
        The distinct labels, in numerical order if all are numbers, else alphabetical. ``1``, ``01`` and ``1.0`` are
        the same class.
    codes : list of int or None
        Index into ``class_names`` for each label.

    Examples
    --------
    >>> encode_labels(["10", "9", None, "9"])
    (('9', '10'), [1, 0, None, 0])
    """
    present = {label for label in labels if label is not None}
    if all(_NUMBER.fullmatch(label) for label in present):
        canonical = {label: _plain_number(label) for label in present}
        names = sorted(set(canonical.values()), key=Decimal)
    else:
        canonical = {label: whole_number(label) for label in present}
        names = sorted(set(canonical.values()))
    code = {name: index for index, name in enumerate(names)}
    return tuple(names), [None if label is None else code[canonical[label]] for label in labels]


def _plain_number(label: str) -> str:
    number = Decimal(label)
    return str(int(number)) if number == int(number) else f"{number:f}".rstrip("0")


def known_modality(cell: str | None) -> str | None:
    """Return the cell of a ``modality`` column as a DICOM code in capitals; None if it is empty.

    Examples
    --------
    >>> known_modality(" mr "), known_modality("")
    ('MR', None)
    """
    return (cell_text(cell) or "").upper() or None


def _check_header(path: Path, header: list[str]) -> frozenset[str]:
    columns = frozenset(header) & frozenset(COLUMNS)
    if not columns:
        raise InputError(f"{path} has none of the columns {', '.join(COLUMNS)}: its first line must name them")
    twice = sorted({name for name in columns if header.count(name) > 1})
    if twice:
        raise InputError(f"{path} has the column {twice[0]!r} more than once: keep one")
    if columns & set(SPACING_COLUMNS) and not columns >= set(SPACING_COLUMNS):
        raise InputError(f"{path} must have all of {', '.join(SPACING_COLUMNS)} or none: spacing has three axes")
    return columns


def _row(path: Path, line: int, cells: Mapping[Any, str | None], columns: frozenset[str]) -> Row:
    # DictReader files surplus cells under None and fills missing ones with None.
    if None in cells or None in cells.values():
        raise InputError(f"{path} line {line} has another number of cells than the header: quote cells with commas")
    value = {name: cell_text(cells[name]) for name in columns}
    if "id" in columns and value["id"] is None:
        raise InputError(f"{path} line {line} has no id: every row needs one where the column exists")
    split = value.get("split")
    split = split_name(split) if split is not None else None
    group, site = (whole_number(text) if (text := value.get(name)) is not None else None for name in ("group", "site"))
    if split is not None and split not in SPLITS:
        raise InputError(f"{path} line {line} has split {split!r}: write {', '.join(SPLITS)}, or leave the cell empty")
    return Row(
        line,
        value.get("id"),
        value.get("label"),
        split,
        group,
        _spacing(path, line, value, columns),
        known_modality(value.get("modality")),
        site,
    )


def _spacing(
    path: Path, line: int, value: dict[str, str | None], columns: frozenset[str]
) -> tuple[float, float, float] | None:
    if not columns >= set(SPACING_COLUMNS):
        return None
    cells = [value[name] for name in SPACING_COLUMNS]
    if all(cell is None for cell in cells):
        return None
    try:
        z, y, x = (decimal(cell or "") for cell in cells)
    except ValueError:
        z = y = x = math.nan
    if not all(math.isfinite(s) and s > 0 for s in (z, y, x)):
        shown = ", ".join(str(cell or "") for cell in cells)
        raise InputError(f"{path} line {line} has spacing ({shown}): write three positive numbers in mm")
    return (z, y, x)


def _check_unique(path: Path, rows: Sequence[Row]) -> None:
    first: dict[str, int] = {}
    for row in rows:
        if row.id is not None and first.setdefault(row.id, row.line) != row.line:
            raise InputError(
                f"{path} line {row.line} repeats the id {row.id!r} of line {first[row.id]}: ids are unique"
            )
