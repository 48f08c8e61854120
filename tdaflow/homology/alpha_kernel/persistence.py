"""Persistent homology over Z₂ of a filtered complex given as face lists: three ways, cheapest where it applies.

- ``merge_components``: H₀ by union-find over edges.
- ``merge_voids``: the top dimension by duality, union-find over top cells across their facets in decreasing order
  (Delfinado, Edelsbrunner 1995).
- ``reduce_columns``: any dimension by column reduction (Edelsbrunner, Letscher, Zomorodian 2002) with clearing (Chen,
  Kerber 2011) and the working column in a two-level bitset (as PHAT's bit-tree pivot column, Bauer et al. 2017).

Nothing here knows of geometry: faces are numbers, values are floats.
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.bits import highest_bit
from tdaflow.homology.alpha_kernel.predicates import NONE, OPTIONS


@njit(inline="always", **OPTIONS)
def find(parent, x):
    while parent[x] != x:
        up = np.int64(parent[parent[x]])
        parent[x] = up
        x = up
    return x


@njit(**OPTIONS)
def merge_components(edges, order, n_vertices):
    """Union-find over edges in filtration order: which edges join two components (die in H₀).

    Parameters
    ----------
    edges : (m, 2) uint32 vertex ids
    order : (m,) uint32 ascending filtration order
    n_vertices : int
        Ids are below it.

    Returns
    -------
    joins, joined : (components - 1,) uint32
        The joining edges, in filtration order, and the vertex that stands for the component each joins to an older one.
    """
    parent = np.arange(n_vertices).astype(np.uint32)
    joins = np.empty(edges.shape[0], np.uint32)
    joined = np.empty(edges.shape[0], np.uint32)
    count = 0
    for i in range(order.shape[0]):
        e = order[i]
        a = find(parent, np.int64(edges[e, 0]))
        b = find(parent, np.int64(edges[e, 1]))
        if a != b:
            joins[count] = e
            joined[count] = max(a, b)
            count += 1
            parent[max(a, b)] = min(a, b)
    return joins[:count], joined[:count]


@njit(**OPTIONS)
def merge_voids(cofaces, order, cell_values, killer):
    """Top-dimensional classes by duality: facets in decreasing order merge the cells on their two sides.

    Parameters
    ----------
    cofaces : (m, 2) uint32
        The cells on both sides of each facet, ``NONE`` for the outside.
    order : (m,) uint32
        Ascending filtration order of the facets.
    cell_values : (cells,) float64
    killer : (m,) uint32, written
        By rank of a facet: the cell that kills the class it creates, or ``NONE``.
    """
    n_cells = cell_values.shape[0]
    parent = np.arange(n_cells + 1).astype(np.uint32)  # a root is the cell of largest value; the outside is beyond all
    for i in range(order.shape[0] - 1, -1, -1):
        facet = order[i]
        first = np.int64(cofaces[facet, 0])
        second = np.int64(cofaces[facet, 1])
        a = find(parent, n_cells if first == NONE else first)
        b = find(parent, n_cells if second == NONE else second)
        killer[i] = NONE
        if a == b:
            continue
        if a == n_cells or (b != n_cells and cell_values[a] > cell_values[b]):
            a, b = b, a
        killer[i] = a  # the younger of the two dies
        parent[a] = b


@njit(**OPTIONS)
def collect_bars(killer, row_order, row_values, column_values, exponent, bars):
    """List the bars of positive length, un-squared and in lexicographic order.

    Parameters
    ----------
    killer : (r,) uint32
        By rank of a row, its killing column or ``NONE``.
    row_order : (r,) uint32
        Rows by rank.
    row_values, column_values : float64
        Squared radii.
    exponent : int
        A radius is √value · 2**exponent.
    bars : (r, 2) float64
        Room to work.

    Returns
    -------
    (bars, 2) float64 birth < death
    """
    n = killer.shape[0]
    scale = 2.0**exponent
    # No literals: for one, numba compiles what takes it once more.
    count = np.int64(0)
    first = np.int64(0)  # of the run of equal births
    for i in range(n):
        column = killer[i]
        if column == NONE:
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
    result = np.empty((count, 2), np.float64)
    for i in range(count):
        result[i, 0] = bars[i, 0]
        result[i, 1] = bars[i, 1]
    return result


@njit(**OPTIONS)
def collect_pairs(killer, row_order, row_values, column_values, rows, columns):
    """List the simplices that bear and end a bar of positive squared length, by rank.

    Parameters
    ----------
    killer, row_order, row_values, column_values : as in ``collect_bars``
    rows, columns : (r,) uint32, written
        Which bear and which end it.

    Returns
    -------
    int
        How many bars there are.
    """
    count = 0
    for i in range(killer.shape[0]):
        column = killer[i]
        if column != NONE and row_values[row_order[i]] < column_values[column]:
            rows[count] = row_order[i]
            columns[count] = column
            count += 1
    return count


@njit(**OPTIONS)
def _sort_deaths(bars, start, stop):
    """Sort the second column of a run; Shell's method, as runs are short except of masks."""
    gap = 1
    while gap < (stop - start) // 3:
        gap = (9 * gap) // 4 + 1
    while gap > 0:
        for i in range(start + gap, stop):
            death = bars[i, 1]
            j = i
            while j >= start + gap and bars[j - gap, 1] > death:
                bars[j, 1] = bars[j - gap, 1]
                j -= gap
            bars[j, 1] = death
        gap = 0 if gap == 1 else max((4 * gap) // 9, 1)


@njit(**OPTIONS)
def reduce_columns(faces, order, skip, row_rank, owner, stored):
    """Pair columns with rows by left-to-right reduction of a boundary matrix over Z₂.

    Parameters
    ----------
    faces : (m, k) uint32
        The k faces of each column's simplex.
    order : (m,) uint32
        Ascending filtration order of the columns.
    skip : (m,) uint32
        By rank of a column: not ``NONE`` if it is known to reduce to zero, as what kills the class it creates is known.
    row_rank : (r,) uint32
        Filtration rank of each face.
    owner : (r,) uint32, written
        By rank of a face: the column that kills the class it creates, or ``NONE``.
    stored : (r,) uint32
        Room to work.

    Notes
    -----
    A column whose youngest face is free is paired at once and stays as it is, which is true of nearly all in an alpha
    filtration. Others are summed in a bitset over ranks with a summary level, so that finding the youngest entry
    costs two count-leading-zero steps; the reduced column is kept as a sorted list.
    """
    n_rows = row_rank.shape[0]
    k = faces.shape[1]
    for r in range(n_rows):
        owner[r] = NONE
        stored[r] = 0  # where the reduced column with this pivot lies in the store, 0 for one left as it is
    n_words = (n_rows + 63) >> 6
    words = np.zeros(n_words + 1, np.uint64)
    summary = np.zeros((n_words >> 6) + 1, np.uint64)
    store = np.empty(1024, np.uint32)  # lists, each after its length
    used = 1
    one = np.uint64(1)
    for i in range(order.shape[0]):
        if skip[i] != NONE:
            continue
        column = order[i]
        pivot = np.int64(row_rank[faces[column, 0]])
        for j in range(1, k):
            pivot = max(pivot, np.int64(row_rank[faces[column, j]]))
        if owner[pivot] == NONE:
            owner[pivot] = column
            continue
        top = 0
        adding = np.int64(column)
        at = 0
        while True:
            if at == 0:
                for j in range(k):
                    r = np.int64(row_rank[faces[adding, j]])
                    words[r >> 6] ^= one << np.uint64(r & 63)
                    summary[r >> 12] |= one << np.uint64((r >> 6) & 63)
                    top = max(top, r >> 12)
            else:
                for j in range(at + 1, at + 1 + np.int64(store[at])):
                    r = np.int64(store[j])
                    words[r >> 6] ^= one << np.uint64(r & 63)
                    summary[r >> 12] |= one << np.uint64((r >> 6) & 63)
                    top = max(top, r >> 12)
            pivot = -1
            while top >= 0:
                if summary[top] == 0:
                    top -= 1
                    continue
                word = (top << 6) + highest_bit(summary[top])
                if words[word] == 0:
                    summary[top] ^= one << np.uint64(word & 63)
                    continue
                pivot = (word << 6) + highest_bit(words[word])
                break
            if pivot < 0 or owner[pivot] == NONE:
                break
            adding = np.int64(owner[pivot])
            at = np.int64(stored[pivot])
        if pivot < 0:
            continue
        owner[pivot] = column
        begin = used
        stored[pivot] = begin
        used += 1
        while top >= 0:
            if summary[top] == 0:
                top -= 1
                continue
            word = (top << 6) + highest_bit(summary[top])
            bits = words[word]
            while bits != 0:
                bit = highest_bit(bits)
                bits ^= one << np.uint64(bit)
                if used + 1 >= store.shape[0]:
                    more = np.empty(2 * used + 2, np.uint32)
                    for j in range(used):
                        more[j] = store[j]
                    store = more
                store[used] = (word << 6) + bit
                used += 1
            words[word] = 0
            summary[top] ^= one << np.uint64(word & 63)
        store[begin] = used - begin - 1
