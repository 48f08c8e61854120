"""The bars of one homology dimension: each distinct one with how often it occurs.

Bars of whole grey levels repeat: the millions of a CT volume at full resolution are some thousand distinct ones. They
are checked and sorted here, once; whatever is computed of bars works on the distinct ones and their counts.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.arrays import refuse_masked
from tdaflow.errors import InputError

FloatArray = NDArray[np.float64]

# Births and deaths that are fewer than 2**26 multiples of a unit 2**k, such as grey levels, share one float64 exactly.
_DIGITS = 26
_SHIFT = 2.0**_DIGITS
# Bars packed at a time, in the processor's cache.
_BLOCK = 1 << 14
_FEW = 256


@dataclass(frozen=True, eq=False)
class Bars:
    """Distinct bars and their counts, as `Bars.of` and `Bars.joined` make them.

    Attributes
    ----------
    pairs : float64 (n, 2)
        Finite birth ≤ death, in the filtration's unit: distinct, sorted by birth, then death, zeros without a sign.
    counts : int64 (n,)
        How often each occurs, ≥ 1.
    locations : int64 (n_bars, 2, c), optional
        Where each bar is born and dies, repeated ones apart, in the order of `expanded`; None if it is not known.

    Notes
    -----
    The constructor trusts its arrays and makes them read-only. Bars can be pickled and are equal by value; of equal
    values any may be named as a bar's place, so locations are not compared.
    """

    pairs: FloatArray
    counts: NDArray[np.int64]
    locations: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        self.pairs.flags.writeable = False
        self.counts.flags.writeable = False
        if self.locations is not None:
            self.locations.flags.writeable = False

    @classmethod
    def of(cls, pairs: ArrayLike, what: str = "pairs") -> "Bars":
        """Check, sort and count bars.

        Parameters
        ----------
        pairs : array_like, shape (n, 2)
            Finite birth ≤ death, of any real dtype, in any order; n may be 0. Not modified.
        what : str
            What they are, in the plural, for the errors.

        Raises
        ------
        InputError
            For another shape, masked arrays, NaN or infinite values, and births after deaths.
        """
        return distinct_bars([pairs], [what])[0]

    @classmethod
    def joined(cls, parts: Sequence["Bars"]) -> "Bars":
        """Unite bars of several sources, without locations; equal ones become one with the sum of their counts."""
        parts = [part for part in parts if len(part.pairs)]
        if len(parts) < 2:
            return parts[0] if parts else NO_BARS
        together = _as_complex(np.concatenate([part.pairs for part in parts]))
        # A stable sort merges the sorted runs.
        order = np.argsort(together, kind="stable")
        ordered = together[order]
        first = _first_of_runs(ordered)
        counts = np.add.reduceat(np.concatenate([part.counts for part in parts])[order], first)
        return cls(_as_pairs(ordered[first]), counts)

    @property
    def n_bars(self) -> int:
        """Number of bars, repeated ones as often as they occur."""
        return int(self.counts.sum())

    @cached_property
    def expanded(self) -> FloatArray:
        """All bars, repeated ones as often as they occur: float64 (n_bars, 2), sorted, read-only."""
        if self.is_distinct:
            return self.pairs
        every = np.repeat(self.pairs, self.counts, axis=0)
        every.flags.writeable = False
        return every

    @property
    def is_distinct(self) -> bool:
        """True if no bar occurs twice."""
        return self.n_bars == len(self.counts)

    def moved(self, move: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> "Bars":
        """Return the bars with their locations, if they are known, mapped by a function."""
        return self if self.locations is None else Bars(self.pairs, self.counts, move(self.locations))

    def with_bar(self, birth: float, death: float, location: NDArray[np.int64] | None = None) -> "Bars":
        """Return the bars and one more; `location` (2, c) is where it is born and dies."""
        at = int(np.searchsorted(_as_complex(self.pairs), complex(birth, death)))
        locations = None
        if self.locations is not None and location is not None:
            row = int(self.counts[:at].sum())
            locations = np.concatenate([self.locations[:row], location[None], self.locations[row:]])
        if at < len(self.pairs) and self.pairs[at, 0] == birth and self.pairs[at, 1] == death:
            counts = self.counts.copy()
            counts[at] += 1
            return Bars(self.pairs, counts, locations)
        pairs, counts = np.empty((len(self.pairs) + 1, 2)), np.ones(len(self.pairs) + 1, np.int64)
        pairs[:at], pairs[at], pairs[at + 1 :] = self.pairs[:at], (birth, death), self.pairs[at:]
        counts[:at], counts[at + 1 :] = self.counts[:at], self.counts[at:]
        return Bars(pairs, counts, locations)

    def where(self, kept: NDArray[np.bool_]) -> "Bars":
        """Return some of the distinct bars, with their counts."""
        locations = None if self.locations is None else self.locations[np.repeat(kept, self.counts)]
        return Bars(self.pairs[kept], self.counts[kept], locations)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bars):
            return NotImplemented
        return np.array_equal(self.pairs, other.pairs) and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # NumPy's pickles come back writeable, and what is cached need not travel.
        return Bars, (self.pairs, self.counts, self.locations)


def distinct_bars(
    parts: Sequence[ArrayLike], whats: Sequence[str], locations: Mapping[int, ArrayLike] = MappingProxyType({})
) -> list[Bars]:
    """Make `Bars.of` each part.

    Parameters
    ----------
    parts : sequence of array_like, shape (n, 2)
    whats : sequence of str
        Name the parts in errors.
    locations : mapping of int to array_like of int, shape (n, 2, c), optional
        By position of a part, where its rows are born and die.

    Raises
    ------
    InputError
        As `Bars.of`, and for locations that do not fit their part.
    """
    arrays = [_as_array(part, what) for part, what in zip(parts, whats, strict=True)]
    places = {i: _as_locations(at, len(arrays[i]), whats[i]) for i, at in locations.items()}
    offsets = [0, *itertools.accumulate(map(len, arrays))]
    if offsets[-1] == 0:
        return (
            [replace(NO_BARS, locations=places.get(i)) for i in range(len(arrays))]
            if places
            else [NO_BARS] * len(arrays)
        )
    # All at once, since small diagrams take as long as the number of calls. Adding 0.0 makes -0.0, whose bytes would
    # show in digests, into 0.0.
    array = np.concatenate(arrays)
    array += 0.0
    births, deaths = array.T
    low, high = float(births.min()), float(deaths.max())
    # NaN is not below anything.
    if not ((births <= deaths).all() and math.isfinite(low) and math.isfinite(high)):
        _refuse(arrays, whats)
    unit = math.ldexp(1.0, max(math.frexp(high - low)[1] - _DIGITS, -1022))
    keys = _packed(array, low, unit) if math.isfinite(high - low) else None
    ordered: NDArray[Any] = _as_complex(array) if keys is None else keys
    for i, (start, stop) in enumerate(itertools.pairwise(offsets)):
        part = ordered[start:stop]
        if i in places:
            order = _stable_order(part)
            part[:] = part[order]
            places[i] = np.take(places[i], order, axis=0)
        else:
            part.sort(kind="stable" if keys is None else None)
    first = _first_of_runs(ordered, offsets)
    counts = np.empty(len(first), np.int64)
    np.subtract(first[1:], first[:-1], out=counts[:-1])
    counts[-1] = len(ordered) - first[-1]
    distinct = ordered[first]
    pairs = _as_pairs(distinct) if keys is None else _unpacked(distinct, low, unit)
    ends = np.searchsorted(first, offsets).tolist()
    return [
        Bars(pairs[start:stop], counts[start:stop], places.get(i))
        for i, (start, stop) in enumerate(itertools.pairwise(ends))
    ]


def _as_array(part: ArrayLike, what: str) -> FloatArray:
    refuse_masked(part, what)
    array = np.asarray(part, dtype=np.float64)
    if array.size == 0:
        return NO_BARS.pairs
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError(f"{what} have shape {array.shape}; give (n, 2): birth, death")
    return array


def _as_locations(at: ArrayLike, n: int, what: str) -> NDArray[np.int64]:
    found = np.asarray(at)
    if found.ndim != 3 or found.shape[:2] != (n, 2) or found.dtype.kind not in "iu":
        raise InputError(
            f"locations of {what} have shape {found.shape} and type {found.dtype}; "
            f"give integers ({n}, 2, c): where each is born and where it dies"
        )
    return found.astype(np.int64, copy=False)


def _stable_order(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """The stable order of numbers, float64 or complex; of many float64 twice as fast as NumPy finds it."""
    if numbers.dtype.kind == "c" or not _FEW < len(numbers) < _SHIFT:
        return np.argsort(numbers, kind="stable")
    order = np.argsort(numbers)
    # Equal numbers are one run; numbers of runs and positions share an integer.
    runs = np.zeros(len(order), np.int64)
    np.cumsum(numbers[order][1:] != numbers[order][:-1], out=runs[1:])
    runs <<= _DIGITS
    runs |= order
    runs.sort()
    runs &= (1 << _DIGITS) - 1
    return runs


def _refuse(arrays: Sequence[FloatArray], whats: Sequence[str]) -> None:
    for array, what in zip(arrays, whats, strict=True):
        if not np.isfinite(array).all():
            raise InputError(f"{what} hold NaN or infinite values; give births of bars that never die as essential[k]")
        if (array[:, 0] > array[:, 1]).any():
            raise InputError(f"{what} hold a bar born after its death; store superlevel bars as those of -f")


def _first_of_runs(ordered: NDArray[Any], starts: Sequence[int] = (0,)) -> NDArray[np.int64]:
    """Indices where a run of equal numbers begins; one begins at each of `starts`, which may be the end."""
    begins = np.empty(len(ordered) + 1, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:-1])
    begins[starts] = True
    return np.flatnonzero(begins[:-1])


def _packed(array: FloatArray, low: float, unit: float) -> FloatArray | None:
    """One number a bar that orders as (birth, death) does; None where births and deaths are no multiples of `unit`.

    Single numbers are sorted by vector instructions, several times as fast as pairs.
    """
    keys = np.empty(len(array))
    for start in range(0, len(array), _BLOCK):
        part = array[start : start + _BLOCK]
        units = part - low
        units /= unit
        np.floor(units, out=units)
        again = units * unit
        again += low
        if not (again == part).all():
            return None
        own = keys[start : start + _BLOCK]
        np.multiply(units[:, 0], _SHIFT, out=own)
        own += units[:, 1]
    return keys


def _unpacked(keys: FloatArray, low: float, unit: float) -> FloatArray:
    pairs = np.empty((len(keys), 2))
    births, deaths = pairs.T
    np.floor(keys / _SHIFT, out=births)
    np.subtract(keys, births * _SHIFT, out=deaths)
    pairs *= unit
    pairs += low
    return pairs


def _as_complex(pairs: FloatArray) -> NDArray[np.complex128]:
    # NumPy orders complex numbers by their real, then their imaginary part.
    return pairs.view(np.complex128).ravel()


def _as_pairs(numbers: NDArray[np.complex128]) -> FloatArray:
    return numbers.view(np.float64).reshape(-1, 2)


NO_BARS = Bars(np.zeros((0, 2)), np.zeros(0, np.int64))
"""A homology dimension without bars."""
