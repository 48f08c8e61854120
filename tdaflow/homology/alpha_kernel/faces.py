"""Enumerate the faces of a triangulation: tetrahedra from cell adjacency, triangles and edges bucket by bucket.

Vertices of every simplex are in ascending order, face j of a simplex omits its vertex j.
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.predicates import NONE, OPTIONS


@njit(**OPTIONS)
def tetrahedra_of_cells(vertices, neighbours, n_slots, number, slots, tetrahedra, cofaces, opposite):
    """Number the finite cells and list each of their facets once.

    Parameters
    ----------
    vertices, neighbours : (8 · n_slots or more,) uint32
        As ``delaunay.triangulate`` leaves them.
    number : (n_slots,) uint32
        Room to work.
    slots : (cells,) uint32, written
        The slot of each finite cell.
    tetrahedra : (facets + 1, 4) uint32, written
        Vertex ids. Here and below the last row is written and not kept.
    cofaces : (facets + 1, 2) uint32, written
        The cells on both sides, the second ``NONE`` on the hull.
    opposite : (facets + 1, 2) uint32, written
        The vertex of each coface that is not in the tetrahedron.
    """
    n_cells = 0
    for slot in range(n_slots):
        v0 = vertices[8 * slot]
        number[slot] = NONE
        if v0 != 0 and v0 != NONE:
            number[slot] = n_cells
            slots[n_cells] = slot
            n_cells += 1
    facet = 0
    for cell in range(n_cells):
        row = 8 * np.int64(slots[cell])
        v0, v1, v2, v3, v4 = vertices[row], vertices[row + 1], vertices[row + 2], vertices[row + 3], vertices[row + 4]
        for f in range(5):
            other = np.int64(neighbours[row + f])
            coface = np.int64(number[other >> 3])
            tetrahedra[facet, 0] = v1 if f == 0 else v0
            tetrahedra[facet, 1] = v2 if f <= 1 else v1
            tetrahedra[facet, 2] = v3 if f <= 2 else v2
            tetrahedra[facet, 3] = v4 if f <= 3 else v3
            cofaces[facet, 0] = cell
            cofaces[facet, 1] = coface
            opposite[facet, 0] = vertices[row + f]
            opposite[facet, 1] = vertices[other]
            facet += np.int64(coface > cell)  # NONE is larger than any


@njit(**OPTIONS)
def cells_containing(vertices, n_slots, n_apexes):
    """Simplices opposite the apexes 1…``n_apexes``: the Delaunay simplices of a flat cloud.

    Returns
    -------
    (count, 5 - n_apexes) uint32 vertex ids
    """
    simplices = np.empty((n_slots, 5 - n_apexes), np.uint32)
    count = 0
    for slot in range(n_slots):
        if vertices[8 * slot] == 1 and vertices[8 * slot + n_apexes - 1] == n_apexes:
            for j in range(n_apexes, 5):
                simplices[count, j - n_apexes] = vertices[8 * slot + j]
            count += 1
    return simplices[:count].copy()


@njit(**OPTIONS)
def triangles_of_tetrahedra(tetrahedra, n_vertices, triangles, faces, entries, pairs):
    """List the distinct triangles of tetrahedra, in order of their largest vertex.

    Faces are scattered into one bucket per largest vertex, where the two smaller ids are looked up in a hash table that
    fits the first cache level.

    Parameters
    ----------
    tetrahedra : (m, 4) uint32
    n_vertices : int
        The largest id.
    triangles : (triangles + 1, 3) uint32, written
    faces : (m, 4) uint32, written
        Triangle opposite each vertex.
    entries : (4 · m,) uint32, pairs : (4 · m,) int64
        Room to work.

    Returns
    -------
    int : number of triangles
    """
    n = tetrahedra.shape[0]
    start = np.zeros(n_vertices + 2, np.int64)
    for t in range(n):
        start[tetrahedra[t, 3] + 1] += 3
        start[tetrahedra[t, 2] + 1] += 1
    largest = 0
    for v in range(n_vertices + 1):
        largest = max(largest, start[v + 1])
        start[v + 1] += start[v]
    place = start.copy()
    for t in range(n):
        v0 = np.int64(tetrahedra[t, 0])
        v1 = np.int64(tetrahedra[t, 1])
        v2 = np.int64(tetrahedra[t, 2])
        v3 = tetrahedra[t, 3]
        i = place[v3]
        place[v3] = i + 3
        entries[i] = 4 * t
        pairs[i] = (v1 << 21) | v2
        entries[i + 1] = 4 * t + 1
        pairs[i + 1] = (v0 << 21) | v2
        entries[i + 2] = 4 * t + 2
        pairs[i + 2] = (v0 << 21) | v1
        i = place[v2]
        place[v2] = i + 1
        entries[i] = 4 * t + 3
        pairs[i] = (v0 << 21) | v1
    size = 32
    while size < 2 * largest:
        size *= 2
    keys = np.empty(size, np.int64)
    numbers = np.empty(size, np.int64)
    count = 0
    for v in range(n_vertices + 1):
        low = start[v]
        high = start[v + 1]
        if low == high:
            continue
        size = 32
        shift = 59
        while size < 2 * (high - low):  # never more than half full
            size *= 2
            shift -= 1
        for i in range(size):
            keys[i] = 0
        for i in range(low, high):
            pair = pairs[i]
            slot = np.int64((np.uint64(pair) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(shift))
            key = keys[slot]
            while key != pair and key != 0:
                slot = (slot + 1) & (size - 1)
                key = keys[slot]
            # Whether a face is new is as good as random: all is written, and kept by moving on.
            fresh = np.int64(key == 0)
            known = numbers[slot]
            face = known + fresh * (count - known)
            keys[slot] = pair
            numbers[slot] = face
            triangles[count, 0] = pair >> 21
            triangles[count, 1] = pair & 0x1FFFFF
            triangles[count, 2] = v
            count += fresh
            entry = np.int64(entries[i])
            faces[entry >> 2, entry & 3] = face
    return count


@njit(**OPTIONS)
def edges_of_triangles(triangles, n_vertices, edges, faces, entries):
    """List the distinct edges of triangles, in order of their largest vertex.

    Parameters
    ----------
    triangles : (m, 3) uint32
    n_vertices : int
        The largest id.
    edges : (edges + 1, 2) uint32, written
    faces : (m, 3) uint32, written
        Edge opposite each vertex.
    entries : (3 · m,) uint32
        Room to work.

    Returns
    -------
    int : number of edges
    """
    n = triangles.shape[0]
    start = np.zeros(n_vertices + 2, np.int64)
    for t in range(n):
        start[triangles[t, 2] + 1] += 2
        start[triangles[t, 1] + 1] += 1
    for v in range(n_vertices + 1):
        start[v + 1] += start[v]
    place = start.copy()
    for t in range(n):
        i = place[triangles[t, 2]]
        place[triangles[t, 2]] = i + 2
        entries[i] = 4 * t
        entries[i + 1] = 4 * t + 1
        i = place[triangles[t, 1]]
        place[triangles[t, 1]] = i + 1
        entries[i] = 4 * t + 2
    seen = np.full(n_vertices + 1, -1, np.int64)  # the last edge listed to each vertex
    count = 0
    for v in range(n_vertices + 1):
        first = count
        for i in range(start[v], start[v + 1]):
            entry = np.int64(entries[i])
            t = entry >> 2
            j = entry & 3
            u = triangles[t, 1] if j == 0 else triangles[t, 0]
            known = seen[u]
            fresh = np.int64(known < first)
            edge = known + fresh * (count - known)
            seen[u] = edge
            edges[count, 0] = u
            edges[count, 1] = v
            count += fresh
            faces[t, j] = edge
    return count
