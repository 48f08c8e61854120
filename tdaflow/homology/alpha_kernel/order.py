"""Insertion order: an affinely independent start, then biased random rounds along a Morton curve.

Amenta, Choi, Rote (2003), *Incremental constructions con BRIO*: random rounds of growing size keep the expected number
of created cells that of a random order, and a space-filling curve inside each round keeps the point location short.
"""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_SEED = 20240229
_MORTON_BITS = 12
_PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_TRIPLES = ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3))


def _spread(values: Integers) -> Integers:
    """Move bit b of a 12-bit integer to bit 4·b."""
    values = (values | (values << 24)) & 0x000000FF000000FF
    values = (values | (values << 12)) & 0x000F000F000F000F
    values = (values | (values << 6)) & 0x0303030303030303
    return (values | (values << 3)) & 0x1111111111111111


def morton_keys(coordinates: Integers) -> Integers:
    """Morton (Z-order) keys of (n, 4) integers, each axis shifted to 0, all scaled by one power of two to 12 bits."""
    shifted = coordinates - coordinates.min(axis=0)
    excess = max(int(shifted.max()).bit_length() - _MORTON_BITS, 0)
    spread = _spread(shifted >> excess)
    return spread[:, 0] | (spread[:, 1] << 1) | (spread[:, 2] << 2) | (spread[:, 3] << 3)


def insertion_order(coordinates: Integers) -> Integers:
    """Return an order of the rows of ``coordinates`` (n, 4): rounds n/4ʲ of a fixed shuffle, each in Morton order."""
    n = len(coordinates)
    shuffle = np.random.Generator(np.random.PCG64(_SEED)).permutation(n)
    level = np.zeros(n, np.int64)
    size = n
    while size > 8:
        size //= 4
        level[shuffle[:size]] -= 1
    return np.lexsort((morton_keys(coordinates), level))


def _minors(basis: list[Integers]) -> Integers:
    """Matrix whose product with a vector r lists the minors of (basis, r); integers modulo 2⁶⁴.

    True minors are below 2⁵³ (``lattice.choose_predicates``), so a wrapped intermediate does not change them.
    """
    if not basis:
        return np.eye(4, dtype=np.int64)
    a = basis[0]
    if len(basis) == 1:
        rows = np.zeros((6, 4), np.int64)
        for row, (i, j) in zip(rows, _PAIRS, strict=True):
            row[j], row[i] = a[i], -a[j]
        return rows
    pair = dict(zip(_PAIRS, _minors([a]) @ basis[1], strict=True))
    triples = np.zeros((4, 4), np.int64)
    for row, (i, j, k) in zip(triples, _TRIPLES, strict=True):
        row[k], row[j], row[i] = pair[i, j], -pair[i, k], pair[j, k]
    if len(basis) == 2:
        return triples
    x, y, z, w = triples @ basis[2]
    return np.array([[-w, z, -y, x]], np.int64)


def affine_frame(index: Integers, order: Integers) -> tuple[list[int], Integers]:
    """Find affinely independent points, first come first, and unit steps that complete them to a frame of R⁴.

    Parameters
    ----------
    index : (n, 4) int64
        Distinct lattice points.
    order : (n,) int64
        The order in which candidates are tried.

    Returns
    -------
    chosen : list of int
        d + 1 rows of ``index`` that span its affine hull, d its dimension.
    apexes : (4 - d, 4) int64
        Lattice points off the hull that complete the frame; empty for a full-dimensional cloud.
    """
    origin = index[order[0]]
    chosen = [int(order[0])]
    basis: list[Integers] = []
    while len(basis) < 4:
        minors = _minors(basis)
        # The first few candidates nearly always decide; the rest is looked at only where they do not.
        for candidates in (order[:64], order[64:]):
            hit = ((index[candidates] - origin) @ minors.T).any(axis=1)
            if hit.any():
                chosen.append(int(candidates[int(hit.argmax())]))
                basis.append(index[chosen[-1]] - origin)
                break
        else:
            break
    apexes = []
    while len(basis) < 4:
        minors = _minors(basis)
        axis = int((minors != 0).any(axis=0).argmax())
        basis.append(np.eye(4, dtype=np.int64)[axis])
        apexes.append(basis[-1])
    return chosen, np.array(apexes, np.int64).reshape(-1, 4) + origin
