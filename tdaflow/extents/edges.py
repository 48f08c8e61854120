"""Fixed edges that the numbers of volumes are rounded to, so that counts of several sites add up to those of one."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SIGNIFICANT_BITS = 12
"""Edges from a power of two to the next: 2¹², of 0.012 to 0.024 % of the scale each."""


def on_edges(values: ArrayLike, scales: ArrayLike) -> NDArray[np.float64]:
    """Round numbers to the nearest of fixed edges.

    Parameters
    ----------
    values : array_like
        Finite numbers.
    scales : array_like
        Of a shape that broadcasts to that of `values`: how large a difference between numbers of the volume is. The
        edges are 2⁻¹² of the next lower power of two apart, whatever the cohort.

    Returns
    -------
    float64 array
        Rounding twice changes nothing. A unit by a power of two, or a shift by a whole number of edges, scales or
        shifts the result bit for bit. Numbers of scale 0 stay.
    """
    found, scale = np.broadcast_arrays(np.asarray(values, dtype=np.float64), np.abs(np.asarray(scales, np.float64)))
    exponent = np.frexp(scale)[1] - 1 - SIGNIFICANT_BITS
    # Far from zero, or of the smallest numbers, edges are closer together than floats; the largest have none above.
    size = np.frexp(found)[1]
    near = (scale > 0) & (size - exponent < 53) & (size < 1024) & (exponent > -1074)
    steps = np.ldexp(np.where(near, found, 0.0), -exponent)
    return np.where(near, np.ldexp(np.rint(steps), exponent), found)
