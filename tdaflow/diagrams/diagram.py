"""The persistence diagram of one volume: ragged arrays of bars, one a homology dimension."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.arrays import refuse_masked
from tdaflow.errors import InputError
from tdaflow.extents import robust_bounds

FloatArray = NDArray[np.float64]
EssentialPolicy = Literal["drop", "cap"] | float

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False, repr=False)
class PersistenceDiagram(Mapping[int, FloatArray]):
    """Bars of a filtration, by homology dimension.

    ``diagram[k]`` are the bars of homology dimension k. The diagram is a read-only mapping over the dimensions that
    were *computed*: ``k in diagram``, ``diagram.items()`` and ``len(diagram)`` (how many dimensions) work as in a dict.

    Parameters
    ----------
    pairs : mapping of int to array_like, shape (n, 2)
        Finite birth ≤ death in the filtration's own unit (un-squared length for alpha). Stored as float64, sorted by
        birth, then death; shape (0, 2) when empty. A dimension that was computed and is empty has its key.
    essential : mapping of int to array_like, shape (m,), optional
        Births of the bars that never die, sorted. Kept whatever the policy for them (`with_essential`), as they tell
        the Betti numbers of the whole space. Dimensions left out have none.
    metadata : mapping of str to Any, optional
        Where the diagram comes from. ``"filtration_range": (min, max)`` are the finite filtration values between which
        all bars lie; ``"essential"`` is "drop" or the finite death that essential bars were given;
        ``"min_persistence"`` the relative length at or below which bars were removed, ``"bar_extent": (low, high)``
        what it is relative to, and ``"removed": {k: n}`` how many bars went in each dimension.

    Raises
    ------
    InputError
        For negative or non-integer dimensions, wrong shapes, masked arrays, NaN or infinite values, and births after
        deaths.

    Notes
    -----
    Two diagrams are equal when they have the same dimensions, bars and essential births; metadata is provenance and is
    not compared. Diagrams can be pickled; their arrays are not writeable. They are not hashable.
    """

    pairs: Mapping[int, FloatArray]
    essential: Mapping[int, FloatArray] = field(default_factory=lambda: _NOTHING)
    metadata: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        pairs = {_dimension(k): _sorted_pairs(k, bars) for k, bars in sorted(self.pairs.items())}
        births = {_dimension(k): _sorted_births(k, b) for k, b in self.essential.items()}
        if stray := sorted(set(births) - set(pairs)):
            raise InputError(
                f"essential bars are given in homology dimension {stray[0]}, which has no pairs; "
                f"add the key {stray[0]} to pairs, with an empty array if there are none"
            )
        none = _frozen(np.zeros(0))
        object.__setattr__(self, "pairs", MappingProxyType(pairs))
        object.__setattr__(self, "essential", MappingProxyType({k: births.get(k, none) for k in pairs}))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The homology dimensions that were computed, ascending."""
        return tuple(self.pairs)

    def __getitem__(self, dimension: int) -> FloatArray:
        try:
            return self.pairs[dimension]
        except KeyError:
            computed = ", ".join(map(str, self.dimensions)) or "none"
            raise KeyError(
                f"homology dimension {dimension} was not computed; the computed dimensions are: {computed}"
            ) from None

    def __iter__(self) -> Iterator[int]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PersistenceDiagram):
            return NotImplemented
        return self.dimensions == other.dimensions and all(
            np.array_equal(self.pairs[k], other.pairs[k]) and np.array_equal(self.essential[k], other.essential[k])
            for k in self.pairs
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        bars = ", ".join(f"H{k}: {len(b)} bars + {len(self.essential[k])} essential" for k, b in self.pairs.items())
        return f"<PersistenceDiagram {bars or 'of no dimension'}>"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # Mapping proxies cannot be pickled, and NumPy's pickles come back writeable: build anew.
        return PersistenceDiagram, (dict(self.pairs), dict(self.essential), dict(self.metadata))

    @property
    def filtration_range(self) -> tuple[float, float]:
        """Smallest and largest finite filtration value: of the metadata, else of the bars; (0, 0) without bars."""
        if "filtration_range" in self.metadata:
            low, high = self.metadata["filtration_range"]
            return float(low), float(high)
        values = np.concatenate([np.zeros(0), *(a.ravel() for a in (*self.pairs.values(), *self.essential.values()))])
        return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)

    def with_min_persistence(self, relative: float) -> "PersistenceDiagram":
        """Return the diagram without its shortest bars.

        Parameters
        ----------
        relative : float
            In [0, 1]: a fraction of the extent of the births and deaths, which is `tdaflow.extents.robust_bounds` of
            those of all dimensions together, so that no single bar sets it. Bars not *longer* than it go; 0 removes
            only bars of zero length.

        Returns
        -------
        PersistenceDiagram
            Its metadata count what was removed. A diagram that is cleaned again keeps the extent of the first time:
            cleaning twice is cleaning with the larger fraction.

        Raises
        ------
        InputError
            If `relative` is outside [0, 1].
        """
        if not 0 <= relative <= 1:
            raise InputError(
                f"min_persistence must lie in [0, 1], got {relative!r}; it is a fraction of the bars' extent"
            )
        low, high = self.metadata.get("bar_extent") or self._bar_extent()
        # Halves, because ends near the largest float have no finite difference.
        shortest = relative * (0.5 * high - 0.5 * low)
        pairs, removed = {}, dict(self.metadata.get("removed", {}))
        for k, bars in self.pairs.items():
            births, deaths = bars.T
            longer = 0.5 * deaths - 0.5 * births > shortest if shortest > 0 else deaths > births
            pairs[k] = bars[longer]
            removed[k] = removed.get(k, 0) + len(bars) - int(longer.sum())
        about = {
            "min_persistence": max(float(relative), float(self.metadata.get("min_persistence", 0.0))),
            "bar_extent": (low, high),
            "removed": removed,
        }
        return PersistenceDiagram(pairs, self.essential, {**self.metadata, **about})

    def _bar_extent(self) -> tuple[float, float]:
        ends = np.concatenate([np.zeros(0), *(bars.ravel() for bars in self.pairs.values())])
        return robust_bounds(ends) if ends.size else (0.0, 0.0)

    def with_essential(self, policy: EssentialPolicy) -> "PersistenceDiagram":
        """Return the diagram with its essential bars treated as `policy` says.

        Parameters
        ----------
        policy : "drop", "cap" or float
            "drop" leaves the pairs as they are; "cap" adds a bar from each essential birth to the largest finite
            filtration value; a float adds a bar to that death. A bar that would be born at or after its death is not
            added. ``.essential`` keeps the births in each case.

        Raises
        ------
        InputError
            For another policy, a non-finite death, or when the essential bars already have another death.
        """
        numeric = isinstance(policy, int | float | np.number) and not isinstance(policy, bool) and math.isfinite(policy)
        if not numeric and policy not in ("drop", "cap"):
            raise InputError(
                f"essential={policy!r} is no policy for essential bars; use 'drop', 'cap' or a finite death"
            )
        treated = self.metadata.get("essential", "drop")
        wanted = "drop" if policy == "drop" else self.filtration_range[1] if policy == "cap" else float(policy)
        metadata = {**self.metadata, "essential": wanted}
        if wanted == treated:
            return PersistenceDiagram(self.pairs, self.essential, metadata)
        if treated != "drop":
            raise InputError(
                f"the essential bars of this diagram already die at {treated!r}; compute it with essential={policy!r}"
            )
        death = float(wanted)
        pairs = {}
        for k, bars in self.pairs.items():
            born = self.essential[k][self.essential[k] < death]
            pairs[k] = np.concatenate([bars, np.column_stack([born, np.full_like(born, death)])])
        return PersistenceDiagram(pairs, self.essential, metadata)

    def plot(self, axes: Any = None) -> Any:
        """Draw the bars as points (birth, death).

        Parameters
        ----------
        axes : matplotlib Axes, optional
            Where to draw; those of a new pyplot figure by default.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        InputError
            If matplotlib is not installed.
        """
        from tdaflow.diagrams.presenting import plotted

        return plotted(self, axes)

    def plot_barcode(self, axes: Any = None, *, count: int = 40) -> Any:
        """Draw the longest bars of every homology dimension from birth to death.

        Parameters
        ----------
        axes : matplotlib Axes, optional
            As for `plot`.
        count : int
            Bars of each dimension at most.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        InputError
            If matplotlib is not installed.
        """
        from tdaflow.diagrams.presenting import plotted_barcode

        return plotted_barcode(self, axes, count)

    def to_dataframe(self) -> Any:
        """Return the finite bars as a pandas DataFrame.

        Returns
        -------
        DataFrame
            One row a bar: homology_dimension, birth, death, persistence; births of bars that never die are in
            `essential`.

        Raises
        ------
        InputError
            If pandas is not installed.
        """
        from tdaflow.diagrams.presenting import as_dataframe

        return as_dataframe(self)

    def _repr_html_(self) -> str:
        from tdaflow.diagrams.presenting import as_html

        return as_html(self)


def _dimension(k: Any) -> int:
    if isinstance(k, bool | np.bool_) or not isinstance(k, int | np.integer) or k < 0:
        raise InputError(f"{k!r} is not a homology dimension; use integers from 0 up as keys")
    return int(k)


def _sorted_pairs(k: Any, bars: ArrayLike) -> FloatArray:
    refuse_masked(bars, f"the pairs of homology dimension {k}")
    array = np.array(bars, dtype=np.float64)
    if array.size == 0:
        array = array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError(f"the pairs of homology dimension {k} have shape {array.shape}; give (n, 2): birth, death")
    if not np.isfinite(array).all():
        raise InputError(
            f"the pairs of homology dimension {k} hold NaN or infinite values; "
            "give births of bars that never die as essential[k]"
        )
    if (array[:, 0] > array[:, 1]).any():
        raise InputError(f"homology dimension {k} has a bar born after its death; store superlevel bars as those of -f")
    return _frozen(array[np.lexsort((array[:, 1], array[:, 0]))])


def _sorted_births(k: Any, births: ArrayLike) -> FloatArray:
    refuse_masked(births, f"the essential births of homology dimension {k}")
    array = np.array(births, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InputError(f"the essential births of homology dimension {k} must be a flat array of finite numbers")
    return _frozen(np.sort(array))


def _frozen(array: FloatArray) -> FloatArray:
    # Negative zero equals zero but has other bytes, which would show in digests.
    array = array + 0.0
    array.flags.writeable = False
    return array
