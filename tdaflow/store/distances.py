"""A matrix of distances between volumes, written block by block: an xarray-readable Zarr group.

``distance (volume, other)`` has the fill value NaN, so an unwritten block never reads as zeros. ``volume`` and
``other`` are the ids, the same on both axes; ``label``, ``split`` and ``group`` lie on ``volume``. The store carries a
working name until every block is there.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tdaflow.atomic import remove_whole, rename_whole, sync_tree, written_whole
from tdaflow.errors import InputError
from tdaflow.remote import place
from tdaflow.store.manifest import seal_group
from tdaflow.store.volumes import VolumeTable
from tdaflow.store.zarr_layout import arrays_in, consolidate, create_array, member, open_group, write_column

FORMAT = 1
_ARRAY = "distance"


class DistanceStore:
    """Write a symmetric matrix by its blocks on and above the diagonal.

    Parameters
    ----------
    path : Path
        Of a store that `create` made.
    """

    def __init__(self, path: Path) -> None:
        self.path = place(path)
        self._group = open_group(self.path, "distance store", mode="r+")
        try:
            # Text, for netCDF holds no mappings.
            self.attributes: dict[str, Any] = json.loads(str(self._group.attrs["tdaflow"]))
            self.block, self.n_volumes = int(self.attributes["block"]), int(self.attributes["n_volumes"])
        except (KeyError, ValueError, TypeError):
            raise InputError(f"{path} is not a distance store of tdaflow; delete it and run again") from None

    @classmethod
    def create(
        cls, path: Path, *, table: VolumeTable, rows: np.ndarray, block: int, attributes: Mapping[str, Any]
    ) -> "DistanceStore":
        """Make a store of unwritten distances between the given rows of the volume table.

        `attributes` are numbers and text; ``digest`` says what the distances are made of.
        """
        n = len(rows)
        with written_whole(path) as temporary:
            group = zarr.create_group(temporary, zarr_format=3)
            create_array(
                group, _ARRAY, shape=(n, n), chunks=(block, block), dtype=np.float64, dimensions=("volume", "other"),
                fill_value=np.nan, attributes={"coordinates": "label split group"},
            )  # fmt: skip
            for name, column in (("volume", table.id), ("other", table.id)):
                write_column(group, name, column[rows], dimensions=(name,))
            for name in ("label", "split", "group"):
                write_column(group, name, getattr(table, name)[rows], dimensions=("volume",))
            group.attrs.update(attributes)
            group.attrs["tdaflow"] = json.dumps(
                {"format": FORMAT, "block": block, "n_volumes": n, "digest": attributes["digest"]}
            )
        return cls(path)

    def blocks(self) -> list[tuple[int, int]]:
        """Row and column of every block on and above the diagonal."""
        n = -(-self.n_volumes // self.block)
        return [(i, j) for i in range(n) for j in range(i, n)]

    def positions(self, block: int) -> slice:
        """Positions on an axis that a block covers."""
        return slice(block * self.block, min((block + 1) * self.block, self.n_volumes))

    def is_written(self, i: int, j: int) -> bool:
        """Whether the block and its mirror image are there; each is a file, renamed when it is whole."""
        return all(self.path.joinpath(_ARRAY, "c", str(a), str(b)).is_file() for a, b in ((i, j), (j, i)))

    def write(self, i: int, j: int, distances: np.ndarray) -> None:
        """Write a block, float64, and its mirror image."""
        array = member(self._group, _ARRAY)
        array[self.positions(i), self.positions(j)] = distances
        if i != j:
            array[self.positions(j), self.positions(i)] = distances.T

    def finish(self, path: Path) -> None:
        """Give the store its final name; refuse while a block is missing."""
        unwritten = sum(not self.is_written(i, j) for i, j in self.blocks())
        if unwritten:
            raise InputError(f"{self.path} has {unwritten} unwritten blocks; run again to compute them")
        consolidate(self.path)
        seal_group(self.path, arrays_in(self.path))
        sync_tree(self.path)
        rename_whole(self.path, path)
        self.path = place(path)

    @staticmethod
    def remove(path: Path) -> None:
        """Delete a store, if there is one."""
        remove_whole(path)
