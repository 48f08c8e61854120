"""From lattice points to a filtered alpha complex, flat clouds included.

A cloud in a d-flat, d < 4, gets 4 − d extra lattice points (apexes) that complete it to a full-dimensional one. The
Delaunay simplices of the flat cloud are what lies opposite all apexes: a sphere through an apex and such a simplex
meets the flat in the simplex's own circumsphere.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.homology.alpha_kernel.arena import Arena
from tdaflow.homology.alpha_kernel.compiled_cache import stage
from tdaflow.homology.alpha_kernel.lattice import Lattice, Predicates, choose_predicates
from tdaflow.homology.alpha_kernel.order import affine_frame, insertion_order

Floats = NDArray[np.float64]
Indices = NDArray[np.uint32]
Integers = NDArray[np.int64]

# Three vertex ids are packed into one 64-bit key, 21 bits each.
MAX_POINTS = 2**20
# Cells stored at a time: 2.3 GB at the peak of what follows. The worst 2,000 points have about 2 million.
MAX_CELLS = 3_000_000
# Absent cofaces, as in ``predicates``, which cannot be imported before numba is wanted.
NONE = 0xFFFFFFFF
# Grey-level volumes need 25 slots a point, masks 11; a cloud that needs more is triangulated again with four times
# the room.
_CELLS_PER_POINT = 34
# Arrays of the triangulation, of the complex (2.6 tetrahedra, 2.2 triangles, 0.7 edges a cell) and of the reduction.
_BYTES_PER_SLOT = (2 * 8 * 4 + 6 * 8 + 3 * 4) + (44 + 105 * 2.6 + 48 * 2.2 + 17 * 0.7) + (36 * 2.6 + 12 * 5.5)
_NO_FACES = np.empty((0, 4), np.uint32)
_NO_FLAGS = np.empty(0, np.uint8)


@dataclass(frozen=True)
class Triangulation:
    """Delaunay triangulation of a lattice cloud and its apexes.

    Attributes
    ----------
    metric : (N + 1, 4) float64
        Coordinates by vertex id in units of ``2**exponent``; row 0 is the vertex at infinity, rows 1…n_apexes are
        apexes.
    source : (N + 1,) int64
        By vertex id the row of the cloud, −1 for apexes and the vertex at infinity.
    lifted, wrapped : (N + 1, 5) float64 and int64
        Index coordinates and squared metric length.
    vertices, neighbours, planes :
        As ``delaunay.triangulate`` leaves them.
    n_slots, n_cells, n_hull, n_hull_vertices : int
        Slots in use, cells without and with the vertex at infinity, points on the hull.
    arena : Arena
        Memory for what follows.
    """

    unit: Integers
    n_apexes: int
    predicates: Predicates
    metric: Floats
    source: Integers
    lifted: Floats
    wrapped: Integers
    vertices: Indices
    neighbours: Indices
    planes: Floats
    n_slots: int
    n_cells: int
    n_hull: int
    n_hull_vertices: int
    arena: Arena


@dataclass(frozen=True)
class AlphaComplex:
    """Simplices of each dimension with squared alpha values, ready for ``persistence``.

    Attributes
    ----------
    n_vertices : int
        Vertex ids are at most this.
    edges : (m₁, 2) uint32
    triangle_edges : (m₂, 3) uint32
    tetrahedron_triangles : (m₃, 4) uint32
    tetrahedron_cells : (m₃, 2) uint32
        Faces of each simplex, as numbers into the next lower dimension; for tetrahedra also the cells on both sides,
        ``NONE`` outside.
    vertices, slots : uint32
        The vertex ids of cell c are the five from ``vertices[8 · slots[c]]`` on; empty for a flat cloud.
    values : tuple of float64 arrays
        Squared radii of edges, triangles, tetrahedra and cells, in units of ``2**exponent`` squared.
    arena : Arena
        Memory for what follows.
    """

    n_vertices: int
    edges: Indices
    triangle_edges: Indices
    tetrahedron_triangles: Indices
    tetrahedron_cells: Indices
    values: tuple[Floats, Floats, Floats, Floats]
    arena: Arena
    vertices: Indices = field(default_factory=_NO_FACES.ravel)
    slots: Indices = field(default_factory=_NO_FACES.ravel)

    def corners(self, dimension: int, chosen: Indices) -> Integers:
        """Return the vertex ids of some simplices of a dimension, (n, dimension + 1)."""
        if dimension == 4:
            return self.vertices.reshape(-1, 8)[self.slots[chosen], :5].astype(np.int64)
        if dimension == 0:
            return chosen.astype(np.int64)[:, None]
        # The face opposite the last vertex, and the last vertex, which the face opposite the first one has.
        faces = (self.edges, self.triangle_edges, self.tetrahedron_triangles)[dimension - 1][chosen]
        if dimension == 1:
            return faces.astype(np.int64)
        first, others = (self.corners(dimension - 1, faces[:, k]) for k in (-1, 0))
        return np.concatenate([first, others[:, -1:]], axis=1)


def triangulate(lattice: Lattice, max_cells: int = MAX_CELLS) -> Triangulation:
    """Triangulate at least two distinct lattice points.

    Raises
    ------
    UnsupportedCloud
        If no exact predicate covers the cloud.
    InputError
        If there are too many points or cells.
    """
    index, unit = lattice.index, lattice.unit
    if len(index) > MAX_POINTS:
        raise InputError(f"{len(index)} points exceed the alpha kernel's limit of {MAX_POINTS}; use fewer superpixels")
    choose_predicates(index, unit)  # first of all, so that nothing below can overflow
    order = insertion_order(index * unit)
    frame, apexes = affine_frame(index, order)
    in_frame = np.zeros(len(index), bool)
    in_frame[frame] = True
    order = np.concatenate([frame, order[~in_frame[order]]])
    ordered = np.concatenate([apexes, index[order]])
    source = np.concatenate([np.full(len(apexes) + 1, -1), lattice.source[order]])
    predicates = choose_predicates(ordered, unit)
    wrapped = np.zeros((len(ordered) + 1, 5), np.int64)
    wrapped[1:, :4] = ordered
    lengths = wrapped[:, :4] * unit
    np.einsum("ij,ij->i", lengths, lengths, out=wrapped[:, 4])
    metric = lengths.astype(np.float64)
    lifted = wrapped.astype(np.float64)
    np.einsum("ij,ij->i", metric, metric, out=lifted[:, 4])
    delaunay = stage("delaunay")
    capacity = min(_CELLS_PER_POINT * len(ordered) + 64, max_cells)
    while True:
        arena = Arena(int(capacity * _BYTES_PER_SLOT) + 4 * delaunay.RIDGES)
        vertices, neighbours = arena.take(8 * capacity, np.uint32), arena.take(8 * capacity, np.uint32)
        planes = arena.take((capacity, 6), np.float64)
        room = [arena.take(capacity, np.uint32) for _ in range(3)]
        ridges = arena.take(delaunay.RIDGES, np.uint32)
        status, *counts = delaunay.triangulate(
            lifted, wrapped, predicates.error, vertices, neighbours, planes, *room, ridges
        )
        if status != delaunay.FULL:
            break
        if capacity == max_cells:
            raise InputError(
                f"the Delaunay triangulation of {len(index)} points exceeds {max_cells} cells; use fewer superpixels"
            )
        capacity = min(4 * capacity, max_cells)
    if status != delaunay.COMPLETE:
        raise RuntimeError("a point lies in no circumsphere of a Delaunay triangulation: a bug, as points are distinct")
    n_slots, n_cells, n_hull, n_hull_vertices = counts
    return Triangulation(
        unit,
        len(apexes),
        predicates,
        metric,
        source,
        lifted,
        wrapped,
        vertices,
        neighbours,
        planes,
        n_slots,
        n_cells,
        n_hull,
        n_hull_vertices,
        arena,
    )


def alpha_complex(triangulation: Triangulation) -> AlphaComplex:
    """Enumerate all simplices and their alpha values.

    The number of faces follows from Euler's relation and, as every vertex link is a 3-sphere once the hull is closed at
    infinity, the Dehn–Sommerville relations: of a triangulated 4-sphere with f₀ vertices and f₄ cells f₁ = f₄/2 + 3f₀
    − 6, f₂ = 4f₁ − 10f₀ + 20, f₃ = 5f₄/2; of its simplices at infinity there are as many as hull faces.
    """
    t = triangulation
    if t.n_apexes > 0:
        return _flat_complex(t)
    faces, values = stage("faces"), stage("values")
    n = len(t.metric) - 1
    n_all = t.n_cells + t.n_hull
    edges_all = n_all // 2 + 3 * (n + 1) - 6
    n_edges = edges_all - t.n_hull_vertices
    n_triangles = 4 * edges_all - 10 * (n + 1) + 20 - (t.n_hull_vertices + t.n_hull)
    n_tetrahedra = 5 * n_all // 2 - 2 * t.n_hull
    arena = t.arena
    number, slots = arena.take(t.n_slots, np.uint32), arena.take(t.n_cells, np.uint32)
    tetrahedra = arena.take((n_tetrahedra + 1, 4), np.uint32)
    cells, opposite = (arena.take((n_tetrahedra + 1, 2), np.uint32) for _ in range(2))
    faces.tetrahedra_of_cells(t.vertices, t.neighbours, t.n_slots, number, slots, tetrahedra, cells, opposite)
    tetrahedra, cells, opposite = tetrahedra[:-1], cells[:-1], opposite[:-1]
    cell_values, centres = arena.take(t.n_cells, np.float64), arena.take((t.n_cells, 4), np.float64)
    unit = t.unit.astype(np.float64)
    exact = t.predicates.error == 0
    values.cell_spheres(t.lifted, t.wrapped, unit, exact, t.vertices, t.planes, slots, cell_values, centres)
    alpha = _lower_faces(
        t.metric, arena, tetrahedra, cells, opposite, cell_values, centres, n_triangles=n_triangles, n_edges=n_edges
    )
    return replace(alpha, vertices=t.vertices, slots=slots)


def _flat_complex(t: Triangulation) -> AlphaComplex:
    """Enumerate the simplices of a flat cloud: no cells, and nothing above its own dimension."""
    simplices = stage("faces").cells_containing(t.vertices, t.n_slots, t.n_apexes)
    arena = t.arena
    none = np.empty(0)
    if t.n_apexes == 1:
        outside = np.full((len(simplices), 2), NONE, np.uint32)
        bound = len(simplices)
        return _lower_faces(
            t.metric,
            arena,
            simplices,
            outside,
            outside,
            none,
            np.empty((0, 4)),
            n_triangles=4 * bound,
            n_edges=6 * bound,
        )
    if t.n_apexes == 2:
        return _triangle_complex(t.metric, arena, simplices, _NO_FACES, none, _NO_FLAGS, 3 * len(simplices))
    edge_values = np.empty(len(simplices))
    own = np.empty(len(simplices), np.uint8)
    stage("values").edge_values(t.metric, simplices, _NO_FACES[:, :3].copy(), none, _NO_FLAGS, edge_values, own)
    return AlphaComplex(
        len(t.metric) - 1,
        simplices,
        _NO_FACES[:, :3].copy(),
        _NO_FACES,
        _NO_FACES[:, :2].copy(),
        (edge_values, none, none, none),
        arena,
    )


def _lower_faces(
    metric: Floats,
    arena: Arena,
    tetrahedra: Indices,
    cells: Indices,
    opposite: Indices,
    cell_values: Floats,
    centres: Floats,
    *,
    n_triangles: int,
    n_edges: int,
) -> AlphaComplex:
    """Go down from tetrahedra; ``n_triangles`` and ``n_edges`` are bounds."""
    faces, values = stage("faces"), stage("values")
    m = len(tetrahedra)
    tetrahedron_values, gabriel = arena.take(m, np.float64), arena.take(m, np.uint8)
    values.tetrahedron_values(metric, tetrahedra, cells, opposite, cell_values, centres, tetrahedron_values, gabriel)
    triangles, triangle_faces = arena.take((n_triangles + 1, 3), np.uint32), arena.take((m, 4), np.uint32)
    entries, pairs = arena.take(4 * m, np.uint32), arena.take(4 * m, np.int64)
    count = faces.triangles_of_tetrahedra(tetrahedra, len(metric) - 1, triangles, triangle_faces, entries, pairs)
    alpha = _triangle_complex(metric, arena, triangles[:count], triangle_faces, tetrahedron_values, gabriel, n_edges)
    lower = alpha.values[:2]
    return replace(alpha, tetrahedron_cells=cells, values=(*lower, tetrahedron_values, cell_values))


def _triangle_complex(
    metric: Floats,
    arena: Arena,
    triangles: Indices,
    tetrahedron_triangles: Indices,
    tetrahedron_values: Floats,
    gabriel: NDArray[np.uint8],
    n_edges: int,
) -> AlphaComplex:
    """Go down from triangles; ``n_edges`` is a bound."""
    faces, values = stage("faces"), stage("values")
    m = len(triangles)
    triangle_values, own, acute = arena.take(m, np.float64), arena.take(m, np.uint8), arena.take(m, np.uint8)
    values.triangle_values(
        metric, triangles, tetrahedron_triangles, tetrahedron_values, gabriel, triangle_values, own, acute
    )
    edges, triangle_edges = arena.take((n_edges + 1, 2), np.uint32), arena.take((m, 3), np.uint32)
    count = faces.edges_of_triangles(triangles, len(metric) - 1, edges, triangle_edges, arena.take(3 * m, np.uint32))
    edges = edges[:count]
    edge_values, own = arena.take(count, np.float64), arena.take(count, np.uint8)
    values.edge_values(metric, edges, triangle_edges, triangle_values, acute, edge_values, own)
    none = np.empty(0)
    return AlphaComplex(
        len(metric) - 1,
        edges,
        triangle_edges,
        tetrahedron_triangles,
        _NO_FACES[:, :2].copy(),
        (edge_values, triangle_values, tetrahedron_values, none),
        arena,
    )
