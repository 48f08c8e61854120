"""Geometry of the slices of a series, from their positions and orientation alone.

SliceThickness, SpacingBetweenSlices, SliceLocation and file or instance numbers are not used for geometry: they are
often wrong, and always redundant. Directions and positions are in mm in DICOM's patient coordinates (LPS: to the left,
posterior, superior).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# DS values are decimal strings; scanners write positions with as little as one decimal, hence 0.06 mm.
_ROUNDING_MM = 0.06
_UNIT_TOLERANCE = 1e-3
SAME_PLACE_MM = 1e-3


@dataclass(frozen=True, eq=False)
class Stack:
    """Parallel slices sorted along their common normal.

    Parameters
    ----------
    order : ndarray of int, shape (n,)
        Index of each slice among the positions given to `stack_slices`.
    axes : ndarray, shape (3, 3)
        Unit vectors (normal, down a column, along a row): the directions in which z, y and x grow. Right-handed when
        read as (x, y, z).
    origin : ndarray, shape (3,)
        Centre of the first voxel of the first slice.
    heights : ndarray, shape (n,)
        Distance of each slice from the first along the normal, ascending from 0.
    shifts : ndarray, shape (n, 2)
        Displacement of each slice against the first within its plane: (y, x) in mm.
    """

    order: np.ndarray
    axes: np.ndarray
    origin: np.ndarray
    heights: np.ndarray
    shifts: np.ndarray

    @property
    def gaps(self) -> np.ndarray:
        """Distances between neighbouring slices in mm, shape (n - 1,)."""
        return np.diff(self.heights)

    @cached_property
    def usual_gap(self) -> float:
        """Lower median of the gaps, in mm."""
        gaps = np.sort(self.gaps)
        return float(gaps[(len(gaps) - 1) // 2])

    @property
    def even_gap(self) -> float:
        """Mean gap in mm: the most accurate value if slices are evenly spaced."""
        return float(self.heights[-1]) / (len(self.heights) - 1)

    @property
    def duplicates(self) -> list[tuple[int, int]]:
        """Pairs of neighbours at the same position, as indices into the sorted slices."""
        return [(int(k), int(k) + 1) for k in np.flatnonzero(self.gaps <= SAME_PLACE_MM)]

    @property
    def is_even(self) -> bool:
        """True if every slice lies on the best even grid, within 2 % of the gap or the rounding of positions."""
        return is_even(self.heights)

    @property
    def holes(self) -> dict[int, int]:
        """Number of missing slices after each sorted slice whose gap is a multiple of the usual one.

        Empty if any gap is not a multiple of the usual one, because the spacing is then irregular.
        """
        multiples = np.rint(self.gaps / self.usual_gap)
        # Both ends of a gap are rounded, and so is the usual gap, which a multiple multiplies.
        if np.any(np.abs(self.gaps - multiples * self.usual_gap) > 2 * multiples * tolerance(self.usual_gap)):
            return {}
        return {int(k): int(multiples[k]) - 1 for k in np.flatnonzero(multiples >= 2)}

    def is_upright(self, pixel_spacing: tuple[float, ...]) -> bool:
        """Return True if slices lie straight above each other, to half a pixel over the whole stack."""
        return bool(np.all(np.abs(self.shifts) <= 0.5 * np.array(pixel_spacing)))

    @property
    def tilt(self) -> float:
        """Angle in degrees between the normal and the line from the corner of the first slice to that of the last."""
        return float(np.degrees(np.arctan2(np.linalg.norm(self.shifts[-1]), self.heights[-1])))


def is_even(heights: np.ndarray) -> bool:
    """Return True if at least two ascending heights in mm lie on the best even grid, as `Stack.is_even` says."""
    steps = np.arange(len(heights))
    slope, start = np.polyfit(steps, heights, 1)
    gap = float(heights[-1] - heights[0]) / (len(heights) - 1)
    return bool(np.abs(heights - (slope * steps + start)).max() <= tolerance(gap))


def slice_axes(orientation: tuple[float, ...]) -> np.ndarray | None:
    """Return the unit vectors (normal, down a column, along a row) of an ImageOrientationPatient, shape (3, 3).

    None unless its two directions are perpendicular and of unit length, within 0.001.
    """
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not np.allclose(lengths, 1, atol=_UNIT_TOLERANCE) or not abs(row @ column) <= _UNIT_TOLERANCE:
        return None
    row, column = row / lengths[0], column / lengths[1]
    normal = np.cross(row, column)
    return np.stack([normal / np.linalg.norm(normal), column, row])


def stack_slices(positions: np.ndarray, axes: np.ndarray) -> Stack:
    """Sort slices along their normal.

    Parameters
    ----------
    positions : ndarray, shape (n, 3)
        ImagePositionPatient of each slice, in any order; n at least 2.
    axes : ndarray, shape (3, 3)
        From `slice_axes`, the same for all slices.
    """
    along_normal = positions @ axes[0]
    order = np.argsort(along_normal, kind="stable")
    relative = positions[order] - positions[order[0]]
    return Stack(order, axes, positions[order[0]], along_normal[order] - along_normal[order[0]], relative @ axes[1:].T)


def affine_ras(origin: np.ndarray, axes: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return the affine (4, 4) from the voxel index (x, y, z) to mm in RAS+ coordinates, as in NIfTI.

    Parameters
    ----------
    origin, axes
        As in `Stack`, in LPS.
    spacing : tuple of 3 float
        (z, y, x) in mm.
    """
    affine = np.eye(4)
    affine[:3, :3] = (axes * np.array(spacing)[:, None])[::-1].T
    affine[:3, 3] = origin
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def tolerance(gap: float) -> float:
    """Return how far in mm a slice of an even stack with this gap may lie off its place."""
    return max(0.02 * gap, min(_ROUNDING_MM, 0.1 * gap))
