"""Rounding a point cloud to a lattice, so that exact geometry on it stays cheap.

A point is ``index · unit`` on each axis, with a whole index and a unit of at most 12 significant bits: the product is
exact in float64, regular grids stay regular and co-spherical points stay co-spherical. Rounding moves a point by at
most δ, and so each bar of an alpha diagram by at most δ at either end (stability of the bottleneck distance).
"""

import math

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError

UNIT_BITS = 12
LEVELS = 4096
_MAX_INDEX = 2.0**40
# Sums in another order or on another processor differ in the last bits; intensities that are exactly half-way between
# two levels (masks, phantoms) must not fall to either side by that noise, so they are first snapped to this fraction.
_SNAP = 2.0**20


def short_unit(unit: float) -> float:
    """Round a unit ≥ 0 to 12 significant bits; shorter ones stay as they are."""
    mantissa, exponent = math.frexp(unit)
    return math.ldexp(round(math.ldexp(mantissa, UNIT_BITS)), exponent - UNIT_BITS)


def default_intensity_step(extent_low: float, extent_high: float) -> float:
    """Return the default distance of intensity levels, the same for volumes of integers and of floats.

    Parameters
    ----------
    extent_low, extent_high : float
        Ends of the volume's `tdaflow.extents.intensity_extent`.

    Returns
    -------
    float
        > 0, in the volume's own units: the largest power of two ≤ (high − low)/4096, but never so small that the index
        of an end would pass 2^40; where the ends are equal, their size takes the place of high − low. It follows a unit
        of the volume by powers of two.
    """
    largest = max(abs(extent_low), abs(extent_high))
    width = extent_high - extent_low or largest
    if width == 0:
        return 1.0
    step = max(width / LEVELS, largest / _MAX_INDEX * 2, 2.0**-1000)
    return math.ldexp(1.0, math.frexp(step)[1] - 1)


def volume_scale(shape: tuple[int, int, int], spacing: tuple[float, float, float], extent_width: float) -> float:
    """Return the factor of intensities that makes them extend as far as the longest edge of a volume.

    Parameters
    ----------
    shape : (3,) int
        Of the volume, in voxels.
    spacing : (3,) float
        Voxel size (z, y, x) in mm.
    extent_width : float ≥ 0
        Width of the volume's `tdaflow.extents.intensity_extent`, or of a typical one of a cohort.

    Returns
    -------
    float
        max(shape · spacing)/width in mm per unit of intensity; 1 where the width is 0 or so small that the factor is no
        number.
    """
    longest = max(n * s for n, s in zip(shape, spacing, strict=True))
    scale = longest / extent_width if extent_width > 0 else math.inf
    return scale if math.isfinite(scale) else 1.0


def axis_units(
    space_weight: float, spacing: tuple[float, float, float], intensity_scale: float, intensity_step: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Wanted and rounded length of one lattice step on the axes z, y, x, I.

    Returns
    -------
    wanted : (4,) float
        (√(2λ)·s_z, √(2λ)·s_y, √(2λ)·s_x, √(2(1−λ))·scale·step) with λ = ``space_weight``.
    rounded : (4,) float
        The same to 12 significant bits.
    """
    space = math.sqrt(2 * space_weight)
    wanted = (*(space * s for s in spacing), math.sqrt(2 * (1 - space_weight)) * intensity_scale * intensity_step)
    return wanted, tuple(short_unit(u) for u in wanted)


def intensity_levels(values: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Whole numbers (as float64) nearest to ``values / step``; halves go to the even one.

    Raises
    ------
    InputError
        When a level would pass 2^40, beyond which lattice coordinates would no longer be exact.
    """
    with np.errstate(over="ignore"):
        level = values / step
    if level.size and not float(np.abs(level).max()) <= _MAX_INDEX:
        raise InputError(
            f"an intensity of {float(np.abs(values).max()):g} at a point is more than 2^40 steps of {step:g}; "
            f"mend the voxels that are that far from the others, or pass a larger intensity_step."
        )
    return np.rint(np.rint(level * _SNAP) / _SNAP)


def lattice_points(
    position: NDArray[np.generic],
    intensity: NDArray[np.float64],
    wanted: tuple[float, ...],
    units: tuple[float, ...],
    intensity_step: float,
    *,
    fraction: int = 1,
) -> tuple[NDArray[np.float64], float]:
    """Put points on the lattice.

    Parameters
    ----------
    position : (n, 3) array
        Positions z, y, x in voxels.
    intensity : float64 (n,)
        Intensities in the volume's units.
    wanted, units : (4,) float
        From `axis_units`.
    intensity_step : float
        Distance of intensity levels in the volume's units.
    fraction : int, a power of two
        Positions are rounded to 1/fraction of a voxel; 1 for points that are voxels already.

    Returns
    -------
    points : float64 (n, 4)
        Columns z, y, x, I.
    rounding : float
        δ: the largest distance between a point and where it would be unrounded.
    """
    exact = np.empty((len(position), 4))
    exact[:, :3] = position
    exact[:, 3] = intensity
    points = np.empty_like(exact)
    # fraction is a power of two: both scalings are exact
    points[:, :3] = np.rint(exact[:, :3] * fraction) / fraction
    points[:, 3] = intensity_levels(exact[:, 3], intensity_step)
    points *= units
    points += 0.0  # −0 would make equal points unequal bytes
    exact[:, 3] /= intensity_step
    exact *= wanted
    exact -= points
    return points, float(np.sqrt(np.einsum("ij,ij->i", exact, exact).max(initial=0.0)))
