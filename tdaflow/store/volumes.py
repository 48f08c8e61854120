"""Volume store: every source volume as voxels plus one row of a table.

Equal shapes: one array ``voxels (volume, z, y, x)`` chunked in batches. Unequal shapes: one array a volume under
``volumes/``, chunked in blocks. The table lists every input, also the quarantined ones, which have no voxels.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tdaflow.errors import InputError
from tdaflow.extents import typical
from tdaflow.remote import place
from tdaflow.store.digests import options_digest
from tdaflow.store.manifest import Damage, check_root, damaged_files
from tdaflow.store.zarr_layout import attributes_of, member, open_group

FORMAT = 2

AS_READ = "digest_as_read"
"""Name of the fact that holds the content digest of a volume from before its preprocessing."""


LOST = "failed: "
"""How the reason of a volume begins that a disk or a network kept from being read, and whose loss was accepted."""


def entry_name(entry: int) -> str:
    """Return the name of the array of one entry, where every volume is an array of its own."""
    return f"volumes/{entry:08d}"


def piece_name(piece: int, *, one_array: bool) -> str:
    """Return the name of the file of a chunk of the one array, or of the folder of an entry's own array."""
    return f"voxels/c/{piece}/0/0/0" if one_array else entry_name(piece)


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
        Smallest and largest voxel, in the volume's own units.
    extent : float64 array, shape (n, 2)
        Low and high end of the grey values by `tdaflow.extents.intensity_extent`.
    quantiles : float64 array, shape (n, 3)
        1 % quantile, median and 99 % quantile of all voxels.
    background : float64 array, shape (n, 2)
        The most frequent value, and the share of the voxels that have it.
    others : float64 array, shape (n, 2)
        1 % and 99 % quantile of the other voxels.
    n_values : int64 array, shape (n,)
        Number of distinct values.
    dtype : array of str, shape (n,)
        NumPy's name of the voxels' type.
    digest : array of str, shape (n,)
        Content digest of the voxels.
    facts : array of str, shape (n,)
        JSON: facts of the volume from the source and the preprocessing.
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
    extent: np.ndarray
    quantiles: np.ndarray
    background: np.ndarray
    others: np.ndarray
    n_values: np.ndarray
    dtype: np.ndarray
    digest: np.ndarray
    facts: np.ndarray
    reason: np.ndarray

    def __len__(self) -> int:
        return len(self.id)

    @property
    def n_ok(self) -> int:
        """Number of volumes with voxels."""
        return int((self.row >= 0).sum())

    @property
    def unusable(self) -> dict[str, str]:
        """Id and reason of every volume that cannot be used, without those that are `lost`."""
        return {i: r for i, r in zip(self.id.tolist(), self.reason.tolist(), strict=True) if r and i not in self.lost}

    @cached_property
    def lost(self) -> dict[str, str]:
        """Id and reason of every volume that could not be read when it was to be."""
        reasons = zip(self.id.tolist(), self.reason.tolist(), strict=True)
        return {i: r.removeprefix(LOST) for i, r in reasons if r.startswith(LOST)}

    def grey_range(self, selected: np.ndarray) -> tuple[float, float]:
        """Return the typical low and high end of the grey values of the selected volumes; 1 apart if they coincide."""
        low, high = typical(self.extent[selected, 0]), typical(self.extent[selected, 1])
        return (low, high) if high > low else (low, low + 1.0)

    def as_read(self) -> dict[str, str]:
        """Return the content digest of each volume by its id: of the voxels as they were before any preprocessing."""
        found = {}
        for identity, digest, facts in zip(self.id, self.digest, self.facts, strict=True):
            told = json.loads(facts) if facts else {}
            found[str(identity)] = str(told.get(AS_READ, digest))
        return found

    def of_rows(self) -> "VolumeTable":
        """Return the table of the volumes with voxels, indexed by row."""
        keep = np.flatnonzero(self.row >= 0)
        return self.at(keep[np.argsort(self.row[keep])])

    def at(self, positions: np.ndarray) -> "VolumeTable":
        """Return the rows of the table at these positions."""
        return VolumeTable(**{f.name: getattr(self, f.name)[positions] for f in fields(self)})


def joined(tables: Sequence[VolumeTable]) -> VolumeTable:
    """Return tables one below the other, with the rows of the volumes counted on."""
    columns = {f.name: np.concatenate([getattr(t, f.name) for t in tables]) for f in fields(VolumeTable)}
    ok = columns["row"] >= 0
    return VolumeTable(**{**columns, "row": np.where(ok, np.cumsum(ok) - 1, -1)})


def table_digest(table: VolumeTable) -> str:
    """Return the digest of ids, labels, splits, groups, spacing and the content of every volume."""
    names = ("id", "label", "split", "group", "row", "digest", "spacing")
    return options_digest({name: getattr(table, name).tolist() for name in names})


def read_volume_table(group: zarr.Group, name: str) -> VolumeTable:
    """Read the table that is a member of a store."""
    columns = {f.name: np.asarray(member(group, f"{name}/{f.name}")[...]) for f in fields(VolumeTable)}
    for column in ("id", "split", "group", "dtype", "digest", "facts", "reason"):
        columns[column] = columns[column].astype(object)
    return VolumeTable(**columns)


class VolumeStore:
    """Read a volume store."""

    def __init__(self, path: Path) -> None:
        self.path = place(path)
        self._group = open_group(self.path, "volume store")
        attributes = attributes_of(self._group)
        if attributes.get("format") != FORMAT:
            raise InputError(
                f"{path} is not a volume store of format {FORMAT}: ingest its data again, into another folder or with "
                "--restart-from volumes"
            )
        self.attributes: dict[str, Any] = attributes

    @property
    def digest(self) -> str:
        """Digest of ids, labels, splits, groups, spacing and the content of every volume."""
        return str(self.attributes["digest"])

    @property
    def states(self) -> list[tuple[int, str]]:
        """Number of entries and digest of the store before each time that volumes were added, and now, ascending."""
        earlier = [(int(n), str(digest)) for n, digest in self.attributes.get("earlier", ())]
        return [*earlier, (member(self._group, "table/row").shape[0], self.digest)]

    def table(self) -> VolumeTable:
        """Read the whole table."""
        return read_volume_table(self._group, "table")

    def pieces(self) -> dict[str, str] | None:
        """Return the digest of each chunk of the one array, or of each volume's array; None for an older version."""
        if not (self.path / "table" / "files").is_dir():
            return None
        digests = np.asarray(member(self._group, "table/files")[...]).tolist()
        pieces = (
            range(len(digests)) if self.is_one_array else np.asarray(member(self._group, "table/entry")[...]).tolist()
        )
        return {piece_name(piece, one_array=self.is_one_array): d for piece, d in zip(pieces, digests, strict=True)}

    def damage(self) -> Iterator[Damage]:
        """Read the whole store, and yield what is not as it was written; nothing of a store of an older version."""
        files = check_root(self.path)
        if files is None:
            return
        found = list(damaged_files(self.path, files))  # the table holds the digests of the rest
        yield from found
        if not any(damage.name == "table" for damage in found):
            yield from damaged_files(self.path, self.pieces() or {})

    def voxels(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yield the voxels of the rows [start, stop), each an array (z, y, x)."""
        if not self.is_one_array:
            for row in range(start, stop):
                yield np.asarray(self.array(row)[...])
            return
        array = member(self._group, "voxels")
        entries = self._entries(start, stop)
        step = array.chunks[0]
        held, chunk = -1, np.empty(0)
        for entry in entries:
            if entry // step != held:
                held = int(entry // step)
                chunk = np.asarray(array[held * step : min((held + 1) * step, int(entries[-1]) + 1)])
            yield chunk[entry - held * step]

    def array(self, row: int) -> zarr.Array[Any]:
        """Return the unread array (z, y, x) of one row; only where every volume is an array of its own."""
        return member(self._group, entry_name(int(self._entries(row, row + 1)[0])))

    @cached_property
    def is_one_array(self) -> bool:
        """True if all volumes are rows of one array, as small volumes of equal shape are."""
        return (self.path / "voxels" / "zarr.json").is_file()

    def _entries(self, start: int, stop: int) -> np.ndarray:
        return np.asarray(member(self._group, "table/entry")[start:stop])
