"""From lattice points to a filtered alpha complex, flat clouds included.

A cloud in a d-flat, d < 4, gets 4 − d extra lattice points (apexes) that complete it to a full-dimensional one. The Delaunay
simplices of the flat cloud are what lies opposite all apexes: a sphere through an apex and such a simplex meets the flat in
the simplex's own circumsphere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.homology.alpha_kernel.compiled_cache import stage
from tdaflow.homology.alpha_kernel.lattice import Lattice, Predicates, choose_predicates
from tdaflow.homology.alpha_kernel.order import affine_frame, insertion_order

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]

# Three vertex ids are packed into one 64-bit key, 21 bits each.
MAX_POINTS = 2**20
# Simultaneous cells: about 3 GB at the peak. 2,000 points on a moment curve, the worst case, have 2 million.
MAX_CELLS = 5_000_000


@dataclass(frozen=True)
class Triangulation:
    """Delaunay triangulation of a lattice cloud and its apexes.

    Attributes
    ----------
    metric : (N + 1, 4) float64
        Coordinates by vertex id in units of ``2**exponent``; row 0 is the vertex at infinity, rows 1…n_apexes are apexes.
    vertices, neighbours, planes :
        As ``delaunay.triangulate`` returns them.
    lifted, wrapped : (N + 1, 5) float64 and int64
        Index coordinates and squared metric length.
    """

    metric: Floats
    n_apexes: int
    predicates: Predicates
    vertices: Indices
    neighbours: Indices
    planes: Floats
    lifted: Floats
    wrapped: NDArray[np.int64]


@dataclass(frozen=True)
class AlphaComplex:
    """Simplices of each dimension with squared alpha values, ready for ``persistence``.

    Attributes
    ----------
    n_vertices : int
        Vertex ids are at most this.
    edges : (m₁, 2) int32
    triangle_edges : (m₂, 3) int32
    tetrahedron_triangles : (m₃, 4) int32
    tetrahedron_cells : (m₃, 2) int32
        Faces of each simplex, as numbers into the next lower dimension; for tetrahedra also the cells on both sides, -1 outside.
    values : tuple of float64 arrays
        Squared radii of edges, triangles, tetrahedra and cells, in units of ``2**exponent`` squared.
    """

    n_vertices: int
    edges: Indices
    triangle_edges: Indices
    tetrahedron_triangles: Indices
    tetrahedron_cells: Indices
    values: tuple[Floats, Floats, Floats, Floats]


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
    ordered = np.concatenate([apexes, index[frame], index[order[~in_frame[order]]]])
    predicates = choose_predicates(ordered, unit)
    wrapped = np.zeros((len(ordered) + 1, 5), np.int64)
    wrapped[1:, :4] = ordered
    lifted = wrapped.astype(np.float64)
    metric = lifted[:, :4] * unit
    np.einsum("ij,ij->i", wrapped[:, :4] * unit, wrapped[:, :4] * unit, out=wrapped[:, 4])
    np.einsum("ij,ij->i", metric, metric, out=lifted[:, 4])
    delaunay = stage("delaunay")
    status, vertices, neighbours, planes = delaunay.triangulate(lifted, wrapped, predicates.error, max_cells)
    if status == delaunay.TOO_MANY_CELLS:
        raise InputError(
            f"the Delaunay triangulation of {len(index)} points exceeds {max_cells} cells; use fewer superpixels"
        )
    if status != delaunay.COMPLETE:
        raise RuntimeError("Delaunay triangulation met a point in no circumsphere: a bug, as points are distinct")
    return Triangulation(metric, len(apexes), predicates, vertices, neighbours, planes, lifted, wrapped)


def alpha_complex(triangulation: Triangulation, unit: NDArray[np.int64]) -> AlphaComplex:
    """Enumerate all simplices and their alpha values."""
    faces, values = stage("faces"), stage("values")
    t = triangulation
    n = len(t.metric) - 1
    none = np.empty(0)
    cell_values, centres = none, np.empty((0, 4))
    tetrahedra = tetrahedron_triangles = np.empty((0, 4), np.int32)
    triangles = triangle_edges = np.empty((0, 3), np.int32)
    cells = opposite = np.empty((0, 2), np.int32)
    if t.n_apexes == 0:
        slots, tetrahedra, cells, opposite = faces.tetrahedra_of_cells(t.vertices, t.neighbours)
        exact = t.predicates.error == 0
        cell_values, centres = values.cell_spheres(
            t.lifted, t.wrapped, unit.astype(np.float64), exact, t.vertices, t.planes, slots
        )
    else:
        simplices = faces.cells_containing(t.vertices, t.n_apexes)
        if t.n_apexes == 1:
            tetrahedra = simplices
            cells = opposite = np.full((len(simplices), 2), -1, np.int32)
        elif t.n_apexes == 2:
            triangles = simplices
        else:
            edges = simplices
    tetrahedron_values, gabriel = values.tetrahedron_values(t.metric, tetrahedra, cells, opposite, cell_values, centres)
    if t.n_apexes <= 1:
        triangles, tetrahedron_triangles = faces.triangles_of_tetrahedra(tetrahedra, n)
    triangle_values, acute = values.triangle_values(
        t.metric, triangles, tetrahedron_triangles, tetrahedron_values, gabriel
    )
    if t.n_apexes <= 2:
        edges, triangle_edges = faces.edges_of_triangles(triangles, n)
    edge_values = values.edge_values(t.metric, edges, triangle_edges, triangle_values, acute)
    return AlphaComplex(
        n,
        edges,
        triangle_edges,
        tetrahedron_triangles,
        cells,
        (edge_values, triangle_values, tetrahedron_values, cell_values),
    )
