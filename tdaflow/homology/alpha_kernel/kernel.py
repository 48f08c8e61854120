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
        return {k: np.empty((0, 2)) for k in dimensions}, info
    KERNEL.prepare(_exercise)
    triangulation = triangulate(lattice)
    alpha = alpha_complex(triangulation)
    info["predicates"] = triangulation.predicates.name
    info["n_cells"] = len(alpha.values[3])
    return finite_bars(alpha, lattice.exponent, dimensions), info


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
    sorting, persistence = stage("sorting"), stage("persistence")
    edge_values, triangle_values, tetrahedron_values, cell_values = alpha.values
    most = max(len(edge_values), len(triangle_values), len(tetrahedron_values))
    arena = alpha.arena
    keys, others = arena.take(most, np.int64), arena.take(most, np.int64)
    room, stored = arena.take((most, 2), np.float64), arena.take(most, np.uint32)

    def sort(values: Floats) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        order, rank = arena.take(len(values), np.uint32), arena.take(len(values), np.uint32)
        sorting.sort_by_value(values, order, rank, keys, others)
        return order, rank

    bars: dict[int, Floats] = {}
    edge_order, edge_rank = sort(edge_values)
    if 0 in dimensions:
        joins = persistence.merge_components(alpha.edges, edge_order, alpha.n_vertices + 1)
        bars[0] = np.zeros((len(joins), 2))
        bars[0][:, 1] = np.ldexp(np.sqrt(edge_values[joins]), exponent)
    if max(dimensions, default=0) > 0:
        order, _ = sort(tetrahedron_values)
        triangle_order, triangle_rank = sort(triangle_values)
        # Facets that create a void by duality are positive: their columns are zero. By rank, as everything below.
        voids = arena.take(len(order), np.uint32)
        persistence.merge_voids(alpha.tetrahedron_cells, order, cell_values, voids)
        if 3 in dimensions:
            bars[3] = persistence.collect_bars(voids, order, tetrahedron_values, cell_values, exponent, room)
        killers = arena.take(len(triangle_order), np.uint32)
        persistence.reduce_columns(alpha.tetrahedron_triangles, order, voids, triangle_rank, killers, stored)
        if 2 in dimensions:
            bars[2] = persistence.collect_bars(
                killers, triangle_order, triangle_values, tetrahedron_values, exponent, room
            )
        if 1 in dimensions:
            edge_killers = arena.take(len(edge_order), np.uint32)
            persistence.reduce_columns(alpha.triangle_edges, triangle_order, killers, edge_rank, edge_killers, stored)
            bars[1] = persistence.collect_bars(edge_killers, edge_order, edge_values, triangle_values, exponent, room)
    return {k: bars[k] for k in dimensions}


def warmup() -> float:
    """Compile the kernel, or load what an earlier process compiled; return the seconds it took."""
    return KERNEL.warmup(_exercise)


def _exercise() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(2)] * 4), axis=-1).reshape(-1, 4)
    for cloud in (grid, grid[:, [0, 1, 2, 2]]):
        lattice = recover_lattice(cloud.astype(np.float64))
        alpha = alpha_complex(triangulate(lattice))
        finite_bars(alpha, 0, (0, 1, 2, 3))


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
