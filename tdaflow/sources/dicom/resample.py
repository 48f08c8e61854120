"""Resample slices that are unevenly spaced, or displaced by a tilted gantry, to an even, upright grid."""

from functools import lru_cache
from typing import Any

import numpy as np

from tdaflow.sources.dicom.geometry import Stack
from tdaflow.sources.dicom.spacing_checks import is_sheared

# Displacements are known to the last decimal of a position; smaller shifts are rounding errors.
_SHIFT_DECIMALS = 6


def to_even_grid(
    voxels: np.ndarray, stack: Stack, pixel_spacing: tuple[float, float]
) -> tuple[np.ndarray, tuple[float, float, float], np.ndarray, dict[str, Any]]:
    """Resample a stack of slices linearly.

    First every displaced slice is moved within its plane to its true position, on a canvas large enough for all, so
    that columns of voxels run along the normal and no slice is cropped. Then slices at even distances are interpolated
    between their two neighbours. The first and the last slice keep their positions, and the distance is the one nearest
    to the usual gap that fits between them. A stack that is already upright or even skips the step. Voxels outside all
    slices get the smallest voxel value of the series.

    Parameters
    ----------
    voxels : ndarray, shape (z, y, x)
        Finite, in the order of the stack.
    stack : Stack
        Geometry of the slices.
    pixel_spacing : tuple of 2 float
        (y, x) in mm.

    Returns
    -------
    voxels : ndarray, shape (z', y', x')
        Of the same dtype; integers are rounded to the nearest.
    spacing : tuple of 3 float
        (z, y, x) in mm.
    origin : ndarray, shape (3,)
        Centre of the new first voxel in mm, LPS.
    facts : dict
        JSON-able: interpolation, shapes, gaps and shifts.
    """
    fill = voxels.min()
    heights, step = _even_heights(stack)
    upright = stack.is_upright(pixel_spacing)
    offsets = np.zeros_like(stack.shifts)
    if not upright:
        offsets = np.round(stack.shifts / np.array(pixel_spacing), _SHIFT_DECIMALS)
    low, high = np.floor(offsets.min(axis=0)).astype(int), np.ceil(offsets.max(axis=0)).astype(int)
    canvas_shape = tuple(int(n) for n in np.array(voxels.shape[1:]) + high - low)

    @lru_cache(maxsize=2)  # the two slices between which an output slice lies
    def upright_slice(k: int) -> np.ndarray:
        return _moved(voxels[k], offsets[k] - low, canvas_shape, fill)

    even = np.empty((len(heights), *canvas_shape), voxels.dtype)
    below = np.clip(np.searchsorted(stack.heights, heights, side="right") - 1, 0, len(stack.heights) - 2)
    weights = (heights - stack.heights[below]) / stack.gaps[below]
    for out, k, weight in zip(even, below, weights, strict=True):
        blend = (1 - weight) * upright_slice(int(k))
        blend += weight * upright_slice(int(k) + 1)
        out[...] = np.rint(blend) if voxels.dtype.kind in "iu" else blend
    origin = stack.origin + low @ (stack.axes[1:] * np.array(pixel_spacing)[:, None])
    facts = {
        "interpolation": "linear",
        "slices_before": len(stack.heights),
        "shape_before": [int(n) for n in voxels.shape],
        "gaps_before_mm": [round(float(g), 4) for g in (stack.gaps.min(), stack.usual_gap, stack.gaps.max())],
        "tilt_degrees": round(stack.tilt, 3) if not upright and is_sheared(stack) else None,
        "largest_shift_mm": 0.0 if upright else round(float(np.abs(stack.shifts).max()), 4),
        "fill": fill.item(),
    }
    return even, (step, *pixel_spacing), origin, facts


def _even_heights(stack: Stack) -> tuple[np.ndarray, float]:
    """Return heights and distance of the new slices; the old heights if they are even already."""
    if stack.is_even:
        return stack.heights, stack.even_gap
    n = max(2, round(stack.heights[-1] / stack.usual_gap) + 1)
    return np.linspace(0, stack.heights[-1], n), float(stack.heights[-1]) / (n - 1)


def _moved(plane: np.ndarray, offset: np.ndarray, shape: tuple[int, ...], fill: Any) -> np.ndarray:
    """Move a slice to a (fractional) place on a larger canvas; float64, linear between pixels and to the fill."""
    canvas = np.full(shape, fill, np.float64)
    whole = np.floor(offset).astype(int)
    canvas[whole[0] : whole[0] + plane.shape[0], whole[1] : whole[1] + plane.shape[1]] = plane
    if np.array_equal(whole, offset):
        return canvas
    from scipy import ndimage

    return ndimage.shift(canvas, offset - whole, order=1, mode="grid-constant", cval=float(fill))
