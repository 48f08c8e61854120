"""Bowyer–Watson Delaunay triangulation of lattice points in R⁴, on flat arrays.

Bowyer (1981), Watson (1981); the walk climbs the lifted hull of Edelsbrunner, Seidel (1986). A cell is five vertex ids in
ascending order. Id 0 is the vertex at infinity, so a cell at infinity has it first; ids are insertion ranks, so the new
point comes last in every cell it creates and no key is ever sorted. Cells are rows of eight (five used): the *code*
``8 · cell + i`` addresses vertex i in ``vertices`` and, in ``neighbours``, the code of the facet opposite it as seen from the
other side, so that ``vertices[neighbours[code]]`` is the vertex across.

Ties are broken by one rule: a point on a sphere is not in conflict. It amounts to lifting each point infinitesimally above
all earlier ones, so all decisions are those of one generic configuration, and no created cell is flat. A cell at infinity
whose hyperplane contains the point has the sign of its finite neighbour, whose sphere meets that hyperplane in the same
circumscribed ball.
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.cavity import LABELS, create_cells, find_cavity, in_conflict
from tdaflow.homology.alpha_kernel.predicates import (
    LANES,
    OPTIONS,
    evaluate,
    finite_planes,
    inside_sphere,
    plane_at_infinity,
)

COMPLETE = 0
TOO_MANY_CELLS = 1
NO_CONFLICT = 2


@njit(**OPTIONS)
def _locate(start, q, points, integers, error, vertices, neighbours, planes, visited, stamp, queue):
    """Find a cell in conflict with point q: climb the power s/|h₄| from a finite cell, breadth-first across equal values.

    Cells on one sphere share one value (a correctly rounded quotient of exact integers), so plateaus, as large as all
    points of a mask, are recognised and crossed; a strict climb would stop there. Under the filter values are rounded
    and the climb may end early: then all cells are looked at.

    Returns
    -------
    int : -1 where none is found.
    """
    x, y, z, w, lift = points[q, 0], points[q, 1], points[q, 2], points[q, 3], points[q, 4]
    best = evaluate(planes, start, x, y, z, w, lift) / -planes[start, 4]
    head = 0
    tail = 1
    queue[0] = start
    visited[start] = stamp
    while head < tail:
        cell = queue[head]
        head += 1
        for f in range(5):
            near = neighbours[8 * cell + f] >> 3
            if visited[near] == stamp:
                continue
            visited[near] = stamp
            s = evaluate(planes, near, x, y, z, w, lift)
            h4 = planes[near, 4]
            if h4 == 0.0:
                if s > 0.0:
                    return near
                continue
            if inside_sphere(s, error, integers, vertices, near, q):
                return near
            power = s / -h4
            if power > best:
                best = power
                head = 0
                queue[0] = near
                tail = 1
                break
            if power == best:
                queue[tail] = near
                tail += 1
    return -1


@njit(**OPTIONS)
def _start(points, vertices, neighbours, planes):
    """Triangulate points 1…5: the boundary of a 5-simplex, cell f omits vertex f, cell 0 is the finite one."""
    for f in range(6):
        j = 0
        for v in range(6):
            if v != f:
                vertices[8 * f + j] = v
                neighbours[8 * f + j] = v * 8 + (f if f < v else f - 1)
                j += 1
        if f > 0:
            a, b, c, e = vertices[8 * f + 1], vertices[8 * f + 2], vertices[8 * f + 3], vertices[8 * f + 4]
            plane_at_infinity(planes, f, points, a, b, c, e)
    differences = np.zeros(20 * LANES, np.float64)
    block = np.empty(6 * LANES, np.float64)
    for v in range(4):
        for k in range(5):
            differences[(5 * v + k) * LANES] = points[v + 1, k] - points[5, k]
    finite_planes(differences, block, points[5, 0], points[5, 1], points[5, 2], points[5, 3], points[5, 4])
    for k in range(6):
        planes[0, k] = block[k * LANES]


@njit(**OPTIONS)
def triangulate(points, integers, error, max_cells):
    """Triangulate; points 1…5 must be affinely independent and all points distinct.

    Parameters
    ----------
    points : (n + 1, 5) float64
        Index coordinates and lift; row 0 is unused.
    integers : (n + 1, 5) int64
        The same, the lift modulo 2⁶⁴.
    error : float
        Error bound of in-sphere values, 0 if they are exact.
    max_cells : int
        Limit on simultaneously stored cells, those at infinity included.

    Returns
    -------
    status : int
        ``COMPLETE``, ``TOO_MANY_CELLS`` or ``NO_CONFLICT`` (duplicate points).
    vertices, neighbours : (8 · slots,) int32
        Rows of eight as described above; a free slot has -1 as its first vertex.
    planes : (slots, 6) float64
        Oriented hyperplane coefficients (``predicates``).
    """
    n = points.shape[0] - 1
    capacity = min(max_cells, 36 * n + 64)
    vertices = np.empty(8 * capacity, np.int32)
    neighbours = np.empty(8 * capacity + 1, np.int32)  # the last is written by ridges that wait for their other side
    planes = np.empty((capacity, 6), np.float64)
    visited = np.zeros(capacity, np.int32)
    stack = np.empty(capacity, np.int32)
    free = np.empty(capacity, np.int32)
    facets = np.empty(256, np.int32)
    slots = np.empty(256, np.int32)
    labels = np.zeros(n + 1, np.int32)
    labelled = np.zeros(n + 1, np.int32)
    packed = np.empty(256, np.int32)
    ridges = np.full(LABELS * LABELS * LABELS, -1, np.int32)
    keys = np.zeros(1024, np.int64)
    codes = np.empty(1024, np.int32)
    differences = np.zeros(20 * LANES, np.float64)
    block = np.empty(6 * LANES, np.float64)
    lanes = np.empty(LANES, np.int32)
    n_free = 0
    _start(points, vertices, neighbours, planes)
    n_cells = 6
    last = 0
    for q in range(6, n + 1):
        if vertices[8 * last] == 0:
            last = neighbours[8 * last] >> 3
        seed = last
        if not in_conflict(seed, q, points, integers, error, vertices, neighbours, planes):
            seed = _locate(last, q, points, integers, error, vertices, neighbours, planes, visited, 2 * q, stack)
            cell = 0
            while seed < 0 and cell < n_cells:
                if vertices[8 * cell] >= 0 and in_conflict(
                    cell, q, points, integers, error, vertices, neighbours, planes
                ):
                    seed = cell
                cell += 1
            if seed < 0:
                return NO_CONFLICT, vertices, neighbours, planes
        n_conflict, n_facets, facets = find_cavity(
            seed, q, points, integers, error, vertices, neighbours, planes, visited, 2 * q + 1, stack, facets
        )
        if n_cells - n_free + n_facets > capacity:
            if n_cells - n_free + n_facets > max_cells:
                return TOO_MANY_CELLS, vertices, neighbours, planes
            capacity = min(max(2 * capacity, n_cells - n_free + n_facets), max_cells)
            vertices = _grown(vertices, 8 * n_cells, 8 * capacity)
            neighbours = _grown(neighbours, 8 * n_cells, 8 * capacity + 1)
            visited = _grown(visited, n_cells, capacity)
            stack = _grown(stack, n_conflict, capacity)
            free = _grown(free, n_free, capacity)
            more_planes = np.empty((capacity, 6), np.float64)
            more_planes[:n_cells] = planes[:n_cells]
            planes = more_planes
        if n_facets > slots.shape[0]:
            slots = np.empty(2 * n_facets, np.int32)
            packed = np.empty(2 * n_facets, np.int32)
        for i in range(n_facets):
            if n_free > 0:
                n_free -= 1
                slots[i] = free[n_free]
            else:
                slots[i] = n_cells
                n_cells += 1
        if 8 * n_facets > keys.shape[0]:
            keys = np.empty(16 * n_facets, np.int64)
            codes = np.empty(16 * n_facets, np.int32)
        create_cells(
            q, facets, slots, n_facets, points, vertices, neighbours, planes, visited,
            labels, labelled, packed, ridges, keys, codes, differences, block, lanes,
        )  # fmt: skip
        last = slots[n_facets - 1]
        for i in range(n_conflict):
            vertices[8 * stack[i]] = -1
            free[n_free + i] = stack[i]
        n_free += n_conflict
    return COMPLETE, vertices[: 8 * n_cells], neighbours[: 8 * n_cells], planes[:n_cells]


@njit(**OPTIONS)
def _grown(array, used, size):
    more = np.zeros(size, np.int32)
    more[:used] = array[:used]
    return more
