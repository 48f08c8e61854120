"""What each distance is: options, what is made of a diagram once, and the distance between two."""

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.option_types import check_fields

FloatArray = NDArray[np.float64]

ALGORITHM_VERSION = 1
"""Changes whenever a distance may come out with other bits; a stored matrix of another version is made anew."""

# Bytes of a matrix of costs, bars by bars, that a distance may ask for.
_MOST_BYTES = 1 << 31
_ROWS = 256


class Metric(Protocol):
    """A distance between the finite bars of two diagrams."""

    def prepared(self, bars: FloatArray) -> Any:
        """What `between` needs of the bars (n, 2) of a diagram, made once."""
        ...

    def between(self, first: Any, second: Any) -> float:
        """The distance between two prepared diagrams, whatever their order; 0 for equal ones."""
        ...


@dataclass(frozen=True)
class Bottleneck:
    """The least c such that bars are matched to bars, or to the diagonal, all at most c apart in the maximum norm.

    GUDHI's, exact; importing it loads GPLv3 modules.
    """

    def prepared(self, bars: FloatArray) -> FloatArray:
        """The bars."""
        return bars

    def between(self, first: FloatArray, second: FloatArray) -> float:
        """The distance."""
        if not len(first) or not len(second):
            both = np.concatenate([first, second])
            return float((both[:, 1] - both[:, 0]).max(initial=0.0) / 2)
        if np.array_equal(first, second):  # GUDHI's is the least number above 0
            return 0.0
        import gudhi

        return float(gudhi.bottleneck_distance(*_in_order(first, second)))


@dataclass(frozen=True)
class Wasserstein:
    """The cost of the cheapest matching of bars to bars, or to the diagonal: (Σ distance^order)^(1/order), exact.

    Parameters
    ----------
    order : float ≥ 1
    ground : "euclidean" or "maximum"
        The norm of the plane that distances are measured in; persim has the first, GUDHI the second by default.

    Notes
    -----
    An assignment problem over the bars of both diagrams (SciPy's), in which a pair counts by what it saves over
    matching both bars to the diagonal.
    """

    order: float = 1.0
    ground: Literal["euclidean", "maximum"] = "euclidean"

    def __post_init__(self) -> None:
        check_fields(self)
        if not 1 <= self.order < math.inf:
            raise InputError(f"order={self.order!r} must be a number from 1 up; the limit is metric='bottleneck'")
        if self.ground not in ("euclidean", "maximum"):
            raise InputError(f"ground={self.ground!r} does not exist; use 'euclidean' or 'maximum'")

    def prepared(self, bars: FloatArray) -> FloatArray:
        """The bars."""
        return bars

    def between(self, first: FloatArray, second: FloatArray) -> float:
        """The distance; InputError for diagrams of very many bars."""
        from scipy.optimize import linear_sum_assignment
        from scipy.spatial.distance import cdist

        if 8 * len(first) * len(second) > _MOST_BYTES:
            raise InputError(
                f"the Wasserstein distance between {len(first):,} and {len(second):,} bars needs more than 2 GB; use "
                "sliced-wasserstein, or remove short bars with min_persistence"
            )
        first, second = _in_order(first, second)
        euclidean = self.ground == "euclidean"
        to_diagonal = [(bars[:, 1] - bars[:, 0]) / (math.sqrt(2) if euclidean else 2) for bars in (first, second)]
        largest = max(float(lengths.max(initial=0.0)) for lengths in to_diagonal)
        if largest == 0:
            return 0.0
        # In shares of the longest bar, for a power of lengths could overflow.
        a, b = ((lengths / largest) ** self.order for lengths in to_diagonal)
        apart = (cdist(first, second, "euclidean" if euclidean else "chebyshev") / largest) ** self.order
        saved = np.minimum(apart - a[:, None] - b, 0.0)
        i, j = linear_sum_assignment(saved)
        matched = saved[i, j] < 0
        i, j = i[matched], j[matched]
        a[i], b[j] = 0.0, 0.0
        return float(largest * np.concatenate([apart[i, j], a, b]).sum() ** (1 / self.order))


@dataclass(frozen=True)
class SlicedWasserstein:
    """The mean over directions of the Wasserstein distance between the bars projected on a line.

    Carrière, Cuturi, Oudot, "Sliced Wasserstein kernel for persistence diagrams", ICML 2017: each diagram gets the
    other's bars projected on the diagonal, directions are spread evenly over half a circle. exp(−distance / 2γ²) is a
    kernel.

    Parameters
    ----------
    n_directions : int
    """

    n_directions: int = 50

    def __post_init__(self) -> None:
        check_fields(self)
        if self.n_directions < 1:
            raise InputError(f"n_directions={self.n_directions!r} must be at least 1")

    def prepared(self, bars: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Projections of the bars and of their nearest points on the diagonal, each (n_directions, n), sorted."""
        angles = np.pi * (0.5 + np.arange(self.n_directions) / self.n_directions)
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        birth, death = bars.T
        return np.sort(cos * birth + sin * death, axis=1), np.sort((cos + sin) * (birth / 2 + death / 2), axis=1)

    def between(self, first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray]) -> float:
        """The distance."""
        from tdaflow.distances.sliced import total_over_directions

        return float(total_over_directions(first[0], second[1], second[0], first[1]) / self.n_directions)


@dataclass(frozen=True)
class Heat:
    """Distance in the feature space of the persistence scale space kernel k: √(k(D, D) + k(E, E) − 2k(D, E)).

    Reininghaus, Huber, Bauer, Kwitt, "A stable multi-scale kernel for topological machine learning", CVPR 2015:
    k(D, E) = 1/(8πσ) Σ exp(−|p − q|²/8σ) − exp(−|p − q̄|²/8σ) over bars p of D and q of E, with q̄ = (death, birth) of q.

    Parameters
    ----------
    sigma : float or None
        σ > 0, a time of diffusion in squared units: bars are blurred with a standard deviation of √(2σ). None can be
        used for a run, which takes the blur of its persistence images.
    """

    sigma: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if self.sigma is not None and not 0 < self.sigma < math.inf:
            raise InputError(f"sigma={self.sigma!r} must be a positive number, in squared units of the diagrams")

    def prepared(self, bars: FloatArray) -> tuple[FloatArray, float]:
        """The bars, and k of the diagram with itself."""
        return bars, self.kernel(bars, bars)

    def between(self, first: tuple[FloatArray, float], second: tuple[FloatArray, float]) -> float:
        """The distance."""
        both = self.kernel(*_in_order(first[0], second[0]))
        return math.sqrt(max(0.0, first[1] + second[1] - 2 * both))

    def kernel(self, first: FloatArray, second: FloatArray) -> float:
        """k(D, E) of the bars (n, 2) of two diagrams."""
        if self.sigma is None:
            raise InputError("the heat kernel needs a sigma, such as Heat(sigma=0.5), in squared units of the diagrams")
        total = 0.0
        scale = 1 / math.sqrt(8 * self.sigma)
        p, q = first * scale, second * scale
        with np.errstate(under="ignore", over="ignore"):
            for start in range(0, len(p), _ROWS):
                birth, death = p[start : start + _ROWS, :1], p[start : start + _ROWS, 1:]
                near = np.exp(-((birth - q[:, 0]) ** 2) - (death - q[:, 1]) ** 2)
                mirrored = np.exp(-((birth - q[:, 1]) ** 2) - (death - q[:, 0]) ** 2)
                total += float((near - mirrored).sum())
        return total / (8 * math.pi * self.sigma)


def _in_order(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The two in an order that does not depend on which is first, so that no last bits do."""
    return (first, second) if (len(first), first.tobytes()) <= (len(second), second.tobytes()) else (second, first)
