"""The inner loop of the sliced Wasserstein distance; compiled on import, so imported on first use."""

import numba
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@numba.njit(nogil=True)
def total_over_directions(
    first: FloatArray, second_diagonal: FloatArray, second: FloatArray, first_diagonal: FloatArray
) -> float:
    """Sum over directions of Σ|a − b| over the sorted a of `first` with `second_diagonal` and b of the other two.

    Parameters
    ----------
    first, first_diagonal : float64 (n_directions, n), rows ascending
    second, second_diagonal : float64 (n_directions, m), rows ascending
    """
    n, m = first.shape[1], second.shape[1]
    total = 0.0
    for row in range(first.shape[0]):
        i = j = k = left = 0
        for _ in range(n + m):
            if j == m or (i < n and first[row, i] <= second_diagonal[row, j]):
                a = first[row, i]
                i += 1
            else:
                a = second_diagonal[row, j]
                j += 1
            if left == n or (k < m and second[row, k] <= first_diagonal[row, left]):
                b = second[row, k]
                k += 1
            else:
                b = first_diagonal[row, left]
                left += 1
            total += abs(a - b)
    return total
