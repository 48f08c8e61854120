"""One number for a cohort from one number a volume."""

import numpy as np
from numpy.typing import ArrayLike

from tdaflow.errors import InputError

# Numbers this many half interquartile ranges from the median do not count at all: 6 standard deviations of normal ones.
_REACH = 9.0


def typical(values: ArrayLike) -> float:
    """Biweight location: a mean in which numbers count the less the farther they are from the median.

    Parameters
    ----------
    values : array_like
        One or more finite numbers, one a volume.

    Returns
    -------
    float
        Up to a quarter of the numbers can be anything without carrying it beyond the others' reach (breakdown 25 %). A
        shift or a unit of the numbers shifts or scales it; where the quartiles are equal it is the median.

    Raises
    ------
    InputError
        If there are no numbers.

    Notes
    -----
    Tukey's biweight, one step from the median (Mosteller, Tukey 1977, "Data analysis and regression"; Beers, Flynn,
    Gebhardt 1990, "Measures of location and scale for velocities in clusters of galaxies"), with the interquartile
    range as measure of spread. Of robust locations it moves least when one volume of a cohort is exchanged: by some 1/n
    of a standard deviation of the numbers. Medians and quantiles jump from one number to the next.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
    if ordered.size == 0:
        raise InputError("there are no volumes to take a typical value of; give at least one")
    low, middle, high = (_at(ordered, share) for share in (0.25, 0.5, 0.75))
    spread = high / 2 - low / 2
    if spread == 0:
        return middle
    with np.errstate(over="ignore"):
        share = np.abs(ordered - middle) / (_REACH * spread)
    near = share < 1
    weight = (1 - share[near] ** 2) ** 2
    return float((ordered[near] * (weight / weight.sum())).sum())


def _at(ordered: np.ndarray, share: float) -> float:
    """Quantile between two of the sorted numbers, exact at each of them."""
    place = share * (ordered.size - 1)
    below = int(place)
    above = min(below + 1, ordered.size - 1)
    part = place - below
    return float(ordered[below] * (1 - part) + ordered[above] * part)
