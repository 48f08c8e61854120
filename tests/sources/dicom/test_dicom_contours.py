"""DICOM structure sets (RTSTRUCT) as masks of the series that they refer to."""

import numpy as np
import pydicom.data
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdaflow.sources import Volume

STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
SHAPE, ORIGIN, GAP, SPACING = (8, 24, 40), np.array([-10.0, -20.0, 0.0]), 2.0, (0.5, 0.25)  # y, x
Z, Y, X = (ORIGIN[2 - a] + s * np.arange(n) for a, (s, n) in enumerate(zip((GAP, *SPACING), SHAPE, strict=True)))


def polygon(radius, centre=(-5.087, -14.213), n=400):
    """Corners (y, x) of a polygon that is close to a circle, in mm."""
    angles = 2 * np.pi * np.arange(n) / n
    return np.stack([centre[1] + radius * np.sin(angles), centre[0] + radius * np.cos(angles)], axis=1)


def disc(radius, centre=(-5.087, -14.213)):
    """Pixels (y, x) whose centres lie in a circle."""
    return (Y[:, None] - centre[1]) ** 2 + (X[None, :] - centre[0]) ** 2 < radius**2


@pytest.fixture
def write_structures(folder, write):
    """Writer of a scan and a structure set: ``write_structures({3: [(k, corners (y, x)), …]})`` by ROI number."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence
    from pydicom.uid import ExplicitVRLittleEndian

    def item(**values):
        data = Dataset()
        for keyword, value in values.items():
            setattr(data, keyword, value)
        return data

    def contour(height, corners, kind):
        points = [[round(float(v), 4) for v in (x, y, height)] for y, x in corners]
        return item(ContourGeometricType=kind, NumberOfContourPoints=len(points), ContourData=np.ravel(points).tolist())

    def write_object(rois, names=(), series="1.2.826.0.1.1.7", kind="CLOSED_PLANAR", frame="1.2.3", lift=0.0, **tags):
        write(np.random.default_rng(0).integers(0, 2000, SHAPE).astype(np.uint16), **{"FrameOfReferenceUID": "1.2.3"})
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = STRUCTURES, "1.2.826.0.1.5"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = item(
            SOPClassUID=STRUCTURES, SOPInstanceUID="1.2.826.0.1.5", StudyInstanceUID="1.2.826.0.1.99",
            SeriesInstanceUID="1.2.826.0.1.9", Modality="RTSTRUCT", PatientID="P1", **tags,
        )  # fmt: skip
        of_series = [item(SeriesInstanceUID=series)] if series else []
        study = item(ReferencedSOPInstanceUID="1.2.826.0.1.1", RTReferencedSeriesSequence=Sequence(of_series))
        data.ReferencedFrameOfReferenceSequence = Sequence(
            [item(FrameOfReferenceUID=frame, RTReferencedStudySequence=Sequence([study] if series else []))]
        )
        data.StructureSetROISequence = Sequence(
            [item(ROINumber=of, ROIName=name) for of, name in zip(rois, names or map(str, rois), strict=True)]
        )
        data.ROIContourSequence = Sequence(
            [
                item(
                    ReferencedROINumber=of,
                    ContourSequence=Sequence([contour(GAP * k + lift, corners, kind) for k, corners in contours]),
                )
                for of, contours in rois.items()
            ]
        )
        data.file_meta, data.preamble = meta, b"\0" * 128
        data.save_as(folder / "structures.dcm", enforce_file_format=True)

    return write_object


def test_a_cylinder_with_a_hole_is_that_of_its_equation(write_structures, source):
    write_structures({1: [(k, polygon(r)) for k in range(2, 6) for r in (3.0, 1.2)]})
    expected = np.zeros(SHAPE, bool)
    expected[2:6] = disc(3.0) & ~disc(1.2)
    (region,) = source(mask_mode="volume").volumes()
    np.testing.assert_array_equal(region.voxels, expected)
    (turned,) = source(mask_mode="volume", canonical=True).volumes()
    np.testing.assert_array_equal(turned.voxels, expected[:, ::-1, ::-1])
    (scan,) = source().volumes()
    (inside,) = source(mask_mode="background").volumes()
    np.testing.assert_array_equal(inside.voxels[expected], scan.voxels[expected])
    assert region.spacing == (GAP, *SPACING)


def test_a_hole_by_a_key_hole(write_structures, source):
    outer, inner = polygon(3.0), polygon(1.2)[::-1]
    contour = np.concatenate([outer, outer[:1], inner[-1:], inner, outer[:1]])
    write_structures({1: [(k, contour) for k in range(3)]})
    (region,) = source(mask_mode="volume").volumes()
    for plane in region.voxels[:3]:
        np.testing.assert_array_equal(plane, disc(3.0) & ~disc(1.2))


def test_rois_that_overlap(write_structures, source):
    balls = {4: 3.0, 9: 2.0}
    rois = {
        of: [(k, polygon(np.sqrt(r**2 - h**2))) for k in range(SHAPE[0]) if r**2 > (h := GAP * (k - 3)) ** 2]
        for of, r in balls.items()
    }
    write_structures(rois, names=("Heart", "GTV-1"))
    masks = [
        np.stack([disc(np.sqrt(max(r**2 - (GAP * (k - 3)) ** 2, 0))) for k in range(SHAPE[0])]) for r in balls.values()
    ]
    for of, mask in zip(balls, masks, strict=True):
        (one,) = source(mask_mode="volume", mask_label=of).volumes()
        np.testing.assert_array_equal(one.voxels, mask)
    (both,) = source(mask_mode="volume").volumes()
    np.testing.assert_array_equal(both.voxels, masks[0] | masks[1])
    gtv, heart = source(mask_labels="all").volumes()
    assert [gtv.id.split(":")[1], heart.id.split(":")[1]] == ["GTV_1", "Heart"]
    np.testing.assert_array_equal(gtv.voxels, masks[1])
    np.testing.assert_array_equal(heart.voxels, masks[0])


@pytest.mark.parametrize(("frame", "fits"), [("1.2.3", True), ("1.2.4", False)])
def test_without_a_series_the_frame_of_reference_says_what_it_is_of(write_structures, source, frame, fits):
    write_structures({1: [(2, polygon(2.0))]}, series=None, frame=frame)
    (item,) = source(mask_mode="volume").volumes()
    assert isinstance(item, Volume) is fits


@pytest.mark.parametrize(
    ("planes", "options", "message"),
    [
        ([2, 3], {"lift": 0.3}, "whose ROI 1 has a contour that does not lie on a slice of the series"),
        ([2, 20], {}, "whose ROI 1 has a contour that does not lie on a slice of the series"),
        ([0, 2, 6], {}, "whose ROI 1 leaves out every second slice or more"),
        ([2], {"series": "1.2.3"}, "has 0 DICOM segmentations or structure sets that refer to it"),
        ([2], {"kind": "OPEN_PLANAR"}, "has a structure set without a region"),
        ([2], {"kind": "POINT"}, "has a structure set without a region"),
        ([], {}, "has a structure set without a region"),
    ],
)
def test_what_encloses_no_region_here_is_refused_in_a_sentence(write_structures, source, planes, options, message):
    write_structures({1: [(k, polygon(2.0)) for k in planes]}, **options)
    (item,) = source(mask_mode="crop").volumes()
    assert message in item.reason
    assert isinstance(next(source().volumes()), Volume)


def test_a_point_beside_regions_is_left_out_and_refused_when_it_is_asked_for(write_structures, source, folder):
    write_structures({1: [(2, polygon(2.0))], 2: [(2, polygon(1.0))]}, names=("Heart", "Isocentre"))
    data = pydicom.dcmread(folder / "structures.dcm")
    data.ROIContourSequence[1].ContourSequence[0].ContourGeometricType = "POINT"
    data.save_as(folder / "structures.dcm")
    assert list(source(mask_labels="all").describe().rois) == ["Heart"]
    (region,) = source(mask_mode="volume").volumes()
    np.testing.assert_array_equal(region.voxels[2], disc(2.0))
    (refused,) = source(mask_mode="volume", mask_label=2).volumes()
    assert "no voxel is 2" in refused.reason
    # Both kinds in one ROI: what it is cannot be told.
    contours = data.ROIContourSequence
    contours[0].ContourSequence.append(contours[1].ContourSequence[0])
    data.save_as(folder / "structures.dcm")
    (mixed,) = source(mask_mode="volume").volumes()
    assert "has a structure set whose ROI 1 has contours that are POINT, and only CLOSED_PLANAR ones" in mixed.reason


def test_a_damaged_structure_set_says_nothing_of_its_text(write_structures, source, folder):
    write_structures({1: [(2, polygon(2.0))]})
    raw = (folder / "structures.dcm").read_bytes()
    (folder / "structures.dcm").write_bytes(raw.replace(b"-5.", b"Doe", 3))
    (item,) = source(mask_mode="crop").volumes()
    assert item.reason.endswith("that cannot be read")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    discs=st.lists(
        st.tuples(st.integers(0, 2), st.floats(-8, -3), st.floats(-18, -11), st.floats(0.4, 4)), min_size=1, max_size=5
    )
)
def test_contours_of_a_slice_are_the_exclusive_or_of_their_insides(write_structures, source, discs):
    write_structures({1: [(k, polygon(r, (x, y))) for k, x, y, r in discs]})
    expected, near = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    for k, x, y, r in discs:
        expected[k] ^= disc(r, (x, y))
        near[k] |= disc(r + 1e-3, (x, y)) & ~disc(r - 1e-3, (x, y))  # a polygon is no circle
    (item,) = source(mask_mode="volume").volumes()
    found = item.voxels.astype(bool) if isinstance(item, Volume) else np.zeros(SHAPE, bool)
    slices = np.flatnonzero([expected[k].any() or near[k].any() for k in range(3)])
    if isinstance(item, Volume) or len(slices) == 0:
        np.testing.assert_array_equal(found[~near], expected[~near])
    else:
        assert "every second slice" in item.reason or "empty" in item.reason


def test_the_structure_set_of_pydicom_is_told_of(folder, source, write, stored):
    import shutil

    write(stored)
    shutil.copy(pydicom.data.get_testdata_file("rtstruct.dcm"), folder)
    assert "1 file set aside: RT Structure Set Storage 1" in source().describe().notes
    (item,) = source(mask_mode="crop").volumes()
    assert "has 0 DICOM segmentations or structure sets that refer to it" in item.reason
