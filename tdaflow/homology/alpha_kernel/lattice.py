"""Recover the integer lattice a point cloud lives on, in a canonical position.

Superpixel clouds are regular along each axis: coordinate = offset + index · unit, where the unit is a short dyadic
number. On such a lattice the signs that a Delaunay triangulation needs are signs of integer determinants in the
*indices* (a positive factor per axis does not change an orientation), with the squared length Σ mₖ² iₖ² as lift. The
magnitude of these determinants, and with it the arithmetic that is exact for them, is known before any is computed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError

Integers = NDArray[np.int64]

_FLOAT_EXACT = 2**53
# Orientation determinants in index coordinates stay below 24·Π(2Rₖ), intermediate sums included (predicates.py), and
# are used as exact float64 integers.
_ORIENTATION_TERMS = 24
# Above this bound of Π(2Rₖ)·L the filter's error reaches 2⁶², where the wrapped 64-bit value is no longer the true one.
_FILTER_LIMIT = 2**102


class UnsupportedCloud(InputError):
    """The cloud is on no lattice that the exact predicates cover; a pure function of the input, never of timing."""


@dataclass(frozen=True)
class Lattice:
    """A cloud of distinct integer points, centred, in canonical axis order, orientation and point order.

    Attributes
    ----------
    index : (n, 4) int64
        Distinct lattice indices, lexicographically sorted, mid-range at 0 (or at ½).
    unit : (4,) int64
        Length of an index step along each axis in units of ``2**exponent``.
    exponent : int
        A true coordinate difference is ``index difference · unit · 2**exponent``.
    source : (n,) int64
        The first row of the cloud that lies there.
    """

    index: Integers
    unit: Integers
    exponent: int
    source: Integers


@dataclass(frozen=True)
class Predicates:
    """The arithmetic that is exact for a cloud.

    Attributes
    ----------
    name : {"float64", "filtered"}
        ``float64``: every determinant and partial sum is an integer below 2⁵³. ``filtered``: float64 with a proven
        error bound, and 64-bit wrap-around integers where the bound does not decide.
    error : float
        The error bound of an in-sphere determinant; 0 for ``float64``.
    """

    name: str
    error: float


def _axis_lattice(column: NDArray[np.float64]) -> tuple[Integers, int, int]:
    """Return (index ≥ 0, odd-or-even gcd, exponent) with ``column - min == index * gcd * 2**exponent`` exactly."""
    low = column.min()
    offset = column - low
    with np.errstate(over="ignore", invalid="ignore"):
        # Exactness of the subtraction (Knuth's two-sum residue): an inexact one means no common lattice.
        shift = offset - column
        residue = (column - (offset - shift)) - (low + shift)
        exact = bool(np.isfinite(offset).all()) and not residue.any()
    if not exact:
        raise UnsupportedCloud("coordinates share no lattice whose differences are float64 numbers")
    top = offset.max()
    if top == 0:
        return np.zeros(len(column), np.int64), 1, 0
    mantissa, exponents = np.frexp(offset)
    integers = np.ldexp(mantissa, 53).astype(np.int64)  # exact: a float64 has 53 significant bits
    nonzero = integers != 0
    lowest_bit = integers[nonzero] & -integers[nonzero]
    trailing = np.frexp(lowest_bit.astype(np.float64))[1] - 1
    exponent = int((exponents[nonzero] - 53 + trailing).min())
    if np.frexp(top)[1] - exponent > 53:
        raise UnsupportedCloud("coordinates span more than 53 bits along an axis")
    # Two steps: 2**-exponent alone may overflow for subnormal units.
    steps = np.ldexp(np.ldexp(offset, -(exponent // 2)), -(exponent - exponent // 2)).astype(np.int64)
    divisor = int(np.gcd.reduce(steps))
    twos = (divisor & -divisor).bit_length() - 1
    return steps // divisor, divisor >> twos, exponent + twos


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014): a fixed scrambling of 64-bit integers."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _canonical(doubled: Integers, unit: Integers) -> tuple[Integers, Integers]:
    """Order the axes and choose their directions by invariants of the cloud, so that symmetric copies coincide.

    ``doubled`` holds 2·index − (min + max). Each point gets a label that no reflection or axis permutation changes.
    An axis is then ordered by its label-weighted even moment and directed by its label-weighted first moment, both
    modulo 2⁶⁴. Where these vanish or tie the cloud is (all but) symmetric and either choice describes it.
    """
    length = np.abs(doubled).view(np.uint64) * unit.view(np.uint64)
    axis_hash = _mix(length + np.uint64(0x9E3779B97F4A7C15))
    label = _mix(axis_hash.sum(axis=1, dtype=np.uint64))
    moment = (doubled.view(np.uint64) * label[:, None]).sum(axis=0, dtype=np.uint64).view(np.int64)
    doubled = np.where(moment < 0, -doubled, doubled)
    weight = (axis_hash * label[:, None]).sum(axis=0, dtype=np.uint64)
    axes = np.lexsort((weight, unit))
    return np.ascontiguousarray(doubled[:, axes]), unit[axes]


def recover_lattice(points: NDArray[np.float64]) -> Lattice:
    """Recover integer indices and units from coordinates; duplicates are merged.

    Parameters
    ----------
    points : (n, 4) float64, n ≥ 1
        Finite coordinates; along each axis integer multiples of one dyadic unit plus an offset.

    Returns
    -------
    Lattice
        Equal, bit for bit, for every order and translation of the same points, and for reflections and axis
        permutations unless the cloud's own near-symmetry leaves the choice open.

    Raises
    ------
    UnsupportedCloud
        If no axis lattice of at most 53 bits exists.
    """
    columns, odd_parts, exponents = zip(*(_axis_lattice(points[:, k]) for k in range(points.shape[1])), strict=True)
    used = [k for k, column in enumerate(columns) if column.any()]
    exponent = min((exponents[k] for k in used), default=0)
    unit = np.ones(len(columns), np.int64)
    for k in used:
        scaled = odd_parts[k] << (exponents[k] - exponent)
        if scaled >= _FLOAT_EXACT:
            raise UnsupportedCloud("the units of the axes differ by more than 53 bits")
        unit[k] = scaled
    raw = np.stack(columns, axis=1)
    span = raw.max(axis=0)
    doubled, unit = _canonical(2 * raw - span, unit)
    span = np.abs(doubled).max(axis=0)
    index = (doubled + (span & 1)) >> 1
    order = np.lexsort(index.T[::-1])
    index = index[order]
    fresh = np.ones(len(index), bool)
    fresh[1:] = (index[1:] != index[:-1]).any(axis=1)
    return Lattice(np.ascontiguousarray(index[fresh]), unit, exponent, order[fresh])


def choose_predicates(index: Integers, unit: Integers) -> Predicates:
    """Choose the arithmetic for the in-sphere signs of a cloud by the bound B = 7.5·Π(2Rₖ)·Σ mₖ² Rₖ².

    Rₖ is the largest absolute index along axis k. Every in-sphere determinant, and every partial sum in computing it
    in the order that ``predicates`` uses, is an integer of magnitude at most B.

    Raises
    ------
    UnsupportedCloud
        If the bound exceeds what the filter covers.
    """
    radius = [int(r) for r in np.abs(index).max(axis=0)]
    box = 1
    for r in radius:
        box *= max(2 * r, 1)
    lift = sum(int(m) ** 2 * r**2 for m, r in zip(unit, radius, strict=True))
    if _ORIENTATION_TERMS * box >= _FLOAT_EXACT or box * lift >= _FILTER_LIMIT:
        bits = (8 * box * max(lift, 1)).bit_length()
        raise UnsupportedCloud(
            f"the determinants of this cloud reach 2**{bits}, too large for the exact kernel; "
            "use a coarser intensity step or spacing"
        )
    if 15 * box * lift < 2 * _FLOAT_EXACT:
        return Predicates("float64", 0.0)
    # predicates.py derives 2100·u·Π(2Rₖ)·L with u = 2**-53; 8192 leaves room for second-order terms.
    return Predicates("filtered", float(8192 * box * lift) * 2.0**-53)
