"""What a segmentation (SEG) or structure set (RTSTRUCT) says of itself: the series that it is of, and its regions."""

import re
from collections.abc import Iterator
from typing import Any

from tdaflow.sources.dicom.frames import frames_of
from tdaflow.sources.dicom.values import number, text
from tdaflow.sources.identity import KeyedIds

SEGMENTATION, STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.481.3"
# Contours that enclose a region; points and lines have none.
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_SHORTEST = 3  # part of a name, or an identifier, that a region's name may quote


def series_id(ids: KeyedIds, study: str, series: str) -> str:
    """Return the keyed id of a series."""
    return ids.of(f"{study}|{series}")


def frame_of_reference_id(ids: KeyedIds, data: Any) -> str:
    """Return the keyed id of the coordinate system of an object; "" if it names none."""
    uid = text(data, "FrameOfReferenceUID")
    return ids.of(f"frame of reference|{uid}") if uid else ""


def referenced(data: Any, ids: KeyedIds) -> frozenset[str]:
    """Return keyed ids of the series that an object refers to, or of its frames of reference if it names no series."""
    series, frames = set(), set()
    study = text(data, "StudyInstanceUID")
    for item in data.get("ReferencedSeriesSequence") or ():
        series.add((study, text(item, "SeriesInstanceUID")))
    for frame in data.get("ReferencedFrameOfReferenceSequence") or ():
        frames.add(frame_of_reference_id(ids, frame))
        for of_study in frame.get("RTReferencedStudySequence") or ():
            for item in of_study.get("RTReferencedSeriesSequence") or ():
                series.add((text(of_study, "ReferencedSOPInstanceUID") or study, text(item, "SeriesInstanceUID")))
    named = frozenset(series_id(ids, study, uid) for study, uid in series if uid)
    return named or frozenset({*frames, frame_of_reference_id(ids, data)} - {""})


def regions_of(data: Any) -> tuple[tuple[int, str], ...]:
    """Return number and name of every region of an object, those of an ROI without an enclosing contour left out.

    Names are words of ASCII letters, digits and underscores (`region_word`). One that holds the patient's name or
    identifier, or nothing, is replaced by ``label`` with the number.
    """
    who = [text(data, "PatientID"), *re.split(r"[\^=\s]+", str(data.get("PatientName") or ""))]
    secrets = [part.lower() for part in who if len(part) >= _SHORTEST]
    found = []
    for of, name in _numbered(data):
        told = any(secret in name.lower() for secret in secrets)
        found.append((of, region_word("" if told else name) or f"label{of}"))
    return tuple(found)


def region_word(name: str) -> str:
    """Return a name as a word that begins with a letter: "GTV-1 " is ``GTV_1``, and "4D" ``roi_4D``; "" for none."""
    word = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    return word if not word or word[0].isalpha() else f"roi_{word}"


def _numbered(data: Any) -> Iterator[tuple[int, str]]:
    segments = {number(item, "SegmentNumber"): text(item, "SegmentLabel") for item in data.get("SegmentSequence") or ()}
    if text(data, "SOPClassUID") == SEGMENTATION:
        # Also segments that nothing describes.
        segments = {number(frame, "ReferencedSegmentNumber"): "" for frame in frames_of(data) or ()} | segments
    yield from ((of, name) for of, name in segments.items() if of is not None)
    if "StructureSetROISequence" not in data:
        return
    kinds = contour_kinds(data)
    for item in data.StructureSetROISequence:
        of = number(item, "ROINumber")
        if of is not None and any(kind in CLOSED for kind in kinds.get(of, ())):
            yield of, text(item, "ROIName")


def contour_kinds(data: Any) -> dict[int | None, set[str]]:
    """Return the types of the contours of every ROI of a structure set, by its number."""
    kinds: dict[int | None, set[str]] = {}
    for item in data.get("ROIContourSequence") or ():
        of_roi = kinds.setdefault(number(item, "ReferencedROINumber"), set())
        of_roi.update(text(contour, "ContourGeometricType") for contour in item.get("ContourSequence") or ())
    return kinds
