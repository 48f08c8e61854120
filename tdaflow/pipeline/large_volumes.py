"""What volumes larger than a worker's memory can and cannot go through, and how they do.

Their superpixels on a grid and their block means are computed block by block (`tdaflow.pipeline.blockwise`); SLIC and
filtrations of voxels at full resolution need the whole volume and are refused before anything starts.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import zarr
from numpy.typing import NDArray

from tdaflow.errors import ConfigError, InputError
from tdaflow.homology import Filtration, VolumeFiltration
from tdaflow.pipeline.blockwise import (
    MEMORY,
    Scheduler,
    blockwise_downsample,
    check_stored,
    superpixel_values,
)
from tdaflow.superpixels import (
    SuperpixelCloud,
    SuperpixelOptions,
    default_intensity_step,
    superpixel_plan,
    superpixels_from_values,
    with_volume_scale,
)

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
        raise InputError(f"superpixels of method {options.method!r} need the whole volume; use method='grid'.")
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
