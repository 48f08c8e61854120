"""Feature points of a regular superpixel grid.

Two rules. ``nearest``: (n_z, n_y, n_x) points, one at the centre of each of n_z·n_y·n_x equal blocks, the counts
chosen to come as close to the wanted number as a regular grid can. ``integer-step``: Zhu et al. 2024's rule, a point
every ``floor(cbrt(voxels / N))`` voxels on each axis, from voxel 0; it usually gives many more points than asked (1000
for N = 600 on 28³).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.superpixels.options import GridKind

Counts = tuple[int, int, int]
_T = TypeVar("_T", bound=np.generic)

# Longest physical edge of a block in shortest ones, and how near n such a grid must come.
_LONGEST_EDGE = 2.0
_NEAR = 0.1


@dataclass(frozen=True, eq=False)
class SuperpixelGrid:
    """A regular grid of feature points in a volume.

    Attributes
    ----------
    shape : (3,) int
        Voxels of the volume (z, y, x).
    counts : (3,) int
        Points on each axis (z, y, x).
    step : (3,) float
        Distance of neighbouring points in voxels, before rounding to voxels.
    axis_indices : three int64 arrays (counts[k],)
        Voxel index of each point along its axis; read-only.
    axis_edges : three float64 arrays (counts[k], 2)
        Start and stop of the block around each point, in voxels, voxel i covering [i, i+1); read-only.
    """

    shape: Counts
    counts: Counts
    step: tuple[float, float, float]
    axis_indices: tuple[NDArray[np.int64], ...]
    axis_edges: tuple[NDArray[np.float64], ...]

    @property
    def n_points(self) -> int:
        """Number of points."""
        return int(np.prod(self.counts))

    @cached_property
    def indices(self) -> NDArray[np.int64]:
        """Voxel indices (n, 3) of all points in raster order, x fastest; read-only."""
        grids = np.meshgrid(*self.axis_indices, indexing="ij")
        return _frozen(np.stack([g.ravel() for g in grids], axis=1))


def superpixel_grid(
    shape: Counts, n_superpixels: int, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0), kind: GridKind = "nearest"
) -> SuperpixelGrid:
    """Place about ``n_superpixels`` feature points in a volume.

    Parameters
    ----------
    shape : (3,) int
        Voxels (z, y, x), all ≥ 1.
    n_superpixels : int
        Wanted number of points, at most the number of voxels.
    spacing : (3,) float
        Voxel size (z, y, x); only its proportions matter, and only to ``nearest``.
    kind : "nearest" or "integer-step"
        The rule, see the module.

    Returns
    -------
    SuperpixelGrid

    Raises
    ------
    InputError
        When the volume has fewer voxels than points are wanted.
    """
    voxels = int(shape[0]) * int(shape[1]) * int(shape[2])
    if n_superpixels > voxels:
        raise InputError(
            f"n_superpixels is {n_superpixels} but a volume of shape {tuple(shape)} has only {voxels} voxels; "
            f"use at most {voxels} superpixels or leave the volume out."
        )
    return _grid(tuple(map(int, shape)), int(n_superpixels), tuple(map(float, spacing)), kind)


@lru_cache(maxsize=8)  # equal shapes follow each other; a grid of 10⁶ points is 24 MB
def _grid(shape: Counts, n: int, spacing: tuple[float, float, float], kind: GridKind) -> SuperpixelGrid:
    axes = []
    if kind == "integer-step":
        stride = _cube_root_floor(shape[0] * shape[1] * shape[2], n)
        for size in shape:
            index = np.arange(0, size, stride, dtype=np.int64)
            starts = index + 0.5 - stride / 2
            # the first block starts and the last one ends with the volume
            edges = np.append(starts, size)
            edges[0] = 0
            axes.append((index, edges, float(stride)))
    else:
        for size, count in zip(shape, nearest_counts(shape, n, spacing), strict=True):
            i = np.arange(count, dtype=np.int64)
            # floor((i + ½)·size/count): block centre to voxel, halves up, in whole numbers
            axes.append(((2 * i + 1) * size // (2 * count), np.arange(count + 1) * (size / count), size / count))
    index, edges, step = zip(*axes, strict=True)
    return SuperpixelGrid(
        shape=shape,
        counts=tuple(len(i) for i in index),  # type: ignore[arg-type]
        step=step,
        axis_indices=tuple(_frozen(i) for i in index),
        axis_edges=tuple(_frozen(np.stack([e[:-1], e[1:]], axis=1)) for e in edges),
    )


def nearest_counts(shape: Counts, n: int, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Counts:
    """Counts (n_z, n_y, n_x), n_k ≤ shape[k], that bring n_z·n_y·n_x nearest to n with blocks of a sane shape.

    Looked at are the grids whose blocks have no physical edge longer than twice another; without that limit a prime n
    would be met exactly by needles (997 on 64³ by 3×9×37). Where none of them comes within a tenth of n (thin volumes,
    nearly every voxel a point), all grids are looked at. Ties go to the grid with the most cube-like blocks (least
    variance of the logarithms of the block's edges), then to the fewest points along z, then along y.

    Notes
    -----
    For a given (n_z, n_y) only the n_x next to n/(n_z·n_y), within what the edges allow, can be best, so
    O(shape[0]·shape[1]) grids are looked at, one row of them in memory at a time.
    """
    extent = np.asarray(shape) * np.asarray(spacing)
    compact = _nearest(shape, n, extent, _LONGEST_EDGE)
    if compact is not None and abs(compact[0] * compact[1] * compact[2] - n) <= _NEAR * n:
        return compact
    anyhow = _nearest(shape, n, extent, np.inf)
    assert anyhow is not None  # (1, 1, n_x) is always among them
    return anyhow


def _nearest(shape: Counts, n: int, extent: NDArray[np.float64], longest_edge: float) -> Counts | None:
    best = 2 * n
    found: list[NDArray[np.int64]] = []
    for n_z in range(1, min(shape[0], 2 * n) + 1):
        n_y = np.arange(1, min(shape[1], 2 * n // n_z + 1) + 1, dtype=np.int64)
        layer = n_z * n_y
        edge_z, edge_y = extent[0] / n_z, extent[1] / n_y
        shorter, longer = np.minimum(edge_z, edge_y), np.maximum(edge_z, edge_y)
        # The slack lets a ratio of exactly the limit pass whatever the last bits.
        fewest = np.ceil(np.maximum(1, extent[2] / (longest_edge * shorter)) - 1e-9)
        most = np.floor(np.minimum(shape[2], longest_edge * (extent[2] / longer)) + 1e-9)
        allowed = (longer <= longest_edge * shorter * (1 + 1e-9)) & (fewest <= most)
        for n_x in (n // layer, n // layer + 1):
            fitted = np.clip(n_x, fewest, most).astype(np.int64)
            miss = np.where(allowed, np.abs(layer * fitted - n), 4 * n)
            least = int(miss.min())
            if least <= best:
                if least < best:
                    best, found = least, []
                at = np.flatnonzero(miss == least)
                found.append(np.stack([np.full(len(at), n_z), n_y[at], fitted[at]], axis=1))
    if not found:
        return None
    counts = np.unique(np.concatenate(found), axis=0)  # lexicographic, which settles the last ties
    # rounded, so that permutations of one block tie whatever the last bits of the logarithms
    anisotropy = np.round(np.var(np.log(extent / counts), axis=1), 9)
    n_z, n_y, n_x = counts[int(np.argmin(anisotropy))]
    return int(n_z), int(n_y), int(n_x)


def _cube_root_floor(voxels: int, n: int) -> int:
    """Largest whole s with s³·n ≤ voxels: floats would turn an exact cube root into the number below it."""
    s = round((voxels / n) ** (1 / 3)) + 1
    while s**3 * n > voxels:
        s -= 1
    return s


def _frozen(array: NDArray[_T]) -> NDArray[_T]:
    array.setflags(write=False)
    return array
