"""Read the rows of a manifest from CSV or Parquet, and check each row by itself."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdaflow.errors import InputError
from tdaflow.sources.cells import (
    cell_text,
    decimal,
    is_missing_word,
    missing_note,
    split_name,
    whole_number,
    without_secrets,
)
from tdaflow.sources.columns import Renamed, Rows, ignored_note, named_columns
from tdaflow.sources.csv_rows import SUFFIXES, read_csv
from tdaflow.sources.readers import suffix_of
from tdaflow.sources.table import SPACING_COLUMNS, known_modality
from tdaflow.sources.volume import SPLITS

_A_RUN_EACH = "take one with --set data.path_column={}, a run for each, and join their tables by id"
COLUMNS = ("id", "path", "label", "split", "group", "mask", *SPACING_COLUMNS, "volume_index", "modality", "site")


@dataclass
class ManifestRow:
    """One row; None where the column is absent or the cell is empty, a word for a missing value, or unusable.

    ``problems`` are the reasons why the row cannot be used, each a phrase that follows "line n"; ``secrets`` are the
    columns of addresses that were shortened, since they held a user, a password or a query.
    """

    line: int
    id: str | None = None
    path: str | None = None
    label: str | None = None
    split: str | None = None
    group: str | None = None
    mask: str | None = None
    spacing: tuple[float, float, float] | None = None
    volume_index: int | None = None
    modality: str | None = None
    site: str | None = None
    problems: list[str] = field(default_factory=list)
    secrets: frozenset[str] = frozenset()


def read_rows(path: Path, renamed: Renamed = ()) -> tuple[list[ManifestRow], tuple[str, ...]]:
    """Read a manifest and check each cell.

    Parameters
    ----------
    path : pathlib.Path
        ``.csv`` or ``.tsv`` (as `tdaflow.sources.csv_rows.read_csv` reads it) or ``.parquet`` (needs pyarrow).
    renamed : tuple of (str, str)
        `tdaflow.sources.columns.ColumnNames.renamed`.

    Returns
    -------
    rows : list of ManifestRow
        In file order; ``line`` counts lines of a CSV from 1 (the header), rows of a Parquet from 1.
    notes : tuple of str
        Sentences about columns that are not read, and about words for missing values, which are empty cells.

    Raises
    ------
    InputError
        If the file as a whole cannot be used: unreadable, without a ``path`` column, without rows.
    """
    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, ".parquet"):
        raise InputError(f"{path} is neither .csv, .tsv nor .parquet: save the manifest as one of them")
    if not path.is_file():
        raise InputError(f"there is no manifest {path}: check the path")
    header, lines = named_columns(path, *(_parquet(path) if suffix == ".parquet" else read_csv(path)), renamed)
    images = _image_columns(header, lines)
    _check_header(path, header, images)
    rows = [_row(line, cells, suffix != ".parquet") for line, cells in lines]
    if not rows:
        raise InputError(f"{path} has no rows: it needs one for each volume")
    ignored = [name for name in header if name not in COLUMNS]
    notes = ignored_note(path.name, [name for name in ignored if name not in images])
    if others := [name for name in ignored if name in images]:
        notes += (f"{path.name} has more images, in {', '.join(others)}: {_A_RUN_EACH.format(others[0])}",)
    n_missing = sum(is_missing_word(cells.get(name)) for _, cells in lines for name in COLUMNS)
    return rows, notes + missing_note(n_missing, path.name)


def _parquet(path: Path) -> tuple[list[str], list[tuple[int, Mapping[Any, str | None]]]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            f"{path} needs pyarrow, which is not installed: pip install pyarrow, or save the manifest as .csv"
        ) from None
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError, ValueError):
        raise InputError(f"{path} cannot be read as Parquet: export it again") from None
    columns = {name: [_text(value) for value in table[name].to_pylist()] for name in table.column_names}
    numbered = range(table.num_rows)
    return list(columns), [(i + 1, {name: values[i] for name, values in columns.items()}) for i in numbered]


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    # Tables with gaps turn whole numbers into floats: 2.0 is the class 2.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _image_columns(header: Sequence[str], lines: Rows) -> list[str]:
    """Return the columns, but that of masks, whose first cell that is not empty is the name of an image file."""
    first = {name: next((cell for _, cells in lines if (cell := cells.get(name))), "") for name in header}
    return [name for name, cell in first.items() if name != "mask" and suffix_of(cell.strip()) is not None]


def _check_header(path: Path, header: Sequence[str], images: Sequence[str]) -> None:
    if "path" not in header:
        remedy = f"; images are in {', '.join(images)}: {_A_RUN_EACH.format(images[0])}" if images else ""
        raise InputError(f"{path} has no column called path: its columns are {', '.join(header) or 'none'}{remedy}")
    twice = next((name for name in COLUMNS if header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path} has the column {twice!r} more than once: keep one")
    given = [name for name in SPACING_COLUMNS if name in header]
    if given and len(given) < 3:
        raise InputError(f"{path} must have all of {', '.join(SPACING_COLUMNS)} or none: spacing has three axes")


def _row(line: int, cells: Mapping[Any, str | None], is_csv: bool) -> ManifestRow:
    row = ManifestRow(line)
    # DictReader files surplus cells under None and fills missing ones with None.
    ragged = None in cells or (is_csv and None in cells.values())
    value = {name: cell_text(cells.get(name), verbatim=name in ("id", "path", "mask")) for name in COLUMNS}
    row.id, row.path, row.label, row.mask = (value[n] for n in ("id", "path", "label", "mask"))
    row.secrets = frozenset(
        n for n in ("path", "mask") if value[n] is not None and value[n] != (cells.get(n) or "").strip()
    )
    row.group, row.site = (
        whole_number(text) if (text := value[name]) is not None else None for name in ("group", "site")
    )
    row.modality = known_modality(value["modality"])
    if ragged:
        row.problems.append("has another number of cells than the header (quote cells with commas)")
    if row.id is not None and not row.id.isprintable():
        row.problems.append("has an id with characters that cannot be printed")
        row.id = None
    if row.path is None:
        row.problems.append("has no path")
    split = split_name(value["split"]) if value["split"] is not None else None
    if split is not None and split not in SPLITS:
        row.problems.append(f"has split {split!r}, not one of {', '.join(SPLITS)}")
    else:
        row.split = split
    _read_numbers(row, value, cells)
    return row


def _read_numbers(row: ManifestRow, value: Mapping[str, str | None], raw: Mapping[Any, str | None]) -> None:
    cells = [value[name] for name in SPACING_COLUMNS]
    if any(cells):
        try:
            z, y, x = (decimal(cell or "") for cell in cells)
        except ValueError:
            z = y = x = math.nan
        if all(math.isfinite(s) and s > 0 for s in (z, y, x)):
            row.spacing = (z, y, x)
        else:
            shown = ", ".join(without_secrets((raw.get(name) or "").strip()) for name in SPACING_COLUMNS)
            row.problems.append(f"has spacing ({shown}), not three positive numbers in mm")
    if value["volume_index"] is not None:
        index = whole_number(value["volume_index"])
        if index.isascii() and index.isdigit() and len(index) < 10:
            row.volume_index = int(index)
        else:
            row.problems.append(f"has volume_index {index!r}, not a number from 0 up")
