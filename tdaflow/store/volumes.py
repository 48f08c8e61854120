"""The volume store: every source volume as voxels plus one row of a table.

Equal shapes: one array ``voxels (volume, z, y, x)`` chunked in batches. Unequal shapes: one array a volume under
``volumes/``, chunked in blocks. The table lists every input, also the quarantined ones, which have no voxels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import zarr

from tdaflow.errors import InputError
from tdaflow.sources.volume import Rejected, Volume
from tdaflow.store.digests import content_digest, options_digest
from tdaflow.store.zarr_layout import (
    attributes_of,
    create_array,
    member,
    open_group,
    write_column,
)

FORMAT = 1
BLOCK = 64
# Voxel bytes of one chunk; whole volumes, so that one chunk is what one task reads.
CHUNK_BYTES = 4 << 20


@dataclass(frozen=True)
class VolumeTable:
    """One row for every input of a data set, in source order.

    Attributes
    ----------
    id, split, group, reason : arrays of str, shape (n,)
        `split` and `group` are ``""`` where unknown; `reason` is ``""`` for volumes that are ok.
    label : int64 array, shape (n,)
        Class index, -1 where there is none.
    row : int64 array, shape (n,)
        Index among the volumes that have voxels, -1 for quarantined ones.
    shape : int64 array, shape (n, 3)
        Voxels along z, y, x.
    spacing : float64 array, shape (n, 3)
        Millimetres along z, y, x.
    minimum, maximum : float64 arrays, shape (n,)
        Range of the voxel values, in the volume's own units.
    digest : array of str, shape (n,)
        Content digest of the voxels.
    """

    id: np.ndarray
    label: np.ndarray
    split: np.ndarray
    group: np.ndarray
    row: np.ndarray
    shape: np.ndarray
    spacing: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    digest: np.ndarray
    reason: np.ndarray

    def __len__(self) -> int:
        return len(self.id)

    @property
    def n_ok(self) -> int:
        """Number of volumes with voxels."""
        return int((self.row >= 0).sum())

    def of_rows(self) -> "VolumeTable":
        """The table of the volumes with voxels, indexed by row."""
        keep = np.flatnonzero(self.row >= 0)
        keep = keep[np.argsort(self.row[keep])]
        return VolumeTable(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})


@dataclass
class _Rows:
    """The table while it grows."""

    columns: dict[str, list[Any]] = field(default_factory=lambda: {f.name: [] for f in fields(VolumeTable)})

    def add(self, **row: Any) -> None:
        for name, column in self.columns.items():
            column.append(row[name])


class VolumeWriter:
    """Write a volume store volume by volume, one chunk of volumes in memory.

    Parameters
    ----------
    path : Path
        Where the store is made; it must not exist.
    shape : tuple of int or None
        Common shape (z, y, x); None if shapes differ.
    dtype : dtype or None
        Common dtype; needed with `shape`.
    n_volumes : int
        Upper bound of the number of volumes.
    attributes : mapping
        JSON-able facts about the source, kept with the store.
    """

    def __init__(
        self,
        path: Path,
        *,
        shape: tuple[int, int, int] | None,
        dtype: Any,
        n_volumes: int,
        attributes: Mapping[str, Any],
    ) -> None:
        self._group = zarr.create_group(path, zarr_format=3)
        self._attributes = dict(attributes)
        self._shape = shape
        self._rows = _Rows()
        self._n_rows = 0
        self._buffer: list[np.ndarray] = []
        self._voxels: zarr.Array | None = None
        if shape is not None:
            volume_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
            self._chunk = int(np.clip(CHUNK_BYTES // max(1, volume_bytes), 1, max(1, n_volumes)))
            self._voxels = create_array(
                self._group,
                "voxels",
                shape=(n_volumes, *shape),
                chunks=(self._chunk, *shape),
                dtype=dtype,
                dimensions=("volume", "z", "y", "x"),
            )
        else:
            self._chunk = 1
            self._group.create_group("volumes")

    def add(self, volume: Volume) -> None:
        """Append one good volume."""
        voxels = volume.voxels
        self._rows.add(
            **_about(volume),
            row=self._n_rows,
            shape=voxels.shape,
            spacing=volume.spacing,
            minimum=float(voxels.min()),
            maximum=float(voxels.max()),
            digest=content_digest(voxels),
            reason="",
        )
        if self._voxels is not None:
            if voxels.shape != self._shape or voxels.dtype != self._voxels.dtype:
                raise InputError(
                    f"volume {volume.id!r} is {voxels.dtype} {voxels.shape}, "
                    f"the data set {self._voxels.dtype} {self._shape}; "
                    "declare the source as one of unequal shapes"
                )
            self._buffer.append(voxels)
        else:
            array = create_array(
                self._group,
                f"volumes/{self._n_rows:08d}",
                shape=voxels.shape,
                chunks=[min(size, BLOCK) for size in voxels.shape],
                dtype=voxels.dtype,
                dimensions=("z", "y", "x"),
            )
            array[...] = voxels
        self._n_rows += 1
        if len(self._buffer) == self._chunk:
            self._flush()

    def quarantine(self, rejected: Rejected) -> None:
        """Record one input that cannot be used; it has a row in the table and no voxels."""
        self._rows.add(
            **_about(rejected),
            row=-1,
            shape=(0, 0, 0),
            spacing=(np.nan, np.nan, np.nan),
            minimum=np.nan,
            maximum=np.nan,
            digest="",
            reason=rejected.reason,
        )

    def _flush(self) -> None:
        if self._buffer and self._voxels is not None:
            self._voxels[self._n_rows - len(self._buffer) : self._n_rows] = np.stack(self._buffer)
            self._buffer.clear()

    def close(self) -> None:
        """Write the rest and the table; only then is the store complete."""
        self._flush()
        if self._voxels is not None:
            self._voxels.resize((self._n_rows, *self._voxels.shape[1:]))
        table = self._group.create_group("table")
        for name, column in self._rows.columns.items():
            if name in ("shape", "spacing"):
                kind = np.int64 if name == "shape" else np.float64
                write_column(table, name, np.array(column, dtype=kind).reshape(-1, 3), dimensions=("volume", "axis"))
            elif name in ("label", "row", "minimum", "maximum"):
                kind = np.int64 if name in ("label", "row") else np.float64
                write_column(table, name, np.array(column, dtype=kind), dimensions=("volume",))
            else:
                write_column(table, name, np.array(column, dtype=object), dimensions=("volume",))
        digest = options_digest(
            {name: self._rows.columns[name] for name in ("id", "label", "split", "group", "row", "digest")},
            {"spacing": [[float(s) for s in row] for row in self._rows.columns["spacing"]]},
        )
        self._group.attrs["tdaflow"] = {**self._attributes, "format": FORMAT, "digest": digest}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self.close()


def _about(item: Volume | Rejected) -> dict[str, Any]:
    return {
        "id": item.id,
        "label": -1 if item.label is None else item.label,
        "split": item.split or "",
        "group": item.group or "",
    }


class VolumeStore:
    """Read a volume store."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._group = open_group(self.path, "volume store")
        attributes = attributes_of(self._group)
        if attributes.get("format") != FORMAT:
            raise InputError(
                f"{path} is not a volume store of format {FORMAT}; make one with `tdaflow ingest CONFIG --out {path}`"
            )
        self.attributes: dict[str, Any] = attributes

    @property
    def digest(self) -> str:
        """Digest of ids, labels, splits, groups, spacing and the content of every volume."""
        return str(self.attributes["digest"])

    def table(self) -> VolumeTable:
        """Read the whole table."""
        columns = {f.name: np.asarray(member(self._group, f"table/{f.name}")[...]) for f in fields(VolumeTable)}
        for name in ("id", "split", "group", "digest", "reason"):
            columns[name] = columns[name].astype(object)
        return VolumeTable(**columns)

    def voxels(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yield the voxels of the rows [start, stop), each an array (z, y, x)."""
        if "voxels" in self._group:
            array = member(self._group, "voxels")
            step = array.chunks[0]
            for left in range(start, stop, step):
                yield from np.asarray(array[left : min(left + step, stop)])
        else:
            for row in range(start, stop):
                yield np.asarray(member(self._group, f"volumes/{row:08d}")[...])
