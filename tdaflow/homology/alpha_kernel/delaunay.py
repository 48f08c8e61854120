"""Bowyer–Watson Delaunay triangulation of lattice points in R⁴, on flat arrays.

Bowyer (1981), Watson (1981); the walk climbs the lifted hull of Edelsbrunner, Seidel (1986). A cell is five vertex
ids in ascending order. Id 0 is the vertex at infinity, so a cell at infinity has it first; ids are insertion ranks,
so the new point comes last in every cell it creates and no key is ever sorted. Cells are rows of eight (five used):
the *code* ``8 · cell + i`` addresses vertex i in ``vertices`` and, in ``neighbours``, the code of the facet opposite
it as seen from the other side, so that ``vertices[neighbours[code]]`` is the vertex across.

Ties are broken by one rule: a point on a sphere is not in conflict. It amounts to lifting each point infinitesimally
above all earlier ones, so all decisions are those of one generic configuration, and no created cell is flat. A cell
at infinity whose hyperplane contains the point has the sign of its finite neighbour, whose sphere meets that
hyperplane in the same circumscribed ball.
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.cavity import LABELS, create_cells, find_cavity, in_conflict
from tdaflow.homology.alpha_kernel.predicates import (
    LANES,
    NONE,
    OPTIONS,
    evaluate,
    finite_planes,
    inside_sphere,
    plane_at_infinity,
)

COMPLETE = 0
FULL = 1
NO_CONFLICT = 2
RIDGES = LABELS**3


@njit(**OPTIONS)
def _locate(start, q, points, integers, error, vertices, neighbours, planes, visited, stamp, queue):
    """Find a cell in conflict with point q: climb the power s/|h₄| from a finite cell, breadth-first across equal
    values.

    Cells on one sphere share one value (a correctly rounded quotient of exact integers), so plateaus, as large as all
    points of a mask, are recognised and crossed; a strict climb would stop there. Under the filter values are rounded
    and the climb may end early: then all cells are looked at.

    Returns
    -------
    int : -1 where none is found. ``queue`` is room to work, one entry a cell.
    """
    x, y, z, w, lift = points[q, 0], points[q, 1], points[q, 2], points[q, 3], points[q, 4]
    best = evaluate(planes, start, x, y, z, w, lift) / -planes[start, 4]
    head = 0
    tail = 1
    queue[0] = start
    visited[start] = stamp
    while head < tail:
        cell = np.int64(queue[head])
        head += 1
        for f in range(5):
            near = np.int64(neighbours[8 * cell + f]) >> 3
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
            a, b, c, e = vertices[8 * f + 1], vertices[8 * f + 2], vertices[8 * f + 3], np.int64(vertices[8 * f + 4])
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
def triangulate(points, integers, error, vertices, neighbours, planes, visited, stack, free, ridges):
    """Triangulate; points 1…5 must be affinely independent and all points distinct.

    Parameters
    ----------
    points : (n + 1, 5) float64
        Index coordinates and lift; row 0 is unused.
    integers : (n + 1, 5) int64
        The same, the lift modulo 2⁶⁴.
    error : float
        Error bound of in-sphere values, 0 if they are exact.
    vertices, neighbours : (8 · capacity,) uint32, written
        Rows of eight as described above; a free slot has ``NONE`` as its first vertex.
    planes : (capacity, 6) float64, written
        Oriented hyperplane coefficients (``predicates``).
    visited, stack, free : (capacity,) uint32
        Room to work.
    ridges : (RIDGES,) uint32
        Room to work.

    Returns
    -------
    status : int
        ``COMPLETE``, ``FULL`` (more cells than ``capacity``) or ``NO_CONFLICT`` (duplicate points).
    n_slots, n_cells, n_hull : int
        Slots used, cells without and with the vertex at infinity.
    n_hull_vertices : int
        Points on the hull.
    """
    n = points.shape[0] - 1
    capacity = planes.shape[0]
    facets = np.empty(256, np.uint32)
    slots = np.empty(256, np.uint32)
    packed = np.empty(256, np.uint32)
    keys = np.zeros(1024, np.int64)
    codes = np.empty(1024, np.uint32)
    labels = np.zeros(n + 1, np.uint32)
    labelled = np.zeros(n + 1, np.uint32)
    differences = np.zeros(20 * LANES, np.float64)
    block = np.empty(6 * LANES, np.float64)
    lanes = np.empty(LANES, np.uint32)
    for i in range(capacity):
        visited[i] = 0
    for i in range(ridges.shape[0]):
        ridges[i] = 0
    n_free = 0
    _start(points, vertices, neighbours, planes)
    n_slots = 6
    last = 0
    for q in range(6, n + 1):
        if vertices[8 * last] == 0:
            last = np.int64(neighbours[8 * last]) >> 3
        seed = last
        if not in_conflict(seed, q, points, integers, error, vertices, neighbours, planes):
            seed = _locate(last, q, points, integers, error, vertices, neighbours, planes, visited, 2 * q, stack)
            cell = np.int64(0)  # no literal: for one, numba compiles what takes it once more
            while seed < 0 and cell < n_slots:
                if vertices[8 * cell] != NONE and in_conflict(
                    cell, q, points, integers, error, vertices, neighbours, planes
                ):
                    seed = cell
                cell += 1
            if seed < 0:
                return NO_CONFLICT, n_slots, 0, 0, 0
        n_conflict, n_facets, facets = find_cavity(
            seed, q, points, integers, error, vertices, neighbours, planes, visited, 2 * q + 1, stack, facets
        )
        if n_slots - n_free + n_facets > capacity:
            return FULL, n_slots, 0, 0, 0
        if n_facets > slots.shape[0]:
            slots = np.empty(2 * n_facets, np.uint32)
            packed = np.empty(2 * n_facets, np.uint32)
        if 8 * n_facets > keys.shape[0]:
            keys = np.empty(16 * n_facets, np.int64)
            codes = np.empty(16 * n_facets, np.uint32)
        for i in range(n_facets):
            if n_free > 0:
                n_free -= 1
                slots[i] = free[n_free]
            else:
                slots[i] = n_slots
                n_slots += 1
        create_cells(
            q, facets, slots, n_facets, points, vertices, neighbours, planes, visited,
            labels, labelled, packed, ridges, keys, codes, differences, block, lanes,
        )  # fmt: skip
        last = np.int64(slots[n_facets - 1])
        for i in range(n_conflict):
            vertices[8 * np.int64(stack[i])] = NONE
            free[n_free + i] = stack[i]
        n_free += n_conflict
    n_hull = 0
    n_hull_vertices = 0
    for i in range(n + 1):
        labelled[i] = 0
    for slot in range(n_slots):
        if vertices[8 * slot] == 0:
            n_hull += 1
            for code in range(8 * slot + 1, 8 * slot + 5):
                n_hull_vertices += 1 - np.int64(labelled[vertices[code]])
                labelled[vertices[code]] = 1
    return COMPLETE, n_slots, n_slots - n_free - n_hull, n_hull, n_hull_vertices
