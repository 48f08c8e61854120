"""Blocks of a volume with diagrams of their own, so that features tell where in the volume they are.

Diagrams do not change when a volume is moved or mirrored; those of blocks at known places do.
"""

import itertools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError

WHOLE = "whole"
"""Name of the region that is the volume itself."""

Box = tuple[slice, slice, slice]

_SEPARATOR = "@"
_BLOCK = re.compile(r"z\d+y\d+x\d+")


@dataclass(frozen=True)
class Regions:
    """The regions of a volume: nz × ny × nx blocks of one size, and on request the whole.

    Parameters
    ----------
    blocks : (nz, ny, nx) int
        Blocks along each axis, each ≥ 1; (1, 1, 1) is the whole volume alone.
    overlap : float
        Share of a block's edge that lies in its neighbour as well, 0 ≤ overlap < 1. With 0 every voxel is in one block.
    whole : bool
        If True, the whole volume is a region beside the blocks.
    """

    blocks: tuple[int, int, int] = (1, 1, 1)
    overlap: float = 0.0
    whole: bool = False

    def __post_init__(self) -> None:
        if len(self.blocks) != 3 or min(self.blocks) < 1:
            raise InputError(f"blocks={self.blocks!r} must be three numbers (z, y, x) of blocks, each from 1 up")
        if not 0 <= self.overlap < 1:
            raise InputError(f"overlap={self.overlap!r} must be a share of a block's edge, from 0 to below 1")

    @property
    def is_whole(self) -> bool:
        """True if the whole volume is the only region."""
        return self.blocks == (1, 1, 1)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regions: "whole", and blocks such as "z0y1x0", the last axis fastest."""
        if self.is_whole:
            return (WHOLE,)
        blocks = itertools.product(*map(range, self.blocks))
        return (*((WHOLE,) if self.whole else ()), *(f"z{z}y{y}x{x}" for z, y, x in blocks))

    def boxes(self, shape: tuple[int, int, int]) -> dict[str, Box]:
        """Return the slices of every region of a volume.

        Parameters
        ----------
        shape : (3,) int
            Of the volume, in voxels.

        Returns
        -------
        dict of str to (slice, slice, slice)
            By name, in the order of `names`.

        Notes
        -----
        On an axis of L voxels, n blocks that overlap by the share o have edges of e = L/(1 + (n−1)(1−o)) and begin
        every e·(1−o), rounded to whole voxels. Overlapping blocks lie symmetrically; of blocks that do not overlap the
        first ones hold the voxels that are left over.
        """
        axes = [_intervals(int(n), blocks, self.overlap) for n, blocks in zip(shape, self.blocks, strict=True)]
        boxes: list[Box] = [(z, y, x) for z, y, x in itertools.product(*axes)]
        if self.whole and not self.is_whole:
            depth, height, width = (slice(0, int(n)) for n in shape)
            boxes.insert(0, (depth, height, width))
        return dict(zip(self.names, boxes, strict=True))


REGION_PRESETS: dict[str, Regions] = {
    WHOLE: Regions(),
    "octants": Regions((2, 2, 2)),
    "2x2x2-overlap": Regions((2, 2, 2), overlap=0.25),
    "3x3x3-overlap": Regions((3, 3, 3), overlap=0.25),
}
"""Regions by the name that a configuration uses."""


def regional_name(filtration: str, region: str) -> str:
    """Return the name under which the diagrams of a filtration in a region are stored."""
    return filtration if region == WHOLE else f"{filtration}{_SEPARATOR}{region}"


def filtration_of(name: str) -> str:
    """Return the filtration's part of a `regional_name`."""
    filtration, separator, region = name.rpartition(_SEPARATOR)
    return filtration if separator and _BLOCK.fullmatch(region) else name


def is_regional(name: str) -> bool:
    """Return True for the name of a filtration in a block; no filtration may have such a name."""
    return filtration_of(name) != name


def inside(positions: NDArray[Any], box: Box) -> NDArray[np.bool_]:
    """Return a mask of the positions (n, 3), in voxels, whose nearest voxel lies in the box."""
    nearest = np.floor(np.asarray(positions, dtype=np.float64) + 0.5)
    low, high = [side.start for side in box], [side.stop for side in box]
    return np.logical_and.reduce((nearest >= low) & (nearest < high), axis=1, dtype=np.bool_)


def _intervals(length: int, n: int, overlap: float) -> list[slice]:
    if overlap == 0:
        return [slice(-(-i * length // n), -(-(i + 1) * length // n)) for i in range(n)]
    stride = length * (1 - overlap) / (1 + (n - 1) * (1 - overlap))
    starts = [int(np.floor(i * stride + 0.5)) for i in range(n)]
    return [slice(a, length - b) for a, b in zip(starts, reversed(starts), strict=True)]
