"""The front of the kernel: points in, bars out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.errors import InputError
from tdaflow.homology.alpha_kernel.compiled_cache import KERNEL, stage
from tdaflow.homology.alpha_kernel.complex import AlphaComplex, alpha_complex, triangulate
from tdaflow.homology.alpha_kernel.lattice import recover_lattice

Floats = NDArray[np.float64]
Indices = NDArray[np.uint32]
Integers = NDArray[np.int64]

_NOTHING = np.empty(0, np.uint32)

# Raised whenever a diagram may change in more than the last bits; part of the digest of stored diagrams.
ALGORITHM_VERSION = 1


def alpha_persistence(
    points: ArrayLike, homology_dimensions: Sequence[int] = (0, 1, 2)
) -> tuple[dict[int, Floats], dict[str, Any]]:
    """Compute the persistence of the alpha filtration of lattice points in R⁴, over Z₂, exactly.

    Parameters
    ----------
    points : array_like (n, 4), n ≥ 1
        Finite coordinates. Along each axis they are multiples of a dyadic unit plus an offset, as
        ``superpixel_point_cloud`` returns them; in any order, with or without duplicates, in any position (flat,
        collinear, cospherical).
    homology_dimensions : sequence of int
        Some of 0, 1, 2, 3.

    Returns
    -------
    bars : dict of int to (m, 2) float64
        Per homology dimension the bars (birth, death), birth < death, as radii in the unit of the points, in
        lexicographic order. The one infinite bar, of H₀ from 0, is left out (``info["essential"]``). Simplices that
        enter together have bitwise equal values, so bars of length zero are dropped exactly.
    info : dict
        ``engine`` "kernel", ``algorithm_version``, ``predicates`` ("float64" or "filtered"), ``n_points`` (distinct),
        ``n_cells`` (4-dimensional Delaunay cells, 0 for a flat cloud), ``essential``.

    Raises
    ------
    UnsupportedCloud
        If the points lie on no lattice, or on one whose determinants no exact predicate covers. It depends on nothing
        but the points; another engine can be used instead.
    InputError
        For another shape, NaN or infinite coordinates, no points, bad dimensions or a cloud too large.

    Notes
    -----
    Signs are exact, so the triangulation is the Delaunay triangulation under one consistent tie-breaking, and a
    diagram does not depend on how ties are broken. Values are correct to about 1e-12 relative. Point order and
    translation do not change a bit; nor do reflections and axis permutations, except of clouds that are all but
    symmetric (``lattice``), where they change rounding only. Releases the GIL, keeps no state, and may be called from
    several threads.
    """
    alpha, _, exponent, dimensions, info = _filtered(points, homology_dimensions)
    if alpha is None:
        return {k: np.empty((0, 2)) for k in dimensions}, info
    return finite_bars(alpha, exponent, dimensions), info


def located_alpha_persistence(
    points: ArrayLike, homology_dimensions: Sequence[int] = (0, 1, 2)
) -> tuple[dict[int, Floats], dict[int, Integers], int, dict[str, Any]]:
    """Compute the bars that `alpha_persistence` does, in another order, and which points bear and end each.

    Returns
    -------
    bars : dict of int to (m, 2) float64
    simplices : dict of int to (m, 2, 5) int64
        Rows of ``points``: the vertices of the simplex that bears the bar and of the one that ends it, then −1. Of
        points in one place it is the first.
    survivor : int
        The row of the point where the infinite bar is born.
    info : dict
    """
    alpha, source, exponent, dimensions, info = _filtered(points, homology_dimensions)
    # Of two components that meet, that of the smaller vertex id lives on.
    survivor = int(source[source >= 0][0])
    if alpha is None:
        nowhere = np.empty((0, 2, 5), np.int64)
        return {k: np.empty((0, 2)) for k in dimensions}, dict.fromkeys(dimensions, nowhere), survivor, info
    found = located_bars(alpha, exponent, dimensions)
    bars = {k: bars for k, (bars, _) in found.items()}
    return bars, {k: source[ids] for k, (_, ids) in found.items()}, survivor, info


def _filtered(
    points: ArrayLike, homology_dimensions: Sequence[int]
) -> tuple[AlphaComplex | None, Integers, int, tuple[int, ...], dict[str, Any]]:
    """The complex of a cloud, None of one point; the row of each vertex, the exponent, the dimensions and the facts."""
    cloud, dimensions = _checked(points, homology_dimensions)
    lattice = recover_lattice(cloud)
    info: dict[str, Any] = {
        "engine": "kernel",
        "algorithm_version": ALGORITHM_VERSION,
        "predicates": "float64",
        "n_points": len(lattice.index),
        "n_cells": 0,
        "essential": {0: [0.0]},
    }
    if len(lattice.index) == 1:
        return None, lattice.source, lattice.exponent, dimensions, info
    KERNEL.prepare(_exercise)
    triangulation = triangulate(lattice)
    alpha = alpha_complex(triangulation)
    info["predicates"] = triangulation.predicates.name
    info["n_cells"] = len(alpha.values[3])
    return alpha, triangulation.source, lattice.exponent, dimensions, info


def finite_bars(alpha: AlphaComplex, exponent: int, dimensions: Sequence[int]) -> dict[int, Floats]:
    """Compute the bars of positive length of a filtered complex.

    Parameters
    ----------
    alpha : AlphaComplex
    exponent : int
        Radii are √value · 2**exponent.
    dimensions : sequence of int
        Some of 0, 1, 2, 3. Work that no asked dimension needs is left out.

    Returns
    -------
    dict of int to (m, 2) float64, keyed in the order of ``dimensions``
    """
    persistence, room = stage("persistence"), alpha.arena.take((max(map(len, alpha.values[:3])), 2), np.float64)
    components, pairings = _pairings(alpha, dimensions)
    bars: dict[int, Floats] = {}
    if 0 in dimensions:
        bars[0] = np.zeros((len(components[0]), 2))
        bars[0][:, 1] = np.ldexp(np.sqrt(alpha.values[0][components[0]]), exponent)
    for k, (killers, order) in pairings.items():
        bars[k] = persistence.collect_bars(killers, order, alpha.values[k - 1], alpha.values[k], exponent, room)
    return {k: bars[k] for k in dimensions}


def located_bars(alpha: AlphaComplex, exponent: int, dimensions: Sequence[int]) -> dict[int, tuple[Floats, Integers]]:
    """Compute the bars of `finite_bars`, unsorted, each with the vertex ids (m, 2, 5) of its two simplices, then 0."""
    persistence, arena = stage("persistence"), alpha.arena
    (joins, joined), pairings = _pairings(alpha, dimensions)
    found = {}
    for k in dimensions:
        rows, columns, births = joined, joins, np.zeros(len(joins))
        if k > 0:
            killers, order = pairings[k]
            room = arena.take((2, len(order)), np.uint32)
            count = persistence.collect_pairs(killers, order, alpha.values[k - 1], alpha.values[k], *room)
            rows, columns = room[:, :count]
            births = alpha.values[k - 1][rows]
        bars = np.ldexp(np.sqrt(np.stack([births, alpha.values[k][columns]], axis=1)), exponent)
        corners = np.zeros((len(bars), 2, 5), np.int64)
        corners[:, 0, : k + 1] = alpha.corners(k, rows)
        corners[:, 1, : k + 2] = alpha.corners(k + 1, columns)
        # Squares one rounding apart can have one root.
        true = bars[:, 0] < bars[:, 1]
        found[k] = (bars, corners) if true.all() else (bars[true], corners[true])
    return found


def _pairings(
    alpha: AlphaComplex, dimensions: Sequence[int]
) -> tuple[tuple[Indices, Indices], dict[int, tuple[Indices, Indices]]]:
    """Pair simplices.

    Returns
    -------
    components : (joins, joined)
        Of ``persistence.merge_components``, if 0 is asked for.
    pairings : dict of int to (killers, order)
        For each other dimension asked for, by rank of a simplex: what kills the class it creates, and its number.
    """
    sorting, persistence = stage("sorting"), stage("persistence")
    edge_values, triangle_values, tetrahedron_values, cell_values = alpha.values
    most = max(len(edge_values), len(triangle_values), len(tetrahedron_values))
    arena = alpha.arena
    keys, others = arena.take(most, np.int64), arena.take(most, np.int64)
    stored = arena.take(most, np.uint32)

    def sort(values: Floats) -> tuple[Indices, Indices]:
        order, rank = arena.take(len(values), np.uint32), arena.take(len(values), np.uint32)
        sorting.sort_by_value(values, order, rank, keys, others)
        return order, rank

    components, pairings = (_NOTHING, _NOTHING), {}
    edge_order, edge_rank = sort(edge_values)
    if 0 in dimensions:
        components = persistence.merge_components(alpha.edges, edge_order, alpha.n_vertices + 1)
    if max(dimensions, default=0) > 0:
        order, _ = sort(tetrahedron_values)
        triangle_order, triangle_rank = sort(triangle_values)
        # Facets that create a void by duality are positive: their columns are zero. By rank, as everything below.
        voids = arena.take(len(order), np.uint32)
        persistence.merge_voids(alpha.tetrahedron_cells, order, cell_values, voids)
        killers = arena.take(len(triangle_order), np.uint32)
        persistence.reduce_columns(alpha.tetrahedron_triangles, order, voids, triangle_rank, killers, stored)
        pairings = {3: (voids, order), 2: (killers, triangle_order)}
        if 1 in dimensions:
            edge_killers = arena.take(len(edge_order), np.uint32)
            persistence.reduce_columns(alpha.triangle_edges, triangle_order, killers, edge_rank, edge_killers, stored)
            pairings[1] = edge_killers, edge_order
    return components, {k: pairings[k] for k in dimensions if k > 0}


def warmup() -> float:
    """Compile the kernel, or load what an earlier process compiled; return the seconds it took."""
    return KERNEL.warmup(_exercise)


def _exercise() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(2)] * 4), axis=-1).reshape(-1, 4)
    for cloud in (grid, grid[:, [0, 1, 2, 2]]):
        lattice = recover_lattice(cloud.astype(np.float64))
        alpha = alpha_complex(triangulate(lattice))
        finite_bars(alpha, 0, (0, 1, 2, 3))
        located_bars(alpha, 0, (0, 1, 2, 3))


def _checked(points: ArrayLike, homology_dimensions: Sequence[int]) -> tuple[Floats, tuple[int, ...]]:
    cloud = np.asarray(points, dtype=np.float64)
    if cloud.ndim != 2 or cloud.shape[1] != 4:
        raise InputError(
            f"the alpha kernel takes points of shape (n, 4), got {cloud.shape}; use engine='gudhi' for others"
        )
    if len(cloud) == 0:
        raise InputError("the alpha kernel got no points; give at least one")
    if not np.isfinite(cloud).all():
        raise InputError(f"points of shape {cloud.shape} hold NaN or infinite values; remove them before any homology")
    dimensions = tuple(homology_dimensions)
    if not dimensions or len(set(dimensions)) != len(dimensions) or not set(dimensions) <= {0, 1, 2, 3}:
        raise InputError(f"homology_dimensions={dimensions!r}; give distinct ones of 0, 1, 2 and 3 for points in R^4")
    return cloud, dimensions
