"""Generated DICOM series, a few kilobytes each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tdaflow.sources.dicom import Dicom

UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
STUDY, SERIES = "1.2.826.0.1.1", "1.2.826.0.1.1.7"
CT = "1.2.840.10008.5.1.4.1.1.2"


def make_slice(
    stored: np.ndarray,
    position: tuple[float, float, float],
    *,
    instance: int = 1,
    syntax: str = "1.2.840.10008.1.2.1",
    **tags: Any,
) -> Any:
    """One CT slice with the given stored values; further tags override, None removes."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = UID(CT), UID(syntax)
    meta.MediaStorageSOPInstanceUID = UID(f"{tags.get('SeriesInstanceUID', SERIES)}.{instance}")
    data = Dataset()
    data.file_meta, data.preamble = meta, b"\0" * 128
    values = {
        "SOPClassUID": CT,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": SERIES,
        "PatientID": "P1",
        "PatientName": "Doe^Jane",
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "InstanceNumber": instance,
        "ImagePositionPatient": list(position),
        "ImageOrientationPatient": list(UPRIGHT),
        "PixelSpacing": [0.5, 0.25],
        "SliceThickness": 99.0,  # wrong on purpose: geometry must not use it
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": stored.shape[0],
        "Columns": stored.shape[1],
        "BitsAllocated": 8 * stored.dtype.itemsize,
        "BitsStored": 8 * stored.dtype.itemsize,
        "HighBit": 8 * stored.dtype.itemsize - 1,
        "PixelRepresentation": int(stored.dtype.kind == "i"),
        **tags,
    }
    if values["BitsStored"] != 8 * stored.dtype.itemsize and "HighBit" not in tags:
        values["HighBit"] = values["BitsStored"] - 1
    for keyword, value in values.items():
        if value is not None:
            setattr(data, keyword, value)
    if values.get("PixelData", b"") is not None and "PixelData" not in tags:
        order = ">" if syntax == "1.2.840.10008.1.2.2" else "<"
        data.PixelData = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    data["PixelData"].VR = "OB" if stored.dtype.itemsize == 1 else "OW"
    return data


@pytest.fixture
def one_slice() -> Callable[..., Any]:
    """`make_slice`, for tests that need a single odd file."""
    return make_slice


@pytest.fixture
def stored() -> np.ndarray:
    """Stored values (6, 4, 5), all different, as uint16."""
    return (1000 + np.arange(6 * 4 * 5, dtype=np.uint16)).reshape(6, 4, 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where series are written; the key lies beside it."""
    path = tmp_path / "images"
    path.mkdir()
    return path


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Writer of a series of slices 2 mm apart: ``write(stored, heights=..., edit=...)`` returns the folder.

    ``edit(data, k)`` may change slice k, or return another name for its file; names are in stacking order.
    """

    def write_series(
        stored: np.ndarray,
        heights: Any = None,
        edit: Callable[[Any, int], str | None] | None = None,
        prefix: str = "slice",
        **tags: Any,
    ) -> Path:
        heights = 2.0 * np.arange(len(stored)) if heights is None else heights
        for k, (plane, height) in enumerate(zip(stored, heights, strict=True)):
            data = make_slice(plane, (-10.0, -20.0, float(height)), instance=k + 1, **tags)
            name = (edit(data, k) if edit else None) or f"{prefix}{k:03d}.dcm"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            data.save_as(folder / name, enforce_file_format=True)
        return folder

    return write_series


@pytest.fixture
def source(folder: Path, tmp_path: Path) -> Callable[..., Dicom]:
    """Maker of the source for that folder, with axes as acquired unless told otherwise, for they are easy to check."""

    def make(**options: Any) -> Dicom:
        return Dicom(folder, **{"id_key": tmp_path / "id.key", "canonical": False, **options})

    return make


@pytest.fixture
def only(source: Callable[..., Dicom]) -> Callable[..., Any]:
    """The only item of the source."""

    def read(**options: Any) -> Any:
        (item,) = source(**options).volumes()
        return item

    return read
