"""A mergeable histogram with logarithmic buckets, for quantiles of births, deaths and persistences.

After DDSketch (Masson, Rim, Lee 2019: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees"), with three changes: γ is fixed so that any two histograms can be merged, counts are kept per volume or
block so that merging twice changes nothing, and bucket numbers come from the bits of a float, not from a logarithm, so
that they are the same on every CPU.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams.keyed import merge_keyed
from tdaflow.errors import InputError

IntArray = NDArray[np.int64]

BUCKETS_PER_OCTAVE = 32
GAMMA = 2.0 ** (1 / BUCKETS_PER_OCTAVE)
"""Ratio of a bucket's edges: a quantile is off by at most 2.2 % of its value."""


def _mantissa_edge(j: int) -> float:
    # floor(2^(60 + j/32)) by five exact integer square roots: no library's pow, hence the same bits everywhere.
    root = 1 << (60 * BUCKETS_PER_OCTAVE + j)
    for _ in range(5):
        root = math.isqrt(root)
    return math.ldexp(root, -61)


_MANTISSA_EDGES = np.array([_mantissa_edge(j) for j in range(BUCKETS_PER_OCTAVE)])
_LOWEST_EXPONENT = -1100  # below that of the smallest subnormal, so that codes of positive numbers are positive


@dataclass(frozen=True, eq=False)
class LogHistogram:
    """Integer counts in logarithmic buckets of fixed ratio γ = 2^(1/32), with a bucket for zero and both signs.

    Parameters
    ----------
    parts : mapping of str to int64 array, shape (b, 2)
        For each volume (or block) id the rows (bucket code, count), codes strictly ascending. A code is 0 for the value
        0, positive for the bucket [edge, γ·edge) of positive values and the negative of it for the mirrored bucket;
        it rises with the value. Use `from_values` to make one.

    Notes
    -----
    `merge` is the union of the parts: associative, commutative and idempotent. Quantiles do not depend on how values
    were spread over parts. Equal when the parts are equal.
    """

    parts: Mapping[str, IntArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = {}
        for key in sorted(self.parts):
            part = np.array(self.parts[key], dtype=np.int64).reshape(-1, 2)
            if (np.diff(part[:, 0]) <= 0).any() or (part[:, 1] <= 0).any():
                raise InputError(f"the histogram of {key!r} needs ascending bucket codes and positive counts")
            part.flags.writeable = False
            parts[str(key)] = part
        object.__setattr__(self, "parts", MappingProxyType(parts))

    @classmethod
    def from_values(cls, values: ArrayLike, key: str) -> "LogHistogram":
        """Count the values of one volume (or block).

        Parameters
        ----------
        values : array_like
            Finite numbers of any shape; may be empty.
        key : str
            Id of the volume or block.

        Raises
        ------
        InputError
            If a value is NaN or infinite.
        """
        codes, counts = np.unique(bucket_codes(values), return_counts=True)
        return cls({key: np.column_stack([codes, counts])})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LogHistogram):
            return NotImplemented
        return self.parts.keys() == other.parts.keys() and all(
            np.array_equal(part, other.parts[key]) for key, part in self.parts.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return LogHistogram, (dict(self.parts),)

    @property
    def count(self) -> int:
        """Number of values."""
        return sum(int(part[:, 1].sum()) for part in self.parts.values())

    def merge(self, other: "LogHistogram") -> "LogHistogram":
        """Unite two histograms; InputError if an id has different counts in the two."""
        return LogHistogram(merge_keyed(self.parts, other.parts, "the histogram", np.array_equal))

    def pooled(self, key: str) -> "LogHistogram":
        """Count the values of all parts as those of one block `key`.

        The quantiles stay the same. What is pooled can no longer be told apart: whoever pools must see to it that no
        value is in two blocks.
        """
        return LogHistogram({key: self._totals()})

    def _totals(self) -> IntArray:
        rows = np.concatenate([np.zeros((0, 2), dtype=np.int64), *self.parts.values()])
        codes, inverse = np.unique(rows[:, 0], return_inverse=True)
        totals = np.zeros(len(codes), dtype=np.int64)
        np.add.at(totals, inverse, rows[:, 1])
        return np.column_stack([codes, totals])

    def quantile_range(self, low: float, high: float) -> tuple[float, float]:
        """Bucket edges that enclose the quantiles `low` and `high`.

        Parameters
        ----------
        low, high : float
            0 ≤ low ≤ high ≤ 1. Of n sorted values x, the quantiles are x[floor(low·(n−1))] and x[ceil(high·(n−1))].

        Returns
        -------
        (float, float)
            Lower edge of the first value's bucket, upper edge of the second's; exactly 0 for a value of 0.

        Raises
        ------
        InputError
            If the quantiles are out of order or outside [0, 1], or there are no values.
        """
        if not 0 <= low <= high <= 1:
            raise InputError(f"quantiles must satisfy 0 <= low <= high <= 1, got ({low!r}, {high!r})")
        if self.count == 0:
            raise InputError("quantiles of no values were asked for; the histogram is empty")
        codes, totals = self._totals().T
        reached = np.cumsum(totals)
        ranks = [math.floor(low * (reached[-1] - 1)), math.ceil(high * (reached[-1] - 1))]
        first, last = codes[np.searchsorted(reached, ranks, side="right")]
        return bucket_edges(int(first))[0], bucket_edges(int(last))[1]

    def to_dict(self) -> dict[str, Sequence[Sequence[int]]]:
        """Return a JSON-able mapping from id to [steps from each code to the next, counts], half the size of codes."""
        return {key: [np.diff(part[:, 0], prepend=0).tolist(), part[:, 1].tolist()] for key, part in self.parts.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Sequence[Sequence[int]]]) -> "LogHistogram":
        """Inverse of `to_dict`."""
        return cls({key: np.column_stack([np.cumsum(steps), counts]) for key, (steps, counts) in data.items()})


def bucket_codes(values: ArrayLike) -> IntArray:
    """Return the bucket code of each value, flat; codes rise with the values. InputError for NaN or infinite values."""
    array = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(array).all():
        raise InputError("a histogram takes finite values only; leave out essential bars and NaN")
    mantissa, exponent = np.frexp(np.abs(array))
    step = np.searchsorted(_MANTISSA_EDGES, mantissa, side="right") - 1
    code = (exponent.astype(np.int64) - _LOWEST_EXPONENT) * BUCKETS_PER_OCTAVE + step + 1
    return np.where(array == 0, 0, np.sign(array).astype(np.int64) * code)


def bucket_edges(code: int) -> tuple[float, float]:
    """Return the lower and upper edge of a bucket; (0, 0) for the zero bucket."""
    if code == 0:
        return 0.0, 0.0
    edges = [_edge(abs(code)), _edge(abs(code) + 1)]
    return (edges[0], edges[1]) if code > 0 else (-edges[1], -edges[0])


def _edge(code: int) -> float:
    octave, step = divmod(code - 1, BUCKETS_PER_OCTAVE)
    # The bucket that ends at 2^1024 has an edge no float can hold.
    exponent = octave + _LOWEST_EXPONENT
    return float(np.finfo(np.float64).max) if exponent > 1024 else math.ldexp(_MANTISSA_EDGES[step], exponent)
