"""pydicom's own test files: each is read right, or refused or set aside in one sentence that is true of it."""

import shutil
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
import SimpleITK
from pydicom.pixels import pixel_array

from tdaflow.errors import InputError
from tdaflow.sources import Dicom, Rejected, Volume

SHIPPED = Path(pydicom.data.__file__).parent
# What a file is that has nothing of an image that could be asked of its header.
ODD = {
    "no_meta.dcm": "does not start like one",
    "MR_truncated.dcm": "cut short within its pixels",
    "meta_missing_tsyntax.dcm": "no StudyInstanceUID or no SeriesInstanceUID",
    "nested_priv_SQ.dcm": "no StudyInstanceUID or no SeriesInstanceUID",
    **dict.fromkeys(
        (
            "chrSQEncoding.dcm", "chrSQEncoding1.dcm", "UN_sequence.dcm", "empty_charset_LEI.dcm",
            "no_meta_group_length.dcm", "priv_SQ.dcm",
        ),
        "does not say what it is",
    ),
}  # fmt: skip


def sentence(path: Path) -> str:
    """Return a part of what must be said of a file alone, from its header as pydicom reads it."""
    if path.name in ODD:
        return ODD[path.name]
    if path.suffix == ".gz" or path.name == "README":
        return "no DICOM file"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(path, force=True)
    if path.name.startswith("DICOMDIR"):
        return "DICOMDIR"
    name = data.SOPClassUID.name if "SOPClassUID" in data else "no statement of what it is"
    if "Rows" not in data:
        return "an image without size and pixels" if "Image Storage" in name else name
    if name in ("Segmentation Storage", "RT Dose Storage"):
        return name
    for found, words in (
        ("SeriesInstanceUID" not in data, "no StudyInstanceUID or no SeriesInstanceUID"),
        ("LOCALIZER" in data.get("ImageType", ()), "is a localizer of 1 image"),
        (int(data.get("NumberOfFrames") or 1) > 1, "multi-frame without functional groups"),
        (data.get("SamplesPerPixel") != 1 or "PALETTE" in data.PhotometricInterpretation, "in colour"),
        ("PixelData" not in data, "without pixels"),
        ("ImagePositionPatient" not in data or "PixelSpacing" not in data, "without a usable ImagePositionPatient"),
    ):
        if found:
            return words
    return "has a single slice"


def test_every_file_is_told_what_it_is(tmp_path):
    files = [path for path in sorted(SHIPPED.rglob("*")) if path.suffix in ("", ".dcm", ".gz") and path.is_file()]
    assert len(files) > 150
    table, wrong = Counter(), []
    for number, path in enumerate(files):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(path, folder / path.name)
        source, expected = Dicom(folder, tmp_path / "id.key"), sentence(path)
        try:
            (item,) = source.volumes()
            said = item.reason if isinstance(item, Rejected) else "a volume"
        except InputError:
            # The kind of an object that is set aside is told when there is an image beside it.
            (folder / "image.dcm").write_bytes((SHIPPED / "test_files" / "CT_small.dcm").read_bytes())
            said = next(note for note in source.describe().notes if "set aside" in note)
        table[expected] += 1
        if expected not in said or "\n" in said:
            wrong.append((path.name, expected, said))
    print(*(f"{n:4}  {what}" for what, n in table.most_common()), sep="\n")
    assert wrong == []


def test_the_folder_as_a_whole_has_its_volumes(tmp_path):
    folder = SHIPPED / "test_files" / "dicomdirtests" / "98892001"
    volume = next(item for item in Dicom(folder, tmp_path / "id.key").volumes() if isinstance(item, Volume))
    files = sorted(
        (pydicom.dcmread(path) for path in (folder / "CT5N").iterdir()), key=lambda d: d.ImagePositionPatient[2]
    )
    stored = np.stack([data.pixel_array * data.RescaleSlope + data.RescaleIntercept for data in files])
    # Rows of these go to the back and columns to the left: both are turned round for RAS.
    np.testing.assert_array_equal(volume.voxels, stored[:, ::-1, ::-1])
    gap = files[1].ImagePositionPatient[2] - files[0].ImagePositionPatient[2]
    assert volume.spacing == pytest.approx((gap, *map(float, files[0].PixelSpacing)))


def as_series(data, folder: Path, n: int = 2):
    """Write a shipped slice n times, at places of its own."""
    for k in range(n):
        data.ImagePositionPatient, data.ImageOrientationPatient = [0.0, 0.0, 3.0 * k], [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.InstanceNumber, data.SOPInstanceUID = [1, 1], k + 1, f"1.2.3.{k + 1}"
        data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.4", "1.2.5"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        if data.get("Modality") == "CT" and "RescaleSlope" not in data:
            data.RescaleSlope, data.RescaleIntercept = 1, 0
        data.save_as(folder / f"{k}.dcm")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("693_J2KI.dcm", None),
        ("J2K_pixelrep_mismatch.dcm", None),
        ("JPEG2000.dcm", None),
        ("JPGExtended.dcm", None),
        ("JPEGLSNearLossless_08.dcm", None),
        ("JPEGLSNearLossless_16.dcm", None),
    ],
)
def test_every_compression_of_grey_values_is_read(name, plain, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(SHIPPED / "test_files" / name)
        like = data if plain is None else pydicom.dcmread(SHIPPED / "test_files" / plain)
        expected = pixel_array(like, raw=True).astype(float)
    expected = expected * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0))
    as_series(data, folder)
    (volume,) = Dicom(folder, tmp_path / "id.key", canonical=False).volumes()
    assert isinstance(volume, Volume), volume.reason
    padding = volume.facts["padding"]
    same = volume.voxels[0] == expected
    assert same.all() if padding is None else same.sum() >= same.size - padding["voxels"]


def test_lossless_jpeg_as_gdcm_writes_it_is_read(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    plane = np.arange(64 * 64, dtype=np.int16).reshape(1, 64, 64) * 7
    image = SimpleITK.GetImageFromArray(plane)
    writer = SimpleITK.ImageFileWriter()
    writer.SetFileName(str(tmp_path / "one.dcm"))
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    writer.Execute(image)
    data = pydicom.dcmread(tmp_path / "one.dcm")
    assert data.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.70"
    as_series(data, folder)
    (volume,) = Dicom(folder, tmp_path / "id.key", canonical=False).volumes()
    np.testing.assert_array_equal(volume.voxels[0], plane[0])


@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm", "JPGExtended.dcm"])
def test_pixels_that_claim_another_size_are_refused_before_they_are_decoded(name, tmp_path, monkeypatch):
    """A codestream of a few bytes can claim gigabytes."""
    from tdaflow.sources.dicom import pixels

    folder = tmp_path / "images"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(SHIPPED / "test_files" / name)
        data.Rows = data.Rows + 1
        as_series(data, folder)
    decoded = []
    monkeypatch.setattr(pydicom.pixels, "iter_pixels", lambda *args, **kwargs: decoded.append(1))
    (item,) = Dicom(folder, tmp_path / "id.key").volumes()
    assert "cannot be decoded in file 1" in item.reason
    assert decoded == []
    assert pixels.decoder_of(data.file_meta.TransferSyntaxUID)
