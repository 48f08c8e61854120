"""Read labels and splits of series from a CSV with their keyed ids."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.sources.cells import missing_note
from tdaflow.sources.table import Table, encode_labels, read_table


@dataclass(frozen=True)
class Labels:
    """Content of the table.

    Parameters
    ----------
    class_names : tuple of str
        Names of all classes in the table, also of series that are not read.
    codes : dict of str to int or None
        Class of each keyed id that has a row.
    splits : dict of str to str or None
        Split of each keyed id that has a row.
    notes : tuple of str
        Sentences about words for missing values.
    """

    class_names: tuple[str, ...]
    codes: dict[str, int | None]
    splits: dict[str, str | None]
    notes: tuple[str, ...] = ()


def read_labels(path: Path | None, ids: Sequence[str]) -> Labels:
    """Read and validate the table.

    Parameters
    ----------
    path : pathlib.Path, optional
        CSV as `tdaflow.sources.table.read_table` describes, with the columns ``id`` (keyed), ``label`` and ``split``.
        None for no labels.
    ids : sequence of str
        Keyed ids of everything in the source. Those without a row are unlabelled; a row of a series is one of its
        stacks too, whose ids begin with that of the series.

    Raises
    ------
    InputError
        If the table cannot be used or has a row without a series. Messages give line numbers only, because a table may
        contain names or hospital numbers by mistake.
    """
    if path is None:
        return Labels((), {}, {})
    table = _table(path)
    rows = table.rows
    series = {identity: identity.partition("/")[0] for identity in ids}
    known = {*series, *series.values()}
    for row in rows:
        if row.id not in known:
            raise InputError(
                f"line {row.line} of the labels table has an id that is not in the dicom source: "
                "take ids from --write-private-map, made with the same id key"
            )
    class_names, codes = encode_labels([row.label for row in rows])
    found = {row.id: (code, row.split) for row, code in zip(rows, codes, strict=True)}
    of_ids = {identity: found.get(identity) or found.get(of) for identity, of in series.items()}
    told = {identity: both for identity, both in of_ids.items() if both is not None}
    notes = missing_note(table.n_missing_words, "the labels table")
    return Labels(
        class_names, {i: code for i, (code, _) in told.items()}, {i: split for i, (_, split) in told.items()}, notes
    )


def labels_stamp(path: Path) -> dict[str, int]:
    """Return size in bytes and modification time in ns, without the name."""
    stamp = None
    with suppress(OSError):
        found = path.stat()
        stamp = {"size": found.st_size, "mtime_ns": found.st_mtime_ns}
    if stamp is None:
        raise InputError("there is no labels table: check the labels option of the dicom source")
    return stamp


def _table(path: Path) -> Table:
    problem = ""
    try:
        table = read_table(path)
    except InputError as error:
        # Without path and cells; raised outside the handler, so that tracebacks do not contain the original either.
        problem = re.sub(r"'[^']*'|\"[^\"]*\"|\([^)]*\)", "(…)", str(error).replace(str(path), "the labels table"))
    if problem:
        raise InputError(problem)
    if "id" not in table.columns:
        raise InputError("the labels table has no id column: its rows are matched to series by their keyed ids")
    unused = sorted(table.columns & {"group", "spacing_z"})
    if unused:
        raise InputError(
            "the labels table must not have group or spacing columns: DICOM files give both, remove the columns"
        )
    return table
