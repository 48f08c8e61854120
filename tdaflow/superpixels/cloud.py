"""A volume as a 4D point cloud (z, y, x, I) of superpixels.

Zhu et al., "Persistence Image from 3D Medical Image: Superpixel and Optimized Gaussian Coefficient" (2024), section 2.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.arrays import HasVoxels, beyond_float64, refuse_masked, refuse_other_axes, unwrapped
from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.option_types import check_types
from tdaflow.superpixels.grid import Counts, SuperpixelGrid, superpixel_grid
from tdaflow.superpixels.lattice import axis_units, default_intensity_step, lattice_points, volume_scale
from tdaflow.superpixels.options import (
    GridKind,
    IntensityKind,
    IntensityScale,
    MethodKind,
    Smoothing,
    SuperpixelOptions,
)
from tdaflow.superpixels.slic import CENTROID_FRACTION, slic_points
from tdaflow.superpixels.smoothing import AxisTaps, axis_taps, filter_widths, sample

Spacing = tuple[float, float, float]

_DEFAULT = SuperpixelOptions()


@dataclass(frozen=True, eq=False)
class SuperpixelCloud:
    """A point cloud and how it was made.

    Attributes
    ----------
    points : float64 (n, 4)
        Columns z, y, x, I, scaled and on the lattice; raster order (x fastest) on a grid.
    grid_shape : (3,) int or None
        Points on each axis; None for SLIC.
    indices : int64 (n, 3) or None
        Voxel of each point; read-only; None for SLIC.
    positions : array (n, 3)
        z, y, x of each point in voxels, before rounding to the lattice; whole numbers on a grid.
    step : (3,) float
        Distance of neighbouring points of the grid in voxels (for SLIC: of the grid that sets the filter's width).
    sigma : (3,) float
        Standard deviation of the Gaussian filter in voxels.
    radius : (3,) int
        Voxels that a point's filter reads to either side.
    intensity_step : float
        Distance of intensity levels in the volume's units.
    units : (4,) float
        Length of one lattice step on each axis; a column is a whole multiple of it (of a quarter of it for SLIC
        positions).
    rounding : float
        δ: the largest distance by which rounding to the lattice moved a point, in the units of `points`.
    intensity_scale : float
        The factor of intensities, also where it was learnt from them.
    """

    points: NDArray[np.float64]
    grid_shape: Counts | None
    indices: NDArray[np.int64] | None
    positions: NDArray[np.generic]
    step: tuple[float, ...]
    sigma: tuple[float, ...]
    radius: tuple[int, ...]
    intensity_step: float
    units: tuple[float, ...]
    rounding: float
    intensity_scale: float


@dataclass(frozen=True, eq=False)
class SuperpixelPlan:
    """All that can be known before a voxel is read: the grid and the taps of its filter.

    ``sample(block, taps-of-the-block's-points, origin)`` and `superpixels_from_values` make the cloud from blocks with
    halos, bit for bit the one that `superpixels` makes of the whole volume.
    """

    options: SuperpixelOptions
    spacing: Spacing
    grid: SuperpixelGrid
    taps: tuple[AxisTaps, ...]
    sigma: tuple[float, ...]
    radius: tuple[int, ...]


@lru_cache(maxsize=8)
def superpixel_plan(shape: Counts, options: SuperpixelOptions, spacing: Spacing = (1.0, 1.0, 1.0)) -> SuperpixelPlan:
    """Plan the cloud of a volume of this shape.

    Raises
    ------
    InputError
        When more superpixels are wanted than the volume has voxels.
    """
    grid = superpixel_grid(shape, options.n_superpixels, spacing, options.grid)
    sigma, radius = filter_widths(grid, options.smoothing_multiple)
    taps = axis_taps(grid, options.smoothing_multiple, options.intensity)
    return SuperpixelPlan(options, spacing, grid, taps, sigma, radius)


def superpixels_from_values(
    plan: SuperpixelPlan,
    values: NDArray[np.float64],
    intensity_step: float,
    intensity_scale: float | None = None,
) -> SuperpixelCloud:
    """The cloud of a grid from the filtered intensities at its points.

    Parameters
    ----------
    plan : SuperpixelPlan
    values : float64 (n_z, n_y, n_x)
        From `sample`, put together from blocks or not.
    intensity_step : float
        See `default_intensity_step`, which wants the extent of the *whole* volume.
    intensity_scale : float > 0, optional
        Takes the place of the plan's, and is needed where that is to be learnt: see `volume_scale`, which wants the
        width of the extent of the whole volume.

    Raises
    ------
    InputError
        If there is no number for the intensity scale.
    """
    options = plan.options
    scale = options.intensity_scale if intensity_scale is None else intensity_scale
    if isinstance(scale, str):
        raise InputError(
            f"intensity_scale is {scale!r}, which is learnt from grey values; pass the number that volume_scale gives."
        )
    wanted, units = axis_units(options.space_weight, plan.spacing, scale, intensity_step)
    points, rounding = lattice_points(plan.grid.indices, values.ravel(), wanted, units, intensity_step)
    return SuperpixelCloud(
        points=points,
        grid_shape=plan.grid.counts,
        indices=plan.grid.indices,
        positions=plan.grid.indices,
        step=plan.grid.step,
        sigma=plan.sigma,
        radius=plan.radius,
        intensity_step=intensity_step,
        units=units,
        rounding=rounding,
        intensity_scale=scale,
    )


def superpixels(
    volume: ArrayLike | HasVoxels,
    n_superpixels: int = _DEFAULT.n_superpixels,
    *,
    spacing: Spacing | None = None,
    smoothing: Smoothing = _DEFAULT.smoothing,
    space_weight: float = _DEFAULT.space_weight,
    intensity_scale: IntensityScale = _DEFAULT.intensity_scale,
    intensity_step: float | None = _DEFAULT.intensity_step,
    grid: GridKind = _DEFAULT.grid,
    intensity: IntensityKind = _DEFAULT.intensity,
    method: MethodKind = _DEFAULT.method,
) -> SuperpixelCloud:
    """Turn a volume into superpixels.

    Parameters
    ----------
    volume : (Z, Y, X) array or Volume
        Voxels of any integer, float or bool dtype, finite. Intensities enter as float64 in the volume's own units
        (uint8 as 0–255), so nothing wraps. A `tdaflow.Volume` brings its spacing.
    n_superpixels : int
        Wanted number of points, from 8 to the number of voxels.
    spacing : (3,) float, optional
        Voxel size (z, y, x) in mm of an array; 1 by default.
    smoothing : "step", "none", float or None
        Gaussian filter before intensities are read: its standard deviation as a multiple of the grid's step on each
        axis (edges repeated, cut at 3 standard deviations); "step" is 0.5; None and "none" filter nothing.
    space_weight : float in [0, 1]
        λ. A point is (√(2λ)·s_z·z, √(2λ)·s_y·y, √(2λ)·s_x·x, √(2(1−λ))·scale·I): ½ is the plain (z, y, x, I), 1
        ignores intensity, 0 ignores space.
    intensity_scale : "auto", "cohort", "volume" or float > 0
        Multiplies intensities. The three names all mean, of one volume, its longest edge in mm over the width of its
        `tdaflow.extents.intensity_extent`, so that intensity and space extend equally far (1 where that width is 0).
    intensity_step : float > 0 or None
        Filtered intensities are rounded to multiples of it; None takes the largest power of two ≤ width/4096, with the
        width of that extent, whatever the dtype.
    grid : "nearest" or "integer-step"
        The regular grid with the count nearest to ``n_superpixels``, or the whole-voxel step of Zhu et al. 2024.
    intensity : "point" or "mean"
        Filtered intensity at the point, or its mean over the superpixel.
    method : "grid" or "slic"
        Regular grid or SLIC supervoxels (their count is only about ``n_superpixels``).

    Returns
    -------
    SuperpixelCloud

    Raises
    ------
    InputError
        For a volume that is not 3D, is empty, masked, not numeric or holds NaN or infinity, or has fewer voxels than
        ``n_superpixels``; for a point whose intensity is more than 2^40 steps from 0; for options outside their limits.
    """
    options = SuperpixelOptions(
        n_superpixels, smoothing, space_weight, intensity_scale, intensity_step, grid, intensity, method
    )
    given, size = unwrapped(volume, spacing)
    spacing = _checked_spacing((1.0, 1.0, 1.0) if size is None else size)
    voxels = _checked_volume(given)
    plan = superpixel_plan(voxels.shape, options, spacing)
    scale, step = options.intensity_scale, options.intensity_step
    if options.method == "grid" and step is not None and not isinstance(scale, str):
        return superpixels_from_values(plan, sample(voxels, plan.taps), step)
    found = intensity_extent(voxels)
    extent = found.low, found.high
    if step is None:
        step = default_intensity_step(*extent)
    if isinstance(scale, str):
        scale = volume_scale(plan.grid.shape, spacing, extent[1] - extent[0])
    if options.method == "grid":
        return superpixels_from_values(plan, sample(voxels, plan.taps), step, scale)
    centroids, values = slic_points(
        voxels, plan.grid, options.n_superpixels, spacing, options.smoothing_multiple, options.intensity, extent
    )
    wanted, units = axis_units(options.space_weight, spacing, scale, step)
    points, rounding = lattice_points(centroids, values, wanted, units, step, fraction=CENTROID_FRACTION)
    return SuperpixelCloud(
        points, None, None, centroids, plan.grid.step, plan.sigma, plan.radius, step, units, rounding, scale
    )


def superpixel_point_cloud(
    volume: ArrayLike | HasVoxels,
    n_superpixels: int = _DEFAULT.n_superpixels,
    *,
    spacing: Spacing | None = None,
    smoothing: Smoothing = _DEFAULT.smoothing,
    space_weight: float = _DEFAULT.space_weight,
    intensity_scale: IntensityScale = _DEFAULT.intensity_scale,
    intensity_step: float | None = _DEFAULT.intensity_step,
    grid: GridKind = _DEFAULT.grid,
    intensity: IntensityKind = _DEFAULT.intensity,
    method: MethodKind = _DEFAULT.method,
) -> NDArray[np.float64]:
    """Return the points of `superpixels`, which explains the parameters: float64 (n, 4), columns z, y, x, I."""
    return superpixels(
        volume,
        n_superpixels,
        spacing=spacing,
        smoothing=smoothing,
        space_weight=space_weight,
        intensity_scale=intensity_scale,
        intensity_step=intensity_step,
        grid=grid,
        intensity=intensity,
        method=method,
    ).points


def _checked_volume(volume: ArrayLike) -> NDArray[np.generic]:
    """Return the volume as an array; InputError if it cannot be used."""
    refuse_masked(volume, "voxels")
    refuse_other_axes(volume)
    voxels = np.asarray(volume)
    if voxels.dtype.kind not in "biuf":
        raise InputError(f"a volume of dtype {voxels.dtype} is not a grey image; convert it to integers or floats.")
    if voxels.ndim != 3:
        raise InputError(
            f"a volume must have 3 dimensions (z, y, x), this one has shape {voxels.shape}; pass one volume at a time."
        )
    if voxels.size == 0:
        raise InputError(f"the volume of shape {voxels.shape} is empty; leave it out.")
    # NaN and infinities show in the extremes.
    if not np.isfinite([float(voxels.min()), float(voxels.max())]).all():
        raise InputError("the volume holds NaN or infinite voxels; replace them or leave the volume out.")
    if reason := beyond_float64(voxels):
        raise InputError(reason)
    return voxels


def _checked_spacing(spacing: Spacing) -> Spacing:
    check_types({"spacing": (spacing, Spacing)})
    values = tuple(float(s) for s in spacing)
    if len(values) != 3 or not all(np.isfinite(s) and s > 0 for s in values):
        raise InputError(f"spacing is {spacing!r}; it must be three positive numbers (z, y, x), in mm.")
    return values
