"""One insertion of Bowyer–Watson: find the cells in conflict with a point and fill their union with new cells.

Both steps avoid branches that depend on geometry: a mispredicted branch costs more than the dot product it would save.
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.predicates import (
    LANES,
    OPTIONS,
    evaluate,
    finite_planes,
    inside_sphere,
    plane_at_infinity,
)

LABEL_BITS = 6
LABELS = 1 << LABEL_BITS


@njit(**OPTIONS)
def in_conflict(cell, q, points, integers, error, vertices, neighbours, planes):
    """Whether point q is strictly inside the sphere of a cell, by the tie rules of ``delaunay``."""
    x, y, z, w, lift = points[q, 0], points[q, 1], points[q, 2], points[q, 3], points[q, 4]
    s = evaluate(planes, cell, x, y, z, w, lift)
    if vertices[8 * cell] == 0:
        if s != 0.0:
            return s > 0.0
        cell = np.int64(neighbours[8 * cell]) >> 3
        s = evaluate(planes, cell, x, y, z, w, lift)
    return inside_sphere(s, error, integers, vertices, cell, q)


@njit(**OPTIONS)
def find_cavity(seed, q, points, integers, error, vertices, neighbours, planes, visited, stamp, stack, facets):
    """Collect the cells in conflict with point q, and the facets between them and the others.

    Parameters
    ----------
    seed : int
        A cell in conflict.
    visited : (capacity,) uint32, written
        ``stamp`` for each cell in conflict.
    stack : (capacity,) uint32, written
        The cells in conflict.
    facets : (any,) uint32, written
        Codes of the boundary's facets, seen from inside.

    Returns
    -------
    n_conflict, n_facets : int
    facets : the array given, or a larger one
    """
    x, y, z, w, lift = points[q, 0], points[q, 1], points[q, 2], points[q, 3], points[q, 4]
    visited[seed] = stamp
    stack[0] = seed
    n_conflict = 1
    n_facets = 0
    head = 0
    while head < n_conflict:
        cell = np.int64(stack[head])
        head += 1
        if n_facets + 5 > facets.shape[0]:
            more = np.empty(2 * facets.shape[0], np.uint32)
            for i in range(n_facets):
                more[i] = facets[i]
            facets = more
        for f in range(5):
            code = 8 * cell + f
            near = np.int64(neighbours[code]) >> 3
            s = evaluate(planes, near, x, y, z, w, lift)
            conflict = s > error
            if abs(s) <= error:
                conflict = in_conflict(near, q, points, integers, error, vertices, neighbours, planes)
            before = np.int64(visited[near])
            hit = np.int64(conflict)
            facets[n_facets] = code
            n_facets += 1 - hit
            visited[near] = before + hit * (stamp - before)
            stack[n_conflict] = near  # kept, or overwritten; at most all but one cell are in conflict
            n_conflict += hit & np.int64(before != stamp)
    return n_conflict, n_facets, facets


@njit(**OPTIONS)
def create_cells(
    q, facets, slots, n_facets, points, vertices, neighbours, planes, visited,
    labels, labelled, packed, ridges, keys, codes, differences, block, lanes,
):  # fmt: skip
    """Join point q to each boundary facet, and link the new cells to the old ones and to each other.

    Two new cells are adjacent across the ridge (triangle) their boundary facets share. Boundaries of up to 64
    vertices find the other side in a table addressed by three 6-bit labels, which collects the exclusive or of the
    two codes: each side then finds the other by taking its own away, without a branch. Larger ones use hashing.
    """
    n_labels = 0
    e0, e1, e2, e3, e4 = points[q, 0], points[q, 1], points[q, 2], points[q, 3], points[q, 4]
    n_lanes = np.int64(0)  # no literal: for one, numba compiles what takes it once more
    for i in range(n_facets):
        code = np.int64(facets[i])
        outer = neighbours[code]
        f = code & 7
        row = code - f
        w0, w1, w2, w3, w4 = vertices[row], vertices[row + 1], vertices[row + 2], vertices[row + 3], vertices[row + 4]
        v0 = w1 if f == 0 else w0
        v1 = w2 if f <= 1 else w1
        v2 = w3 if f <= 2 else w2
        v3 = w4 if f <= 3 else w3
        cell = np.int64(slots[i])
        row = 8 * cell
        vertices[row] = v0
        vertices[row + 1] = v1
        vertices[row + 2] = v2
        vertices[row + 3] = v3
        vertices[row + 4] = q
        neighbours[row + 4] = outer
        neighbours[outer] = row + 4
        for v in (v0, v1, v2, v3):
            if labelled[v] != q:
                labelled[v] = q
                labels[v] = n_labels
                n_labels += 1
        packed[i] = (labels[v0] & 63) << 18 | (labels[v1] & 63) << 12 | (labels[v2] & 63) << 6 | (labels[v3] & 63)
        if v0 == 0:
            plane_at_infinity(planes, cell, points, v1, v2, v3, q)
            continue
        lanes[n_lanes] = cell
        at = n_lanes
        for v in (v0, v1, v2, v3):
            differences[at] = points[v, 0] - e0
            differences[at + LANES] = points[v, 1] - e1
            differences[at + 2 * LANES] = points[v, 2] - e2
            differences[at + 3 * LANES] = points[v, 3] - e3
            differences[at + 4 * LANES] = points[v, 4] - e4
            at += 5 * LANES
        n_lanes += 1
        if n_lanes == LANES:
            _flush(differences, block, lanes, n_lanes, planes, e0, e1, e2, e3, e4)
            n_lanes = 0
    if n_lanes > 0:
        _flush(differences, block, lanes, n_lanes, planes, e0, e1, e2, e3, e4)
    if n_labels > LABELS:
        _link_hashed(slots, n_facets, vertices, neighbours, keys, codes)
        return
    for i in range(n_facets):
        row = 8 * np.int64(slots[i])
        four = np.int64(packed[i])
        ridges[four & 0x3FFFF] ^= row
        ridges[(four >> 18) << 12 | (four & 0xFFF)] ^= row + 1
        ridges[(four >> 12) << 6 | (four & 0x3F)] ^= row + 2
        ridges[four >> 6] ^= row + 3
    for i in range(n_facets):
        row = 8 * np.int64(slots[i])
        four = np.int64(packed[i])
        neighbours[row] = ridges[four & 0x3FFFF] ^ row
        neighbours[row + 1] = ridges[(four >> 18) << 12 | (four & 0xFFF)] ^ (row + 1)
        neighbours[row + 2] = ridges[(four >> 12) << 6 | (four & 0x3F)] ^ (row + 2)
        neighbours[row + 3] = ridges[four >> 6] ^ (row + 3)
    for i in range(n_facets):
        four = np.int64(packed[i])
        ridges[four & 0x3FFFF] = 0
        ridges[(four >> 18) << 12 | (four & 0xFFF)] = 0
        ridges[(four >> 12) << 6 | (four & 0x3F)] = 0
        ridges[four >> 6] = 0


@njit(**OPTIONS)
def _flush(differences, block, lanes, n_lanes, planes, e0, e1, e2, e3, e4):
    finite_planes(differences, block, e0, e1, e2, e3, e4)
    for i in range(n_lanes):
        cell = lanes[i]
        for k in range(6):
            planes[cell, k] = block[k * LANES + i]


@njit(**OPTIONS)
def _link_hashed(slots, n_facets, vertices, neighbours, keys, codes):
    """Link new cells across their ridges through an open-addressing table of packed vertex ids."""
    size = 64
    shift = 58
    while size < 4 * n_facets:  # 2·n_facets ridges: at most half full
        size *= 2
        shift -= 1
    for i in range(size):
        keys[i] = 0
    for i in range(n_facets):
        row = 8 * np.int64(slots[i])
        v0 = np.int64(vertices[row])
        v1 = np.int64(vertices[row + 1])
        v2 = np.int64(vertices[row + 2])
        v3 = np.int64(vertices[row + 3])
        for f in range(4):
            a = v1 if f == 0 else v0
            b = v2 if f <= 1 else v1
            c = v3 if f <= 2 else v2
            key = (a << 42) | (b << 21) | c
            slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(shift))
            while keys[slot] != 0 and keys[slot] != key:
                slot = (slot + 1) & (size - 1)
            if keys[slot] == 0:
                keys[slot] = key
                codes[slot] = row + f
            else:
                neighbours[row + f] = codes[slot]
                neighbours[codes[slot]] = row + f
