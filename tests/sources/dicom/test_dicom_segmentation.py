"""DICOM segmentations (SEG) as masks of the series that they refer to."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import Dicom, Volume

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
INSIDE = np.zeros((6, 4, 5), bool)
INSIDE[1:4, 1:3, 2:4] = True


@pytest.fixture
def write_segmentation(folder, one_slice):
    """Writer of a segmentation: ``write_segmentation({1: mask, 2: mask})``, frames of empty slices left out."""
    from pydicom.dataset import Dataset
    from pydicom.pixels.utils import pack_bits
    from pydicom.sequence import Sequence

    def item(**values):
        data = Dataset()
        for keyword, value in values.items():
            setattr(data, keyword, Sequence([item(**value)]) if isinstance(value, dict) else value)
        return data

    def write_object(segments, name="seg.dcm", series="1.2.826.0.1.1.7", lift=0.0, fraction=None, names=()):
        frames, planes = [], []
        for number, mask in segments.items():
            for k in np.flatnonzero(mask.any(axis=(1, 2)))[::-1]:  # in another order than the slices
                frames.append(
                    item(
                        PlanePositionSequence={"ImagePositionPatient": [-10.0, -20.0, 2.0 * int(k) + lift]},
                        SegmentIdentificationSequence={"ReferencedSegmentNumber": number},
                    )
                )
                planes.append(mask[k])
        planes = np.array(planes)
        data = one_slice(
            planes[0].astype(np.uint8), (0, 0, 0), SOPClassUID=SEG, Modality="SEG", SeriesInstanceUID="1.2.826.0.1.9",
            ImagePositionPatient=None, ImageOrientationPatient=None, PixelSpacing=None, NumberOfFrames=len(planes),
            PixelData=b"\0",
        )  # fmt: skip
        data.file_meta.MediaStorageSOPClassUID = SEG
        if fraction is None:
            data.BitsAllocated, data.BitsStored, data.HighBit = 1, 1, 0
            data.PixelData = pack_bits(planes.astype(np.uint8).ravel())
        else:
            data.MaximumFractionalValue = 200
            data.PixelData = (planes * fraction).astype(np.uint8).tobytes() + b"\0" * (planes.size % 2)
        data.ReferencedSeriesSequence = Sequence([item(SeriesInstanceUID=series)])
        data.SegmentSequence = Sequence(
            [item(SegmentNumber=of, SegmentLabel=label) for of, label in zip(segments, names, strict=False)]
        )
        data.PerFrameFunctionalGroupsSequence = Sequence(frames)
        data.SharedFunctionalGroupsSequence = Sequence(
            [
                item(
                    PlaneOrientationSequence={"ImageOrientationPatient": [1.0, 0, 0, 0, 1.0, 0]},
                    PixelMeasuresSequence={"PixelSpacing": [0.5, 0.25]},
                )
            ]
        )
        data.save_as(folder / name, enforce_file_format=True)

    return write_object


@pytest.mark.parametrize("canonical", [True, False])
def test_every_mode_is_that_of_masks_in_files(write, write_segmentation, source, stored, canonical):
    write(stored)
    write_segmentation({1: INSIDE})
    turn = np.s_[:, ::-1, ::-1] if canonical else np.s_[:]
    voxels, inside = stored.astype(int)[turn] - 1024, INSIDE[turn]
    (region,) = source(mask_mode="volume", canonical=canonical).volumes()
    np.testing.assert_array_equal(region.voxels, inside)
    (cropped,) = source(mask_mode="crop", canonical=canonical).volumes()
    np.testing.assert_array_equal(cropped.voxels, voxels[inside].reshape(3, 2, 2))
    (blanked,) = source(mask_mode="background", canonical=canonical).volumes()
    np.testing.assert_array_equal(blanked.voxels[inside], voxels[inside])
    assert (blanked.voxels[~inside] == blanked.facts["mask"]["value"]).all()
    assert source().fingerprint() != source(mask_mode="crop").fingerprint()


def test_one_of_segments_that_overlap(write, write_segmentation, source, stored):
    write(stored)
    wide = np.ones_like(INSIDE)
    wide[0, 0, 0] = False
    write_segmentation({1: INSIDE, 2: wide})
    (one,) = source(mask_mode="volume", mask_label=1).volumes()
    (two,) = source(mask_mode="volume", mask_label=2).volumes()
    np.testing.assert_array_equal(one.voxels, INSIDE)
    np.testing.assert_array_equal(two.voxels, wide)
    (none,) = source(mask_mode="volume", mask_label=3).volumes()
    assert "the mask is empty: no voxel is 3" in none.reason


@pytest.mark.parametrize(("fraction", "counts"), [(90, False), (110, True)])
def test_a_fraction_of_more_than_a_half_is_inside(write, write_segmentation, source, stored, fraction, counts):
    write(stored)
    write_segmentation({1: INSIDE}, fraction=fraction)
    (item,) = source(mask_mode="volume").volumes()
    assert isinstance(item, Volume) is counts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lift": 0.4}, "has a segmentation, file 1, that does not lie on its slices"),
        ({"series": "1.2.3"}, "has 0 DICOM segmentations or structure sets that refer to it: add one"),
    ],
)
def test_a_segmentation_of_something_else_is_refused(write, write_segmentation, source, stored, options, message):
    write(stored)
    write_segmentation({1: INSIDE}, **options)
    (item,) = source(mask_mode="crop").volumes()
    assert message in item.reason
    assert isinstance(next(source().volumes()), Volume)


def test_two_segmentations_and_wrong_options_are_refused(write, write_segmentation, source, stored):
    write(stored)
    write_segmentation({1: INSIDE})
    write_segmentation({1: INSIDE}, name="seg2.dcm")
    (item,) = source(mask_mode="crop").volumes()
    assert "has 2 DICOM segmentations or structure sets that refer to it: keep one" in item.reason
    with pytest.raises(InputError, match="mask_mode='cut' must be one of"):
        Dicom("x", mask_mode="cut")


def test_a_damaged_segmentation_refuses_its_series_and_says_nothing_of_the_file(
    write, write_segmentation, source, folder, stored
):
    write(stored)
    write_segmentation({1: INSIDE})
    raw = (folder / "seg.dcm").read_bytes()
    (folder / "seg.dcm").write_bytes(raw[:-3])
    (item,) = source(mask_mode="crop").volumes()
    assert item.reason.endswith("has a segmentation, file 1, that cannot be read")


def test_every_segment_is_a_region_by_its_name(write, write_segmentation, source, stored):
    write(stored)
    wide = ~INSIDE
    write_segmentation({1: INSIDE, 2: wide, 7: INSIDE & (np.arange(5) > 2)}, names=("Left lung", "4D ", "Left lung"))
    regions = source(mask_labels="all")
    info, volumes = regions.describe(), list(regions.volumes())
    assert (info.rois, info.labels_found) == (
        {"Left_lung": "Left_lung", "roi_4D": "roi_4D"}, {"Left_lung": 1, "roi_4D": 1},
    )  # fmt: skip
    assert "every region is a volume, of 1 segmentation: Left_lung in 1, roi_4D in 1" in info.notes
    scan = next(source().volumes()).id
    assert [volume.id for volume in volumes] == [f"{scan}:Left_lung", f"{scan}:roi_4D"] == [
        member.id for member in regions.members()
    ]  # fmt: skip
    for volume, mask in zip(volumes, (INSIDE, wide), strict=True):
        np.testing.assert_array_equal(volume.voxels, mask)
    # By other names, from names or numbers, and by a mode.
    chosen = source(mask_labels={"lung": "Left lung", "rest": 2, "heart": "Heart"}, mask_mode="crop")
    lung, rest, heart = chosen.volumes()
    np.testing.assert_array_equal(lung.voxels, stored[1:4, 1:3, 2:4].astype(int) - 1024)
    assert rest.voxels.shape == stored.shape
    assert heart.reason.endswith("its segmentation has no region heart")
    assert "heart (Heart) in 0" in chosen.describe().notes[-2]
    for start in range(4):
        assert [item.id for item in chosen.volumes(start)] == [f"{scan}:{roi}" for roi in ("lung", "rest", "heart")][
            start:
        ]
    (only,) = chosen.volumes(only={f"{scan}:rest"})
    np.testing.assert_array_equal(only.voxels, rest.voxels)


def test_a_name_that_holds_that_of_the_patient_stays_in_the_file(write, write_segmentation, source, stored):
    write(stored)
    write_segmentation({1: INSIDE, 2: INSIDE, 3: INSIDE}, names=("tumor DOE", "jane's tumor", ""))
    assert list(source(mask_labels="all").describe().rois) == ["label1", "label2", "label3"]


def test_regions_without_a_segmentation_and_wrong_options_are_refused(write, source, stored):
    write(stored)
    with pytest.raises(InputError, match="none of the 0 segmentations and structure sets"):
        source(mask_labels="all").describe()
    with pytest.raises(InputError, match="mask_label is one region and mask_labels are several"):
        source(mask_labels="all", mask_label=1)
    with pytest.raises(InputError, match="a label is a whole number above 0"):
        source(mask_labels={"lung": ""})


def test_a_broken_file_is_rejected_once_a_region(write, write_segmentation, source, folder, stored):
    write(stored)
    write_segmentation({1: INSIDE, 2: INSIDE}, names=("a", "b"))
    (folder / "zz.dcm").write_bytes(b"nothing")
    items = list(source(mask_labels="all").volumes())
    assert len(items) == source(mask_labels="all").describe().n_volumes == 4
    assert [isinstance(item, Volume) for item in items] == [True, True, False, False]
