"""Read the voxels of a series in its own units.

SimpleITK would read a series in one call, but its series reader applies one rescale to all slices where every header
has its own, takes the slice distance from the first two files, and prints warnings from C++ that quote paths. pydicom
returns the stored numbers of one image at a time, so every step from them to HU is done and tested here, with one slice
in memory.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.sources.byte_stream import raise_if_passing
from tdaflow.sources.dicom.codestream import check_codestreams
from tdaflow.sources.dicom.header import Image, is_compressed, transfer_syntax
from tdaflow.sources.dicom.image_checks import decoder_of
from tdaflow.sources.dicom.problems import Problem
from tdaflow.sources.dicom.quiet import quiet_pydicom
from tdaflow.sources.dicom.series import Series

_INTEGERS = (np.int16, np.int32, np.int64)
# Integer rescale beyond this goes through floating point: products of 32-bit values must fit 64 bits.
_LARGEST_INTEGER_RESCALE = 1 << 20


@dataclass
class _Padding:
    """Pixels without data, collected while slices are read."""

    masks: dict[int, np.ndarray]
    count: int = 0
    smallest_real: Any = None

    def add(self, k: int, stored: np.ndarray, values: np.ndarray, image: Image) -> None:
        mask = _padding_mask(stored, image)
        real = values
        if mask is not None:
            self.masks[k] = np.packbits(mask)  # one bit per pixel keeps the masks small
            self.count += int(np.count_nonzero(mask))
            real = values[~mask]
        if real.size:
            low = real.min()
            self.smallest_real = low if self.smallest_real is None else min(self.smallest_real, low)

    def fill(self, voxels: np.ndarray) -> None:
        for k, packed in self.masks.items():
            plane = voxels[k]
            plane[np.unpackbits(packed, count=plane.size).reshape(plane.shape).astype(bool)] = self.smallest_real


def read_voxels(folder: Path, series: Series) -> tuple[np.ndarray, dict[str, Any]] | Problem:
    """Decode all slices and apply the rescale of each one.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the source.
    series : Series
        Without a problem.

    Returns
    -------
    voxels : ndarray, shape (z, y, x)
        ``stored * RescaleSlope + RescaleIntercept``: HU for CT. int16 if all slopes and intercepts are integers and
        the values fit, else int32 or int64; float32 if any slope or intercept is a fraction. Pixels that the header
        declares as padding (no data, usually around the round field of view) get the smallest value of the others,
        because their own value, often far below air, is no measurement and would widen all later ranges.
    facts : dict
        JSON-able: rescale, units, photometric interpretation (MONOCHROME1 only says how to
        display values, so they are not inverted), padding.

    A `Problem` is returned instead if a file cannot be decoded; the message of the decoder could quote the file, so it
    is dropped.
    """
    integral = all(_is_integral(image.slope) and _is_integral(image.intercept) for image in series.images)
    first = series.images[0]
    shape = (len(series.images), first.rows, first.columns)
    voxels = np.empty(shape, np.int16 if integral else np.float32)
    padding = _Padding({})
    by_file: dict[str, list[int]] = {}
    for k, image in enumerate(series.images):
        by_file.setdefault(image.path, []).append(k)
    for places in by_file.values():
        # Frames of a file from its beginning, so that it is read once.
        places.sort(key=lambda k: series.images[k].frame)
        for k, stored in zip(places, _stored(folder, [series.images[k] for k in places]), strict=False):
            image = series.images[k]
            if stored is None:
                return Problem(
                    "undecodable",
                    f"has pixels that cannot be decoded in file {image.number}: it is damaged, has changed since the "
                    "scan, or is compressed in a variant that its decoder does not know",
                )
            values = _rescaled(stored, image, integral)
            if integral:
                voxels = _wide_enough(voxels, values)
            voxels[k] = values
            padding.add(k, stored, voxels[k], image)
    facts: dict[str, Any] = {
        "units": "HU" if first.modality == "CT" and first.units in ("HU", "other") else first.units,
        "photometric": first.photometric,
        "rescale": _rescale_facts(series),
        "padding": None,
    }
    if padding.count and padding.smallest_real is not None:
        padding.fill(voxels)
        facts["padding"] = {"voxels": padding.count, "replaced_by": padding.smallest_real.item()}
    return voxels, facts


def _stored(folder: Path, images: list[Image]) -> Iterator[np.ndarray | None]:
    """Yield the stored values (rows, columns) of frames of one file, ascending; None and no more at one that fails."""
    first = images[0]
    try:
        with quiet_pydicom() as pydicom, (folder / first.path).open("rb") as stream:
            from pydicom.pixels import iter_pixels

            source: Any = stream
            if first.frames == 1 or is_compressed(first.syntax):  # else only the wanted frames are read
                source = pydicom.dcmread(stream, force=True)
                if "TransferSyntaxUID" not in source.file_meta:
                    source.file_meta.TransferSyntaxUID = pydicom.uid.UID(transfer_syntax(source))
                if is_compressed(first.syntax):
                    check_codestreams(source, images)
            decoded: Any = iter_pixels(
                source,
                indices=[image.frame for image in images],
                raw=True,
                decoding_plugin=decoder_of(first.syntax) or "",
                allow_excess_frames=False,
            )
            with closing(decoded):  # before the file, to which it turns back
                for stored in decoded:
                    is_right = stored.shape == (first.rows, first.columns) and stored.dtype.kind in "iu"
                    yield stored if is_right else None
    except Exception as error:  # decoders raise errors of many kinds, which may quote the file
        raise_if_passing(error, f"file {first.number}")
        yield None


def _rescaled(stored: np.ndarray, image: Image, integral: bool) -> np.ndarray:
    slope = 1.0 if image.slope is None else image.slope
    intercept = 0.0 if image.intercept is None else image.intercept
    if integral:
        return stored.astype(np.int64) * int(slope) + int(intercept)
    with np.errstate(over="ignore", invalid="ignore"):  # infinities are found by the check of voxels
        return (stored.astype(np.float64) * slope + intercept).astype(np.float32)


def _wide_enough(voxels: np.ndarray, values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    for dtype in _INTEGERS:
        info = np.iinfo(dtype)
        if info.min <= low and high <= info.max and info.bits >= 8 * voxels.itemsize:
            return voxels.astype(dtype, copy=False)
    return voxels


def _is_integral(value: float | None) -> bool:
    return value is None or (value == int(value) and abs(value) <= _LARGEST_INTEGER_RESCALE)


def _padding_mask(stored: np.ndarray, image: Image) -> np.ndarray | None:
    """Return the mask of a slice's padding; None if it has none."""
    if image.padding is None:
        return None
    modulus = 1 << image.bits[0]
    # Headers give -2000 as 63536 and the other way round, where the tag's type and the pixels' sign disagree.
    low, high = (_wrapped(value, modulus, image.signed) for value in image.padding)
    mask = (stored >= min(low, high)) & (stored <= max(low, high))
    return mask if mask.any() else None


def _wrapped(value: int, modulus: int, signed: bool) -> int:
    value %= modulus
    return value - modulus if signed and value >= modulus // 2 else value


def _rescale_facts(series: Series) -> dict[str, Any] | None:
    pairs = sorted({(i.slope, i.intercept) for i in series.images if i.slope is not None and i.intercept is not None})
    if not pairs:
        return None
    if len(pairs) == 1:
        return {"slope": pairs[0][0], "intercept": pairs[0][1]}
    return {"different": len(pairs), "slopes": [pairs[0][0], pairs[-1][0]]}
