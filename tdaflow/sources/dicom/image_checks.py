"""Check single images, and images against each other, apart from geometry."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tdaflow.printable import counted
from tdaflow.sources.dicom.geometry import slice_axes
from tdaflow.sources.dicom.header import Image, is_compressed
from tdaflow.sources.dicom.problems import Problem
from tdaflow.sources.dicom.quiet import quiet_pydicom

MAX_PIXELS = 1 << 26  # per slice; more than any scanner makes, so that a damaged header cannot exhaust the memory
# pylibjpeg-rle panics at damaged pixels, so pydicom's own decoder of RLE comes first; pyjpegls finds damage in JPEG-LS
# that pylibjpeg-libjpeg overlooks.
_DECODERS = ("pydicom", "pyjpegls", "pylibjpeg", "pillow")
_SMALLEST_MM = 1e-6
DIRECTION_TOLERANCE = 1e-3
_SPACING_TOLERANCE = 1e-3  # relative


class _Test(NamedTuple):
    """A test that makes an image unusable, and the end of the sentence "file 3 is ..."."""

    kind: str
    fails: Callable[[Image], bool]
    clause: str


_TESTS = (
    _Test(
        "mosaic",
        lambda i: i.mosaic,
        "a Siemens mosaic, which holds all slices of a volume as tiles of one image: convert it with dcm2niix",
    ),
    _Test(
        "multi-frame",
        lambda i: not i.placed,
        "multi-frame without functional groups that say where each frame lies: "
        "convert it to one file a slice, with its ImagePositionPatient",
    ),
    _Test(
        "colour",
        lambda i: i.samples != 1 or i.photometric not in ("MONOCHROME1", "MONOCHROME2"),
        "in colour or of an unknown photometric interpretation: only grey values can be used",
    ),
    _Test(
        "burned-in annotation",
        lambda i: i.burned_in,
        "marked as having text burned into its pixels, which may name the patient: "
        "remove the text with a de-identification tool",
    ),
    _Test("no pixels", lambda i: i.pixels == "missing", "without pixels: fetch it from the archive again"),
    _Test("float pixels", lambda i: i.pixels == "float", "stored with floating-point pixels, which are not read"),
    _Test(
        "size",
        lambda i: not 0 < i.rows * i.columns <= MAX_PIXELS,
        f"of no size or larger than {MAX_PIXELS} pixels: its header is damaged",
    ),
    _Test(
        "truncated",
        lambda i: i.pixels == "truncated",
        "cut short within its pixels: fetch it from the archive again",
    ),
    _Test(
        "bits",
        lambda i: not _bits_are_usual(i.bits),
        "stored with an unusual combination of bits (allocated, stored, high), which is not read",
    ),
    _Test(
        "no decoder",
        lambda i: decoder_of(i.syntax) is None,
        "compressed in a way that nothing installed here can decode: "
        "pip install 'tdaflow[medical]', or decompress the files (for instance with dcmtk's dcmdjpeg)",
    ),
    _Test("lookup table", lambda i: i.lookup_table, "mapped to its units by a lookup table, which is not read"),
    _Test(
        "no geometry",
        lambda i: not (i.position and i.orientation and i.pixel_spacing),
        "without a usable ImagePositionPatient, ImageOrientationPatient or PixelSpacing, so its place is not known",
    ),
    _Test(
        "no geometry",
        lambda i: min(i.pixel_spacing or (0,)) < _SMALLEST_MM,
        "given a PixelSpacing that is not positive, so its size is not known",
    ),
    _Test(
        "no geometry",
        lambda i: i.orientation is None or slice_axes(i.orientation) is None,
        "given an ImageOrientationPatient that is not two perpendicular directions, so its place is not known",
    ),
    _Test(
        "no rescale",
        lambda i: (i.slope is None) != (i.intercept is None) or i.slope == 0,
        "given a RescaleSlope of 0, or only one of RescaleSlope and RescaleIntercept, so its values are not known",
    ),
    _Test(
        "no rescale",
        lambda i: i.modality == "CT" and i.slope is None,
        "a CT image without RescaleSlope and RescaleIntercept, so its values in HU are not known",
    ),
)


def unusable_image(images: Sequence[Image]) -> Problem | None:
    """Return the problem of the first test that an image of the series fails, or None."""
    for test in _TESTS:
        failing = [image.number for image in images if test.fails(image)]
        if failing:
            count = f"{len(failing)} of {counted(len(images), 'image')}"
            return Problem(test.kind, f"has {count} that cannot be used: file {failing[0]} is {test.clause}")
    return None


def decoder_of(syntax: str) -> str | None:
    """Return the name of pydicom's plug-in that decodes a transfer syntax; "" if it is uncompressed, None without one.

    One plug-in for each syntax, so that values do not depend on which of them fail. gdcm is not used: it ends the
    process at damaged pixels.
    """
    if not is_compressed(syntax):
        return ""
    with quiet_pydicom():
        from pydicom.pixels import get_decoder

        try:
            available = get_decoder(syntax).available_plugins
        except Exception:  # pydicom knows no decoder at all, or it is no transfer syntax
            return None
    return next((plugin for plugin in _DECODERS if plugin in available), None)


def mixture(images: Sequence[Image]) -> Problem | None:
    """Return the problem of the first property that differs between images of the series, or None.

    Orientations are equal within 0.001 in each component, pixel spacings within 0.1 %.
    """
    first = images[0]

    def differs(of: Callable[[Image], object]) -> int | None:
        return next((image.number for image in images if of(image) != of(first)), None)

    def is_off(of: Callable[[Image], tuple[float, ...] | None], tolerance: float) -> int | None:
        wanted = of(first) or ()
        pairs = ((image.number, zip(of(image) or (), wanted, strict=True)) for image in images)
        return next((number for number, values in pairs if any(abs(a - b) > tolerance for a, b in values)), None)

    for what, odd in (
        ("modality", differs(lambda i: i.modality)),
        ("image size", differs(lambda i: (i.rows, i.columns))),
        ("photometric interpretation", differs(lambda i: i.photometric)),
        ("slice orientation", is_off(lambda i: i.orientation, DIRECTION_TOLERANCE)),
        ("pixel spacing", is_off(lambda i: i.pixel_spacing, _SPACING_TOLERANCE * min(first.pixel_spacing or (1.0,)))),
        ("unit", differs(lambda i: (i.slope is None, i.units))),
        ("patient", differs(lambda i: i.group)),
    ):
        if odd is not None:
            return Problem(
                f"mixed {what}",
                f"mixes images of different {what}, file {odd} differs from file {first.number}: "
                "divide it into one series each",
            )
    return None


def _bits_are_usual(bits: tuple[int, int, int]) -> bool:
    allocated, stored, high = bits
    return allocated in (8, 16, 32) and 1 <= stored <= allocated and high == stored - 1
