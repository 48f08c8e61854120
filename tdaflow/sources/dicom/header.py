"""Read the header of one file, and replace identifiers by keyed ids."""

import math
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tdaflow.errors import InputError
from tdaflow.sources.byte_stream import raise_if_passing
from tdaflow.sources.dicom.frames import Frame, frames_of, mark
from tdaflow.sources.dicom.listing import FoundFile
from tdaflow.sources.dicom.privacy import MODALITIES, PHOTOMETRIC, UNITS, identifying, known
from tdaflow.sources.dicom.quiet import quiet_pydicom
from tdaflow.sources.dicom.references import (
    SEGMENTATION,
    STRUCTURE_SET,
    frame_of_reference_id,
    referenced,
    regions_of,
    series_id,
)
from tdaflow.sources.dicom.values import number, numbers, padding_range, text
from tdaflow.sources.identity import KeyedIds

_PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)  # float, double float, integer: the last elements of a file
_LARGEST_MM = 1e6  # no scanner is a kilometre wide, and squares of such numbers stay finite
_DICOMDIR = "1.2.840.10008.1.3.10"
_STANDARD_ROOT = "1.2.840.10008."
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_DEFLATED = "1.2.840.10008.1.2.1.99"
_LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
# Objects with pixels that describe images and are none: segmentations, label maps, raw data, parametric maps, dose.
_NO_IMAGES = {SEGMENTATION, _LABEL_MAP, *(f"1.2.840.10008.5.1.4.1.1.{part}" for part in ("66", "30", "481.2"))}
# What may differ between stacks in one series, the tags that say most about it first.
DIVIDERS = (
    "EchoNumbers", "EchoTime", "DiffusionBValue", "DiffusionGradientOrientation", "TemporalPositionIdentifier",
    "ImageType", "ConvolutionKernel", "StackID", "SliceThickness", "TriggerTime", "AcquisitionNumber",
)  # fmt: skip
# Suffixes of images; a file with another suffix that cannot be parsed is not reported as a broken image.
_IMAGE_SUFFIXES = (".dcm", ".dicom", ".ima")


@dataclass(frozen=True)
class OtherFile:
    """A file that is no image.

    Parameters
    ----------
    number, path
        As in `FoundFile`.
    kind : str
        Its type in words of the standard.
    segments : frozenset of str
        Keyed ids of the series, or frames of reference, that a segmentation or structure set is of; empty for others.
    regions : tuple of (int, str)
        Numbers and names of its regions, as `tdaflow.sources.dicom.references.regions_of` gives them.
    """

    number: int
    path: str = field(repr=False)
    kind: str
    segments: frozenset[str] = frozenset()
    regions: tuple[tuple[int, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Broken:
    """A file that should be an image but cannot be assigned to a series; ``reason`` is one sentence."""

    number: int
    path: str = field(repr=False)
    id: str
    reason: str


@dataclass(frozen=True)
class Image:
    """Header of one image, which is a file or one frame of it; None where a tag is missing or unusable.

    Parameters
    ----------
    number, path
        As in `FoundFile`.
    placed : bool
        False for one of several frames without functional groups, which would say where it lies.
    frame, frames : int
        Position of the image in its file, from 0, and number of frames there.
    id, group, sop, frame_of_reference : str
        Keyed ids of the series, of the patient, of this image, and of the coordinate system ("" if it names none).
    has_patient_id : bool
        False if the group is made from the study instead.
    position, orientation, pixel_spacing : tuple of float, optional
        ImagePositionPatient, ImageOrientationPatient and PixelSpacing (between rows, between columns), in mm, LPS.
    padding : tuple of 2 int, optional
        Smallest and largest stored value that stands for "no data".
    pixels : str
        ``"present"``, ``"missing"``, ``"truncated"`` or ``"float"``.
    marks : tuple
        Values of `DIVIDERS`, as `tdaflow.sources.dicom.frames.mark` gives them; text in them stays in the reader.
    location : float, optional
        SliceLocation, only to explain a missing position.
    time : float, optional
        AcquisitionTime or else ContentTime, as the number that its digits are, only to tell passes apart.
    dropped : tuple of str
        Names of the identifying tags in the file.
    """

    number: int
    path: str = field(repr=False)
    id: str
    group: str
    sop: str
    has_patient_id: bool
    modality: str
    burned_in: bool
    placed: bool
    frames: int
    samples: int
    photometric: str
    rows: int
    columns: int
    bits: tuple[int, int, int]  # allocated, stored, high bit
    signed: bool
    syntax: str
    instance: int | None
    location: float | None
    lookup_table: bool
    padding: tuple[int, int] | None
    pixels: str
    dropped: tuple[str, ...]
    frame: int = 0
    localizer: bool = False
    mosaic: bool = False
    position: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    pixel_spacing: tuple[float, ...] | None = None
    slope: float | None = None
    intercept: float | None = None
    units: str = "other"
    marks: tuple[tuple[float, ...] | str | None, ...] = field(default=(), repr=False)
    frame_of_reference: str = ""
    time: float | None = field(default=None, repr=False)

    @property
    def order(self) -> tuple[int, int] | None:
        """InstanceNumber and frame, by which a scanner counts its images; None if it did not."""
        return None if self.instance is None else (self.instance, self.frame)


def read_header(folder: Path, file: FoundFile, ids: KeyedIds) -> tuple[Image, ...] | OtherFile | Broken:
    """Read the header of one file, no pixels, into one image a frame; a damaged file is returned as `Broken`.

    Exceptions of the parser can quote values and paths, so they are replaced by sentences without them.
    """
    looks_like_image = file.path.lower().endswith(_IMAGE_SUFFIXES) and not os.path.basename(file.path).startswith(".")
    if file.size < 0:
        return OtherFile(file.number, file.path, "neither a file nor a link to one")
    broken = "cannot be parsed as DICOM: it is damaged or cut short"
    claims = looks_like_image
    try:
        with (folder / file.path).open("rb") as stream:
            head = stream.read(132)
            claims = looks_like_image or head[128:] == b"DICM"
            # Files older than the file format start with the data set itself: group 8, or the meta group at once.
            if head[128:] == b"DICM" or head[:2] in (b"\x08\x00", b"\x02\x00", b"\x00\x08"):
                stream.seek(0)
                found = _parsed(stream, file, ids)
                if not isinstance(found, str):
                    return found
                broken = found
            else:
                broken = "is named like a DICOM file but does not start like one: it is damaged or something else"
    except InputError:  # two identifiers with one id, or no pydicom: not this file's fault
        raise
    except Exception as error:  # a damaged file makes the parser raise errors of many kinds
        # Without its header it is not known which volume would lack it.
        raise_if_passing(error, f"file {file.number} of the folder, sorted by name,")
    if not claims:
        return OtherFile(file.number, file.path, "no DICOM file")
    return Broken(file.number, file.path, "file-" + ids.of("file|" + file.path), f"file {file.number} {broken}")


def _parsed(stream: Any, file: FoundFile, ids: KeyedIds) -> tuple[Image, ...] | OtherFile | str:
    """Return the images, the other kind of object, or what is wrong with it."""
    pixel_element: list[tuple[int, int]] = []

    def at_pixels(tag: int, _vr: str | None, length: int) -> bool:
        if tag in _PIXEL_TAGS:
            pixel_element.append((int(tag), length))
        return tag in _PIXEL_TAGS

    with quiet_pydicom():
        from pydicom.filereader import read_partial

        data = read_partial(stream, stop_when=at_pixels, force=True)
        sop_class = text(data, "SOPClassUID")
        kind = _object_kind(sop_class, text(data.file_meta, "MediaStorageSOPClassUID"))
        if kind is not None and sop_class in _NO_IMAGES:
            return _other(data, file, kind, ids)
        if not pixel_element and number(data, "Rows") is None:
            if kind is None:
                return "does not say what it is: it is damaged or cut short"
            if "Image Storage" in kind:
                return "is an image without size and pixels: it is cut short, or they were removed"
            return _other(data, file, kind, ids)
        if not text(data, "StudyInstanceUID") or not text(data, "SeriesInstanceUID"):
            return "has no StudyInstanceUID or no SeriesInstanceUID, so it belongs to no series"
        allocated = number(data, "BitsAllocated") or 0
        pixels_of_all = math.prod(
            number(data, keyword) or default
            for keyword, default in (("Rows", 0), ("Columns", 0), ("SamplesPerPixel", 1), ("NumberOfFrames", 1))
        )
        expected = (pixels_of_all * allocated + 7) // 8
        syntax = transfer_syntax(data)
        available = math.inf if syntax == _DEFLATED else file.size - stream.tell()
        pixels = _pixels(pixel_element, expected, available, is_compressed(syntax))
        frames = frames_of(data)
        image = _image(data, file, ids, pixels, placed=frames is not None)
        if pixels != "present":  # the header may promise any number of frames
            frames = None
        return tuple(_of_frame(image, k, frame) for k, frame in enumerate(frames or [Frame(data, None, None)]))


def _other(data: Any, file: FoundFile, kind: str, ids: KeyedIds) -> OtherFile:
    if text(data, "SOPClassUID") not in (SEGMENTATION, STRUCTURE_SET):
        return OtherFile(file.number, file.path, kind)
    return OtherFile(file.number, file.path, kind, referenced(data, ids), regions_of(data))


def _image(data: Any, file: FoundFile, ids: KeyedIds, pixels: str, *, placed: bool) -> Image:
    """Return the header of a file, to which `_of_frame` adds what may differ from frame to frame."""
    study, patient = text(data, "StudyInstanceUID"), text(data, "PatientID")
    location = numbers(data, "SliceLocation", 1)
    allocated, stored = number(data, "BitsAllocated") or 0, number(data, "BitsStored") or 0
    high = number(data, "HighBit")
    return Image(
        file.number,
        file.path,
        series_id(ids, study, text(data, "SeriesInstanceUID")),
        ids.of(patient or study),
        ids.of(text(data, "SOPInstanceUID") or f"file|{file.path}"),
        bool(patient),
        modality=known(text(data, "Modality"), MODALITIES),
        burned_in=text(data, "BurnedInAnnotation").upper() == "YES",
        placed=placed,
        frames=number(data, "NumberOfFrames") or 1,
        samples=number(data, "SamplesPerPixel") or 1,
        photometric=known(text(data, "PhotometricInterpretation"), PHOTOMETRIC),
        rows=number(data, "Rows") or 0,
        columns=number(data, "Columns") or 0,
        bits=(allocated, stored, stored - 1 if high is None else high),
        signed=number(data, "PixelRepresentation") == 1,
        syntax=transfer_syntax(data),
        instance=number(data, "InstanceNumber"),
        location=location[0] if location else None,
        lookup_table="ModalityLUTSequence" in data,
        padding=padding_range(data),
        pixels=pixels,
        dropped=identifying([int(tag) for tag in data.keys()]),  # noqa: SIM118 - iterating a data set parses its values
        frame_of_reference=frame_of_reference_id(ids, data),
    )


def _of_frame(image: Image, k: int, frame: Frame) -> Image:
    slope, intercept = numbers(frame, "RescaleSlope", 1), numbers(frame, "RescaleIntercept", 1)
    image_type = text(frame, "ImageType").upper()
    time = numbers(frame, "AcquisitionTime", 1) or numbers(frame, "ContentTime", 1)
    return replace(
        image,
        frame=k,
        localizer="LOCALIZER" in image_type,
        mosaic="MOSAIC" in image_type,
        position=numbers(frame, "ImagePositionPatient", 3, _LARGEST_MM),
        orientation=numbers(frame, "ImageOrientationPatient", 6, 2),
        pixel_spacing=numbers(frame, "PixelSpacing", 2, _LARGEST_MM),
        slope=slope[0] if slope else None,
        intercept=intercept[0] if intercept else None,
        units=known(text(frame, "RescaleType").upper(), UNITS),
        marks=tuple(mark(frame, keyword) for keyword in DIVIDERS),
        time=time[0] if time else None,
    )


def transfer_syntax(data: Any) -> str:
    """Return the transfer syntax UID of a parsed file; without meta information it is uncompressed, as parsed."""
    syntax = text(data.file_meta, "TransferSyntaxUID")
    if syntax:
        return syntax
    implicit, little = data.original_encoding
    return "1.2.840.10008.1.2" + ("" if implicit else ".1" if little else ".2")


def is_compressed(syntax: str) -> bool:
    """Return True if pixels are compressed, each frame by itself."""
    return syntax not in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", _DEFLATED)


def _pixels(element: list[tuple[int, int]], expected: int, available: float, compressed: bool) -> str:
    if not element:
        return "missing"
    tag, length = element[0]
    if tag != _PIXEL_TAGS[-1]:
        return "float"
    if compressed:
        return "present"
    return "truncated" if min(length, available) < expected else "present"


def _object_kind(sop_class: str, meta_class: str) -> str | None:
    """Return the type of an object in words of the standard, without quoting private ones; None if it is unclear.

    Both statements of the class must agree, so that a damaged image is not taken for another kind of object.
    """
    from pydicom.uid import UID

    if meta_class == _DICOMDIR and sop_class in ("", _DICOMDIR):
        return "DICOMDIR"
    if not _UID.fullmatch(sop_class) or meta_class not in ("", sop_class):
        return None
    name = "Label Map Segmentation Storage" if sop_class == _LABEL_MAP else UID(sop_class).name  # newer than pydicom 3
    if name != sop_class:
        return name
    return None if sop_class.startswith(_STANDARD_ROOT) else "private DICOM object"
