"""Curves over the filtration's values: how many bars live, how long, and how evenly.

Written out rather than taken from `gudhi.representations`, whose classes give NaN for diagrams without bars, walk over
bars in Python and load GPLv3 modules; the tests compare the two.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tdaflow.diagrams import Bars
from tdaflow.errors import InputError
from tdaflow.option_types import check_fields
from tdaflow.vectorisations.terms import Bounds, FloatArray, Scale, Term


def sample_values(bounds: Bounds, resolution: int) -> FloatArray:
    """Return the centres of `resolution` equal parts of the range, float64 (resolution,)."""
    low, high = bounds
    return low + (np.arange(resolution, dtype=np.float64) + 0.5) * ((high - low) / resolution)


@dataclass(frozen=True)
class Curve:
    """A function of the filtration's value, sampled at the centres of equal parts of its range.

    Parameters
    ----------
    resolution : int
        Number of samples.
    """

    resolution: int = 32

    scale: ClassVar[Scale] = "block"

    def __post_init__(self) -> None:
        check_fields(self)
        if self.resolution < 1:
            raise InputError(f"resolution={self.resolution!r} of a curve must be at least 1")

    def terms(self, bounds: Bounds) -> tuple[Term, ...]:
        """Label each sampled value."""
        return tuple(Term("", float(t)) for t in sample_values(bounds, self.resolution))


@dataclass(frozen=True)
class Betti(Curve):
    """Betti curve: the number of bars that live at a value, birth ≤ t < death."""

    def vector(self, bars: Bars, bounds: Bounds) -> FloatArray:
        """Return the curve, float64 (resolution,); zeros without bars."""
        return np.where(_alive(bars, bounds, self.resolution), bars.counts, 0).sum(axis=1, dtype=np.float64)


@dataclass(frozen=True)
class EntropyCurve(Curve):
    """Entropy summary function: −Σ p·ln p over the bars that live, p a bar's share of the sum of all lengths.

    Atienza, Gonzalez-Díaz, Soriano-Trigueros, "On the stability of persistent entropy and new summary functions for
    topological data analysis", Pattern Recognition 107 (2020).
    """

    def vector(self, bars: Bars, bounds: Bounds) -> FloatArray:
        """Return the curve in nats, float64 (resolution,); zeros without bars."""
        return np.where(_alive(bars, bounds, self.resolution), entropies(bars), 0.0).sum(axis=1)


@dataclass(frozen=True)
class Landscape(Curve):
    """The first persistence landscapes: at a value t the largest, second largest … of min(t − birth, death − t).

    Bubenik, "Statistical topological data analysis using persistence landscapes", JMLR 16 (2015). GUDHI's are √2 times
    these.

    Parameters
    ----------
    resolution : int
        Samples of each.
    n_landscapes : int
        How many, the largest first.
    """

    n_landscapes: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_landscapes < 1:
            raise InputError(f"n_landscapes={self.n_landscapes!r} must be at least 1")

    def terms(self, bounds: Bounds) -> tuple[Term, ...]:
        """Label each landscape at each sampled value, values fastest."""
        values = sample_values(bounds, self.resolution)
        return tuple(Term(str(k + 1), float(t)) for k in range(self.n_landscapes) for t in values)

    def vector(self, bars: Bars, bounds: Bounds) -> FloatArray:
        """Return the landscapes one after the other, float64 (n_landscapes·resolution,); zeros without bars."""
        pairs = np.repeat(bars.pairs, np.minimum(bars.counts, self.n_landscapes), axis=0)
        lacking = max(0, self.n_landscapes - len(pairs))
        tents = np.pad(_tents(pairs, bounds, self.resolution), ((0, 0), (0, lacking)))
        largest = np.partition(tents, tents.shape[1] - self.n_landscapes, axis=1)[:, -self.n_landscapes :]
        return np.sort(largest, axis=1)[:, ::-1].T.ravel()


@dataclass(frozen=True)
class Silhouette(Curve):
    """Silhouette: the mean of all bars' min(t − birth, death − t) where positive, weighted by lengthᵖ.

    Chazal, Fasy, Lecci, Rinaldo, Wasserman, "Stochastic convergence of persistence landscapes and silhouettes", SoCG
    2014. GUDHI's is √2 times this.

    Parameters
    ----------
    resolution : int
        Number of samples.
    power : float
        p ≥ 0: how much more long bars count.
    """

    power: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.power) and self.power >= 0):
            raise InputError(f"power={self.power!r} of the silhouette's weight must be a number from 0 up")

    def vector(self, bars: Bars, bounds: Bounds) -> FloatArray:
        """Return the silhouette, float64 (resolution,); zeros without bars."""
        length = bars.pairs[:, 1] - bars.pairs[:, 0]
        longest = length.max(initial=0.0)
        if longest == 0:
            return np.zeros(self.resolution)
        # In shares of the longest bar, for a power of lengths could overflow.
        weight = (length / longest) ** self.power * bars.counts
        return (_tents(bars.pairs, bounds, self.resolution) * weight).sum(axis=1) / weight.sum()


def entropies(bars: Bars) -> FloatArray:
    """Return −p·ln p of every distinct bar times its count, p its share of the sum of all lengths; 0 for no length."""
    lengths = bars.pairs[:, 1] - bars.pairs[:, 0]
    total = (lengths * bars.counts).sum()
    share = lengths / total if total > 0 else np.zeros_like(lengths)
    return -share * np.log(np.where(share > 0, share, 1.0)) * bars.counts


def _alive(bars: Bars, bounds: Bounds, resolution: int) -> NDArray[np.bool_]:
    values = sample_values(bounds, resolution)[:, None]
    return (bars.pairs[:, 0] <= values) & (values < bars.pairs[:, 1])


def _tents(pairs: FloatArray, bounds: Bounds, resolution: int) -> FloatArray:
    values = sample_values(bounds, resolution)[:, None]
    return np.maximum(np.minimum(values - pairs[:, 0], pairs[:, 1] - values), 0.0)
