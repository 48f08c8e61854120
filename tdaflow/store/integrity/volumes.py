"""Check a volume store: every array, the table, and on request every byte."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tdaflow.errors import InputError
from tdaflow.store.integrity.arrays import Contents, contents, contents_of, missing_chunks, reason
from tdaflow.store.integrity.problem import Problem, error, leftover_files, warning
from tdaflow.store.integrity.table import check_table, table_facts
from tdaflow.store.manifest import check_root
from tdaflow.store.volumes import VolumeStore, VolumeTable, entry_name, table_digest
from tdaflow.store.zarr_layout import member, open_group

_AGAIN = "ingest again"
_VERIFY = "run again with --verify, or ingest again"


def check_volumes(path: Path, *, deep: bool = False) -> tuple[list[Problem], dict[str, Any], VolumeTable | None]:
    """Check a volume store.

    Parameters
    ----------
    path : Path
        The store.
    deep : bool
        Read every voxel and compare checksums, digests and ranges with the table, a chunk of equal volumes or a layer
        of blocks at a time; and look for near copies in other splits. Otherwise read the table and the arrays'
        metadata, and check that all chunks exist.

    Returns
    -------
    problems : list of Problem
        Empty for a clean store.
    facts : dict
        As `table_facts`, and the digest.
    table : VolumeTable or None
        None if it cannot be read.
    """
    try:
        store = VolumeStore(path)
        group = open_group(path, "volume store")
        table = store.table()
        entries = np.asarray(member(group, "table/entry")[...])
    except Exception as problem:  # whatever damaged bytes make of JSON and codecs
        return [error("unreadable", "table", f"the table cannot be read ({reason(problem)})", _AGAIN)], {}, None
    class_names = tuple(store.attributes.get("class_names", ()))
    facts = {**table_facts(table, class_names), "digest": store.digest}
    if earlier := [digest for _, digest in store.states[:-1]]:
        facts["earlier"] = earlier
    lengths = {len(getattr(table, f.name)) for f in fields(table)}
    if len(lengths) > 1 or len(entries) != table.n_ok:
        return [error("table", "table", "its columns have different lengths", _AGAIN)], facts, None
    problems = list(check_table(table, class_names))
    if table_digest(table) != store.digest:
        what = "the table is not the one that was ingested: its digest differs"
        problems.append(error("table", "table", what, "restore it or ingest again"))
    try:
        problems += _arrays(path, group, store, table.of_rows(), entries, deep=deep)
    except Exception as problem:  # metadata of the one array that holds all volumes
        problems.append(error("unreadable", "voxels", f"the voxels cannot be read ({reason(problem)})", _AGAIN))
    if deep and not any(problem.kind in ("unreadable", "digest") for problem in problems):
        problems += [error("digest", found.name, found.why, _VERIFY) for found in store.damage()]
    damaged = {"unreadable", "digest", "values", "shape"}
    if deep and not any(problem.kind in damaged for problem in problems):
        from tdaflow.store.integrity.copies import near_copies  # with SciPy, which nothing else here needs

        problems += near_copies(store, table.of_rows())
    facts["has_digests"] = check_root(path) is not None
    problems += _leftovers(path, group, entries)
    return problems, facts, table


def _arrays(
    path: Path, group: zarr.Group, store: VolumeStore, ok: VolumeTable, entries: np.ndarray, *, deep: bool
) -> Iterator[Problem]:
    if store.is_one_array:
        yield from _one_array(path, member(group, "voxels"), ok, entries, deep=deep)
        return
    for row, entry in enumerate(entries.tolist()):
        name = entry_name(entry)
        try:
            array = member(group, name)
        except Exception as problem:
            yield error("unreadable", ok.id[row], f"its array {name} cannot be opened ({_said(problem)})", _AGAIN)
            continue
        yield from _shape(ok, row, array.shape)
        missing = list(missing_chunks(path / name, array))
        if missing:
            what = f"{len(missing)} of {array.nchunks} chunks of {name} are missing"
            yield error("unreadable", ok.id[row], what, _AGAIN)
        elif deep:
            yield from _deep(ok, row, lambda array=array: contents(array))


def _one_array(
    path: Path, array: zarr.Array[Any], ok: VolumeTable, entries: np.ndarray, *, deep: bool
) -> Iterator[Problem]:
    for row in range(len(ok)):
        yield from _shape(ok, row, array.shape[1:])
    step = array.chunks[0]
    missing = {chunk[0] for chunk in missing_chunks(path / "voxels", array)}
    for chunk in range(array.cdata_shape[0]):
        rows = np.flatnonzero(entries // step == chunk).tolist()
        if chunk in missing:
            yield from (
                error("unreadable", ok.id[row], f"its chunk voxels/c/{chunk} is missing", _AGAIN) for row in rows
            )
        elif deep and rows:
            try:
                voxels = np.asarray(array[chunk * step : (chunk + 1) * step])
            except Exception as problem:
                what = f"its chunk voxels/c/{chunk} cannot be read ({reason(problem)})"
                yield from (error("unreadable", ok.id[row], what, _AGAIN) for row in rows)
                continue
            for row in rows:
                yield from _deep(ok, row, lambda v=voxels[entries[row] - chunk * step]: contents_of(v))


def _shape(ok: VolumeTable, row: int, shape: tuple[int, ...]) -> Iterator[Problem]:
    told = tuple(ok.shape[row].tolist())
    if told != tuple(shape):
        yield error("shape", ok.id[row], f"its voxels have shape {tuple(shape)}, the table says {told}", _AGAIN)


def _deep(ok: VolumeTable, row: int, read: Any) -> Iterator[Problem]:
    try:
        found: Contents = read()
    except Exception as problem:
        yield error("unreadable", ok.id[row], f"its voxels cannot be read ({reason(problem)})", _AGAIN)
        return
    if found.digest != ok.digest[row]:
        yield error("digest", ok.id[row], "its voxels are not those that were ingested: their digest differs", _AGAIN)
    if not (np.isfinite(found.minimum) and np.isfinite(found.maximum)):
        yield error("values", ok.id[row], "some of its voxels are NaN or infinite", _AGAIN)
    elif (found.minimum, found.maximum) != (ok.minimum[row], ok.maximum[row]):
        what = (
            f"its voxels range from {found.minimum:g} to {found.maximum:g}, the table says {ok.minimum[row]:g} to "
            f"{ok.maximum[row]:g}"
        )
        yield error("values", ok.id[row], what, _AGAIN)


def _leftovers(path: Path, group: zarr.Group, entries: np.ndarray) -> Iterator[Problem]:
    yield from leftover_files(path, [*path.rglob("*.partial"), *path.glob(".parts")])
    known = {entry_name(entry) for entry in entries.tolist()}
    if (path / "volumes").is_dir():
        for folder in sorted((path / "volumes").iterdir()):
            if folder.is_dir() and f"volumes/{folder.name}" not in known:
                what = "it is an array that the table does not know"
                yield warning("leftover", f"volumes/{folder.name}", what, "delete it")


def _said(problem: Exception) -> str:
    # An InputError names the store's whole path, which must not enter a report that others read.
    return "it is not there" if isinstance(problem, InputError) else reason(problem)
