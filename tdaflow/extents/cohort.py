"""Robust location, spread and bounds of a cohort from one number a volume."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.errors import InputError

# Numbers this many half interquartile ranges from the median do not count at all: 6 standard deviations of normal ones.
_REACH = 9.0
# Range from 10 to 90 % of normal numbers, over their interquartile range.
_NORMAL_TENTHS = 1.9


def typical(values: ArrayLike) -> float:
    """Compute the biweight location: a mean in which numbers far from the median count less.

    Parameters
    ----------
    values : array_like
        One or more finite numbers, one a volume.

    Returns
    -------
    float
        Up to a quarter of the numbers (of three or more at least one) can be anything without carrying it beyond the
        others' reach. A shift or a unit of the numbers shifts or scales it.

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
    return _biweight(values)[0]


def spread(values: ArrayLike) -> float:
    """Compute the biweight standard deviation, which single outlying volumes hardly change.

    Parameters
    ----------
    values : array_like
        One or more finite numbers, one a volume.

    Raises
    ------
    InputError
        If there are no numbers.
    """
    return _biweight(values)[1]


def cohort_bounds(lows: ArrayLike, highs: ArrayLike) -> tuple[float, float]:
    """Compute the low and the high end of a cohort from those of its volumes.

    Parameters
    ----------
    lows, highs : array_like (n,)
        Finite, one of each a volume, low ≤ high.

    Returns
    -------
    (float, float)
        The typical low and the typical high, W apart, each moved outwards by ((W⁴ + (2S)⁴)^¼ − W)/2 with the biweight
        standard deviation S of the lows, or of the highs. Where the extents of the volumes are wide beside what they
        differ by, that is next to nothing; where each volume is next to a point it is S.

    Raises
    ------
    InputError
        If there are no volumes.
    """
    low, below = _biweight(lows)
    high, above = _biweight(highs)
    # Each end leaves out other volumes: of odd cohorts they could cross.
    low, high = min(low, high), max(low, high)
    width = high - low
    return low - _outwards(width, 2 * below), high + _outwards(width, 2 * above)


def _outwards(width: float, apart: float) -> float:
    largest = max(width, apart)
    if largest == 0:
        return 0.0
    return (largest * ((width / largest) ** 4 + (apart / largest) ** 4) ** 0.25 - width) / 2


def _biweight(values: ArrayLike) -> tuple[float, float]:
    """Location and standard deviation, the latter by the biweight midvariance."""
    ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
    n = ordered.size
    if n == 0:
        raise InputError("there are no volumes to take a typical value of; give at least one")
    middle, reach = _at(ordered, 0.5), _REACH * _half_spread(ordered)
    if reach == 0:
        return middle, 0.0
    with np.errstate(over="ignore"):
        u = ordered / reach - middle / reach
    near = np.abs(u) < 1
    u, rest = u[near], 1 - u[near] ** 2
    location = float((ordered[near] * (rest**2 / (rest**2).sum())).sum())
    bend = abs(float((rest * (1 - 5 * u**2)).sum()))
    variance = n * float((u**2 * rest**4).sum()) / bend**2 if bend else 0.0
    return location, reach * float(np.sqrt(variance))


def _half_spread(ordered: NDArray[np.float64]) -> float:
    """Half the interquartile range or, where cohorts of two kinds make that small, 1/1.9 of half that from 10 to 90 %.

    Of normal numbers both are the same. Where half of the numbers or more are equal, that of wider shares of them.
    """
    n = ordered.size
    quartiles = _at(ordered, 0.75) / 2 - _at(ordered, 0.25) / 2
    # Rounded inwards: fewer than every tenth cannot make it wide.
    first = min(max(math.ceil(0.1 * (n - 1)), 1), n - 1)
    tenths = ordered[n - 1 - first] / 2 - ordered[first] / 2 if first < n - 1 - first else 0.0
    if spread := max(quartiles, float(tenths) / _NORMAL_TENTHS):
        return spread
    for share in (0.05, 0.0):
        low, high = _at(ordered, share), _at(ordered, 1 - share)
        if high > low:
            return high / 2 - low / 2
    return 0.0


def _at(ordered: NDArray[np.float64], share: float) -> float:
    """Quantile between two of the sorted numbers; of three and more neither the first nor the last has a part in it."""
    n = ordered.size
    place = share * (n - 1)
    if n >= 3:
        place = min(max(place, 1.0), n - 2.0)
    below = int(place)
    part = place - below
    if part == 0 or ordered[below] == ordered[below + 1]:
        return float(ordered[below])
    return float(ordered[below] * (1 - part) + ordered[below + 1] * part)
