"""Place points and frames of other objects on the slices of a series."""

from dataclasses import dataclass

import numpy as np

from tdaflow.sources.dicom.frames import Frame
from tdaflow.sources.dicom.geometry import Stack
from tdaflow.sources.dicom.image_checks import DIRECTION_TOLERANCE
from tdaflow.sources.dicom.series import Series
from tdaflow.sources.dicom.values import numbers

# Part of a voxel by which a segmentation may lie off the image.
_OFF = 0.1


@dataclass(frozen=True, eq=False)
class SliceGrid:
    """Pixels of the slices of a series.

    Parameters
    ----------
    stack : Stack
        The slices.
    shape : tuple of 2 int
        Rows and columns.
    spacing : tuple of 2 float
        (y, x) in mm.
    orientation : tuple of float
        ImageOrientationPatient.
    """

    stack: Stack
    shape: tuple[int, int]
    spacing: tuple[float, ...]
    orientation: tuple[float, ...]

    @classmethod
    def of(cls, series: Series) -> "SliceGrid":
        """Return the grid of a series without a problem."""
        first, stack = series.images[0], series.stack
        assert stack is not None  # a series without a stack has an obstacle
        return cls(stack, (first.rows, first.columns), first.pixel_spacing or (1.0, 1.0), first.orientation or ())

    def place(self, points: np.ndarray) -> tuple[int | None, np.ndarray, np.ndarray]:
        """Return the slice on which all points (n, 3) in mm, LPS, lie (None if on none), and their rows and columns."""
        across = (points - self.stack.origin) @ self.stack.axes.T
        k = int(np.argmin(np.abs(self.stack.heights - across[0, 0])))
        is_there = bool((np.abs(across[:, 0] - self.stack.heights[k]) <= _OFF * self.stack.usual_gap).all())
        y, x = ((across[:, 1:] - self.stack.shifts[k]) / np.array(self.spacing)).T
        return k if is_there else None, y, x

    def slice_of(self, frame: Frame) -> int | None:
        """Return the slice whose pixels a frame has, within a tenth of a voxel; None if there is none."""
        position, spacing = numbers(frame, "ImagePositionPatient", 3), numbers(frame, "PixelSpacing", 2)
        directions = numbers(frame, "ImageOrientationPatient", 6)
        if position is None or spacing is None or directions is None:
            return None
        if not np.allclose(directions, self.orientation, atol=DIRECTION_TOLERANCE):
            return None
        if not np.allclose(spacing, self.spacing, rtol=1e-3):
            return None
        k, y, x = self.place(np.array([position]))
        return k if max(abs(y[0]), abs(x[0])) <= _OFF else None
