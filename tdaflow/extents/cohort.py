"""One number for a cohort from one number a volume."""

import numpy as np
from numpy.typing import ArrayLike

from tdaflow.errors import InputError


def typical(values: ArrayLike) -> float:
    """The interquartile mean: the mean of the middle half of the sorted numbers.

    Parameters
    ----------
    values : array_like
        One or more finite numbers, one a volume.

    Returns
    -------
    float
        Of four numbers and more no single one, however large, can move it further than the others reach (breakdown
        25 %). Numbers at the border of the middle half count by the share that lies in it. A shift or a unit of the
        numbers shifts or scales it.

    Raises
    ------
    InputError
        If there are no numbers.

    Notes
    -----
    A quantile would do for robustness; a mean of many order statistics moves less when one volume is exchanged. For
    normal numbers it varies by 9 % more than the mean and by 12 % less than the median.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
    n = ordered.size
    if n == 0:
        raise InputError("there are no volumes to take a typical value of; give at least one")
    edges = np.arange(n + 1) / n
    weight = np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25)
    weight = np.maximum(weight, 0.0)
    inside = weight > 0
    # The outer numbers, which may be infinite, never enter. Equal numbers must give that number, not one beside it.
    middle = ordered[inside]
    mean = (middle * (weight[inside] / weight[inside].sum())).sum()
    return float(np.clip(mean, middle[0], middle[-1]))
