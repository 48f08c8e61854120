"""Columns of a table that have other names than ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdaflow.errors import InputError, nearest

_NAMED = ("id", "label", "split", "group", "site")
Renamed = tuple[tuple[str, str], ...]
"""Pairs of our name of a column and the one in the table."""
Rows = list[tuple[int, Mapping[Any, str | None]]]
"""Lines of a table with their numbers; cells by column."""


@dataclass(frozen=True, kw_only=True)
class ColumnNames:
    """Names of the columns of a table.

    Parameters
    ----------
    id_column, label_column, split_column, group_column, site_column : str
        What the column of ids, labels, splits, groups (what no split may divide, such as patients) and sites (where a
        volume was acquired) is called in the table.
    """

    id_column: str = "id"
    label_column: str = "label"
    split_column: str = "split"
    group_column: str = "group"
    site_column: str = "site"

    @property
    def renamed(self) -> Renamed:
        """Those that are not called as usual."""
        given = {name: getattr(self, f"{name}_column") for name in _NAMED}
        return tuple((name, column) for name, column in given.items() if column != name)


def usual_names(path: Path, header: Sequence[str], renamed: Renamed) -> list[str]:
    """Return the header with our names; a column that has one of them without being meant gets another.

    Raises
    ------
    InputError
        If a column is not there; names the nearest.
    """
    found = list(header)
    for name, column in renamed:
        if column not in header:
            near = nearest(column, header)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"{path} has no column {column!r} (data.{name}_column): its columns are {', '.join(header)}{hint}"
            )
        found = [f"{c} (not the {name})" if c == name else c for c in found]
        found[header.index(column)] = name
    return found


def named_columns(path: Path, header: Sequence[str], rows: Rows, renamed: Renamed) -> tuple[list[str], Rows]:
    """Return header and rows with our names of the columns, as `usual_names` gives them."""
    if not renamed:
        return list(header), rows
    names = dict(zip(header, usual_names(path, header, renamed), strict=True))
    return list(names.values()), [(n, {names.get(c, c): cell for c, cell in cells.items()}) for n, cells in rows]


def ignored_note(table: str, ignored: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence about columns that are not read and how to name them; an empty tuple if there are none."""
    if not ignored:
        return ()
    options = ", ".join(f"data.{name}_column" for name in _NAMED)
    return (
        f"{table} has columns that are not read: {', '.join(ignored)}; if one holds ids, labels, splits, groups or "
        f"sites, name it with --set {options}=COLUMN",
    )
