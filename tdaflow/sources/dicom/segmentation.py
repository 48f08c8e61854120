"""Read a DICOM segmentation (SEG) on the grid of the series that it refers to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.sources.byte_stream import raise_if_passing
from tdaflow.sources.dicom.frames import Frame, frames_of
from tdaflow.sources.dicom.geometry import Stack
from tdaflow.sources.dicom.header import OtherFile
from tdaflow.sources.dicom.image_checks import DIRECTION_TOLERANCE
from tdaflow.sources.dicom.problems import Problem
from tdaflow.sources.dicom.quiet import quiet_pydicom
from tdaflow.sources.dicom.series import Series
from tdaflow.sources.dicom.values import number, numbers

# Part of a voxel by which a segmentation may lie off the image.
_OFF = 0.1


def read_segmentation(
    folder: Path, files: Sequence[OtherFile], series: Series, label: int | None
) -> np.ndarray | Problem:
    """Read the segments of the one segmentation of a series.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the source.
    files : sequence of OtherFile
        The segmentations that refer to the series.
    series : Series
        Without a problem.
    label : int, optional
        Number of the only segment to read, for segments may overlap; by default all.

    Returns
    -------
    ndarray of uint16, shape (z, y, x)
        Segment numbers in the order of the stack, 0 outside; of overlapping segments any. A `Problem` unless there is
        one segmentation, whose every frame lies on a slice of the series within a tenth of a voxel.
    """
    if series.unevenness is not None:
        return Problem("mask of a resampled series", "is resampled, and its segmentation cannot be: use no mask")
    if len(files) != 1:
        remedy = "keep one" if files else "add one, or use none with --set data.mask_mode=none"
        return Problem("no single segmentation", f"has {len(files)} DICOM segmentations that refer to it: {remedy}")
    first, stack = series.images[0], series.stack
    assert stack is not None  # a series without a stack has an obstacle
    mask = np.zeros((len(series.images), first.rows, first.columns), np.uint16)
    try:
        with quiet_pydicom() as pydicom:
            from pydicom.pixels import iter_pixels

            data = pydicom.dcmread(folder / files[0].path)
            half = (number(data, "MaximumFractionalValue") or 1) / 2
            for frame, stored in zip(frames_of(data) or (), iter_pixels(data, raw=True), strict=True):
                segment = number(frame, "ReferencedSegmentNumber")
                k = _slice_of(frame, stack, first.pixel_spacing or (1.0, 1.0), first.orientation or ())
                if k is None or stored.shape != mask.shape[1:]:
                    return Problem(
                        "segmentation off the grid",
                        f"has a segmentation, file {files[0].number}, that does not lie on its slices: "
                        "resample it onto the series",
                    )
                if segment is not None and label in (None, segment):
                    mask[k][stored > half] = segment
    except Exception as error:  # decoders and parsers raise errors of many kinds, which may quote the file
        raise_if_passing(error, f"the segmentation, file {files[0].number},")
        return Problem("unreadable segmentation", f"has a segmentation, file {files[0].number}, that cannot be read")
    return mask


def _slice_of(frame: Frame, stack: Stack, pixel_spacing: tuple[float, ...], orientation: Any) -> int | None:
    """Return the slice on which a frame of a segmentation lies; None if it lies on none."""
    position, spacing = numbers(frame, "ImagePositionPatient", 3), numbers(frame, "PixelSpacing", 2)
    directions = numbers(frame, "ImageOrientationPatient", 6)
    if position is None or spacing is None or directions is None:
        return None
    if not np.allclose(directions, orientation, atol=DIRECTION_TOLERANCE):
        return None
    if not np.allclose(spacing, pixel_spacing, rtol=1e-3):
        return None
    height, *shift = stack.axes @ (np.array(position) - stack.origin)
    k = int(np.argmin(np.abs(stack.heights - height)))
    is_there = abs(stack.heights[k] - height) <= _OFF * stack.usual_gap
    is_above = bool(np.all(np.abs(shift - stack.shifts[k]) <= _OFF * np.array(pixel_spacing)))
    return k if is_there and is_above else None
