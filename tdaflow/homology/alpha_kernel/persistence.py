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
_KEY_BITS = 4 * _DIGIT
_BUCKETS = 1 << _DIGIT


@njit(**OPTIONS)
def sort_by_value(values):
    """Ascending order of non-negative finite floats: a radix sort of their leading bits, then of what it left equal.

    Non-negative IEEE numbers order as their bit patterns. The leading 44 bits in which they differ are sorted with the
    index packed below them; runs that agree in these, yet not in all bits, are ordered by Shell's method, so a mask's
    thousands of values one rounding apart cost no more than n^1.3 comparisons.

    Parameters
    ----------
    values : (n,) float64, n ≤ 2²⁰ · 16
        Non-negative.

    Returns
    -------
    order : (n,) int32
        Indices in ascending order of value.
    rank : (n,) int32
        Its inverse.
    """
    n = values.shape[0]
    order = np.empty(n, np.int32)
    rank = np.empty(n, np.int32)
    if n == 0:
        return order, rank
    bits = values.view(np.int64)
    low = bits.min()
    span = bits.max() - low
    index_bits = 1
    while n >> index_bits > 0:
        index_bits += 1
    key_bits = min(_KEY_BITS, 63 - index_bits)
    shift = 0
    while span >> shift >= np.int64(1) << key_bits:
        shift += 1
    mask = (np.int64(1) << index_bits) - 1
    keys = np.empty(n, np.int64)
    others = np.empty(n, np.int64)
    counts = np.zeros((4, _BUCKETS), np.int64)
    for i in range(n):
        key = (bits[i] - low) >> shift
        keys[i] = (key << index_bits) | i
        counts[0, key & (_BUCKETS - 1)] += 1
        counts[1, (key >> _DIGIT) & (_BUCKETS - 1)] += 1
        counts[2, (key >> 2 * _DIGIT) & (_BUCKETS - 1)] += 1
        counts[3, key >> 3 * _DIGIT] += 1
    for digit in range(4):
        if span >> (shift + digit * _DIGIT) == 0:
            break
        total = 0
        for b in range(_BUCKETS):
            count = counts[digit, b]
            counts[digit, b] = total
            total += count
        down = index_bits + digit * _DIGIT
        for i in range(n):
            key = keys[i]
            b = (key >> down) & (_BUCKETS - 1)
            others[counts[digit, b]] = key
            counts[digit, b] += 1
        keys, others = others, keys
    for i in range(n):
        order[i] = keys[i] & mask
    if shift > 0:
        start = 0
        unequal = False
        for i in range(1, n + 1):
            if i < n and keys[i] >> index_bits == keys[start] >> index_bits:
                unequal = unequal or bits[order[i]] < bits[order[i - 1]]
                continue
            if unequal:
                _shell_sort(bits, order, start, i)
                unequal = False
            start = i
    for i in range(n):
        rank[order[i]] = i
    return order, rank


@njit(**OPTIONS)
def _shell_sort(keys, order, start, stop):
    """Sort order[start:stop] by ``keys[order]``; gaps of Ciura (2001), continued by 9/4."""
    gap = 1
    while gap < (stop - start) // 3:
        gap = (9 * gap) // 4 + 1
    while gap > 0:
        for i in range(start + gap, stop):
            item = order[i]
            j = i
            while j >= start + gap and keys[order[j - gap]] > keys[item]:
                order[j] = order[j - gap]
                j -= gap
            order[j] = item
        gap = 0 if gap == 1 else max((4 * gap) // 9, 1)


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
    (components - 1,) int32
        The joining edges, in filtration order.
    """
    parent = np.arange(n_vertices).astype(np.int32)
    joins = np.empty(edges.shape[0], np.int32)
    count = 0
    for i in range(order.shape[0]):
        e = order[i]
        a = _find(parent, edges[e, 0])
        b = _find(parent, edges[e, 1])
        if a != b:
            joins[count] = e
            count += 1
            if a < b:
                parent[b] = a
            else:
                parent[a] = b
    return joins[:count].copy()


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
        By rank of a facet: the cell that kills the class it creates, or -1.
    """
    n_cells = cell_values.shape[0]
    parent = np.arange(n_cells + 1).astype(np.int32)  # a root is the cell of largest value; the outside is beyond all
    killer = np.full(order.shape[0], -1, np.int32)
    for i in range(order.shape[0] - 1, -1, -1):
        facet = order[i]
        first = cofaces[facet, 0]
        second = cofaces[facet, 1]
        a = _find(parent, n_cells if first < 0 else first)
        b = _find(parent, n_cells if second < 0 else second)
        if a == b:
            continue
        if a == n_cells or (b != n_cells and cell_values[a] > cell_values[b]):
            a, b = b, a
        killer[i] = a  # the younger of the two dies
        parent[a] = b
    return killer


@njit(**OPTIONS)
def collect_bars(killer, row_order, row_values, column_values, exponent):
    """List the bars of positive length, un-squared and in lexicographic order.

    Parameters
    ----------
    killer : (r,) int32
        By rank of a row, its killing column or -1.
    row_order : (r,) int32
        Rows by rank.
    row_values, column_values : float64
        Squared radii.
    exponent : int
        A radius is √value · 2**exponent.

    Returns
    -------
    (bars, 2) float64 birth < death
    """
    n = killer.shape[0]
    bars = np.empty((n, 2), np.float64)
    scale = 2.0**exponent
    count = 0
    first = 0  # of the run of equal births
    for i in range(n):
        column = killer[i]
        if column < 0:
            continue
        squared_birth = row_values[row_order[i]]
        squared_death = column_values[column]
        if squared_birth >= squared_death:
            continue
        birth = np.sqrt(squared_birth) * scale
        death = np.sqrt(squared_death) * scale
        if birth >= death:  # squares one rounding apart can have one root
            continue
        if count > 0 and bars[count - 1, 0] != birth:
            _sort_deaths(bars, first, count)
            first = count
        bars[count, 0] = birth
        bars[count, 1] = death
        count += 1
    _sort_deaths(bars, first, count)
    return bars[:count].copy()


@njit(inline="always", **OPTIONS)
def _sort_deaths(bars, start, stop):
    if stop - start > 1:
        bars[start:stop, 1].sort()


@njit(**OPTIONS)
def reduce_columns(faces, order, skip, row_rank):
    """Pair columns with rows by left-to-right reduction of a boundary matrix over Z₂.

    Parameters
    ----------
    faces : (m, k) int32
        The k faces of each column's simplex.
    order : (m,) int32
        Ascending filtration order of the columns.
    skip : (m,) int32
        By rank of a column: not negative if it is known to reduce to zero, as what kills the class it creates is known.
    row_rank : (r,) int32
        Filtration rank of each face.

    Returns
    -------
    (r,) int32
        By rank of a face: the column that kills the class it creates, or -1.

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
    first = np.full(faces.shape[0], -1, np.int64)  # where a reduced column lies in the store
    length = np.zeros(faces.shape[0], np.int32)
    store = np.empty(1024, np.int32)
    used = 0
    one = np.uint64(1)
    for i in range(order.shape[0]):
        if skip[i] >= 0:
            continue
        column = order[i]
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
    return owner


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
