"""Robust extent of the grey values of a volume, which single voxels do not set."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdaflow.extents.bounds import QUANTILES, ranks

COMMON = 0.1
"""A value that at least this share of the voxels has is a background: it is counted once."""


@dataclass(frozen=True)
class IntensityExtent:
    """Extent of the grey values of a volume, in its own units.

    Attributes
    ----------
    low, high : float
        1 % and 99 % quantile (`tdaflow.extents.robust_bounds`) of the voxels without their most frequent value, and
        that value itself. A value is left out if a tenth of the voxels or more have it: so the extent of a mask is the
        difference of its two values, and that of a small organ on an empty background is the organ's, however few its
        voxels are.
    """

    low: float
    high: float

    @property
    def width(self) -> float:
        """high − low; 0 for a constant volume."""
        return self.high - self.low


@dataclass(frozen=True)
class GreyValues(IntensityExtent):
    """Extent and summary statistics of the grey values of a volume.

    Attributes
    ----------
    median : float
        Of all voxels.
    quantiles : (float, float)
        The 1 % and 99 % quantile of all voxels.
    n_values : int
        Number of distinct values.
    common, common_share : float
        The most frequent value, and the share of the voxels that have it.
    others : (float, float)
        The 1 % and 99 % quantile of the other voxels; twice that value where there are none.
    """

    median: float
    quantiles: tuple[float, float]
    n_values: int
    common: float
    common_share: float
    others: tuple[float, float]


_known: ContextVar[tuple[NDArray[Any], IntensityExtent] | None] = ContextVar(
    "the extent of the volume at work", default=None
)


@contextmanager
def extent_known(voxels: NDArray[Any], extent: tuple[float, float]) -> Iterator[None]:
    """Set the known extent of a volume, which `intensity_extent` of this array looks up within the block.

    The array must not change meanwhile. For callers that compute many functions of one volume.
    """
    token = _known.set((voxels, IntensityExtent(*extent)))
    try:
        yield
    finally:
        _known.reset(token)


def intensity_extent(voxels: NDArray[Any]) -> IntensityExtent:
    """Find the extent of a volume's grey values, or look it up within `extent_known`.

    Parameters
    ----------
    voxels : array
        As for `grey_values`, of which this is a part.
    """
    if (known := _known.get()) is not None and known[0] is voxels:
        return known[1]
    return grey_values(voxels)


def grey_values(voxels: NDArray[Any]) -> GreyValues:
    """Find the extent and summary statistics of a volume's grey values.

    Parameters
    ----------
    voxels : array
        One or more finite numbers of any real dtype or bool, of any shape.

    Returns
    -------
    GreyValues
        Exact order statistics: a shift or a unit of the voxels shifts or scales them, their order changes nothing. One
        voxel, whatever it holds, moves each bound by one rank at most.
    """
    values, ends = _counted(np.asarray(voxels).ravel())
    n = int(ends[-1])

    def at(rank: int) -> float:
        return float(values[np.searchsorted(ends, rank, side="right")])

    low, high = (at(rank) for rank in ranks(n, QUANTILES))
    median, quantiles = at((n - 1) // 2), (low, high)
    counts = np.diff(ends, prepend=0)
    most = int(counts.argmax())
    common, share = float(values[most]), float(counts[most]) / n
    others = (common, common)
    if len(values) > 1:
        # The ranks of the other voxels, in the whole: those above the common value come after its run.
        first, run = int(ends[most] - counts[most]), int(counts[most])
        inner = [at(rank if rank < first else rank + run) for rank in ranks(n - run, QUANTILES)]
        others = (inner[0], inner[1])
        if share >= COMMON:
            low, high = min(common, others[0]), max(common, others[1])
    return GreyValues(low, high, median, quantiles, len(values), common, share, others)


def _counted(flat: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct values, ascending, and how many voxels are at most as large."""
    if flat.dtype.kind == "b":
        flat = flat.view(np.uint8)
    if flat.dtype.kind in "iu" and flat.dtype.itemsize <= 2:
        least = int(flat.min())
        counts = np.bincount(flat.astype(np.int64) - least)
        levels = np.flatnonzero(counts)
        return levels + least, np.cumsum(counts[levels])
    ordered = np.sort(flat)
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    return ordered[last], last + 1
