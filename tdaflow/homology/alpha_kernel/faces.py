"""Enumerate the faces of a triangulation: tetrahedra from cell adjacency, triangles and edges bucket by bucket.

Vertices of every simplex are in ascending order, face j of a simplex omits its vertex j.
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.predicates import OPTIONS


@njit(**OPTIONS)
def tetrahedra_of_cells(vertices, neighbours):
    """Number the finite cells and list each of their facets once.

    Parameters
    ----------
    vertices, neighbours : (8 · slots,) int32
        As ``delaunay.triangulate`` returns them.

    Returns
    -------
    slots : (cells,) int32
        The slot of each finite cell.
    tetrahedra : (facets, 4) int32
        Vertex ids.
    cofaces : (facets, 2) int32
        The cells on both sides, the second -1 on the hull.
    opposite : (facets, 2) int32
        The vertex of each coface that is not in the tetrahedron.
    """
    n_slots = vertices.shape[0] >> 3
    number = np.full(n_slots, -1, np.int32)
    n_cells = 0
    n_facets = 0
    for slot in range(n_slots):
        if vertices[8 * slot] > 0:
            number[slot] = n_cells
            n_cells += 1
            for code in range(8 * slot, 8 * slot + 5):
                other = neighbours[code]
                n_facets += 1 if other < code or vertices[other - (other & 7)] == 0 else 0
    slots = np.empty(n_cells, np.int32)
    tetrahedra = np.empty((n_facets, 4), np.int32)
    cofaces = np.empty((n_facets, 2), np.int32)
    opposite = np.empty((n_facets, 2), np.int32)
    facet = 0
    for slot in range(n_slots):
        if number[slot] < 0:
            continue
        slots[number[slot]] = slot
        v0, v1, v2 = vertices[8 * slot], vertices[8 * slot + 1], vertices[8 * slot + 2]
        v3, v4 = vertices[8 * slot + 3], vertices[8 * slot + 4]
        for f in range(5):
            other = neighbours[8 * slot + f]
            near = other >> 3
            coface = number[near]  # -1 at infinity
            if near < slot or coface < 0:
                tetrahedra[facet, 0] = v1 if f == 0 else v0
                tetrahedra[facet, 1] = v2 if f <= 1 else v1
                tetrahedra[facet, 2] = v3 if f <= 2 else v2
                tetrahedra[facet, 3] = v4 if f <= 3 else v3
                cofaces[facet, 0] = number[slot]
                opposite[facet, 0] = vertices[8 * slot + f]
                cofaces[facet, 1] = coface
                opposite[facet, 1] = vertices[other]
                facet += 1
    return slots, tetrahedra, cofaces, opposite


@njit(**OPTIONS)
def cells_containing(vertices, n_apexes):
    """Simplices opposite the apexes 1…``n_apexes``: the Delaunay simplices of a flat cloud.

    Returns
    -------
    (count, 5 - n_apexes) int32 vertex ids
    """
    n_slots = vertices.shape[0] >> 3
    simplices = np.empty((n_slots, 5 - n_apexes), np.int32)
    count = 0
    for slot in range(n_slots):
        if vertices[8 * slot] == 1 and vertices[8 * slot + n_apexes - 1] == n_apexes:
            for j in range(n_apexes, 5):
                simplices[count, j - n_apexes] = vertices[8 * slot + j]
            count += 1
    return simplices[:count].copy()


@njit(**OPTIONS)
def triangles_of_tetrahedra(tetrahedra, n_vertices):
    """List the distinct triangles of tetrahedra, in order of their largest vertex.

    Faces are scattered into one bucket per largest vertex, where the two smaller ids are looked up in a table small
    enough for the first cache level.

    Returns
    -------
    triangles : (m, 3) int32
    faces : (tetrahedra, 4) int32
        Triangle opposite each vertex.
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
    entries = np.empty(4 * n, np.int64)  # code of the face
    pairs = np.empty(4 * n, np.int64)  # its two smaller vertices
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
    numbers = np.empty(size, np.int32)
    faces = np.empty((n, 4), np.int32)
    triangles = np.empty((4 * n, 3), np.int32)
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
        keys[:size] = 0
        for i in range(low, high):
            pair = pairs[i]
            slot = np.int64((np.uint64(pair) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(shift))
            while keys[slot] != 0 and keys[slot] != pair:
                slot = (slot + 1) & (size - 1)
            if keys[slot] == 0:
                keys[slot] = pair
                numbers[slot] = count
                triangles[count, 0] = pair >> 21
                triangles[count, 1] = pair & 0x1FFFFF
                triangles[count, 2] = v
                count += 1
            faces[entries[i] >> 2, entries[i] & 3] = numbers[slot]
    return triangles[:count].copy(), faces


@njit(**OPTIONS)
def edges_of_triangles(triangles, n_vertices):
    """List the distinct edges of triangles, in order of their largest vertex.

    Returns
    -------
    edges : (m, 2) int32
    faces : (triangles, 3) int32
        Edge opposite each vertex.
    """
    n = triangles.shape[0]
    start = np.zeros(n_vertices + 2, np.int64)
    for t in range(n):
        start[triangles[t, 2] + 1] += 2
        start[triangles[t, 1] + 1] += 1
    for v in range(n_vertices + 1):
        start[v + 1] += start[v]
    place = start.copy()
    entries = np.empty(3 * n, np.int64)
    for t in range(n):
        i = place[triangles[t, 2]]
        place[triangles[t, 2]] = i + 2
        entries[i] = 4 * t
        entries[i + 1] = 4 * t + 1
        i = place[triangles[t, 1]]
        place[triangles[t, 1]] = i + 1
        entries[i] = 4 * t + 2
    seen = np.full(n_vertices + 1, -1, np.int32)  # edge to the vertex in hand
    faces = np.empty((n, 3), np.int32)
    edges = np.empty((3 * n, 2), np.int32)
    count = 0
    for v in range(n_vertices + 1):
        first = count
        for i in range(start[v], start[v + 1]):
            t = entries[i] >> 2
            j = entries[i] & 3
            u = triangles[t, 1] if j == 0 else triangles[t, 0]
            if seen[u] < first:
                seen[u] = count
                edges[count, 0] = u
                edges[count, 1] = v
                count += 1
            faces[t, j] = seen[u]
    return edges[:count].copy(), faces
