"""Low and high order statistics that a few stray numbers cannot move far."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.errors import InputError

QUANTILES = (0.01, 0.99)
"""Quantiles between which an extent lies unless others are asked for."""

# Few numbers have no number outside their 1–99 % quantiles: of these an eighth, at most three, is left out at each end.
_STRAY = 3
_SHARE = 8


def robust_bounds(
    values: ArrayLike, quantiles: tuple[float, float] = QUANTILES, counts: NDArray[np.int64] | None = None
) -> tuple[float, float]:
    """Find the numbers at a low and a high rank of the sorted whole.

    Parameters
    ----------
    values : array_like
        One or more finite numbers, of any shape.
    quantiles : (low, high)
        0 ≤ low < high ≤ 1: the shares of the numbers that lie below the bounds. 0 and 1 are the extremes.
    counts : int64, as many as values, optional
        How often each number occurs, ≥ 1; once by default.

    Returns
    -------
    (float, float)
        Two of the numbers: nothing is interpolated. At each end ⌊share·n⌋ of n numbers are left out, and never fewer
        than min(3, ⌊n/8⌋), so that one stray number among eight changes neither bound by more than one rank. An end
        whose share is 0 leaves out nothing.

    Raises
    ------
    InputError
        If there are no numbers, or the quantiles do not ascend within [0, 1].
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    if flat.size == 0:
        raise InputError("there are no numbers to take quantiles of; give at least one")
    if counts is None:
        low, high = ranks(flat.size, quantiles)
        found = np.sort(flat)  # by vector instructions, in the time of a partition at two ranks
        return float(found[low]), float(found[high])
    order = np.argsort(flat)
    ends = np.cumsum(counts.ravel()[order])
    low, high = order[np.searchsorted(ends, ranks(int(ends[-1]), quantiles), side="right")]
    return float(flat[low]), float(flat[high])


def ranks(n: int, quantiles: tuple[float, float]) -> tuple[int, int]:
    """Return the ranks, from 0, of the bounds of `n` numbers in `robust_bounds`; InputError for bad quantiles."""
    low, high = quantiles
    if not 0 <= low < high <= 1:
        raise InputError(f"quantiles are {quantiles!r}; give (low, high) with 0 <= low < high <= 1")
    return _left_out(n, low), n - 1 - _left_out(n, 1 - high)


def _left_out(n: int, share: float) -> int:
    if share == 0:
        return 0
    # Rounded first: 1 − .99 is a little more than .01.
    return min((n - 1) // 2, max(int(round(share * n, 9)), min(_STRAY, n // _SHARE)))
