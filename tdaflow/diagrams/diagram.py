"""The persistence diagram of one volume: its bars by homology dimension."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.arrays import refuse_masked
from tdaflow.diagrams.bars import Bars, distinct_bars
from tdaflow.errors import InputError
from tdaflow.extents import robust_bounds

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
EssentialPolicy = Literal["drop", "cap"] | float

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, eq=False, repr=False, init=False)
class PersistenceDiagram(Mapping[int, FloatArray]):
    """Bars of a filtration, by homology dimension.

    ``diagram[k]`` are the bars of homology dimension k. The diagram is a read-only mapping over the dimensions that
    were *computed*: ``k in diagram``, ``diagram.items()`` and ``len(diagram)`` (how many dimensions) work as in a dict.

    Parameters
    ----------
    pairs : mapping of int to array_like, shape (n, 2), or Bars
        Finite birth ≤ death in the filtration's own unit (un-squared length for alpha). ``diagram[k]`` returns them as
        float64, sorted by birth, then death; shape (0, 2) when empty. A dimension that was computed and is empty has
        its key.
    essential : mapping of int to array_like, shape (m,), optional
        Births of the bars that never die, sorted. Kept whatever the policy for them (`with_essential`), as they tell
        the Betti numbers of the whole space. Dimensions left out have none.
    metadata : mapping of str to Any, optional
        Where the diagram comes from. ``"filtration_range": (min, max)`` are the finite filtration values between which
        all bars lie; ``"essential"`` is "drop" or the finite death that essential bars were given;
        ``"min_persistence"`` the relative length at or below which bars were removed, ``"removed": {k: n}`` how many
        bars went in each dimension, and, where any could, ``"bar_extent": (low, high)`` what it is relative to.
    locations : mapping of int to array_like of int, shape (n, 2, c), optional
        Where the bar in each row of `pairs` is born and dies: c indices of a voxel, or up to c points and −1.
    essential_locations : mapping of int to array_like of int, shape (m, 2, c), optional
        The same of `essential`: where each is born, and where it dies if it is capped.

    Attributes
    ----------
    bars : mapping of int to Bars
        The distinct bars of each dimension and how often each occurs: how they are kept, for diagrams of millions.
    locations : mapping of int to int64 (n, 2, c)
        ``diagram.locations[k]`` are aligned with ``diagram[k]``, in which repeated bars stay apart; KeyError if they
        were not asked for.

    Raises
    ------
    InputError
        For negative or non-integer dimensions, wrong shapes, masked arrays, NaN or infinite values, and births after
        deaths.

    Notes
    -----
    Two diagrams are equal when they have the same dimensions, bars and essential births; metadata is provenance and is
    not compared, nor are locations: of equal values any may be named as a bar's place. Diagrams can be pickled; their
    arrays are not writeable. They are not hashable.
    """

    bars: Mapping[int, Bars]
    essential: Mapping[int, FloatArray]
    metadata: Mapping[str, Any]
    essential_locations: Mapping[int, IntArray]

    def __init__(
        self,
        pairs: Mapping[int, ArrayLike | Bars],
        essential: Mapping[int, ArrayLike] = _NOTHING,
        metadata: Mapping[str, Any] = _NOTHING,
        *,
        locations: Mapping[int, ArrayLike] = _NOTHING,
        essential_locations: Mapping[int, ArrayLike] = _NOTHING,
    ) -> None:
        given = {_dimension(k): pairs[k] for k in sorted(pairs)}
        raw = {k: part for k, part in given.items() if not isinstance(part, Bars)}
        whats = [f"the pairs of homology dimension {k}" for k in raw]
        located = {i: locations[k] for i, k in enumerate(raw) if k in locations}
        made = distinct_bars(list(raw.values()), whats, located)
        bars: dict[int, Bars] = {**given, **dict(zip(raw, made, strict=True))}  # type: ignore[dict-item]
        births = {_dimension(k): _sorted_births(k, born) for k, born in essential.items()}
        if stray := sorted(set(births) - set(bars)):
            raise InputError(
                f"essential bars are given in homology dimension {stray[0]}, which has no pairs; "
                f"add the key {stray[0]} to pairs, with an empty array if there are none"
            )
        ends = {k: np.asarray(at)[np.argsort(essential[k], kind="stable")] for k, at in essential_locations.items()}
        self._set(bars, {k: births.get(k, _NO_BIRTHS) for k in bars}, metadata, ends)

    def _set(
        self,
        bars: Mapping[int, Bars],
        essential: Mapping[int, FloatArray],
        metadata: Mapping[str, Any],
        essential_locations: Mapping[int, IntArray],
    ) -> "PersistenceDiagram":
        object.__setattr__(self, "bars", MappingProxyType(dict(bars)))
        object.__setattr__(self, "essential", MappingProxyType(dict(essential)))
        object.__setattr__(self, "metadata", MappingProxyType(dict(metadata)))
        object.__setattr__(self, "essential_locations", MappingProxyType(dict(essential_locations)))
        return self

    def _with(self, bars: Mapping[int, Bars], **about: Any) -> "PersistenceDiagram":
        """Return a diagram of other bars, which are not checked again, and with more metadata."""
        made = object.__new__(PersistenceDiagram)
        return made._set(bars, self.essential, {**self.metadata, **about}, self.essential_locations)

    def with_metadata(self, **about: Any) -> "PersistenceDiagram":
        """Return the diagram with more, or other, metadata."""
        return self._with(self.bars, **about)

    def relocated(self, move: Callable[[IntArray], IntArray]) -> "PersistenceDiagram":
        """Return the diagram with its locations, (…, 2, c), mapped by a function; without any it is the same."""
        bars = {k: bars.moved(move) for k, bars in self.bars.items()}
        ends = {k: move(at) for k, at in self.essential_locations.items()}
        return object.__new__(PersistenceDiagram)._set(bars, self.essential, self.metadata, ends)

    @property
    def locations(self) -> Mapping[int, IntArray]:
        """Where the bars are born and die, int64 (n, 2, c) aligned with ``diagram[k]``."""
        return MappingProxyType(_Located({k: b.locations for k, b in self.bars.items() if b.locations is not None}))

    @property
    def pairs(self) -> Mapping[int, FloatArray]:
        """The bars by homology dimension, as ``diagram[k]`` returns them."""
        return MappingProxyType({k: self[k] for k in self})

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The homology dimensions that were computed, ascending."""
        return tuple(self.bars)

    def __getitem__(self, dimension: int) -> FloatArray:
        try:
            return self.bars[dimension].expanded
        except KeyError:
            computed = ", ".join(map(str, self.dimensions)) or "none"
            raise KeyError(
                f"homology dimension {dimension} was not computed; the computed dimensions are: {computed}"
            ) from None

    def __iter__(self) -> Iterator[int]:
        return iter(self.bars)

    def __len__(self) -> int:
        return len(self.bars)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PersistenceDiagram):
            return NotImplemented
        return self.dimensions == other.dimensions and all(
            self.bars[k] == other.bars[k] and np.array_equal(self.essential[k], other.essential[k]) for k in self
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        bars = ", ".join(f"H{k}: {b.n_bars} bars + {len(self.essential[k])} essential" for k, b in self.bars.items())
        return f"<PersistenceDiagram {bars or 'of no dimension'}>"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # Mapping proxies cannot be pickled, and NumPy's pickles come back writeable: build anew.
        made = partial(PersistenceDiagram, essential_locations=dict(self.essential_locations))
        return made, (dict(self.bars), dict(self.essential), dict(self.metadata))

    @property
    def filtration_range(self) -> tuple[float, float]:
        """Smallest and largest finite filtration value: of the metadata, else of the bars; (0, 0) without bars."""
        if "filtration_range" in self.metadata:
            low, high = self.metadata["filtration_range"]
            return float(low), float(high)
        values = np.concatenate([np.zeros(0), *(b.pairs.ravel() for b in self.bars.values()), *self.essential.values()])
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
        about: dict[str, Any] = {
            "min_persistence": max(float(relative), float(self.metadata.get("min_persistence", 0.0))),
            "removed": dict(self.metadata.get("removed", dict.fromkeys(self, 0))),
        }
        if relative == 0 and all((bars.pairs[:, 1] > bars.pairs[:, 0]).all() for bars in self.bars.values()):
            return self._with(self.bars, **about)
        low, high = about["bar_extent"] = self.metadata.get("bar_extent") or self._bar_extent()
        # Halves, because ends near the largest float have no finite difference.
        shortest = relative * (0.5 * high - 0.5 * low)
        kept = {}
        for k, bars in self.bars.items():
            births, deaths = bars.pairs.T
            longer = 0.5 * deaths - 0.5 * births > shortest if shortest > 0 else deaths > births
            kept[k] = bars.where(longer)
            about["removed"][k] += bars.n_bars - kept[k].n_bars
        return self._with(kept, **about)

    def _bar_extent(self) -> tuple[float, float]:
        found = self.bars.values()
        ends = np.concatenate([np.zeros(0), *(bars.pairs.ravel() for bars in found)])
        if not ends.size:
            return 0.0, 0.0
        if all(bars.is_distinct for bars in found):
            return robust_bounds(ends)
        return robust_bounds(ends, counts=np.concatenate([np.repeat(bars.counts, 2) for bars in found]))

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
        if wanted == treated:
            return self._with(self.bars, essential=wanted)
        if treated != "drop":
            raise InputError(
                f"the essential bars of this diagram already die at {treated!r}; compute it with essential={policy!r}"
            )
        death = float(wanted)
        capped = dict(self.bars)
        for k, births in self.essential.items():
            ends = self.essential_locations.get(k)
            for i, birth in enumerate(births.tolist()):
                if birth < death:
                    at = None if ends is None else ends[i].copy()
                    if at is not None and policy != "cap":
                        at[1] = -1
                    capped[k] = capped[k].with_bar(birth, death, at)
        return self._with(capped, essential=wanted)

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


class _Located(dict[int, IntArray]):
    def __missing__(self, k: int) -> IntArray:
        raise KeyError(f"where the bars of homology dimension {k} are is not known; compute with locations=True")


def _dimension(k: Any) -> int:
    if isinstance(k, bool | np.bool_) or not isinstance(k, int | np.integer) or k < 0:
        raise InputError(f"{k!r} is not a homology dimension; use integers from 0 up as keys")
    return int(k)


def _sorted_births(k: Any, births: ArrayLike) -> FloatArray:
    refuse_masked(births, f"the essential births of homology dimension {k}")
    array = np.array(births, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InputError(f"the essential births of homology dimension {k} must be a flat array of finite numbers")
    # Negative zero equals zero but has other bytes, which would show in digests.
    array = np.sort(array) + 0.0
    array.flags.writeable = False
    return array


_NO_BIRTHS = _sorted_births(0, ())
