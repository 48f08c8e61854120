"""Rounding of radii: remove the bars that it makes, and scale points so that squares stay in range."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SHORTEST = 2.0**-44
"""A bar not longer than this part of its death cannot be told from one of length zero.

Radii are roots of quotients of determinants, so births and deaths that are equal in exact arithmetic come out some
roundings (2⁻⁵³ each) apart: up to 2⁻⁴⁷ of the death on clouds of real volumes, by tdaflow's kernel (whose triangulation
is exact and whose values are rounded) and by GUDHI's weighted alpha complex. The shortest true bars of integer volumes
are 10⁻¹¹ of their deaths. It is a part of the bar's own death: a far point or another unit moves no other bar across.
"""


def true_bars(pairs: Mapping[int, FloatArray], limit: float) -> dict[int, NDArray[np.bool_]]:
    """Tell the bars from those that rounding made.

    Parameters
    ----------
    pairs : mapping of int to float64, shape (n, 2)
        Radii (birth, death) ≥ 0 by homology dimension, finite.
    limit : float
        A radius at which all balls meet. Bars born there or later are made by rounding too: flat simplices, such as
        those of a far point, have radii of any size with few digits.

    Returns
    -------
    dict of int to bool (n,)
        False for bars that rounding made, those of length zero among them.
    """
    return {k: (r[:, 1] - r[:, 0] > SHORTEST * r[:, 1]) & (r[:, 0] < limit) for k, r in pairs.items()}


def to_unit_size(points: FloatArray) -> tuple[FloatArray, int]:
    """Scale points by a power of two, which is exact, so that their squares neither overflow nor underflow.

    Returns
    -------
    scaled : float64, as points
        The largest coordinate in [½, 1). −0 has become 0, so that equal points are equal bytes.
    exponent : int
        ``ldexp(scaled, exponent)`` are the points, ``ldexp(radii, exponent)`` their radii.
    """
    exponent = int(np.frexp(np.abs(points).max(initial=0.0))[1])
    return np.ldexp(points, -exponent) + 0.0, exponent


def half_diagonal(points: FloatArray) -> float:
    """Return half the diagonal of the points' bounding box, in their unit."""
    scaled, exponent = to_unit_size(points)
    return float(np.ldexp(0.5 * np.linalg.norm(np.ptp(scaled, axis=0)), exponent))
