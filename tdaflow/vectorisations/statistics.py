"""Persistence statistics: the distribution of births, deaths, midpoints and lengths in a few numbers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tdaflow.diagrams import Bars
from tdaflow.vectorisations.curves import entropies
from tdaflow.vectorisations.terms import Bounds, FloatArray, Scale, Term

_AXES = ("birth", "death", "midpoint", "persistence")
_PERCENTILES = (10, 25, 50, 75, 90)
_NAMES = ("mean", "standard deviation", *(f"percentile {p}" for p in _PERCENTILES), "interquartile range", "range")


@dataclass(frozen=True)
class Statistics:
    """Number of bars, their entropy −Σ p·ln p, and nine statistics of births, deaths, midpoints and persistences each.

    Those of Ali et al., "A survey of vectorization methods in topological data analysis", IEEE TPAMI 45 (2023): mean,
    standard deviation (of the population), percentiles 10, 25, 50, 75 and 90 (linear between ranks), interquartile
    range and range (largest − smallest), in the filtration's unit.
    """

    scale: ClassVar[Scale] = "term"

    def terms(self, bounds: Bounds) -> tuple[Term, ...]:
        """Label the 38 numbers: "count", "entropy", "mean of birth" …"""
        return (Term("count"), Term("entropy"), *(Term(f"{name} of {axis}") for axis in _AXES for name in _NAMES))

    def vector(self, bars: Bars, bounds: Bounds) -> FloatArray:
        """Return the statistics, float64 (38,); all are 0 without bars."""
        n = bars.n_bars
        if not n:
            return np.zeros(2 + len(_AXES) * len(_NAMES))
        birth, death = bars.pairs.T
        # One row an axis, contiguous: sums of rows do not depend on the memory layout of the pairs.
        values = np.stack([birth, death, 0.5 * (birth + death), death - birth])
        mean = (values * bars.counts).sum(axis=1) / n
        deviations = np.square(values - mean[:, None]) * bars.counts
        percentiles = np.stack([_percentiles(row, bars.counts) for row in values], axis=1)
        described = [
            mean,
            np.sqrt(deviations.sum(axis=1) / n),
            *percentiles,
            percentiles[3] - percentiles[1],
            np.ptp(values, axis=1),
        ]
        return np.concatenate([[n, entropies(bars).sum()], np.stack(described, axis=1).ravel()])


def _percentiles(values: FloatArray, counts: NDArray[np.int64]) -> FloatArray:
    """Return what `np.percentile` gives of the values, each as often as its count says."""
    order = np.argsort(values)
    ends = np.cumsum(counts[order])
    place = np.array(_PERCENTILES) / 100 * (ends[-1] - 1)
    rank = place.astype(np.int64)
    below, above = (values[order[np.searchsorted(ends, r, side="right")]] for r in (rank, np.ceil(place)))
    part, step = place - rank, above - below
    # From the nearer end, as NumPy does.
    return np.where(part < 0.5, below + step * part, above - step * (1 - part))
