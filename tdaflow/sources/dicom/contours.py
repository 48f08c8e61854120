"""Fill the contours of a structure set (RTSTRUCT) on the slices of its series."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tdaflow.sources.dicom.grid import SliceGrid
from tdaflow.sources.dicom.problems import Problem
from tdaflow.sources.dicom.references import CLOSED
from tdaflow.sources.dicom.values import number, text

_CORNERS = 3  # a contour of fewer points encloses nothing


def contour_planes(data: Any, grid: SliceGrid, of: int) -> Iterator[tuple[int, np.ndarray]] | Problem:
    """Fill the contours of one ROI.

    Parameters
    ----------
    data : pydicom.Dataset
        A structure set.
    grid : SliceGrid
        Slices of the series.
    of : int
        Number of the ROI.

    Returns
    -------
    iterator of (int, ndarray of bool, shape (y, x)), or Problem
        Slices with a region, and the pixels in it: those whose centres lie inside or on an odd number of its contours
        (exclusive or), so that a contour in another is a hole, also one that a key-hole joins to it. A `Problem` if
        a contour does not lie on a slice within a tenth of their distance, encloses no area by its type, or if the ROI
        leaves out every second slice.
    """
    from skimage.draw import polygon

    planes: dict[int, np.ndarray] = {}
    for roi in data.ROIContourSequence:
        if number(roi, "ReferencedROINumber") != of:
            continue
        for contour in roi.get("ContourSequence") or ():
            if (kind := text(contour, "ContourGeometricType")) not in CLOSED:
                # The type is not quoted: in a damaged file it may be any text.
                what = kind if kind in ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR") else "of another type"
                return Problem(
                    "contours that are not closed",
                    f"has a structure set whose ROI {of} has contours that are {what}, and only CLOSED_PLANAR ones "
                    "enclose a region: close them, or choose other ROIs with data.mask_label or data.mask_labels",
                )
            points = np.array(contour.ContourData, np.float64).reshape(-1, 3)
            if len(points) < _CORNERS:
                continue
            k, y, x = grid.place(points)
            if k is None:
                return Problem(
                    "contours off the slices",
                    f"has a structure set whose ROI {of} has a contour that does not lie on a slice of the series: "
                    "contour the images of this series, or resample them",
                )
            plane = planes.setdefault(k, np.zeros(grid.shape, bool))
            inside = polygon(y, x, grid.shape)
            plane[inside] ^= True
    if len(planes) > 1 and np.diff(sorted(planes)).min() > 1:
        return Problem(
            "contours of some slices",
            f"has a structure set whose ROI {of} leaves out every second slice or more, which would be empty: "
            "interpolate its contours on all slices",
        )
    return iter(planes.items())
