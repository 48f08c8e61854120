"""Read a DICOM segmentation (SEG) or structure set (RTSTRUCT) on the grid of the series that it refers to."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.sources.byte_stream import raise_if_passing
from tdaflow.sources.dicom.contours import contour_planes
from tdaflow.sources.dicom.frames import frames_of
from tdaflow.sources.dicom.grid import SliceGrid
from tdaflow.sources.dicom.header import OtherFile
from tdaflow.sources.dicom.problems import Problem
from tdaflow.sources.dicom.quiet import quiet_pydicom
from tdaflow.sources.dicom.series import Series
from tdaflow.sources.dicom.values import number


class Segmentation:
    """The one segmentation or structure set of a series.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the source.
    file : OtherFile
        The object.
    series : Series
        Without a problem.
    """

    def __init__(self, folder: Path, file: OtherFile, series: Series) -> None:
        self._path, self._file = folder / file.path, file
        self._grid, self._n = SliceGrid.of(series), len(series.images)
        self._data: Any = None  # parsed when the first region is read
        self._places: list[tuple[int | None, int | None]] | None = None  # segment and slice of every frame

    def numbers_of(self, wanted: int | str | None) -> list[int]:
        """Return the numbers of the regions with this number or name, ascending; of all with None."""
        return sorted({of for of, name in self._file.regions if wanted in (None, of, name)})

    def mask(self, wanted: int | str | None) -> np.ndarray | Problem:
        """Read the regions with this number or name, or all with None.

        Returns
        -------
        ndarray of bool, shape (z, y, x), or Problem
            In the order of the stack. A `Problem` unless it lies on the slices of the series, within a tenth of a
            voxel, and can be read.
        """
        mask = np.zeros((self._n, *self._grid.shape), bool)
        try:
            with quiet_pydicom() as pydicom:
                if self._data is None:
                    with self._path.open("rb") as stream:
                        self._data = pydicom.dcmread(stream, force=True)
                for of in self.numbers_of(wanted):
                    read = contour_planes if "StructureSetROISequence" in self._data else self._frames
                    planes = read(self._data, self._grid, of)
                    if isinstance(planes, Problem):
                        return planes
                    for k, plane in planes:
                        mask[k] |= plane
        except Exception as error:  # decoders and parsers raise errors of many kinds, which may quote the file
            raise_if_passing(error, f"the segmentation, file {self._file.number},")
            what = f"has a segmentation, file {self._file.number}, that cannot be read"
            return Problem("unreadable segmentation", what)
        return mask

    def _frames(self, data: Any, grid: SliceGrid, of: int) -> Iterator[tuple[int, np.ndarray]] | Problem:
        """Return slices and pixels of a segment, as `contour_planes` does for an ROI."""
        from pydicom.pixels import iter_pixels

        if self._places is None:
            frames = frames_of(data) or ()
            self._places = [(number(frame, "ReferencedSegmentNumber"), grid.slice_of(frame)) for frame in frames]
        if any(k is None for _, k in self._places) or (data.Rows, data.Columns) != grid.shape:
            return Problem(
                "segmentation off the grid",
                f"has a segmentation, file {self._file.number}, that does not lie on its slices: "
                "resample it onto the series",
            )
        own = {i: k for i, (segment, k) in enumerate(self._places) if segment == of and k is not None}
        half = (number(data, "MaximumFractionalValue") or 1) / 2
        read = iter_pixels(data, raw=True, indices=list(own)) if own else ()
        return ((k, stored > half) for k, stored in zip(own.values(), read, strict=True))


def open_segmentation(folder: Path, files: Collection[OtherFile], series: Series) -> Segmentation | Problem:
    """Return the one of these segmentations and structure sets that refer to a series; a `Problem` unless it is one."""
    if series.unevenness is not None:
        return Problem("mask of a resampled series", "is resampled, and its segmentation cannot be: use no mask")
    if len(files) != 1:
        remedy = "keep one" if files else "add one, or use none with --set data.mask_mode=none"
        return Problem(
            "no single segmentation",
            f"has {len(files)} DICOM segmentations or structure sets that refer to it: {remedy}",
        )
    (file,) = files
    if not file.regions:
        return Problem(
            "no regions", "has a structure set without a region: none of its ROIs has closed contours (CLOSED_PLANAR)"
        )
    return Segmentation(folder, file, series)
