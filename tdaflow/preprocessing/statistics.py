"""Exact statistics of a volume that is given in blocks; independent of the blocks and their order.

Minimum, maximum and percentiles are order statistics. The mean and the variance are exactly rounded sums: sums of whole
numbers for integers of up to 16 bits, and Shewchuk's algorithm (``math.fsum``) for the rest. Memory is one block
and 2^20 voxels.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.preprocessing.order_statistics import Values, order_statistics
from tdaflow.preprocessing.step import Blocks, check_choice, check_number, check_voxels, held_range

Over = Literal["all", "nonzero"]
OVER = ("all", "nonzero")
_PIECE = 1 << 16


@dataclass(frozen=True)
class VolumeStatistics:
    """Statistics of the voxels of a volume (or of those that are not zero), in the volume's own units.

    Attributes
    ----------
    n : int
        Number of voxels.
    minimum, maximum, mean : float
    std : float
        Population standard deviation (divided by n).
    percentiles : mapping of float to float
        Percentage → value.
    """

    n: int
    minimum: float
    maximum: float
    mean: float
    std: float
    percentiles: dict[float, float]


def statistics(blocks: Blocks, wanted: Sequence[float] = (), over: Over = "all") -> VolumeStatistics:
    """Return all statistics at once; see `extremes`, `moments` and `percentiles` for single ones."""
    n, mean, std = moments(blocks, over)
    low, *values, high = percentiles(blocks, (0, *wanted, 100), over)
    return VolumeStatistics(n, low, high, mean, std, dict(zip(map(float, wanted), values, strict=True)))


def extremes(blocks: Blocks) -> tuple[float, float]:
    """Return the smallest and the largest voxel, in one pass.

    Raises
    ------
    InputError
        For a volume without voxels, with NaN or infinity, or of a dtype that is no grey image.
    """
    low, high = math.inf, -math.inf
    for block in blocks():
        array = check_voxels(block)
        low, high = min(low, float(array.min())), max(high, float(array.max()))
    if low > high:
        raise InputError("the volume has no voxels; leave it out.")
    return low, high


def moments(blocks: Blocks, over: Over = "all") -> tuple[int, float, float]:
    """Return count, mean and population standard deviation, in one pass (integers of up to 16 bits) or two.

    Raises
    ------
    InputError
        As `extremes`; also when no voxel is counted, or a sum passes the largest float.
    """
    check_choice("statistics", "over", over, OVER)
    first = next(pieces(blocks, over), None)
    if first is None:
        raise InputError(_none_counted(over))
    if first.dtype.kind in "iu" and first.dtype.itemsize <= 2:
        # at most 2^16 different values: Python's whole numbers cannot overflow
        low, _ = held_range(first.dtype)
        counts = np.zeros(1 << (8 * first.dtype.itemsize), dtype=np.int64)
        for piece in pieces(blocks, over):
            counts += np.bincount(piece.astype(np.int64) - low, minlength=len(counts))
        at = np.flatnonzero(counts)
        tally = [(int(value) + low, int(count)) for value, count in zip(at, counts[at], strict=True)]
        n = sum(count for _, count in tally)
        total = sum(value * count for value, count in tally)
        square_total = sum(value * value * count for value, count in tally)
        # n²·variance, a whole number: nothing cancels
        return n, total / n, math.sqrt((n * square_total - total * total) / n**2)
    n = sum(piece.size for piece in pieces(blocks, over))
    values = (piece.astype(np.float64) for piece in pieces(blocks, over))
    try:
        mean = math.fsum(chain.from_iterable(piece.tolist() for piece in values)) / n
        with np.errstate(over="ignore"):
            squares = (np.square(piece.astype(np.float64) - mean) for piece in pieces(blocks, over))
            variance = math.fsum(chain.from_iterable(piece.tolist() for piece in squares)) / n
    except OverflowError:
        variance = math.inf
    if not math.isfinite(variance):
        raise InputError("the volume has no mean and spread, for its values are too large; limit it with a clip step.")
    return n, mean, math.sqrt(variance)


def percentiles(blocks: Blocks, wanted: Sequence[float], over: Over = "all") -> tuple[float, ...]:
    """Return percentiles with linear interpolation between order statistics, as ``numpy.percentile`` in float64.

    Parameters
    ----------
    blocks : callable that returns an iterable of arrays
        All of one dtype.
    wanted : sequence of float in [0, 100]
    over : "all" or "nonzero"
        Which voxels count.

    Returns
    -------
    tuple of float

    Raises
    ------
    InputError
        For a percentage outside [0, 100], or as `moments`.

    Notes
    -----
    Passes over the volume: one to count, then one for each 16 bits of the dtype.
    """
    check_choice("statistics", "over", over, OVER)
    for percentage in wanted:
        check_number("statistics", "a percentile", percentage)
        if not 0 <= percentage <= 100:
            raise InputError(f"statistics: a percentile is {percentage!r}; it must lie in [0, 100].")
    n = count(blocks, over)
    places = [percentage / 100 * (n - 1) for percentage in wanted]
    ranks = sorted({rank for place in places for rank in (math.floor(place), math.ceil(place))})
    value = order_statistics(lambda: pieces(blocks, over), ranks)
    return tuple(_between(value[math.floor(p)], value[math.ceil(p)], p - math.floor(p)) for p in places)


def count(blocks: Blocks, over: Over = "all") -> int:
    """Return the number of counted voxels, at least 1, in one pass; raises as `moments`."""
    n = sum(piece.size for piece in pieces(blocks, over))
    if n == 0:
        raise InputError(_none_counted(over))
    return n


def _between(low: float, high: float, share: float) -> float:
    if not math.isfinite(high - low):
        return 2 * _between(low / 2, high / 2, share)
    # numpy's own form: monotone in `share`, and exact at both ends
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)


def pieces(blocks: Blocks, over: Over = "all") -> Iterator[Values]:
    """Yield the counted voxels as 1D arrays of at most 2^16, so that no temporary is larger than that."""
    for block in blocks():
        array = check_voxels(block)
        for piece in np.nditer(array, flags=["external_loop", "buffered"], buffersize=_PIECE, order="K"):
            flat: NDArray[np.generic] = np.asarray(piece)
            for start in range(0, flat.size, _PIECE):  # a contiguous array comes in one piece
                part = flat[start : start + _PIECE]
                part = part[part != 0] if over == "nonzero" else part
                if part.size:
                    yield part


def _none_counted(over: Over) -> str:
    what = "no voxel that is not zero" if over == "nonzero" else "no voxels"
    return f"the volume has {what}; leave it out."
