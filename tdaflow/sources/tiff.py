"""Reader of TIFF stacks (.tif, .tiff) with the voxel size that ImageJ or OME metadata state.

tifffile parses the file. Free text of the metadata is not kept.
"""

import logging
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.byte_stream import AGAIN, check_expansion, explained, open_regular, regular_size
from tdaflow.sources.geometry import ImageHeader, check_spacing, deliver, sides, with_spacing
from tdaflow.sources.optional import require
from tdaflow.sources.volume import UNIT_SPACING, is_real

_UNIT_MM = {
    "mm": 1.0, "millimeter": 1.0, "cm": 10.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "\\u00b5m": 1e-3, "micron": 1e-3,
    "microns": 1e-3, "nm": 1e-6, "m": 1000.0, "inch": 25.4,
}  # fmt: skip
# tifffile's letters for z, and for the pages of a file that does not say what they are.
_DEPTH = "ZIQ"
_LARGEST_XML = 1 << 20


class TiffReader:
    """One stack a file, in grey values (`tdaflow.sources.readers.Reader`); axes (z, y, x) as stored.

    A file that states no voxel size gets 1 mm, as an array does, and the facts say so.
    """

    suffixes: tuple[str, ...] = (".tif", ".tiff")

    def require(self) -> None:
        """Import tifffile; `InputError` if it is missing."""
        require("tifffile", "reading TIFF")

    def data_file(self, path: Path) -> Path:
        """Return the file itself."""
        return path

    def header(
        self, path: Path, *, canonical: bool = True, spacing: tuple[float, float, float] | None = None
    ) -> ImageHeader:
        """Return the header; check that the file can hold the promised data."""
        with _opened(path) as tiff:
            return _header(tiff, regular_size(path), spacing)

    def read(
        self,
        path: Path,
        indices: Sequence[int],
        *,
        canonical: bool = True,
        spacing: tuple[float, float, float] | None = None,
    ) -> Iterator[tuple[ImageHeader, np.ndarray]]:
        """Yield the stack once for each index (there is only 0)."""
        with _opened(path) as tiff:
            header = _header(tiff, regular_size(path), spacing)
            for _ in indices:
                with _damage():
                    voxels = tiff.series[0].asarray(maxworkers=1)
                yield header, np.ascontiguousarray(voxels.reshape(header.shape), dtype=header.dtype)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    tifffile = require("tifffile", "reading TIFF")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it logs what it makes of damaged tags
    with explained():
        stream = open_regular(path)
    with stream:
        with _damage():
            tiff = tifffile.TiffFile(stream)
        with tiff:
            yield tiff


@contextmanager
def _damage() -> Iterator[None]:
    """Turn the errors of tifffile and its codecs, which are of many kinds, into one sentence."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        missing = "; it may need pip install imagecodecs" if "imagecodecs" in str(error) else f"; {AGAIN}"
        raise InputError(f"the TIFF cannot be read ({type(error).__name__}){missing}") from None


def _header(tiff: Any, length: int, spacing: tuple[float, float, float] | None) -> ImageHeader:
    with _damage():
        series = tiff.series[0]
        n_series, dtype = len(tiff.series), np.dtype(series.dtype)
        shape, axes = tuple(map(int, series.shape)), str(series.axes)
        stated = _spacing(tiff)
    if n_series > 1:
        raise InputError(f"the file holds {n_series} images of different kinds: save each in a file of its own")
    while len(shape) > 3 and 1 in shape:
        unit = shape.index(1)
        shape, axes = shape[:unit] + shape[unit + 1 :], axes[:unit] + axes[unit + 1 :]
    if len(shape) != 3:
        what = "a slice" if len(shape) == 2 else f"{len(shape)} dimensions"
        remedy = "stack the slices in one file" if len(shape) == 2 else "save one channel and time point, (z, y, x)"
        raise InputError(f"the file holds {what} of {sides(shape)}, a volume has 3: {remedy}")
    if axes[1:] != "YX" or axes[0] not in _DEPTH:
        raise InputError(f"the file's axes are {axes}, such as colours (S), channels (C) or times (T): save (z, y, x)")
    if min(shape) < 1 or not is_real(dtype):
        raise InputError(f"the file holds {sides(shape)} voxels of type {dtype}: save grey values")
    check_expansion(math.prod(shape) * dtype.itemsize, length)
    zooms = stated[0] if stated is not None else UNIT_SPACING
    if spacing is None:
        check_spacing(zooms)
    facts = {
        "format": "TIFF", "dtype": dtype.newbyteorder("=").name, "slope": 1.0, "inter": 0.0,
        "units": stated[1] if stated is not None else "none, taken as mm",
    }  # fmt: skip
    z, y, x = shape
    header = deliver(
        (x, y, z), dtype.newbyteorder("="), zooms[::-1], None, canonical=False, n_volumes=1, facts=facts
    )  # fmt: skip
    return with_spacing(header, spacing)


def _spacing(tiff: Any) -> tuple[tuple[float, float, float], str] | None:
    """Return the voxel size (z, y, x) in mm and the unit of the file; None if it states none along z, or no unit."""
    if tiff.is_ome and len(text := tiff.ome_metadata or "") <= _LARGEST_XML and "<!" not in text.replace("<!--", ""):
        pixels = next((e for e in ElementTree.fromstring(text).iter() if e.tag.endswith("}Pixels")), None)
        given = {} if pixels is None else pixels.attrib
        units = [given.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX"]
        if all(f"PhysicalSize{axis}" in given for axis in "ZYX") and all(unit in _UNIT_MM for unit in units):
            z, y, x = (float(given[f"PhysicalSize{a}"]) * _UNIT_MM[u] for a, u in zip("ZYX", units, strict=True))
            return (z, y, x), units[0]
    elif tiff.is_imagej:
        given, tags = tiff.imagej_metadata or {}, tiff.pages[0].tags
        unit = str(given.get("unit", "")).strip()
        if "spacing" in given and unit in _UNIT_MM and "XResolution" in tags and "YResolution" in tags:
            (nx, dx), (ny, dy) = tags["XResolution"].value, tags["YResolution"].value
            mm = _UNIT_MM[unit]
            return (abs(float(given["spacing"])) * mm, dy / ny * mm, dx / nx * mm), unit
    return None
