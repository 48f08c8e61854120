"""Bowyer–Watson Delaunay triangulation of lattice points in R⁴, on flat arrays.

Bowyer (1981), Watson (1981); the walk climbs the lifted hull of Edelsbrunner, Seidel (1986). A cell is five vertex ids in
ascending order. Id 0 is the vertex at infinity, so a cell at infinity has it first; ids are insertion ranks, so the new
point comes last in every cell it creates and no key is ever sorted. A neighbour is stored as ``cell · 8 + facet``: the
adjacent cell and the position there of the vertex opposite the common facet.

Ties are broken by one rule: a point on a sphere is not in conflict. It amounts to lifting each point infinitesimally above
all earlier ones, so all decisions are those of one generic configuration, and no created cell is flat. A cell at infinity
whose hyperplane contains the point has the sign of its finite neighbour, whose sphere meets that hyperplane in the same
circumscribed ball.
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.predicates import OPTIONS, evaluate, inside_sphere, set_plane

COMPLETE = 0
TOO_MANY_CELLS = 1
NO_CONFLICT = 2


@njit(inline="always", **OPTIONS)
def _in_conflict(cell, q, x, y, z, w, lift, points, integers, error, vertices, neighbours, planes):
    s = evaluate(planes, cell, x, y, z, w, lift)
    if vertices[cell, 0] > 0:
        return inside_sphere(s, error, integers, vertices, cell, q)
    if s != 0.0:
        return s > 0.0
    finite = neighbours[cell, 0] >> 3
    s = evaluate(planes, finite, x, y, z, w, lift)
    return inside_sphere(s, error, integers, vertices, finite, q)


@njit(**OPTIONS)
def _locate(start, q, points, integers, error, vertices, neighbours, planes, visited, stamp, queue):
    """Find a cell in conflict with point q: climb the power s/|h₄|, breadth-first across equal values.

    Cells on one sphere share one value (a correctly rounded quotient of exact integers), so plateaus, as large as all
    points of a mask, are recognised and crossed; a strict climb would stop there. Under the filter values are rounded
    and the climb may end early: then all cells are looked at.

    Returns
    -------
    (cell, queue) : cell is -1 where none is in conflict (impossible for a point not yet inserted).
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
            near = neighbours[cell, f] >> 3
            if visited[near] == stamp:
                continue
            visited[near] = stamp
            s = evaluate(planes, near, x, y, z, w, lift)
            if vertices[near, 0] == 0:
                if s > 0.0:
                    return near
                continue
            if inside_sphere(s, error, integers, vertices, near, q):
                return near
            power = s / -planes[near, 4]
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
    vertices : (slots, 5) int32
        Ascending vertex ids of each cell; a slot that is free has -1 in the last column.
    neighbours : (slots, 5) int32
        ``cell · 8 + facet`` opposite each vertex.
    planes : (slots, 6) float64
        Oriented hyperplane coefficients (``predicates``).
    """
    n = points.shape[0] - 1
    capacity = min(max_cells, 40 * n + 64)
    vertices = np.empty((capacity, 5), np.int32)
    neighbours = np.empty((capacity, 5), np.int32)
    planes = np.empty((capacity, 6), np.float64)
    # visited: +stamp in conflict, -stamp not in conflict, for the insertion in hand
    visited = np.zeros(capacity, np.int32)
    stack = np.empty(capacity, np.int32)
    free = np.empty(capacity, np.int32)
    n_free = 0
    facets = np.empty((256, 5), np.int32)
    keys = np.zeros(1024, np.int64)
    ridges = np.empty(1024, np.int32)

    # The start is the boundary of a 5-simplex: cell f omits vertex f, cell 0 is the finite one.
    for f in range(6):
        j = 0
        for v in range(6):
            if v != f:
                vertices[f, j] = v
                neighbours[f, j] = v * 8 + (f if f < v else f - 1)
                j += 1
    n_cells = 6
    for f in range(6):
        set_plane(planes, f, points, vertices)

    last = 0
    for q in range(6, n + 1):
        x, y, z, w, lift = points[q, 0], points[q, 1], points[q, 2], points[q, 3], points[q, 4]
        if vertices[last, 0] == 0:
            last = neighbours[last, 0] >> 3
        stamp = 3 * q
        seed = last
        if not _in_conflict(seed, q, x, y, z, w, lift, points, integers, error, vertices, neighbours, planes):
            seed = _locate(last, q, points, integers, error, vertices, neighbours, planes, visited, stamp, stack)
            if seed < 0:
                for cell in range(n_cells):
                    if vertices[cell, 4] >= 0 and _in_conflict(
                        cell, q, x, y, z, w, lift, points, integers, error, vertices, neighbours, planes
                    ):
                        seed = cell
                        break
                if seed < 0:
                    return NO_CONFLICT, vertices[:n_cells], neighbours[:n_cells], planes[:n_cells]

        inside = stamp + 1
        outside = stamp + 2
        visited[seed] = inside
        stack[0] = seed
        n_conflict = 1
        head = 0
        n_facets = 0
        while head < n_conflict:
            cell = stack[head]
            head += 1
            for f in range(5):
                code = neighbours[cell, f]
                near = code >> 3
                if visited[near] == inside:
                    continue
                if visited[near] != outside:
                    if _in_conflict(near, q, x, y, z, w, lift, points, integers, error, vertices, neighbours, planes):
                        visited[near] = inside
                        stack[n_conflict] = near
                        n_conflict += 1
                        continue
                    visited[near] = outside
                if n_facets == facets.shape[0]:
                    more_facets = np.empty((2 * n_facets, 5), np.int32)
                    more_facets[:n_facets] = facets
                    facets = more_facets
                j = 0
                for v in range(5):
                    if v != f:
                        facets[n_facets, j] = vertices[cell, v]
                        j += 1
                facets[n_facets, 4] = code
                n_facets += 1

        for i in range(n_conflict):
            free[n_free + i] = stack[i]
        n_free += n_conflict
        if n_cells - n_free + n_facets > capacity:
            if capacity >= max_cells:
                return TOO_MANY_CELLS, vertices[:n_cells], neighbours[:n_cells], planes[:n_cells]
            capacity = min(max(2 * capacity, n_cells - n_free + n_facets), max_cells)
            if n_cells - n_free + n_facets > capacity:
                return TOO_MANY_CELLS, vertices[:n_cells], neighbours[:n_cells], planes[:n_cells]
            more_vertices = np.empty((capacity, 5), np.int32)
            more_vertices[:n_cells] = vertices[:n_cells]
            vertices = more_vertices
            more_neighbours = np.empty((capacity, 5), np.int32)
            more_neighbours[:n_cells] = neighbours[:n_cells]
            neighbours = more_neighbours
            more_planes = np.empty((capacity, 6), np.float64)
            more_planes[:n_cells] = planes[:n_cells]
            planes = more_planes
            more_visited = np.zeros(capacity, np.int32)
            more_visited[:n_cells] = visited[:n_cells]
            visited = more_visited
            stack = np.empty(capacity, np.int32)
            more_free = np.empty(capacity, np.int32)
            more_free[:n_free] = free[:n_free]
            free = more_free

        size = 64
        shift = 58
        while size < 4 * n_facets:  # 2·n_facets ridges: at most half full
            size *= 2
            shift -= 1
        if size > keys.shape[0]:
            keys = np.empty(size, np.int64)
            ridges = np.empty(size, np.int32)
        keys[:size] = 0
        for i in range(n_facets):
            if n_free > 0:
                n_free -= 1
                cell = free[n_free]
            else:
                cell = n_cells
                n_cells += 1
            v0, v1, v2, v3 = facets[i, 0], facets[i, 1], facets[i, 2], facets[i, 3]
            vertices[cell, 0] = v0
            vertices[cell, 1] = v1
            vertices[cell, 2] = v2
            vertices[cell, 3] = v3
            vertices[cell, 4] = q
            visited[cell] = 0
            code = facets[i, 4]
            neighbours[cell, 4] = code
            neighbours[code >> 3, code & 7] = cell * 8 + 4
            set_plane(planes, cell, points, vertices)
            for f in range(4):
                if f == 0:
                    key = (np.int64(v1) << 42) | (np.int64(v2) << 21) | np.int64(v3)
                elif f == 1:
                    key = (np.int64(v0) << 42) | (np.int64(v2) << 21) | np.int64(v3)
                elif f == 2:
                    key = (np.int64(v0) << 42) | (np.int64(v1) << 21) | np.int64(v3)
                else:
                    key = (np.int64(v0) << 42) | (np.int64(v1) << 21) | np.int64(v2)
                slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(shift))
                while keys[slot] != 0 and keys[slot] != key:
                    slot = (slot + 1) & (size - 1)
                mine = cell * 8 + f
                if keys[slot] == 0:
                    keys[slot] = key
                    ridges[slot] = mine
                else:
                    other = ridges[slot]
                    neighbours[cell, f] = other
                    neighbours[other >> 3, other & 7] = mine
            last = cell
    for i in range(n_free):
        vertices[free[i], 4] = -1
    return COMPLETE, vertices[:n_cells], neighbours[:n_cells], planes[:n_cells]
