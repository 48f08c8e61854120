"""Components of the sublevel sets, and of what they leave, by union-find along the gradient.

A voxel hangs together with the neighbour that the gradient leads to, so a forest of voxels is known before any is
sorted. Only where a critical edge or square may join two trees does the order of the filtration matter.
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.bits import lowest_bit
from tdaflow.homology.alpha_kernel.persistence import find
from tdaflow.homology.alpha_kernel.predicates import OPTIONS
from tdaflow.homology.alpha_kernel.sorting import sort_bits
from tdaflow.homology.cubical_kernel.links import CORNERS_OF_CUBES, LOOPS, N_LOOPS, N_ROOTS, ROOTS, WHOLE

_BUT_THE_SIGN = 0x7FFFFFFFFFFFFFFF
# The border is one tree, older than all others; it is the tree of the first place.
_BORDER = 0


@njit(**OPTIONS)
def merge_components(values, places, steps, link, entries, bars, born):
    """H₀ of the sublevel sets.

    Parameters
    ----------
    values, places : of a ``Grid``
    steps : (26,) int64
        From a place to its neighbours.
    link : (p,) int32
        Rows of the catalogue, by place.
    entries : the catalogue's rows
    bars : (≥ voxels, 2) int32, written
        Places where a bar of positive length begins and ends. The oldest component is not among them.
    born : (≥ 3 · p, 2) int32, written
        (place, which edge at it) of each critical edge that creates a loop, in filtration order.

    Returns
    -------
    tuple of int
        How many bars and loops were written.
    """
    parent = np.zeros(values.shape[0], np.int32)
    saddles = np.empty(places.shape[0], np.int32)
    count = 0
    for here in places:
        entry = link[here]
        roots = entries[entry, N_ROOTS]
        parent[here] = here + steps[entries[entry, ROOTS]] if roots > 0 else here
        if roots > 1:
            saddles[count] = here
            count += 1
    n_bars = np.int64(0)  # no literal: for one, numba compiles what takes it once more
    n_born = 0
    for here in _in_order(values, saddles[:count]):
        entry = link[here]
        root = find(parent, here + steps[entries[entry, ROOTS]])
        for i in range(1, entries[entry, N_ROOTS]):
            edge = entries[entry, ROOTS + i]
            other = find(parent, here + steps[edge])
            if other == root:
                born[n_born, 0] = here
                born[n_born, 1] = edge
                n_born += 1
                continue
            root, n_bars = _merge(root, other, 1, values, here, parent, bars, n_bars)
    return n_bars, n_born


@njit(**OPTIONS)
def merge_voids(values, places, steps, lower, link, entries, bars, ending):
    """H₂ of the sublevel sets, by duality.

    The complement of a sublevel set grows as the value falls. Its voxels hang together across cubes (26-connected), as
    does a border that is not there until the end; where two components of it meet, a void closes.

    Parameters
    ----------
    values, places, steps, link, entries, bars : as in ``merge_components``
    lower : (p,) int32
        Bits of the neighbours that precede each voxel.
    ending : (≥ 3 · p, 2) int32, written
        (place, which square at it) of each critical square that closes no void and so ends a loop, latest first.

    Returns
    -------
    tuple of int
        How many bars and squares were written.
    """
    parent = np.zeros(values.shape[0], np.int32)
    saddles = np.empty(places.shape[0], np.int32)
    count = 0
    for here in places:
        upper = ~lower[here] & WHOLE
        parent[here] = here + steps[lowest_bit(upper)] if upper != 0 else here
        if entries[link[here], N_LOOPS] > 0:
            saddles[count] = here
            count += 1
    n_bars = np.int64(0)  # no literal: for one, numba compiles what takes it once more
    n_ending = 0
    for here in _in_order(values, saddles[:count])[::-1]:
        entry = link[here]
        upper = ~lower[here] & WHOLE
        for i in range(entries[entry, N_LOOPS] - 1, -1, -1):
            at = LOOPS + 3 * i
            root = find(parent, here + steps[lowest_bit(upper & CORNERS_OF_CUBES[entries[entry, at + 1]])])
            other = find(parent, here + steps[lowest_bit(upper & CORNERS_OF_CUBES[entries[entry, at + 2]])])
            if other == root:
                ending[n_ending, 0] = here
                ending[n_ending, 1] = entries[entry, at]
                n_ending += 1
                continue
            _, n_bars = _merge(root, other, -1, values, here, parent, bars, n_bars)
    return n_bars, n_ending


@njit(**OPTIONS)
def _merge(a, b, direction, values, here, parent, bars, n_bars):
    """Let two trees meet at a place: the younger joins the older one, which is returned, and leaves a bar.

    Values and, where they are equal, places ascend (``direction`` 1) or descend (-1).
    """
    later = direction * (values[a] - values[b])
    if b == _BORDER or (a != _BORDER and (later > 0 or (later == 0 and direction * (a - b) > 0))):
        a, b = b, a
    parent[b] = a
    if values[b] != values[here]:
        bars[n_bars, 0] = b if direction > 0 else here
        bars[n_bars, 1] = here if direction > 0 else b
        n_bars += 1
    return a, n_bars


@njit(**OPTIONS)
def _in_order(values, places):
    """Sort places, given in ascending order, by value and then by place."""
    n = places.shape[0]
    own = np.empty(n, np.float64)
    for i in range(n):
        own[i] = values[places[i]]
    bits = own.view(np.int64)
    for i in range(n):
        # Of negative numbers all bits but the sign order the other way round.
        bits[i] ^= (bits[i] >> 63) & _BUT_THE_SIGN
    order = np.empty(n, np.uint32)
    rank = np.empty(n, np.uint32)
    sort_bits(bits, order, rank, np.empty(n, np.int64), np.empty(n, np.int64))
    result = np.empty(n, np.int64)
    for i in range(n):
        result[i] = places[order[i]]
    return result
