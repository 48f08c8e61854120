"""Pair rows of a table, and masks, with image files by their names."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename

from tdaflow.errors import InputError
from tdaflow.printable import counted
from tdaflow.sources.guess_columns import LabelTable
from tdaflow.sources.mask_names import mask_sign
from tdaflow.sources.readers import suffix_of

_SHOWN = 3


def stem(name: str) -> str:
    """Return a file's name without the suffix of its format."""
    return name[: len(name) - len(suffix_of(name) or "")]


def _words(name: str) -> Iterator[str]:
    """Every beginning of a file's name that ends before a separator, such as sub-01 of sub-01_T1w."""
    own = basename(stem(name))
    yield from (own[: found.start()] for found in re.finditer(r"[^0-9A-Za-z]", own))


# From a file's name to what a table may call it, the most exact first.
_RULES: tuple[tuple[str, Callable[[str], Sequence[str]]], ...] = (
    ("the names of files", lambda name: (name, stem(name))),
    ("the last parts of the names of files", lambda name: (basename(name), basename(stem(name)))),
    ("the names of folders", lambda name: name.split("/")[:-1]),
    ("beginnings of the names of files", lambda name: tuple(_words(name))),
)


@dataclass(frozen=True)
class Pairing:
    """Files of the rows of a table.

    Attributes
    ----------
    column : str
        Column of the ids.
    files : tuple of (str or None)
        Name of the file of each row; None where there is not exactly one.
    sentence : str
        What was decided, and the option for another column.
    """

    column: str
    files: tuple[str | None, ...]
    sentence: str


def pair_rows(table: LabelTable, names: Sequence[str], given: str | None, *, allow_missing: bool = False) -> Pairing:
    """Find the column whose cells name one file each.

    Parameters
    ----------
    table : LabelTable
    names : sequence of str
        Of the image files, relative, with forward slashes.
    given : str, optional
        The column of ids.
    allow_missing : bool
        Go on with the rows that have a file.

    Raises
    ------
    InputError
        If no column names the files, two do so equally well, or a row has no file or several.
    """
    found = []
    for column in [given] if given is not None else table.columns:
        if column not in table.columns:
            raise InputError(
                f"{table.path} has no column {column!r} (--id): its columns are {', '.join(table.columns)}"
            )
        for rank, (what, keys) in enumerate(_RULES):
            files = _matched(table.columns[column], names, keys)
            n = sum(name is not None for name in files)
            distinct = len({name for name in files if name is not None})
            if n and distinct == n:
                found.append((n, -rank, column, files, what))
    shown = ", ".join(map(repr, [stem(name) for name in names[:_SHOWN]]))
    if not found:
        where = f"the column {given!r}" if given else "any column"
        raise InputError(
            f"no cell in {where} of {table.path} names one of the {counted(len(names), 'file')}, such as {shown}: name "
            "the column of ids with --id COLUMN, or add one with these names"
        )
    n, rank, column, files, what = max(found, key=lambda pairing: pairing[:2])
    rivals = [other for other in found if other[:2] == (n, rank) and other[3] != files]
    if rivals:
        raise InputError(
            f"the columns {column!r} and {rivals[0][2]!r} of {table.path} name different files: choose with --id COLUMN"
        )
    if n < table.n_rows and not allow_missing:
        row = files.index(None)
        raise InputError(
            f"{table.n_rows - n} of {counted(table.n_rows, 'row')} of {table.path} "
            f"{'names' if table.n_rows - n == 1 else 'name'} no file in their column {column!r}, or "
            f"several (first {table.columns[column][row]!r}, line {row + 2}; files are such as {shown}): name another "
            "column with --id, or go on without these rows with --allow-missing"
        )
    sentence = f"ids: column {column!r} ({counted(n, 'row matches', 'rows match')} {what}); another with --id COLUMN"
    if n < table.n_rows:
        sentence += (
            f"; {counted(table.n_rows - n, 'row without a file is', 'rows without a file are')} "
            "left out (--allow-missing)"
        )
    if len(names) > n:
        sentence += f"; {counted(len(names) - n, 'file without a row is', 'files without a row are')} not read"
    return Pairing(column, files, sentence)


def _matched(
    cells: Sequence[str], names: Sequence[str], keys: Callable[[str], Sequence[str]]
) -> tuple[str | None, ...]:
    of_key: dict[str, set[str]] = {}
    for name in names:
        for key in keys(name):
            of_key.setdefault(key, set()).add(name)
    found = (of_key.get(cell.replace("\\", "/").removeprefix("./"), set()) if cell else set() for cell in cells)
    return tuple(next(iter(files)) if len(files) == 1 else None for files in found)


def separate_masks(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate images from files that look like masks by their names; all are images if all look alike."""
    masks = [name for name in names if mask_sign(stem(name))]
    if len(masks) == len(names):
        return list(names), []
    return [name for name in names if not mask_sign(stem(name))], masks


def pair_masks(images: Sequence[str], masks: Sequence[str]) -> Mapping[str, str] | None:
    """The mask of every image, by the last part of its name but for ``_mask``, ``_seg``, …; None if one has none."""

    def key(name: str) -> str:
        sign = mask_sign(stem(name)) or ""
        own = basename(stem(name))
        return own[: len(own) - len(sign) + 1] if sign.startswith("*") else own

    counts, of_key = Counter(map(key, masks)), {key(name): name for name in masks}
    pairs = {image: of_key.get(basename(stem(image))) for image in images}
    found = {image: mask for image, mask in pairs.items() if mask is not None}
    return found if len(found) == len(set(found.values())) == len(images) and max(counts.values()) == 1 else None
