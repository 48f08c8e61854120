"""How far the grey values of a volume extend, whatever single voxels hold."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdaflow.extents.bounds import QUANTILES, ranks

# A value that at least this share of the voxels has is a background: it is counted once.
_COMMON = 0.1


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
    median : float
        Of all voxels.
    quantiles : (float, float)
        The 1 % and 99 % quantile of all voxels.
    """

    low: float
    high: float
    median: float
    quantiles: tuple[float, float]

    @property
    def width(self) -> float:
        """high − low; 0 for a volume that is constant but for a few voxels."""
        return self.high - self.low


def intensity_extent(voxels: NDArray[Any]) -> IntensityExtent:
    """Find the extent of a volume's grey values.

    Parameters
    ----------
    voxels : array
        One or more finite numbers of any real dtype or bool, of any shape.

    Returns
    -------
    IntensityExtent
        Exact order statistics: a shift or a unit of the voxels shifts or scales them, their order changes nothing. One
        voxel, whatever it holds, moves each bound by one rank at most.
    """
    values, ends = _counted(np.asarray(voxels).ravel())
    n = int(ends[-1])

    def at(rank: int, runs: NDArray[Any] = ends, of: NDArray[Any] = values) -> float:
        return float(of[np.searchsorted(runs, rank, side="right")])

    low, high = (at(rank) for rank in ranks(n, QUANTILES))
    median, quantiles = at((n - 1) // 2), (low, high)
    counts = np.diff(ends, prepend=0)
    most = int(counts.argmax())
    if counts[most] >= _COMMON * n and counts[most] < n:
        kept = np.arange(len(values)) != most
        others = np.cumsum(counts[kept])
        common = float(values[most])
        inner = [at(rank, others, values[kept]) for rank in ranks(int(others[-1]), QUANTILES)]
        low, high = min(common, inner[0]), max(common, inner[1])
    return IntensityExtent(low, high, median, quantiles)


def _counted(flat: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Distinct values, ascending, and how many voxels are at most as large."""
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
