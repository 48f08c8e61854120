"""ATOL: soft counts of bars around centres that are learned from training diagrams.

Royer, Chazal, Levrard, Umeda, Ike, "ATOL: Measure vectorization for automatic topologically-oriented learning",
AISTATS 2021. The same numbers as `gudhi.representations.Atol` from the same centres, with zeros where there are fewer
distinct bars than centres.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from tdaflow.diagrams import Bars
from tdaflow.errors import InputError
from tdaflow.option_types import check_fields
from tdaflow.vectorisations.terms import Bounds, FloatArray, Scale, Term


@dataclass(frozen=True)
class Atol:
    """ATOL: soft counts of bars around centres that `fit_atol` learns from the reference volumes.

    Parameters
    ----------
    n_centres : int
        Centres a channel.
    n_bars : int
        Bars of training volumes, drawn at random from all of a channel, that the centres are found on.
    seed : int
        Of the draw and of k-means.
    """

    n_centres: int = 16
    n_bars: int = 20_000
    seed: int = 0

    scale: ClassVar[Scale] = "block"

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("n_centres", "n_bars"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)!r} of ATOL must be at least 1")
        if self.seed < 0:
            raise InputError(f"seed={self.seed!r} of ATOL must be a whole number from 0 up")

    def terms(self, bounds: Bounds) -> tuple[Term, ...]:
        """Label the soft count around each centre."""
        return tuple(Term(f"centre {i + 1}") for i in range(self.n_centres))


@dataclass(frozen=True, eq=False)
class FittedAtol:
    """ATOL with the centres of one channel.

    Attributes
    ----------
    options : Atol
        What was to be learned.
    centres : float64 (k, 2)
        Birth, death; k ≤ ``options.n_centres``, in lexicographic order.
    inertias : float64 (k,)
        Half the distance of each centre to the nearest other one.
    """

    options: Atol
    centres: FloatArray = field(default_factory=lambda: np.zeros((0, 2)))
    inertias: FloatArray = field(default_factory=lambda: np.zeros(0))

    scale: ClassVar[Scale] = "block"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FittedAtol):
            return NotImplemented
        same = np.array_equal(self.centres, other.centres) and np.array_equal(self.inertias, other.inertias)
        return same and self.options == other.options

    __hash__ = None  # type: ignore[assignment]

    def terms(self, bounds: Bounds) -> tuple[Term, ...]:
        """Label the soft count around each centre."""
        return self.options.terms(bounds)

    def vector(self, bars: Bars, bounds: Bounds) -> FloatArray:
        """Return Σ over bars of exp(−|bar − centre|²/inertia²), float64 (n_centres,); zeros without bars."""
        distances = np.square((bars.pairs[:, None] - self.centres) / self.inertias[:, None]).sum(axis=2)
        sums = (np.exp(-distances) * bars.counts[:, None]).sum(axis=0)
        return np.pad(sums, (0, self.options.n_centres - len(self.centres)))

    def as_dict(self) -> dict[str, Any]:
        """Return the centres and inertias as lists, for JSON."""
        return {"centres": self.centres.tolist(), "inertias": self.inertias.tolist()}

    @classmethod
    def from_dict(cls, options: Atol, data: Mapping[str, Any]) -> "FittedAtol":
        """Make what `as_dict` was called on."""
        centres, inertias = (np.array(data[name], dtype=np.float64) for name in ("centres", "inertias"))
        return cls(options, centres.reshape(-1, 2), inertias)


def fit_atol(options: Atol, bars: FloatArray) -> FittedAtol:
    """Find the centres by k-means.

    Parameters
    ----------
    options : Atol
    bars : float64 (n, 2)
        Finite (birth, death) of training volumes; n may be 0.

    Returns
    -------
    FittedAtol
        Of fewer distinct bars than centres, each is a centre.
    """
    distinct, counts = np.unique(bars, axis=0, return_counts=True)
    if len(distinct) > options.n_centres:
        distinct = _k_means(distinct, counts, options)
    if not len(distinct):
        return FittedAtol(options)
    centres = distinct[np.lexsort(distinct.T[::-1])]
    distances = np.sqrt(np.square(centres[:, None] - centres[None]).sum(axis=2))
    distances[distances == 0] = np.inf
    nearest = distances.min(axis=1)
    # A centre without another has no distance that sets a scale but its bars' own.
    spread = float(np.linalg.norm(np.ptp(bars, axis=0))) or 1.0
    return FittedAtol(options, centres, np.where(np.isfinite(nearest), nearest, spread) / 2)


def usual_bars(bars: FloatArray, low: float, high: float) -> FloatArray:
    """The bars within the cohort's values and as far around them: those of one odd volume would take all centres."""
    width = high - low
    near = (bars[:, 0] >= low - width) & (bars[:, 1] <= high + width)
    return bars[near] if near.any() else bars


def _k_means(distinct: FloatArray, counts: np.ndarray, options: Atol) -> FloatArray:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    means = KMeans(options.n_centres, init="k-means++", n_init=4, random_state=options.seed)
    # Sums over threads are taken in any order, and with them the last bits of the centres.
    with threadpool_limits(1):
        centres: FloatArray = means.fit(distinct, sample_weight=counts.astype(np.float64)).cluster_centers_
    return centres
