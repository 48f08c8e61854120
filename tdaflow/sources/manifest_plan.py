"""Turn the rows of a manifest into entries: check that files exist inside the root and that ids are unique."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import unquote

from tdaflow.errors import ConfigError, InputError
from tdaflow.printable import counted
from tdaflow.remote import SCHEMES, RemotePath, ask_for, is_address, is_remote, place
from tdaflow.sources.byte_stream import raise_if_passing
from tdaflow.sources.columns import Renamed
from tdaflow.sources.entries import Entry, require_readers
from tdaflow.sources.manifest_table import ManifestRow, read_rows
from tdaflow.sources.readers import SUFFIXES, stem_of, suffix_of
from tdaflow.sources.table import encode_labels
from tdaflow.sources.volume import count_modalities, leaking_groups

# Only its scheme is ever shown: the rest may hold a password or a token.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_SHOWN = 5  # problems that a message lists; it counts the others


@dataclass(frozen=True)
class Plan:
    """Checked manifest: entries in the order of its rows, class names, notes, modalities, and if rows have masks."""

    entries: tuple[Entry, ...]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    modalities: Mapping[str, int]
    has_masks: bool = False


@lru_cache(maxsize=4)  # every worker plans the same manifest once for each batch
def plan(
    path: Path,
    stamp: tuple[int, int],
    root: Path | None,
    *,
    with_masks: bool,
    volume_index: int | None,
    quarantine: bool,
    renamed: Renamed = (),
) -> Plan:
    """Check every row of a manifest.

    Parameters
    ----------
    path : pathlib.Path
        The manifest.
    stamp : tuple of 2 int
        Its size and modification time, part of the cache key, so that an edited manifest is read again.
    root : pathlib.Path, optional
        Folder that paths are relative to and stay in; by default the manifest's.
    with_masks : bool
        Require a mask in every row.
    volume_index : int, optional
        Used in rows without one.
    renamed : tuple of (str, str)
        `tdaflow.sources.columns.ColumnNames.renamed`.
    quarantine : bool
        Turn bad rows into entries with a problem instead of refusing the manifest.

    Raises
    ------
    InputError
        If the manifest cannot be used, or none of its rows can, or one cannot and ``quarantine`` is off.
    """
    rows, about_table = read_rows(path, renamed)
    root = (root if root is not None else path.parent).resolve()
    if not root.is_dir():
        raise InputError(f"there is no folder {root}: root is the folder that paths are relative to")
    _ask_for_objects(rows)
    entries = [_entry(row, root, with_masks, volume_index) for row in rows]
    _mark_repeated(rows, entries)
    bad = [row for row in rows if row.problems]
    if bad and (not quarantine or len(bad) == len(rows)):
        raise InputError(_refusal(path, bad, len(rows)))
    class_names, codes = encode_labels([row.label for row in rows])
    final = tuple(
        replace(
            entry,
            id=identity,
            label=code,
            split=row.split,
            group=row.group,
            site=row.site,
            spacing=row.spacing,
            problem=f"line {row.line} of the manifest {', '.join(row.problems)}" if row.problems else None,
        )
        for identity, entry, row, code in zip(_ids(rows), entries, rows, codes, strict=True)
    )
    usable = [entry for entry in final if entry.problem is None]
    require_readers([entry.name for entry in usable] + [entry.mask_name for entry in usable if entry.mask is not None])
    notes = list(about_table)
    if bad:
        notes.append(f"{len(bad)} of {counted(len(rows), 'row')} of {path.name} cannot be used")
    if leaks := leaking_groups((row.group, row.split) for row in rows):
        notes.append(
            f"{counted(len(leaks), 'group has', 'groups have')} volumes in more "
            f"than one split, the first is {leaks[0]!r}"
        )
    has_masks = any(row.mask is not None for row in rows)
    return Plan(final, class_names, tuple(notes), count_modalities(row.modality for row in rows), has_masks)


def _ask_for_objects(rows: Sequence[ManifestRow]) -> None:
    """Ask for all objects of a table at the same time; PassingFault if their store does not answer."""
    named = [(row, column, text) for row in rows for column, text in (("path", row.path), ("mask", row.mask)) if text]
    objects = [place(text) for row, column, text in named if column not in row.secrets and _is_object(text)]
    try:
        ask_for(objects)
    except OSError as error:
        raise_if_passing(error, str(error.filename))
        raise


def is_absolute(text: str) -> bool:
    """Return True if a path is absolute, on POSIX or Windows, or begins at a home folder."""
    return text.startswith(("/", "\\", "~")) or bool(PureWindowsPath(text).drive)


def _entry(row: ManifestRow, root: Path, with_masks: bool, volume_index: int | None) -> Entry:
    """Return the entry of a row; add problems with its files to the row."""
    row.path, row.mask = (_relative(text, root) for text in (row.path, row.mask))
    path = _inside(row, "path", row.path, root)
    mask = None
    if with_masks:
        if row.mask is None:
            row.problems.append("has no mask, which this mask_mode needs")
        else:
            mask = _inside(row, "mask", row.mask, root)
    name = _name(row.path) if row.path is not None and path is not None else ""
    mask_name = _name(row.mask) if row.mask is not None and mask is not None else ""
    if row.id is None and name:
        row.id = stem_of(path.key if isinstance(path, RemotePath) and is_address(name) else name)
        if row.volume_index is not None:
            row.id += f"/t{row.volume_index:04d}"
    index = row.volume_index if row.volume_index is not None else volume_index
    return Entry(row.id or "", path, name, index, mask, mask_name)


def _relative(text: str | None, root: Path) -> str | None:
    """Return a path as the manifest should have it: relative, if it lies below the root, with forward slashes."""
    if text is None:
        return None
    if text.startswith("file:///"):
        text = unquote(text.removeprefix("file://"))
    if "\\" in text and not PureWindowsPath(text).drive and not (root / text).exists():
        text = text.replace("\\", "/")
    if text.startswith("/"):
        normal = Path(posixpath.normpath(text))
        for found in (normal, normal.parent.resolve() / normal.name):
            if found.is_relative_to(root):
                return found.relative_to(root).as_posix()
    return text


def _inside(row: ManifestRow, column: str, text: str | None, root: Path) -> Path | None:
    """Return the path of a file inside the root; None, and a problem added to the row, if it is not allowed."""
    if text is None:
        return None
    problem = None
    if column not in row.secrets and _is_object(text):
        return _object(row, column, text)
    if address := _ADDRESS.match(text):
        problem = (
            f"has a {column} that is an address of {address[1].lower()}://, allowed are paths and file:/// below the "
            f"manifest's folder or root, and {', '.join(f'{s}://' for s in SCHEMES[:3])} with nothing secret in them: "
            "download it and list the file"
        )
    elif is_absolute(text):
        problem = f"has an absolute {column}, it must lie below the manifest's folder or root"
    elif suffix_of(text) is None:
        problem = f"has a {column} that ends in none of {', '.join(SUFFIXES)}"
    elif not text.isprintable():
        problem = f"has a {column} with characters that cannot be printed"
    else:
        try:
            found = (root / text).resolve()
            if not found.is_relative_to(root):
                problem = f"has a {column} that leads out of the manifest's folder or root"
            elif not found.is_file():
                problem = f"has a {column} where no file is ({text!r})"
        except (OSError, RuntimeError):  # names that are too long, links that go in circles
            problem = f"has a {column} that cannot be followed"
    if problem is not None:
        row.problems.append(problem)
        return None
    return root / text


def _is_object(text: str) -> bool:
    """Return True for an address of an object store that holds no secret."""
    try:
        return is_address(text) and is_remote(place(text))
    except ConfigError:
        return False


def _object(row: ManifestRow, column: str, text: str) -> Path | None:
    path = place(text)
    if suffix_of(path.name) is None:
        row.problems.append(f"has a {column} that ends in none of {', '.join(SUFFIXES)}")
    elif not path.is_file():
        row.problems.append(f"has a {column} where no object is ({path})")
    else:
        return path
    return None


def _name(text: str) -> str:
    return str(place(text)) if is_address(text) else posixpath.normpath(text)


def _mark_repeated(rows: Sequence[ManifestRow], entries: Sequence[Entry]) -> None:
    """Add a problem to every row that shares its id, or all that makes its volume, with another."""
    ids: dict[str, list[ManifestRow]] = {}
    files: dict[tuple[Any, ...], list[ManifestRow]] = {}
    for row, entry in zip(rows, entries, strict=True):
        if row.id is not None:
            ids.setdefault(row.id, []).append(row)
        if entry.path is not None:
            files.setdefault((entry.name, entry.index, entry.mask_name), []).append(row)
    for what, groups in (("id", ids.values()), ("volume", files.values())):
        for same in groups:
            for row in same if len(same) > 1 else ():
                other = same[0].line if row is not same[0] else same[1].line
                row.problems.append(f"has the same {what} as line {other}")


def _ids(rows: Sequence[ManifestRow]) -> list[str]:
    """Return unique ids, also for rows that have none or share one."""
    taken: set[str] = {row.id for row in rows if row.id is not None}
    seen: set[str] = set()
    ids = []
    for row in rows:
        identity = row.id or f"line-{row.line}"
        while identity in seen or (row.id is None and identity in taken):
            identity = f"{identity} (line {row.line})"
        seen.add(identity)
        ids.append(identity)
    return ids


def _refusal(path: Path, bad: Sequence[ManifestRow], n_rows: int) -> str:
    shown = "; ".join(f"line {row.line} {', '.join(row.problems)}" for row in bad[:_SHOWN])
    more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return (
        f"{len(bad)} of {counted(n_rows, 'row')} of {path} cannot be used ({shown}{more}): correct them, "
        "or go on without them with --set data.bad_rows=quarantine"
    )
