"""Volumes that are larger than a worker's memory: what they can go through, and how, block by block.

Superpixels on a grid and block means are computed block by block, with the bits that the whole volume gives; SLIC and
filtrations of voxels at full resolution need the whole volume and are refused before anything starts.

A grid's filter is a product of three axes, so each axis is contracted on its own: a block holds a run of the axis'
points with the halo that their taps read, and as many voxels of the other axes as the budget allows. Halos are needed
along the contracted axis alone, and where a column through the volume fits the budget the halo is the rest of the
column: each voxel is then read once, where cubes with halos on all sides read it up to (1 + 2·radius/side)³ times. The
sums are those that `tdaflow.superpixels.sample` forms on the whole volume, in the same order.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import zarr
from numpy.typing import NDArray

from tdaflow.errors import ConfigError, InputError
from tdaflow.homology import Filtration, VolumeFiltration
from tdaflow.homology.cubical import block_means
from tdaflow.superpixels import (
    AxisTaps,
    SuperpixelCloud,
    SuperpixelOptions,
    SuperpixelPlan,
    default_intensity_step,
    sample,
    superpixel_plan,
    superpixels_from_values,
    with_volume_scale,
)

Scheduler = str | Callable[..., Any]
"""Dask's name or function of a scheduler."""

MEMORY = 256 << 20
"""Bytes that the blocks of one volume may take at a time."""

# Contractions whose blocks are alive at a time.
_STAGES = 3

Shape = tuple[int, int, int]
Spacing = tuple[float, float, float]

MAX_VOXELS = 128**3
"""Voxels up to which a volume is processed in memory."""


def is_large(shape: Shape, max_voxels: int = MAX_VOXELS) -> bool:
    """Whether a volume of this shape is to be processed block by block."""
    return math.prod(map(int, shape)) > max_voxels


def check_large(
    shape: Shape, filtrations: Mapping[str, Filtration], method: str = "grid", max_voxels: int = MAX_VOXELS
) -> None:
    """Refuse what needs a large volume as a whole, before any work is done.

    Parameters
    ----------
    shape : (3,) int
        Of the volume, or of the largest of a data set.
    filtrations : mapping of str to Filtration
        By their names in the configuration.
    method : "grid" or "slic"
        Of the superpixels; looked at if a filtration takes points.
    max_voxels : int
        Largest number of voxels that a worker holds as a whole.

    Raises
    ------
    ConfigError
        With the remedy: the least sufficient ``downsample`` of a filtration of voxels, or the grid in place of SLIC.
    """
    if not is_large(shape, max_voxels):
        return
    size = f"a volume of {' × '.join(map(str, map(int, shape)))} voxels, above max_voxels = {max_voxels}"
    if method == "slic" and any(f.takes == "points" for f in filtrations.values()):
        raise ConfigError(
            f'superpixels: method = "slic" needs {size}, as a whole; set method = "grid", which works block by block, '
            f"or resample the volumes."
        )
    for name, filtration in filtrations.items():
        if filtration.takes != "volume":
            continue
        factor = getattr(filtration, "downsample", None)
        if is_large(_reduced(shape, factor or 1), max_voxels):
            remedy = f"set downsample = {_least_factor(shape, max_voxels)} or more" if factor else "leave it out"
            left = f" with downsample = {factor}" if factor and factor > 1 else " at full resolution"
            raise ConfigError(f"filtrations.{name}{left} needs {size}, as a whole; {remedy}, or resample the volumes.")


def blockwise_superpixels(
    volume: zarr.Array,
    options: SuperpixelOptions,
    *,
    spacing: Spacing = (1.0, 1.0, 1.0),
    extent: tuple[float, float] | None = None,
    memory: int = MEMORY,
    scheduler: Scheduler = "synchronous",
) -> SuperpixelCloud:
    """The cloud that ``superpixels`` makes of a volume, bit for bit, without holding the volume.

    Parameters
    ----------
    volume : zarr.Array (Z, Y, X)
        Voxels of any integer, float or bool dtype, finite.
    options : SuperpixelOptions
        With ``method="grid"``.
    spacing : (3,) float
        Voxel size (z, y, x) in mm.
    extent : (2,) float, optional
        Low and high end of its grey values, by `tdaflow.extents.intensity_extent`, as the volume table holds them.
        Wanted for an intensity scale that is not a number, and for an intensity step that is not given.
    memory : int
        Bytes that the blocks may take at a time; each thread of the scheduler adds as much.
    scheduler : str or callable
        Dask's, for the graph of blocks. The bits do not depend on it.

    Returns
    -------
    SuperpixelCloud

    Raises
    ------
    InputError
        As ``superpixels``; also for SLIC, for an extent that is wanted and not given, and for a volume whose stored
        chunks do not fit `memory`.
    """
    if options.method != "grid":
        raise InputError(
            f"superpixels of method {options.method!r} need the whole volume; use --set superpixels.method=grid"
        )
    if len(spacing) != 3 or not all(math.isfinite(s) and s > 0 for s in spacing):
        raise InputError(f"spacing is {spacing!r}; it must be three positive numbers (z, y, x), in mm.")
    check_stored(volume, memory)
    step = options.intensity_step
    if isinstance(options.intensity_scale, str) or step is None:
        if extent is None:
            raise InputError("the extent of the volume's grey values is not known; give extent=(low, high)")
        depth, height, width = volume.shape
        options = with_volume_scale(options, (depth, height, width), spacing, extent[1] - extent[0])
        step = step or default_intensity_step(*extent)
    plan = superpixel_plan(volume.shape, options, tuple(map(float, spacing)))
    values = superpixel_values(volume, plan, memory).compute(scheduler=scheduler)
    if not np.isfinite(values).all():
        raise InputError("the volume holds NaN or infinite voxels; replace them or leave the volume out.")
    return superpixels_from_values(plan, values, step)


def filtration_input(
    volume: zarr.Array,
    filtration: VolumeFiltration,
    *,
    spacing: Spacing = (1.0, 1.0, 1.0),
    memory: int = MEMORY,
    scheduler: Scheduler = "synchronous",
) -> tuple[VolumeFiltration, NDArray[np.float64], Spacing]:
    """A large volume reduced to what a filtration of voxels works on, and the filtration without its reduction.

    ``filtration.diagram(data, ..., spacing=spacing)`` with what is returned has the bars that the filtration as it was
    has on the whole volume.
    """
    factor = getattr(filtration, "downsample", 1)
    data = blockwise_downsample(volume, factor, memory).compute(scheduler=scheduler)
    if factor == 1:
        return filtration, data, spacing
    z, y, x = spacing
    return replace(filtration, downsample=1), data, (z * factor, y * factor, x * factor)  # type: ignore[type-var]


def _reduced(shape: Shape, factor: int) -> Shape:
    return tuple(-(-int(n) // factor) for n in shape)  # type: ignore[return-value]


def _least_factor(shape: Shape, max_voxels: int) -> int:
    factor = 1
    while is_large(_reduced(shape, factor), max_voxels):
        factor += 1
    return factor


def superpixel_values(volume: zarr.Array, plan: SuperpixelPlan, memory: int = MEMORY) -> da.Array:
    """The filtered intensities at a grid's points as a lazy dask array, float64 (n_z, n_y, n_x).

    Blocks of all three contractions together take about `memory` bytes, or what one point's taps need if that is more.
    """
    check_stored(volume, memory)
    budget = memory // _STAGES
    values = _columns(volume, plan.taps[0], budget)
    for axis in range(3):
        values = _contract(values, plan.taps, axis, budget)
    return values


def blockwise_downsample(volume: zarr.Array, factor: int, memory: int = MEMORY) -> da.Array:
    """Means over blocks of ``factor`` voxels along each axis: the bits of ``Cubical(downsample=factor)``.

    Parameters
    ----------
    volume : zarr.Array (Z, Y, X)
    factor : int
        Side of a block in voxels, from 1; blocks at the far border may be smaller.
    memory : int
        Bytes that one block may take with its temporaries.

    Returns
    -------
    dask array, float64 (⌈Z/factor⌉, ⌈Y/factor⌉, ⌈X/factor⌉)
        Lazy.

    Raises
    ------
    InputError
        For a factor below 1, or a volume whose stored chunks do not fit `memory`.
    """
    if isinstance(factor, bool) or not isinstance(factor, int | np.integer) or factor < 1:
        raise InputError(f"downsample={factor!r} must be an integer from 1 up: the side of a block in voxels.")
    check_stored(volume, memory)
    # float64 of every voxel, and the sums along the first axis
    voxels = max(1, memory // (volume.dtype.itemsize + 3 * 8))
    unit = tuple(math.lcm(int(factor), c) for c in volume.chunks)
    if math.prod(min(u, n) for u, n in zip(unit, volume.shape, strict=True)) > voxels:
        unit = (int(factor),) * 3  # blocks of means that cut chunks: some chunks are read again
    blocks = _opened(volume, _block_shape(volume.shape, unit, voxels))
    chunks = tuple(tuple(-(-c // int(factor)) for c in axis) for axis in blocks.chunks)
    return da.map_blocks(_means, blocks, int(factor), dtype=np.float64, chunks=chunks, meta=np.empty((0, 0, 0)))


def _means(block: NDArray[Any], factor: int) -> NDArray[np.float64]:
    return block_means(block.astype(np.float64), factor)


def _columns(volume: zarr.Array, taps: AxisTaps, budget: int) -> da.Array:
    """The volume in columns along z; in its stored chunks if a column of them exceeds the budget."""
    depth = volume.shape[0]
    voxels = budget // _bytes_a_voxel(volume.dtype.itemsize, len(taps.index) / depth)
    if depth * math.prod(volume.chunks[1:]) > voxels:
        return _opened(volume, volume.chunks)
    return _opened(volume, (depth, *_block_shape(volume.shape[1:], volume.chunks[1:], voxels // depth)))


def _bytes_a_voxel(itemsize: int, share: float) -> int:
    """Bytes of a block for each of its voxels: itself, its copy when blocks are joined, 3 float64 a filtered value."""
    return 2 * itemsize + math.ceil(3 * 8 * share)


def _contract(values: da.Array, taps: tuple[AxisTaps, ...], axis: int, budget: int) -> da.Array:
    """Contract one axis with its taps: runs of its points, each with the halo that it reads."""
    others = math.prod(max(c) for k, c in enumerate(values.chunks) if k != axis)
    voxels = budget // _bytes_a_voxel(values.dtype.itemsize, len(taps[axis].index) / values.shape[axis])
    pieces = []
    for points in _runs(taps[axis], max(1, voxels // others)):
        run = taps[axis].select(points)
        start, stop = run.span
        region = values[tuple(slice(start, stop) if k == axis else slice(None) for k in range(3))].rechunk({axis: -1})
        chunks = tuple((len(run.index),) if k == axis else c for k, c in enumerate(region.chunks))
        pieces.append(
            da.map_blocks(
                _contract_block, region, run, axis, start, dtype=np.float64, chunks=chunks, meta=np.empty((0, 0, 0))
            )
        )
    return pieces[0] if len(pieces) == 1 else da.concatenate(pieces, axis=axis)


def _contract_block(block: NDArray[np.generic], taps: AxisTaps, axis: int, start: int) -> NDArray[np.float64]:
    """Sums over one axis' taps; on the others each voxel is taken once with weight 1, which changes no bit."""
    # first axis first: then the others' passes are over what is left
    front = np.moveaxis(block, axis, 0)
    result = sample(front, (taps, _identity(front.shape[1]), _identity(front.shape[2])), (start, 0, 0))
    return np.moveaxis(result, 0, axis)


def _identity(size: int) -> AxisTaps:
    return AxisTaps(np.arange(size, dtype=np.int64)[:, None], np.ones((size, 1)))


def _runs(taps: AxisTaps, length: int) -> list[slice]:
    """The points of an axis in the fewest equal runs whose taps span at most `length` voxels (or single points)."""
    n = len(taps.index)
    for count in range(1, n + 1):
        edges = [i * n // count for i in range(count + 1)]
        runs = [slice(a, b) for a, b in itertools.pairwise(edges)]
        spans = [taps.select(run).span for run in runs]
        if max(stop - start for start, stop in spans) <= length:
            break
    return runs


def _opened(volume: zarr.Array, chunks: tuple[int, ...]) -> da.Array:
    # name=False: a random name, where dask would hash the volume's metadata
    return da.from_array(volume, chunks=chunks, name=False, inline_array=True, lock=False)


def _block_shape(shape: tuple[int, ...], unit: tuple[int, ...], voxels: int) -> tuple[int, ...]:
    """A block of whole units, grown along its shortest sides while it has at most `voxels`; at least one unit."""
    block = [min(u, n) for u, n in zip(unit, shape, strict=True)]
    growing = set(range(len(shape)))
    while growing:
        axis = min(growing, key=lambda k: block[k])
        longer = min(block[axis] + unit[axis], shape[axis])
        if longer == block[axis] or math.prod(block) // block[axis] * longer > voxels:
            growing.remove(axis)
        else:
            block[axis] = longer
    return tuple(block)


def check_stored(volume: zarr.Array, memory: int) -> None:
    """Refuse what cannot be read in blocks."""
    if volume.ndim != 3 or 0 in volume.shape or volume.dtype.kind not in "biuf":
        raise InputError(
            f"a volume of dtype {volume.dtype} and shape {volume.shape} is not a 3D grey image; leave it out."
        )
    # any part of a chunk is decoded with the whole chunk
    chunk = math.prod(volume.chunks) * volume.dtype.itemsize
    if chunk > memory // 2:
        raise InputError(
            f"the volume is stored in chunks of {chunk >> 20} MiB, more than half of the {memory >> 20} MiB that its "
            f"blocks may take; ingest it again as a store of volumes of unequal shapes, which has smaller chunks."
        )
