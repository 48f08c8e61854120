"""The named numbers that a diagram comes to in a table: its statistics, total and longest bars, and Betti maximum."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from tdaflow.diagrams import Bars
from tdaflow.vectorisations.statistics import Statistics
from tdaflow.vectorisations.terms import Bounds, FloatArray, Scale, Term

_STATISTICS = Statistics()
# Statistics do not depend on the range that diagrams share.
_NO_BOUNDS = (0.0, 0.0)


class BettiMaximum(NamedTuple):
    """Most bars that live at one value, birth ≤ t < death, and the smallest such value; 0 and 0 without bars."""

    number: int
    value: float


def betti_maximum(bars: Bars) -> BettiMaximum:
    """Return the maximum of the Betti curve, exactly."""
    living = bars.where(bars.pairs[:, 0] < bars.pairs[:, 1])
    if not len(living.pairs):
        return BettiMaximum(0, 0.0)
    births, deaths = living.pairs.T
    by_death = np.argsort(deaths)
    dead = np.concatenate([[0], np.cumsum(living.counts[by_death])])
    # The curve rises at births alone; of equal births the last one counts them all.
    alive = np.cumsum(living.counts) - dead[np.searchsorted(deaths[by_death], births, side="right")]
    at = int(alive.argmax())
    return BettiMaximum(int(alive[at]), float(births[at]))


def summary_names() -> tuple[str, ...]:
    """Names of the numbers of `summary_numbers`."""
    terms = (term.name for term in _STATISTICS.terms(_NO_BOUNDS))
    return (*terms, "total persistence", "maximum persistence", "betti maximum", "betti maximum at")


def summary_numbers(bars: Bars) -> FloatArray:
    """Return the numbers of one diagram and homology dimension, float64 (42,); zeros without bars."""
    lengths = bars.pairs[:, 1] - bars.pairs[:, 0]
    own = [(lengths * bars.counts).sum(), lengths.max(initial=0.0), *betti_maximum(bars)]
    return np.concatenate([_STATISTICS.vector(bars, _NO_BOUNDS), own])


@dataclass(frozen=True)
class Summary:
    """The numbers of `summary_numbers` as a vectorisation."""

    scale: ClassVar[Scale] = "term"

    def terms(self, bounds: Bounds) -> tuple[Term, ...]:
        """Label the numbers."""
        return tuple(Term(name) for name in summary_names())

    def vector(self, bars: Bars, bounds: Bounds) -> FloatArray:
        """Return the numbers of some bars."""
        return summary_numbers(bars)
