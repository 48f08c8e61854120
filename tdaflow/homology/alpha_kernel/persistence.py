"""Persistent homology over Z₂ of a filtered complex given as face lists: three ways, cheapest where it applies.

- ``merge_components``: H₀ by union-find over edges.
- ``merge_voids``: the top dimension by duality, union-find over top cells across their facets in decreasing order
  (Delfinado, Edelsbrunner 1995).
- ``reduce_columns``: any dimension by column reduction (Edelsbrunner, Letscher, Zomorodian 2002) with clearing (Chen, Kerber
  2011) and the working column in a two-level bitset (as PHAT's bit-tree pivot column, Bauer et al. 2017).

Nothing here knows of geometry: faces are numbers, values are floats.
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.predicates import OPTIONS

_DIGIT = 11
_BUCKETS = 1 << _DIGIT


@njit(**OPTIONS)
def sort_by_value(values):
    """Stable ascending order of non-negative finite floats, by radix sort of their bit patterns.

    Non-negative IEEE numbers order as their bit patterns; only the bits in which the values differ are sorted.

    Returns
    -------
    order : (n,) int32
        Indices in ascending order of value, equal values by index.
    rank : (n,) int32
        Its inverse.
    """
    n = values.shape[0]
    keys = values.view(np.int64).copy()
    order = np.arange(n).astype(np.int32)
    rank = np.empty(n, np.int32)
    if n == 0:
        return order, rank
    low = keys.min()
    span = keys.max() - low
    other_keys = np.empty(n, np.int64)
    other_order = np.empty(n, np.int32)
    for i in range(n):
        keys[i] -= low
    shift = 0
    while span >> shift > 0:
        counts = np.zeros(_BUCKETS, np.int64)
        for i in range(n):
            counts[(keys[i] >> shift) & (_BUCKETS - 1)] += 1
        total = 0
        for b in range(_BUCKETS):
            count = counts[b]
            counts[b] = total
            total += count
        for i in range(n):
            b = (keys[i] >> shift) & (_BUCKETS - 1)
            j = counts[b]
            counts[b] = j + 1
            other_keys[j] = keys[i]
            other_order[j] = order[i]
        keys, other_keys = other_keys, keys
        order, other_order = other_order, order
        shift += _DIGIT
    for i in range(n):
        rank[order[i]] = i
    return order, rank


@njit(inline="always", **OPTIONS)
def _find(parent, x):
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@njit(**OPTIONS)
def merge_components(edges, order, n_vertices):
    """Union-find over edges in filtration order: which edges join two components (die in H₀).

    Parameters
    ----------
    edges : (m, 2) int32 vertex ids
    order : (m,) int32 ascending filtration order
    n_vertices : int
        Ids are below it.

    Returns
    -------
    (m,) bool per edge
    """
    parent = np.arange(n_vertices)
    joins = np.zeros(edges.shape[0], np.bool_)
    for i in range(order.shape[0]):
        e = order[i]
        a = _find(parent, edges[e, 0])
        b = _find(parent, edges[e, 1])
        if a != b:
            joins[e] = True
            if a < b:
                parent[b] = a
            else:
                parent[a] = b
    return joins


@njit(**OPTIONS)
def merge_voids(cofaces, order, cell_values):
    """Top-dimensional classes by duality: facets in decreasing order merge the cells on their two sides.

    Parameters
    ----------
    cofaces : (m, 2) int32
        The cells on both sides of each facet, -1 for the outside.
    order : (m,) int32
        Ascending filtration order of the facets.
    cell_values : (cells,) float64

    Returns
    -------
    (m,) int32
        The cell that kills the class born with each facet, -1 for facets that create none.
    """
    n_cells = cell_values.shape[0]
    parent = np.arange(n_cells + 1)
    oldest = np.arange(n_cells + 1)  # per component the cell of largest value; the outside is oldest of all
    killer = np.full(cofaces.shape[0], -1, np.int32)
    for i in range(order.shape[0] - 1, -1, -1):
        facet = order[i]
        second = cofaces[facet, 1]
        a = _find(parent, cofaces[facet, 0])
        b = _find(parent, n_cells if second < 0 else second)
        if a == b:
            continue
        x = oldest[a]
        y = oldest[b]
        if x == n_cells or (y != n_cells and cell_values[x] > cell_values[y]):
            x, y = y, x
        killer[facet] = x  # the younger of the two dies
        parent[a] = b
        oldest[b] = y
    return killer


@njit(**OPTIONS)
def reduce_columns(faces, order, skip, row_rank):
    """Pair columns with rows by left-to-right reduction of a boundary matrix over Z₂.

    Parameters
    ----------
    faces : (m, k) int32
        The k faces of each column's simplex.
    order : (m,) int32
        Ascending filtration order of the columns.
    skip : (m,) bool
        Columns known to reduce to zero (cleared: they are rows of a pair one dimension up, or found by duality).
    row_rank : (r,) int32
        Filtration rank of each face.

    Returns
    -------
    (r,) int32
        Per face, the column that kills the class it creates, or -1.

    Notes
    -----
    A column whose youngest face is free is paired at once and stays as it is, which is true of nearly all in an alpha
    filtration. Others are summed in a bitset over ranks with a summary level, so that finding the youngest entry costs two
    count-leading-zero steps; the reduced column is kept as a sorted list.
    """
    n_rows = row_rank.shape[0]
    k = faces.shape[1]
    owner = np.full(n_rows, -1, np.int32)  # column by rank of its pivot
    n_words = (n_rows + 63) >> 6
    words = np.zeros(n_words + 1, np.uint64)
    summary = np.zeros((n_words >> 6) + 1, np.uint64)
    row_of_rank = np.empty(n_rows, np.int32)
    for r in range(n_rows):
        row_of_rank[row_rank[r]] = r
    first = np.full(faces.shape[0], -1, np.int64)  # where a reduced column lies in the store
    length = np.zeros(faces.shape[0], np.int32)
    store = np.empty(1024, np.int32)
    used = 0
    one = np.uint64(1)
    for i in range(order.shape[0]):
        column = order[i]
        if skip[column]:
            continue
        pivot = row_rank[faces[column, 0]]
        for j in range(1, k):
            pivot = max(pivot, row_rank[faces[column, j]])
        if owner[pivot] < 0:
            owner[pivot] = column
            continue
        top = 0
        adding = column
        while True:
            if first[adding] < 0:
                for j in range(k):
                    r = row_rank[faces[adding, j]]
                    words[r >> 6] ^= one << np.uint64(r & 63)
                    summary[r >> 12] |= one << np.uint64((r >> 6) & 63)
                    top = max(top, r >> 12)
            else:
                for j in range(first[adding], first[adding] + length[adding]):
                    r = store[j]
                    words[r >> 6] ^= one << np.uint64(r & 63)
                    summary[r >> 12] |= one << np.uint64((r >> 6) & 63)
                    top = max(top, r >> 12)
            pivot = -1
            while top >= 0:
                if summary[top] == 0:
                    top -= 1
                    continue
                word = (top << 6) + _highest_bit(summary[top])
                if words[word] == 0:
                    summary[top] ^= one << np.uint64(word & 63)
                    continue
                pivot = (word << 6) + _highest_bit(words[word])
                break
            if pivot < 0 or owner[pivot] < 0:
                break
            adding = owner[pivot]
        if pivot < 0:
            continue
        owner[pivot] = column
        first[column] = used
        while top >= 0:
            if summary[top] == 0:
                top -= 1
                continue
            word = (top << 6) + _highest_bit(summary[top])
            bits = words[word]
            while bits != 0:
                bit = _highest_bit(bits)
                bits ^= one << np.uint64(bit)
                if used == store.shape[0]:
                    more = np.empty(2 * used, np.int32)
                    more[:used] = store
                    store = more
                store[used] = (word << 6) + bit
                used += 1
            words[word] = 0
            summary[top] ^= one << np.uint64(word & 63)
        length[column] = used - first[column]
    killer = np.full(n_rows, -1, np.int32)
    for r in range(n_rows):
        killer[row_of_rank[r]] = owner[r]
    return killer


@njit(inline="always", **OPTIONS)
def _highest_bit(word):
    """Index of the highest set bit of a nonzero uint64."""
    bit = 0
    if word >> np.uint64(32) != 0:
        word >>= np.uint64(32)
        bit += 32
    if word >> np.uint64(16) != 0:
        word >>= np.uint64(16)
        bit += 16
    if word >> np.uint64(8) != 0:
        word >>= np.uint64(8)
        bit += 8
    if word >> np.uint64(4) != 0:
        word >>= np.uint64(4)
        bit += 4
    if word >> np.uint64(2) != 0:
        word >>= np.uint64(2)
        bit += 2
    if word >> np.uint64(1) != 0:
        bit += 1
    return bit
