"""Look up attributes of one frame of an enhanced multi-frame object as those of a classic single-frame image.

An enhanced object keeps most attributes of its frames in functional groups: sequences of one item, for each frame or
shared by all (PS3.3, C.7.6.16).
"""

import math
from collections.abc import Iterator
from typing import Any

from tdaflow.sources.dicom.values import number, text

# The functional groups that hold an attribute, and for some the name that it has there.
_PLACES: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "ImagePositionPatient": ((("PlanePositionSequence",), ""),),
    "ImageOrientationPatient": ((("PlaneOrientationSequence",), ""),),
    "PixelSpacing": ((("PixelMeasuresSequence",), ""),),
    "SliceThickness": ((("PixelMeasuresSequence",), ""),),
    "RescaleSlope": ((("PixelValueTransformationSequence",), ""),),
    "RescaleIntercept": ((("PixelValueTransformationSequence",), ""),),
    "RescaleType": ((("PixelValueTransformationSequence",), ""),),
    "AcquisitionNumber": ((("FrameContentSequence",), "FrameAcquisitionNumber"),),
    "TemporalPositionIdentifier": ((("FrameContentSequence",), "TemporalPositionIndex"),),
    "AcquisitionTime": ((("FrameContentSequence",), "FrameAcquisitionDateTime"),),
    "StackID": ((("FrameContentSequence",), ""),),
    "ReferencedSegmentNumber": ((("SegmentIdentificationSequence",), ""),),
    "EchoTime": ((("MREchoSequence",), "EffectiveEchoTime"),),
    "DiffusionBValue": ((("MRDiffusionSequence",), ""),),
    "DiffusionGradientOrientation": ((("MRDiffusionSequence", "DiffusionGradientDirectionSequence"), ""),),
    "TriggerTime": ((("CardiacSynchronizationSequence",), "NominalCardiacTriggerDelayTime"),),
    "ConvolutionKernel": ((("CTReconstructionSequence",), ""),),
    "ImageType": tuple(((f"{of}FrameTypeSequence",), "FrameType") for of in ("MRImage", "CTImage", "PET")),
}


class Frame:
    """Attributes of one frame: of its own groups, else of the shared ones, else of the object.

    Parameters
    ----------
    data : pydicom.Dataset
        A parsed object.
    own, shared : pydicom.Dataset or None
        Items of its functional groups sequences.
    """

    def __init__(self, data: Any, own: Any, shared: Any) -> None:
        self._data, self._groups = data, [groups for groups in (own, shared) if groups is not None]

    def get(self, keyword: str) -> Any:
        """Return the value of an attribute by its classic keyword; None if it is missing."""
        for groups in self._groups:
            for path, name in _PLACES.get(keyword, ()):
                item = groups
                for sequence in path:
                    items = item.get(sequence) if item is not None else None
                    item = items[0] if items else None
                if item is not None and (value := item.get(name or keyword)) is not None:
                    return value
        return self._data.get(keyword)


def frames_of(data: Any) -> Iterator[Frame] | None:
    """Return the frames of an object; None if it has several that no functional group places.

    Parameters
    ----------
    data : pydicom.Dataset
        A parsed object; one without functional groups has a single frame.
    """
    own, shared = data.get("PerFrameFunctionalGroupsSequence") or [], data.get("SharedFunctionalGroupsSequence") or []
    if not own and (number(data, "NumberOfFrames") or 1) == 1:
        own = [None]
    if len(own) != (number(data, "NumberOfFrames") or 1):
        return None
    return (Frame(data, item, shared[0] if shared else None) for item in own)


def mark(frame: Frame, keyword: str) -> tuple[float, ...] | str | None:
    """Return a value that images are told apart by: numbers to six digits, else text; None if it is missing."""
    found = text(frame, keyword)
    if not found:
        return None
    try:
        values = tuple(float(f"{float(part):.6g}") for part in found.split("\\"))
    except ValueError:
        return found
    return values if all(map(math.isfinite, values)) else found
