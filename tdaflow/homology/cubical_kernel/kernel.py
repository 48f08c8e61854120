"""The front of the kernel: an array in, bars out."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tdaflow.homology.cubical_kernel.compiled_cache import KERNEL, stage
from tdaflow.homology.cubical_kernel.grid import Floats, Grid, Pairs, check_shape, framed, voxels_at

_T = TypeVar("_T")

# Raised whenever a diagram may change; part of the digest of stored diagrams.
ALGORITHM_VERSION = 1


def cubical_persistence(
    values: Floats, homology_dimensions: Sequence[int], construction: Literal["vertices", "top"], threads: int = 1
) -> dict[int, Floats]:
    """Compute the persistence of the cubical filtration of an array by its values, exactly.

    Parameters
    ----------
    values : float64 array, 1–3 dimensions
        Finite and not empty. Not modified.
    homology_dimensions : sequence of int
        Distinct, from 0 to ndim − 1. Work that none of them needs is left out.
    construction : "vertices" or "top"
        Whether a voxel is a vertex or a cube.
    threads : int
        For volumes; the bars do not depend on it.

    Returns
    -------
    dict of int to (m, 2) float64, keyed in the order of ``homology_dimensions``
        The finite bars, birth < death, in an order that the array fixes. Births and deaths are values of the array,
        zero without a sign. The one infinite bar, of H₀ from the smallest value, is left out.

    Raises
    ------
    UnsupportedVolume
        If an image or volume has more than about 5·10⁸ voxels; it depends on the shape alone.

    Notes
    -----
    In three dimensions H₀ and H₂ are found by union-find over voxels, H₂ on the complement (Alexander duality), and H₁
    by reduction of what a discrete gradient and the other two leave (``links``, ``components``, ``loops``). With voxels
    as cubes f has the homology of the complement of −f with voxels as vertices, in which a border is there from the
    start (Bleile, Garin, Heiss, Maggs, Robins 2022: "The persistent homology of dual digital image constructions"):
    Hₖ is computed as H₂₋ₖ of that. Axes of length one are left out, as they change nothing. An image is one slice; its
    H₁ is H₂ of its suspension.

    Releases the GIL, keeps no state, and may be called from several threads.
    """
    slim = values.squeeze()
    if slim.ndim == 1 and 0 in homology_dimensions:
        KERNEL.prepare(_exercise)
        return {k: np.empty((0, 2)) for k in homology_dimensions} | {0: _of_path(slim)}
    return {k: _bars(p) for k, p in _pairs(values, homology_dimensions, construction, threads).items()}


def located_cubical_persistence(
    values: Floats, homology_dimensions: Sequence[int], construction: Literal["vertices", "top"], threads: int = 1
) -> tuple[dict[int, Floats], dict[int, NDArray[np.int64]]]:
    """Compute the bars that `cubical_persistence` does, and where they are.

    Returns
    -------
    bars : dict of int to (m, 2) float64
    voxels : dict of int to (m, 2, ndim) int64
        The voxel that bears each bar and the one that ends it: their values are its birth and its death.
    """
    pairs = _pairs(values, homology_dimensions, construction, threads)
    # All at once: there may be few bars in each dimension, and many calls.
    voxels = voxels_at([p for p in pairs.values() if p is not None], values.shape)
    nowhere = np.empty((0, 2, values.ndim), np.int64)
    return {k: _bars(p) for k, p in pairs.items()}, {
        k: nowhere if p is None else next(voxels) for k, p in pairs.items()
    }


def _bars(pairs: Pairs | None) -> Floats:
    if pairs is None:
        return np.empty((0, 2))
    # 0 - f, not -f: that would be -0.0.
    return 0.0 - pairs.values if pairs.of_dual else pairs.values


def _pairs(
    values: Floats, homology_dimensions: Sequence[int], construction: Literal["vertices", "top"], threads: int = 1
) -> dict[int, Pairs | None]:
    """Where the bars begin and end, None where there is no homology."""
    slim = values.squeeze()
    check_shape(slim.shape)
    KERNEL.prepare(_exercise)
    pairs: dict[int, Pairs | None] = dict.fromkeys(homology_dimensions)
    wanted = tuple(k for k in homology_dimensions if k < slim.ndim)
    if not wanted:
        return pairs
    if slim.ndim == 1 or construction == "vertices":
        return pairs | _of_vertices(np.atleast_2d(slim), wanted, np.inf, threads)
    highest = slim.ndim - 1
    dual = _of_vertices(-slim, tuple(highest - k for k in wanted), -np.inf, threads)
    return pairs | {highest - k: Pairs(p.grid, p.places[:, ::-1], of_dual=True) for k, p in dual.items()}


def _of_path(values: Floats) -> Floats:
    bars = np.empty(((len(values) + 1) // 2, 2))
    offsets = np.empty(2, np.int64)
    # A copy: the input may be read-only or strided, for which the function would be compiled again.
    stage("paths").path_components(np.array(values, order="C")[None], False, bars, offsets)
    return bars[: offsets[1]].copy()


def _of_vertices(values: Floats, dimensions: tuple[int, ...], border: float, threads: int) -> dict[int, Pairs]:
    if values.ndim == 3:
        return _of_grid(framed(values, border), dimensions, threads)
    # Slices that are there from the start suspend an image between them, which moves H₁ to H₂.
    pairs: dict[int, Pairs] = {}
    if 0 in dimensions:
        pairs |= _of_grid(framed(values, border, np.inf), (0,), threads)
    if 1 in dimensions:
        pairs[1] = _of_grid(framed(values, border, -np.inf), (2,), threads)[2]
    return pairs


def _of_grid(grid: Grid, dimensions: tuple[int, ...], threads: int) -> dict[int, Pairs]:
    """Bars with voxels as vertices."""
    stars, links, components = stage("stars"), stage("links"), stage("components")
    keys, numbers, entries = _catalogue()
    values, size = grid.values, len(grid.values)
    steps = links.NEIGHBOUR_STEPS @ grid.strides
    places = grid.places
    lower, link = np.empty((2, size), np.int32)
    _share(threads, size, lambda at: stars.lower_links(values, steps, keys, numbers, lower, link, at.start, at.stop))
    # A place has three edges and three squares at most. Memory that is never written costs nothing.
    rooms = {k: np.empty((len(places), 2), np.int32) for k in (0, 2) if k in dimensions or 1 in dimensions}
    born, ending = np.empty((2, 3 * size, 2), np.int32)
    merges = {
        0: lambda room: components.merge_components(values, places, steps, link, entries, room, born),
        2: lambda room: components.merge_voids(values, places, steps, lower, link, entries, room, ending),
    }
    counts = dict(zip(rooms, _together(threads, [partial(merges[k], room) for k, room in rooms.items()]), strict=True))
    bars = {k: rooms[k][:count].copy() for k, (count, _) in counts.items()}
    if 1 in dimensions:
        del rooms, lower
        bars[1] = _loops(grid, link, entries, born[: counts[0][1]], ending[: counts[2][1]], threads)
    return {k: Pairs(grid, bars[k]) for k in dimensions}


def _loops(
    grid: Grid, link: NDArray[Any], entries: NDArray[Any], born: NDArray[Any], ending: NDArray[Any], threads: int
) -> NDArray[np.int32]:
    """Bars of H₁ as places."""
    loops, values, strides = stage("loops"), grid.values, grid.strides
    near, far = stage("links").edges_of_squares(strides)
    nodes = _unknown_nodes(grid)
    _share(threads, len(grid.places), lambda at: loops.mark_edges(grid.places[at], link, entries, near, nodes))
    loops.number_edges(born, near, nodes)
    if threads > 1:  # else `pair_loops` follows them as it goes

        def follow(at: slice) -> None:
            loops.follow_edges(values, strides, link, entries, near, far, ending[at], nodes)

        _share(threads, len(ending), follow)
    room = np.empty((len(born), 2), np.int32)
    count = loops.pair_loops(values, strides, link, entries, near, far, born, ending, nodes, room)
    return room[:count]


def _share(threads: int, n: int, work: Callable[[slice], object]) -> None:
    """Do parts of some work on several threads."""
    # Parts take unequal times.
    ends = np.linspace(0, n, (1 if threads == 1 else 4 * threads) + 1).astype(np.int64).tolist()
    _together(threads, [partial(work, slice(a, b)) for a, b in pairwise(ends)])


def _together(threads: int, tasks: Sequence[Callable[[], _T]]) -> list[_T]:
    if threads == 1:
        return [task() for task in tasks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda task: task(), tasks))


def _unknown_nodes(grid: Grid) -> NDArray[np.int32]:
    """-1 for every edge with an end in the array; 0 for those of the border, if they are there from the start."""
    if grid.values[0] == np.inf:
        return np.full(4 * len(grid.values), -1, np.int32)
    nodes = np.zeros((*grid.shape, 4), np.int32)
    nodes[:-1, 1:-1, 1:-1, 0] = -1
    nodes[1:-1, :-1, 1:-1, 1] = -1
    nodes[1:-1, 1:-1, :-1, 2] = -1
    return nodes.ravel()


@cache
def _catalogue() -> tuple[NDArray[Any], ...]:
    return stage("links").catalogue()


def warmup() -> float:
    """Compile the kernel, or load what an earlier process compiled; return the seconds it took."""
    return KERNEL.warmup(_exercise)


def _exercise() -> None:
    _of_path(np.arange(2.0))
    _of_vertices(np.zeros((2, 2, 2)), (0, 1, 2), np.inf, 2)
