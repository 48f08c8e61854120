"""What enters with a voxel: its lower link, and a perfect discrete gradient on it, looked up in a catalogue.

Voxels are vertices. The edges, squares and cubes in which a voxel v is the last of the filtration enter together with
v: they are the lower star of v. An edge at v corresponds to a vertex of the octahedron around v, a square to an edge
and a cube to a triangle of it, so the lower star is a subcomplex L of the octahedron's surface, the lower link (Robins,
Wood, Sheppard 2011: "Theory and algorithms for constructing discrete Morse complexes from grayscale digital images").
Of 2²⁶ sets of neighbours only 15,935 subcomplexes come out, so the gradient of each is computed once.

A gradient pairs cells of the star such that only as many are left (critical) as homology demands. On a sphere a tree
and a co-tree do it: v takes the edge to the root of the first component of L; along a spanning forest of L each square
takes the edge it leads to; along a forest of triangles, rooted outside L, each cube takes the square by which it is
reached. Critical are the roots of the other components (β₀ − 1 edges), the squares in no forest (β₁) and, if L is the
whole sphere, one cube.
"""

import numpy as np
from numba import njit

from tdaflow.homology.alpha_kernel.predicates import OPTIONS

# Vertices of the octahedron: −z, +z, −y, +y, −x, +x.
_AXIS_STEPS = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]])
# Its edges as pairs of vertices, its triangles as triples of vertices: one for each square and each cube at a voxel.
SQUARES = np.array([(a, b) for a in range(6) for b in range(a + 1, 6) if a // 2 != b // 2])
CUBES = np.array([(z, 2 + y, 4 + x) for z in range(2) for y in range(2) for x in range(2)])
_SQUARE_OF = np.full((6, 6), -1)
for _s, (_a, _b) in enumerate(SQUARES):
    _SQUARE_OF[_a, _b] = _SQUARE_OF[_b, _a] = _s
SQUARES_OF_CUBES = np.array([(_SQUARE_OF[a, b], _SQUARE_OF[a, c], _SQUARE_OF[b, c]) for a, b, c in CUBES])
_CUBES_OF_SQUARES = np.array([[c for c in range(8) if s in SQUARES_OF_CUBES[c]] for s in range(12)])

# A voxel's neighbours, and the cells of its star, by bit: 6 along an axis, 12 across a square, 8 across a cube.
NEIGHBOUR_STEPS = np.concatenate([_AXIS_STEPS, _AXIS_STEPS[SQUARES].sum(axis=1), _AXIS_STEPS[CUBES].sum(axis=1)])
FIRST_SQUARE, FIRST_CUBE, N_NEIGHBOURS = 6, 18, 26
WHOLE = (1 << N_NEIGHBOURS) - 1
# Per cube at a voxel, its seven other corners as neighbour bits.
CORNERS_OF_CUBES = np.array(
    [
        sum(1 << bit for bit in [*cube, *(FIRST_SQUARE + squares), FIRST_CUBE + c])
        for c, (cube, squares) in enumerate(zip(CUBES, SQUARES_OF_CUBES, strict=True))
    ]
)

# Columns of an entry of the catalogue. Critical edges are roots but the first; they and the critical squares are
# known by their place in their list.
N_ROOTS, ROOTS = 0, 1  # ≤ 6 edges
N_LOOPS, LOOPS = 7, 8  # ≤ 7 times (critical square, the cubes outside L at which the flow through it ends)
BRANCHES = 29  # for each edge (the square paired with it or NO_SQUARE, the edge from which that square leads to it)
ENTRY_SIZE = 48
NO_SQUARE = 255

HASH_BITS = 16
_MULTIPLIER = 0x9E3779B1


def edges_of_squares(strides):
    """Steps from four times the place of a voxel to the number of an edge: four times its first place, plus its axis.

    Parameters
    ----------
    strides : (3,) int64
        Between places along each axis.

    Returns
    -------
    near : (6,) int64
        The edges at the voxel.
    far : (12, 2) int64
        Per square the two edges that are not at the voxel.
    """
    steps = _AXIS_STEPS @ strides
    near = np.array([4 * min(int(step), 0) + k // 2 for k, step in enumerate(steps)])
    far = np.array([(4 * steps[a] + near[b], 4 * steps[b] + near[a]) for a, b in SQUARES])
    return near, far


@njit(inline="always", **OPTIONS)
def slot_of(link, keys):
    """Where a link is in the table, or the free place where it belongs."""
    slot = ((np.int64(link) * _MULTIPLIER) & 0xFFFFFFFF) >> (32 - HASH_BITS)
    while keys[slot] != link and keys[slot] != -1:
        slot = (slot + 1) & ((1 << HASH_BITS) - 1)
    return slot


@njit(**OPTIONS)
def catalogue():
    """Compute the gradient of every subcomplex of the octahedron's surface.

    Returns
    -------
    keys : (2**HASH_BITS,) int32
        A hash table of links, −1 where it is free.
    numbers : (2**HASH_BITS,) int32
        The row of the link in that place.
    entries : (15935, ENTRY_SIZE) uint8
    """
    keys = np.full(1 << HASH_BITS, -1, np.int32)
    numbers = np.zeros(1 << HASH_BITS, np.int32)
    entries = np.zeros((15935, ENTRY_SIZE), np.uint8)
    count = 0
    for vertices in range(1 << 6):
        possible = np.int64(0)
        for s in range(12):
            if (vertices >> SQUARES[s, 0]) & (vertices >> SQUARES[s, 1]) & 1:
                possible |= 1 << s
        squares = possible
        while True:
            closed = np.int64(0)
            for c in range(8):
                faces = SQUARES_OF_CUBES[c]
                if (squares >> faces[0]) & (squares >> faces[1]) & (squares >> faces[2]) & 1:
                    closed |= 1 << c
            cubes = closed
            while True:
                link = vertices | (squares << FIRST_SQUARE) | (cubes << FIRST_CUBE)
                slot = slot_of(link, keys)
                keys[slot] = link
                numbers[slot] = count
                _gradient(np.int64(vertices), squares, cubes, entries[count])
                count += 1
                if cubes == 0:
                    break
                cubes = (cubes - 1) & closed
            if squares == 0:
                break
            squares = (squares - 1) & possible
    return keys, numbers, entries


@njit(**OPTIONS)
def _gradient(vertices, squares, cubes, entry):
    """Write the entry of one subcomplex, given as bits over vertices, edges and triangles of the octahedron."""
    used = _forest(vertices, squares, entry)
    ends = np.arange(8)
    queue = np.zeros(8, np.int64)
    reached = 0xFF & ~cubes
    if reached == 0:
        reached = 1
    size = 0
    for c in range(8):
        if (reached >> c) & 1:
            queue[size] = c
            size += 1
    head = 0
    while head < size:
        c = queue[head]
        head += 1
        for s in SQUARES_OF_CUBES[c]:
            other = _CUBES_OF_SQUARES[s, 0] + _CUBES_OF_SQUARES[s, 1] - c
            if (squares & ~used) >> s & 1 and not reached >> other & 1:
                used |= 1 << s
                reached |= 1 << other
                ends[other] = ends[c]
                queue[size] = other
                size += 1
    loops = 0
    for s in range(12):
        if (squares & ~used) >> s & 1:
            at = LOOPS + 3 * loops
            entry[at] = s
            entry[at + 1] = ends[_CUBES_OF_SQUARES[s, 0]]
            entry[at + 2] = ends[_CUBES_OF_SQUARES[s, 1]]
            loops += 1
    entry[N_LOOPS] = loops


@njit(**OPTIONS)
def _forest(vertices, squares, entry):
    """Write roots and branches, breadth first; return the squares that are branches."""
    queue = np.zeros(6, np.int64)
    reached = 0
    used = 0
    for root in range(6):
        if not (vertices & ~reached) >> root & 1:
            continue
        entry[ROOTS + entry[N_ROOTS]] = root
        entry[N_ROOTS] += 1
        entry[BRANCHES + 2 * root] = NO_SQUARE
        reached |= 1 << root
        queue[0] = root
        head = 0
        size = 1
        while head < size:
            here = queue[head]
            head += 1
            for s in range(12):
                there = SQUARES[s, 0] + SQUARES[s, 1] - here
                if not squares >> s & 1 or (SQUARES[s, 0] != here and SQUARES[s, 1] != here):
                    continue
                if reached >> there & 1:
                    continue
                entry[BRANCHES + 2 * there] = s
                entry[BRANCHES + 2 * there + 1] = here
                used |= 1 << s
                reached |= 1 << there
                queue[size] = there
                size += 1
    return used
