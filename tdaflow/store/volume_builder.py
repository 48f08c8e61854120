"""Build a volume store: any number of workers write parts, one client finishes it.

A part is a contiguous range of the source's entries. Its voxels are written and synced first, then, under a temporary
name, the small file that lists its rows and the digests of what was written; so a part is complete or absent, and a
killed ingest can be resumed.

Volumes are added to a finished store in a copy of it, whose chunks are hard links where the file system has them. The
finished store is replaced when the copy is complete, so readers see the one or the other.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tdaflow.atomic import delete_tree, remove_whole, rename_whole, sync, sync_tree, sync_up, write_whole, written_whole
from tdaflow.errors import ConfigError, InputError
from tdaflow.extents import grey_values
from tdaflow.printable import printable
from tdaflow.remote import RemotePath, place
from tdaflow.sources.volume import Rejected, Volume
from tdaflow.store.coverage import uncovered
from tdaflow.store.digests import content_digest
from tdaflow.store.manifest import FILES, SEAL, digest_of, seal_group
from tdaflow.store.volumes import (
    FORMAT,
    VolumeStore,
    VolumeTable,
    entry_name,
    joined,
    piece_name,
    read_volume_table,
    table_digest,
)
from tdaflow.store.zarr_layout import attributes_of, create_array, member, open_group, remove_partial, write_column

# Edge of the blocks of a volume that is an array of its own.
BLOCK = 64
# Voxel bytes of one chunk of equal volumes; whole volumes, so that a task reads whole chunks.
CHUNK_BYTES = 4 << 20
# A volume above this is stored in blocks even if all shapes are equal: no task needs to hold it as a whole.
LARGEST_CHUNK = 8 << 20
_PART = re.compile(r"^(\d{8,})-(\d{8,})\.json$")
_KINDS: dict[str, Any] = {
    "label": np.int64, "row": np.int64, "shape": np.int64, "spacing": np.float64,
    "minimum": np.float64, "maximum": np.float64, "extent": np.float64, "quantiles": np.float64,
    "background": np.float64, "others": np.float64, "n_values": np.int64,
}  # fmt: skip
_AXES = {"extent": "bound", "others": "bound", "quantiles": "quantile", "background": "value_and_share"}
_WIDTHS = {"shape": 3, "spacing": 3, "extent": 2, "quantiles": 3, "background": 2, "others": 2}


class VolumeBuilder:
    """Volume store under construction.

    Parameters
    ----------
    path : Path
        A store that `create` made.
    """

    def __init__(self, path: Path) -> None:
        self.path = place(path)
        self._group = open_group(self.path, "volume store in progress", mode="r+")
        self.attributes = attributes_of(self._group)
        self.n_entries = int(self.attributes["n_entries"])
        self.first = int(self.attributes.get("first", 0))

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        n_entries: int,
        shape: tuple[int, int, int] | None,
        dtype: Any,
        attributes: Mapping[str, Any],
    ) -> "VolumeBuilder":
        """Create an empty store.

        Parameters
        ----------
        path : Path
            Of the new store; it must not exist.
        n_entries : int
            Number of entries of the source, usable or not.
        shape, dtype : tuple of int and dtype, or None
            Common shape and type of all volumes, or None; small volumes of one shape become rows of one array.
        attributes : mapping
            JSON-able facts about the source, kept with the store.
        """
        with written_whole(path) as temporary:
            group = zarr.create_group(temporary, zarr_format=3)
            volume_bytes = 0 if shape is None or dtype is None else int(np.prod(shape)) * np.dtype(dtype).itemsize
            if shape is not None and 0 < volume_bytes <= LARGEST_CHUNK:
                chunk = int(np.clip(CHUNK_BYTES // volume_bytes, 1, max(1, n_entries)))
                create_array(
                    group,
                    "voxels",
                    shape=(n_entries, *shape),
                    chunks=(chunk, *shape),
                    dtype=dtype,
                    dimensions=("volume", "z", "y", "x"),
                )
            else:
                group.create_group("volumes")
            (temporary / ".parts").mkdir()
            group.attrs["tdaflow"] = {**attributes, "n_entries": n_entries}
        return cls(path)

    @classmethod
    def grown(
        cls,
        path: Path,
        store: VolumeStore,
        *,
        n_added: int,
        shape: tuple[int, int, int] | None,
        dtype: Any,
        attributes: Mapping[str, Any],
    ) -> "VolumeBuilder":
        """Create a store that holds the volumes of a finished one and lacks those that are added.

        Parameters
        ----------
        path : Path
            Of the new store, beside the finished one; it must not exist.
        store : VolumeStore
        n_added : int
            Entries to be added; they come after the others, from `first` on, which begins a chunk.
        shape, dtype : tuple of int and dtype, or None
            As for `create`, of all volumes. Where the added ones are of another shape or type, every volume becomes an
            array of its own.
        attributes : mapping
            As for `create`; ``earlier`` is `VolumeStore.states` of the finished store.
        """
        if isinstance(path, RemotePath):
            raise ConfigError(
                f"volumes cannot be added to {path.parent}, since an object store has no second name for "
                "what is there: make a run of all volumes with another --out, or of the new ones with `tdaflow apply`"
            )
        with written_whole(path) as temporary:
            shutil.copytree(store.path, temporary, copy_function=_linked)
            os.rename(temporary / "table", temporary / "earlier")
            group = zarr.open_group(temporary, mode="r+", zarr_format=3)
            first = int(store.attributes["n_entries"])
            if "voxels" in group:
                array = member(group, "voxels")
                if (shape, str(dtype)) == (array.shape[1:], str(array.dtype)):
                    first = -(-first // array.chunks[0]) * array.chunks[0]
                    array.resize((first + n_added, *array.shape[1:]))
                else:
                    group.create_group("volumes")
                    entries = np.asarray(member(group, "earlier/entry")[...]).tolist()
                    for entry, voxels in zip(entries, store.voxels(0, len(entries)), strict=True):
                        write_blocks(group, entry_name(entry), voxels)
                    del group["voxels"]
                    if "earlier/files" in group:  # of its chunks
                        del group["earlier/files"]
            (temporary / ".parts").mkdir(exist_ok=True)
            for digests in (FILES, SEAL):  # of the finished store
                group.attrs.pop(digests, None)
            group.attrs["tdaflow"] = {**attributes, "first": first, "n_entries": first + n_added}
        return cls(path)

    @property
    def is_finished(self) -> bool:
        """True if the store is complete and lacks only its name, because a process was killed before it gave it."""
        return "digest" in self.attributes

    @property
    def chunk(self) -> int:
        """Entries per chunk; parts begin at its multiples, so that no two of them share a chunk."""
        return int(member(self._group, "voxels").chunks[0]) if "voxels" in self._group else 1

    def parts(self) -> list[tuple[int, int]]:
        """Return the ranges [start, stop) of written entries, ascending."""
        found = (_PART.match(entry.name) for entry in (self.path / ".parts").iterdir())
        return sorted((int(m[1]), int(m[2])) for m in found if m)

    def missing(self) -> list[tuple[int, int]]:
        """Return the ranges of entries that no part covers."""
        return uncovered([(0, self.first), *self.parts()], self.n_entries)

    def write_voxels(self, start: int, volumes: Sequence[Volume | Rejected]) -> list[dict[str, Any]]:
        """Write the voxels of the entries from `start` and return their rows; `start` begins a chunk."""
        if "voxels" in self._group:
            self._write_chunk(start, volumes)
        else:
            for entry, item in enumerate(volumes, start=start):
                if isinstance(item, Volume):
                    write_blocks(self._group, entry_name(entry), item.voxels)
        return [row_of(item) for item in volumes]

    def write_part(self, start: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Mark the entries [start, start + len(rows)) as written; their voxels must be written before."""
        stop, chunk = start + len(rows), self.chunk
        if self._is_one_array:
            pieces = list(range(start // chunk, -(-stop // chunk)))
        else:
            pieces = [entry for entry, row in enumerate(rows, start=start) if row["ok"]]
        files = {piece: self._piece(piece) for piece in pieces}
        target = self.path / ".parts" / f"{start:08d}-{stop:08d}.json"
        write_whole(target, json.dumps({"rows": list(rows), "files": files}))

    @property
    def _is_one_array(self) -> bool:
        return "voxels" in self._group

    def _piece(self, piece: int) -> str:
        """Have the disk hold what was written of a chunk or an entry; return its digest."""
        name = piece_name(piece, one_array=self._is_one_array)
        sync_up(self.path / name, self.path)
        return digest_of(self.path, name)

    def finish(self, path: Path) -> None:
        """Write the table and give the store its name, in place of the store that it was grown from.

        Raises
        ------
        InputError
            If entries are missing, or two have one id.
        """
        if not self.is_finished:
            self._write_table()
        voxels = "voxels" if self._is_one_array else "volumes"
        seal_group(self.path, ["table", f"{voxels}/zarr.json"])
        sync(self.path / voxels / "zarr.json")
        sync(self.path / voxels)
        sync_tree(self.path / "table")
        sync(self.path / "zarr.json")
        for unfinished in (".parts", "earlier"):
            delete_tree(self.path / unfinished)
        rename_whole(self.path, path)

    def _write_table(self) -> None:
        if self.missing():
            raise InputError(f"{self.path} lacks the entries {self.missing()[0]}; run again to ingest them")
        parts = [self._read_part(start, stop) for start, stop in self.parts()]
        table = table_of([row for part in parts for row in part["rows"]])
        files = {int(piece): digest for part in parts for piece, digest in part["files"].items()}
        entries = self.first + np.flatnonzero(table.row >= 0)
        if "earlier" in self._group:
            table = joined([read_volume_table(self._group, "earlier"), table])
            earlier = np.asarray(member(self._group, "earlier/entry")[...])
            entries = np.concatenate([earlier, entries])
            if "earlier/files" in self._group:
                digests = np.asarray(member(self._group, "earlier/files")[...]).tolist()
                files |= zip(range(len(digests)) if self._is_one_array else earlier.tolist(), digests, strict=True)
        n_chunks = member(self._group, "voxels").cdata_shape[0] if self._is_one_array else 0
        pieces = range(n_chunks) if self._is_one_array else entries.tolist()
        _check_ids(table.id.tolist())
        # Those of an older version are not known.
        digests = [files.get(piece) or self._piece(piece) for piece in pieces]
        remove_whole(self.path / "table")  # a killed process had begun to write it
        with written_whole(self.path / "table") as temporary:
            group = zarr.create_group(temporary, zarr_format=3)
            for field in fields(VolumeTable):
                values, axes = getattr(table, field.name), ("volume", _AXES.get(field.name, "axis"))
                write_column(group, field.name, values, dimensions=axes[: values.ndim])
            write_column(group, "entry", entries.astype(np.int64), dimensions=("row",))
            write_column(group, "files", np.array(digests, dtype=object), dimensions=("piece",))
        remove_partial(self.path)
        attributes = {**self.attributes, "format": FORMAT, "digest": table_digest(table)}
        self._group.attrs["tdaflow"] = attributes
        self.attributes = attributes

    def _write_chunk(self, start: int, volumes: Sequence[Volume | Rejected]) -> None:
        array = member(self._group, "voxels")
        block = np.zeros((len(volumes), *array.shape[1:]), dtype=array.dtype)
        for position, item in enumerate(volumes):
            if isinstance(item, Volume):
                if item.voxels.shape != array.shape[1:] or item.voxels.dtype != array.dtype:
                    raise InputError(
                        f"volume {item.id!r} is {item.voxels.dtype} {item.voxels.shape}, the data set {array.dtype} "
                        f"{array.shape[1:]}; declare the source as one of unequal shapes"
                    )
                block[position] = item.voxels
        array[start : start + len(volumes)] = block

    def _read_part(self, start: int, stop: int) -> dict[str, Any]:
        told = json.loads((self.path / ".parts" / f"{start:08d}-{stop:08d}.json").read_text())
        # An older version wrote the rows alone.
        return {"rows": told, "files": {}} if isinstance(told, list) else dict(told)


def write_blocks(group: zarr.Group, name: str, voxels: np.ndarray) -> None:
    """Write a volume as an array of its own in blocks of `BLOCK` voxels a side; one of that name is replaced."""
    array = create_array(
        group,
        name,
        shape=voxels.shape,
        chunks=[min(size, BLOCK) for size in voxels.shape],
        dtype=voxels.dtype,
        dimensions=("z", "y", "x"),
        overwrite=True,
    )
    array[...] = voxels


def _linked(source: str, target: str) -> None:
    """Link a chunk, or copy it where there are no links; what is written again, the metadata, is copied."""
    try:
        if Path(source).name == "zarr.json":
            raise OSError
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def table_of(rows: Sequence[Mapping[str, Any]]) -> VolumeTable:
    """Return the table of all rows that `row_of` made, in source order."""
    ok = np.array([row["ok"] for row in rows], dtype=bool)
    columns: dict[str, Any] = {f.name: [row[f.name] for row in rows] for f in fields(VolumeTable) if f.name != "row"}
    columns["row"] = np.where(ok, np.cumsum(ok) - 1, -1)
    typed = {name: np.array(values, dtype=_KINDS.get(name, object)) for name, values in columns.items()}
    for name, width in _WIDTHS.items():
        typed[name] = typed[name].reshape(-1, width)
    return VolumeTable(**typed)


def row_of(item: Volume | Rejected) -> dict[str, Any]:
    """Return the JSON-able table row of one entry; its ``ok`` is False for a rejected one."""
    row: dict[str, Any] = {
        "id": item.id,
        "label": -1 if item.label is None else item.label,
        "split": item.split or "",
        "group": item.group or "",
        "ok": isinstance(item, Volume),
    }
    if isinstance(item, Volume):
        found = grey_values(item.voxels)
        low, high = found.quantiles
        return {
            **row,
            "shape": list(item.voxels.shape),
            "spacing": [float(s) for s in item.spacing],
            "minimum": float(item.voxels.min()),
            "maximum": float(item.voxels.max()),
            "extent": [found.low, found.high],
            "quantiles": [low, found.median, high],
            "background": [found.common, found.common_share],
            "others": list(found.others),
            "n_values": found.n_values,
            "dtype": str(item.voxels.dtype),
            "digest": content_digest(item.voxels),
            "facts": json.dumps(dict(item.facts)) if item.facts else "",
            "reason": "",
        }
    nothing = {"shape": [0] * 3, "spacing": [np.nan] * 3, "minimum": np.nan, "maximum": np.nan}
    unknown: dict[str, Any] = {
        name: [np.nan] * _WIDTHS[name] for name in ("extent", "quantiles", "background", "others")
    }
    unknown |= {"n_values": 0, "dtype": ""}
    return {**row, **nothing, **unknown, "digest": "", "facts": "", "reason": printable(item.reason)}


def _check_ids(ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for identity in ids:
        if identity in seen:
            raise InputError(f"two volumes have the id {identity!r}; ids must be unique within a data set")
        seen.add(identity)
