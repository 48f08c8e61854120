"""Components of the sublevel sets of signals, in linear time."""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.predicates import OPTIONS


@njit(**OPTIONS)
def path_components(signals, cap, bars, offsets):
    """Pair the minima and maxima of each row by the elder rule; the deepest minimum stays alone.

    From left to right, minima wait on a stack, each with the maximum to its right; these maxima descend. A maximum not
    lower than the last one closes it: that one merges the minima on its two sides and the shallower dies.

    Parameters
    ----------
    signals : (n, t) float64, t ≥ 1
    cap : bool
        Whether the deepest minimum of a row, first in its bars, lives until the row's maximum; else it is left out.
    bars : (≥ n · ((t + 1) // 2), 2) float64, written
        The bars of positive length of row i are ``bars[offsets[i]:offsets[i + 1]]``.
    offsets : (n + 1,) int64, written
    """
    n, t = signals.shape
    minima = np.empty(t // 2 + 1, np.float64)
    maxima = np.empty(t // 2 + 1, np.float64)
    used = 0
    for row in range(n):
        offsets[row] = used
        first = used
        used += cap
        waiting = 0
        highest = signals[row, 0]
        i = 0
        while i < t:
            low = signals[row, i]
            while i + 1 < t and signals[row, i + 1] <= low:
                i += 1
                low = signals[row, i]
            high = low
            while i + 1 < t and signals[row, i + 1] >= high:
                i += 1
                high = signals[row, i]
            highest = max(highest, high)
            i += 1
            while waiting > 0 and (i == t or maxima[waiting - 1] <= high):
                waiting -= 1
                bars[used, 0] = max(minima[waiting], low) + 0.0  # not -0.0
                bars[used, 1] = maxima[waiting] + 0.0
                low = min(minima[waiting], low)
                used += 1
            minima[waiting] = low
            maxima[waiting] = high
            waiting += 1
        if cap:
            bars[first, 0] = minima[0] + 0.0
            bars[first, 1] = highest + 0.0
            if minima[0] == highest:
                used = first
    offsets[n] = used
