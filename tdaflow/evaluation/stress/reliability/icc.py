"""Intraclass correlation of agreement: the share of a number's variance that is between volumes.

Two-way random effects, absolute agreement, single measurement: ICC(2,1) of Shrout and Fleiss, "Intraclass correlations:
uses in assessing rater reliability", Psychological Bulletin 86 (1979); ICC(A,1) of McGraw and Wong, "Forming inferences
about some intraclass correlation coefficients", Psychological Methods 1 (1996), whose interval is taken. What all
retests change alike counts as disagreement.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.bootstrap import distribution, interval

Array = NDArray[np.float64]

# Resamples of volumes for the interval of an image.
_RESAMPLES = 1000


class Icc(NamedTuple):
    """Intraclass correlations and their 95 % intervals, an array each; NaN where all measurements are equal."""

    value: Array
    low: Array
    high: Array


def agreement(values: Array, level: float = 0.95) -> Icc:
    """Intraclass correlation ICC(A,1) of every column.

    Parameters
    ----------
    values : array, shape (volumes, measurements, columns)
        Finite. At least two volumes, each measured the same number of times, at least twice.
    level : float
        Of the interval.

    Returns
    -------
    Icc
        Arrays of shape (columns,). 1 where every volume always gives the same number and volumes differ; about 0 where
        volumes differ no more than their measurements.

    Raises
    ------
    InputError
        For another shape or values that are not finite.
    """
    from scipy.stats import f

    between, retests, residual = _mean_squares(_checked(values))
    n, k = values.shape[:2]
    value = _from_mean_squares(between, retests, residual, n, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = k * value / (n * (1 - value))
        b = 1 + a * (n - 1)
        freedom = (a * retests + b * residual) ** 2 / (
            (a * retests) ** 2 / (k - 1) + (b * residual) ** 2 / ((n - 1) * (k - 1))
        )
        tail = 0.5 * (1 + level)
        below, above = f.ppf(tail, n - 1, freedom), f.ppf(tail, freedom, n - 1)
        error = k * retests + (k * n - k - n) * residual
        low = n * (between - below * residual) / (below * error + n * between)
        high = n * (above * between - residual) / (error + n * above * between)
    exact = value == 1
    low, high = np.where(exact, 1.0, low), np.where(exact, 1.0, high)
    return Icc(value, np.fmin(low, value), np.fmax(high, value))


def image_agreement(values: Array, seed: int = 0) -> Icc:
    """Intraclass correlation of images: `agreement` with the variances of all pixels added up.

    Shou et al., "Quantifying the reliability of image replication studies: the image intraclass correlation coefficient
    (I2C2)", Cognitive, Affective, & Behavioral Neuroscience 13 (2013), with what retests change alike as disagreement.

    Parameters
    ----------
    values : array, shape (volumes, measurements, pixels)
        As for `agreement`, all in one unit.
    seed : int
        Of the bootstrap over volumes that gives the interval.

    Returns
    -------
    Icc
        Arrays of no dimension.
    """
    values = _checked(values)
    n, k = values.shape[:2]
    centred = values - values.mean(axis=(0, 1))
    of_volume = centred.mean(axis=1)
    squares = np.square(centred).sum(axis=(1, 2))
    means = np.square(of_volume).sum(axis=1)
    # Sums over pixels of products of two volumes, within one retest and of their means.
    within = np.einsum("ikp,jkp->ij", centred, centred, optimize=True)
    together = of_volume @ of_volume.T

    def weighted(weights: Array) -> Array:
        share = weights / n
        grand = np.einsum("bi,ij,bj->b", share, together, share, optimize=True)
        rows = k * (weights @ means - n * grand)
        columns = n * (np.einsum("bi,ij,bj->b", share, within, share, optimize=True) - k * grand)
        rest = weights @ squares - n * k * grand - rows - columns
        freedom = ((n - 1), (k - 1), (n - 1) * (k - 1))
        between, retests, residual = (
            np.maximum(part, 0) / free for part, free in zip((rows, columns, rest), freedom, strict=True)
        )
        return _from_mean_squares(between, retests, residual, n, k)

    between, retests, residual = (np.asarray(part.sum()) for part in _mean_squares(values))
    value = _from_mean_squares(between, retests, residual, n, k)
    if np.isnan(value):
        return Icc(value, value, value)
    low, high = interval(distribution([weighted], np.full(n, ""), _RESAMPLES, seed)[0])
    return Icc(value, np.fmin(low, value), np.fmax(high, value))


def _checked(values: Array) -> Array:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 3 or values.shape[0] < 2 or values.shape[1] < 2:
        raise InputError(
            f"values have shape {values.shape}; give (volumes, measurements, columns) with two of the first two each"
        )
    if not np.isfinite(values).all():
        raise InputError("values hold NaN or infinity: leave out the volumes that could not be measured again")
    return values


def _mean_squares(values: Array) -> tuple[Array, Array, Array]:
    """Mean squares between volumes, between retests, and of the rest, by column."""
    n, k = values.shape[:2]
    # From the first measurement, so that a column that never changes has no rounding left.
    values = values - values[:1, :1]
    rows, columns, grand = values.mean(axis=1), values.mean(axis=0), values.mean(axis=(0, 1))
    rest = values - rows[:, None] - columns + grand
    return (
        k * np.square(rows - grand).sum(axis=0) / (n - 1),
        n * np.square(columns - grand).sum(axis=0) / (k - 1),
        np.square(rest).sum(axis=(0, 1)) / ((n - 1) * (k - 1)),
    )


def _from_mean_squares(between: Array, retests: Array, residual: Array, n: int, k: int) -> Array:
    total = between + (k - 1) * residual + k * (retests - residual) / n
    return np.divide(between - residual, total, out=np.full(np.shape(total), np.nan), where=np.asarray(total) > 0)
