"""The lower neighbours and the lower link of every voxel."""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.predicates import OPTIONS
from tdaflow.homology.cubical_kernel.links import (
    FIRST_CUBE,
    FIRST_SQUARE,
    N_NEIGHBOURS,
    SQUARES,
    SQUARES_OF_CUBES,
    slot_of,
)

# Places worked on together: neighbours of so many stay in the fastest cache.
_BLOCK = 1024


@njit(**OPTIONS)
def lower_links(values, steps, keys, numbers, lower, link, begin, end):
    """Find which neighbours precede each voxel, and the number of its lower link in the catalogue.

    Parameters
    ----------
    values : (p,) float64
        Of a ``Grid``.
    steps : (26,) int64
        From a place to its neighbours.
    keys, numbers : the catalogue's table
    lower : (p,) int32, written
        One bit for each neighbour.
    link : (p,) int32, written
        What is written for the border means nothing.
    begin, end : int
        Places from and to which is written, so that several threads may share the work.
    """
    margin = steps[N_NEIGHBOURS - 1]  # to the farthest
    end = min(end, values.shape[0] - margin)
    for first in range(max(begin, margin), end, _BLOCK):
        last = min(first + _BLOCK, end)
        # Slices: an index that counts from 0 compiles to vector instructions.
        own, bits, cells = values[first:last], lower[first:last], link[first:last]
        for i in range(last - first):
            bits[i] = 0
        for k in range(N_NEIGHBOURS):
            other = values[first + steps[k] : last + steps[k]]
            if steps[k] < 0:
                _mark_not_higher(own, other, np.int32(1 << k), bits)
            else:
                _mark_lower(own, other, np.int32(1 << k), bits)
        for i in range(last - first):
            cells[i] = bits[i]
        for s in range(12):
            _drop_open(cells, SQUARES[s, 0], SQUARES[s, 1], FIRST_SQUARE + s)
        for c in range(8):
            a, b, d = SQUARES_OF_CUBES[c, 0], SQUARES_OF_CUBES[c, 1], SQUARES_OF_CUBES[c, 2]
            _drop_open(cells, FIRST_SQUARE + a, FIRST_SQUARE + b, FIRST_CUBE + c)
            _drop_open(cells, FIRST_SQUARE + a, FIRST_SQUARE + d, FIRST_CUBE + c)
        for i in range(last - first):
            cells[i] = numbers[slot_of(cells[i], keys)]


@njit(**OPTIONS)
def _mark_lower(own, other, bit, bits):
    """Set a bit where the other value is lower."""
    for i in range(own.shape[0]):
        bits[i] |= bit if other[i] < own[i] else np.int32(0)


@njit(**OPTIONS)
def _mark_not_higher(own, other, bit, bits):
    """Set a bit where the other value is lower or equal."""
    for i in range(own.shape[0]):
        bits[i] |= bit if other[i] <= own[i] else np.int32(0)


@njit(**OPTIONS)
def _drop_open(cells, a, b, cell):
    """Clear the bit of a cell where one of two of its faces is missing."""
    a, b, cell = np.int32(a), np.int32(b), np.int32(cell)
    for i in range(cells.shape[0]):
        cells[i] &= ~((~(cells[i] >> a & cells[i] >> b) & np.int32(1)) << cell)
