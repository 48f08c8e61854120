"""Planned volumes of the arrays source, and their rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from tdaflow.errors import InputError
from tdaflow.printable import counted
from tdaflow.sources.stack import ArrayHeader, ArrayStack
from tdaflow.sources.table import Row, Table


@dataclass(frozen=True)
class Case:
    """Location and metadata of one volume before it is read.

    Parameters
    ----------
    id : str
        Final id, or the generated one until a table replaces it.
    stack : ArrayStack
        Array that holds the volume.
    index : int or None
        Position along the stack's first axis; None for a file that is one volume.
    header : ArrayHeader or None
        Header of that array; None if it cannot be used.
    spacing : tuple of 3 float
        In mm, (z, y, x).
    label, split, group : str, optional
        As in the table or the file.
    modality, site : str, optional
        As in the table.
    code : int, optional
        The label as an integer, once all labels are known.
    problem : str, optional
        Reason why the volume cannot be used.
    """

    id: str
    stack: ArrayStack
    index: int | None
    header: ArrayHeader | None
    spacing: tuple[float, float, float]
    label: str | None = None
    split: str | None = None
    group: str | None = None
    modality: str | None = None
    site: str | None = None
    code: int | None = None
    problem: str | None = None

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Shape (z, y, x), if known."""
        return cast(tuple[int, int, int], self.header.shape[-3:]) if self.header is not None else None


def attach_table(cases: Sequence[Case], table: Table, path: Path) -> list[Case]:
    """Join cases and rows: by position in stacks, by id in folders, where file order is arbitrary.

    Parameters
    ----------
    cases : sequence of Case
        In file order; the result keeps it.
    table : Table
        Validated rows.
    path : pathlib.Path
        Where the table came from, for messages.

    Raises
    ------
    InputError
        If rows and volumes do not pair up, or a label or split is given by both the arrays and the table.
    """
    for column in ("label", "split"):
        if column in table.columns and any(getattr(case, column) is not None for case in cases):
            raise InputError(f"{column}s are in the .npz and in {path}: drop the column or the array")
    is_stack = cases[0].index is not None
    rows = _rows_by_position(cases, table, path) if is_stack else _rows_by_id(cases, table, path)
    return [_joined(case, row) for case, row in zip(cases, rows, strict=True)]


def _rows_by_position(cases: Sequence[Case], table: Table, path: Path) -> Sequence[Row]:
    if len(table.rows) != len(cases):
        raise InputError(
            f"{path} has {counted(len(table.rows), 'row')} but {cases[0].stack.path} "
            f"has {counted(len(cases), 'volume')}: "
            "one row for each, in the same order"
        )
    return table.rows


def _rows_by_id(cases: Sequence[Case], table: Table, path: Path) -> Sequence[Row]:
    folder = cases[0].stack.path.parent
    if "id" not in table.columns:
        raise InputError(f"{path} has no id column: rows are matched to the files of {folder} by id")
    rows = {row.id: row for row in table.rows}
    for case in cases:
        if case.id not in rows:
            raise InputError(f"{path} has no row for {case.stack.path}: add one with id {case.id!r}")
    ids = {case.id for case in cases}
    for row in table.rows:
        if row.id not in ids:
            raise InputError(f"{path} line {row.line} names {row.id!r} but {folder} has no {row.id}.npy: add the file")
    return [rows[case.id] for case in cases]


def _joined(case: Case, row: Row) -> Case:
    return replace(
        case,
        id=row.id or case.id,
        label=row.label or case.label,
        split=row.split or case.split,
        group=row.group,
        spacing=row.spacing or case.spacing,
        modality=row.modality,
        site=row.site,
    )
