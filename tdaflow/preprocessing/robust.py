"""The functions of `tdaflow.extents` for a volume that is given in blocks, with the same bits as for an array.

All of them are order statistics, so they do not depend on how the volume is divided into blocks.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdaflow.extents import QUANTILES
from tdaflow.extents.bounds import ranks
from tdaflow.preprocessing.order_statistics import order_statistics
from tdaflow.preprocessing.statistics import Over, count, percentiles, pieces
from tdaflow.preprocessing.step import Blocks

# As in `tdaflow.extents.intensity_extent`: a value shared by a tenth of the voxels is a background.
_COMMON = 10
_BAND = tuple(np.arange(-2, 2.5, 0.5).tolist())


def bounds(blocks: Blocks, quantiles: tuple[float, float] = QUANTILES, over: Over = "all") -> tuple[float, float]:
    """Return `tdaflow.extents.robust_bounds` of all voxels, or of those that are not zero.

    Raises
    ------
    InputError
        As `tdaflow.preprocessing.statistics.percentiles`.
    """
    low, high = ranks(count(blocks, over), quantiles)
    value = order_statistics(lambda: pieces(blocks, over), (low, high))
    return value[low], value[high]


def extent(blocks: Blocks) -> tuple[float, float]:
    """Return `low` and `high` of `tdaflow.extents.intensity_extent`; they are equal only if all voxels are.

    Raises
    ------
    InputError
        As `tdaflow.preprocessing.statistics.extremes`.

    Notes
    -----
    A value that L or more of n voxels have stands at one of the ranks 0, L, 2L, ... of the sorted voxels. Only the
    values at these ranks are counted, instead of all.
    """
    n = count(blocks)
    plain = ranks(n, QUANTILES)
    candidates = range(0, n, max(1, n // _COMMON))
    value = order_statistics(lambda: pieces(blocks), (*plain, *candidates))
    low, high = value[plain[0]], value[plain[1]]
    common = sorted({value[rank] for rank in candidates})
    equal = dict.fromkeys(common, 0)
    below = dict.fromkeys(common, 0)
    for piece in pieces(blocks):
        values: NDArray[Any] = piece
        for one in common:
            equal[one] += int(np.count_nonzero(values == one))
            below[one] += int(np.count_nonzero(values < one))
    most = max(common, key=lambda one: (equal[one], -one))
    if equal[most] == n or _COMMON * equal[most] < n:
        return low, high
    # Ranks among the other voxels step over the run of the common value.
    inner = [r if r < below[most] else r + equal[most] for r in ranks(n - equal[most], QUANTILES)]
    value = order_statistics(lambda: pieces(blocks), inner)
    return min(most, value[inner[0]]), max(most, value[inner[1]])


def quartiles(blocks: Blocks, over: Over = "all") -> tuple[float, float, float]:
    """Return lower quartile, median and upper quartile, each smoothed.

    Returns
    -------
    (float, float, float)
        Means of the nine percentiles, half a point apart, around the 25th, the 50th and the 75th.

    Raises
    ------
    InputError
        As `tdaflow.preprocessing.statistics.percentiles`.

    Notes
    -----
    A single percentile of whole numbers is a whole number: one voxel can move it by a level, which is 2 % where the
    quartiles are 50 levels apart, as they are in 8-bit MR. The mean moves by a ninth of that.
    """
    found = percentiles(blocks, [centre + step for centre in (25, 50, 75) for step in _BAND], over)
    size = len(_BAND)
    # A sixteenth, which is exact: the sum of nine large floats may pass the largest.
    low, middle, high = (math.fsum(v / 16 for v in found[k * size : (k + 1) * size]) / size * 16 for k in range(3))
    return low, middle, high
