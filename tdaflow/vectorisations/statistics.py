"""Persistence statistics: the distribution of births, deaths, midpoints and lengths in a few numbers."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

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
        """38 terms such as "count", "entropy" and "mean of birth"."""
        return (Term("count"), Term("entropy"), *(Term(f"{name} of {axis}") for axis in _AXES for name in _NAMES))

    def vector(self, pairs: FloatArray, bounds: Bounds) -> FloatArray:
        """Return the statistics, float64 (38,); all are 0 without bars."""
        if not len(pairs):
            return np.zeros(2 + len(_AXES) * len(_NAMES))
        birth, death = pairs.T
        # One row an axis, contiguous: sums of rows do not depend on the memory layout of `pairs`.
        values = np.stack([birth, death, 0.5 * (birth + death), death - birth])
        percentiles = np.percentile(values, _PERCENTILES, axis=1)
        described = [
            values.mean(axis=1),
            values.std(axis=1),
            *percentiles,
            percentiles[3] - percentiles[1],
            np.ptp(values, axis=1),
        ]
        return np.concatenate([[len(pairs), entropies(values[3]).sum()], np.stack(described, axis=1).ravel()])
