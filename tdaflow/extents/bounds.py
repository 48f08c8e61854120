"""Low and high order statistics that a few stray numbers cannot move far."""

import numpy as np
from numpy.typing import ArrayLike

from tdaflow.errors import InputError

QUANTILES = (0.01, 0.99)
"""Quantiles between which an extent lies unless others are asked for."""

# Few numbers have no number outside their 1–99 % quantiles: of these an eighth, at most three, is left out at each end.
_STRAY = 3
_SHARE = 8


def robust_bounds(values: ArrayLike, quantiles: tuple[float, float] = QUANTILES) -> tuple[float, float]:
    """The numbers at a low and a high rank of the sorted whole.

    Parameters
    ----------
    values : array_like
        One or more finite numbers, of any shape.
    quantiles : (low, high)
        0 ≤ low < high ≤ 1: the shares of the numbers that lie below the bounds. 0 and 1 are the extremes.

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
    low, high = ranks(flat.size, quantiles)
    found = np.sort(flat)  # by vector instructions, in the time of a partition at two ranks
    return float(found[low]), float(found[high])


def ranks(n: int, quantiles: tuple[float, float]) -> tuple[int, int]:
    """Ranks, from 0, of the two numbers that `robust_bounds` returns of `n`; InputError for bad quantiles."""
    low, high = quantiles
    if not 0 <= low < high <= 1:
        raise InputError(f"quantiles are {quantiles!r}; give (low, high) with 0 <= low < high <= 1")
    return _left_out(n, low), n - 1 - _left_out(n, 1 - high)


def _left_out(n: int, share: float) -> int:
    if share == 0:
        return 0
    # Rounded first: 1 − .99 is a little more than .01.
    return min((n - 1) // 2, max(int(round(share * n, 9)), min(_STRAY, n // _SHARE)))
