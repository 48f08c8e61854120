"""Enhanced multi-frame objects are read as the same slices in single files are."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import Rejected, Volume, open_source
from tdaflow.sources.guess import guess_source

CT, MR, PT = (f"1.2.840.10008.5.1.4.1.1.{part}" for part in ("2.1", "4.1", "130"))


def item(**values):
    """A data set with these values; dicts become sequences of one item."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    data = Dataset()
    for keyword, value in values.items():
        setattr(data, keyword, Sequence([item(**value)]) if isinstance(value, dict) else value)
    return data


def frame(height, **groups):
    return item(PlanePositionSequence={"ImagePositionPatient": [-10.0, -20.0, float(height)]}, **groups)


SHARED = {
    "PlaneOrientationSequence": {"ImageOrientationPatient": [1.0, 0, 0, 0, 1.0, 0]},
    "PixelMeasuresSequence": {"PixelSpacing": [0.5, 0.25], "SliceThickness": 99.0},
}
RESCALE = {"PixelValueTransformationSequence": {"RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "HU"}}


@pytest.fixture
def write_enhanced(folder, one_slice):
    """Writer of one object: ``write_enhanced(voxels, frames, shared)``, further tags override."""

    def write_object(voxels, frames, shared=None, *, sop_class=CT, name="enhanced.dcm", syntax=None, **tags):
        from pydicom.sequence import Sequence

        data = one_slice(voxels[0], (0, 0, 0), SOPClassUID=sop_class, **tags)
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
            delattr(data, keyword)
        del data.RescaleSlope, data.RescaleIntercept
        data.file_meta.MediaStorageSOPClassUID = sop_class
        data.NumberOfFrames, data.PixelData = len(voxels), voxels.tobytes()
        data.PerFrameFunctionalGroupsSequence = Sequence(frames)
        data.SharedFunctionalGroupsSequence = Sequence([item(**{**SHARED, **(RESCALE if shared is None else shared)})])
        if syntax is not None:
            data.compress(syntax, generate_instance_uid=False)
        data.save_as(folder / name, enforce_file_format=True)

    return write_object


@pytest.mark.parametrize(("sop_class", "modality"), [(CT, "CT"), (MR, "MR"), (PT, "PT")])
def test_it_is_the_volume_of_the_same_slices(write, write_enhanced, folder, only, stored, sop_class, modality):
    order = [3, 0, 5, 1, 4, 2]
    write_enhanced(stored[order], [frame(2.0 * k) for k in order], sop_class=sop_class, Modality=modality)
    enhanced = only()
    (folder / "enhanced.dcm").unlink()
    write(stored, Modality=modality)
    classic = only()
    np.testing.assert_array_equal(enhanced.voxels, classic.voxels)
    assert enhanced.spacing == classic.spacing == (2.0, 0.5, 0.25)
    assert (enhanced.group, enhanced.id) == (classic.group, classic.id)
    for fact in ("affine", "modality", "rescale"):
        assert enhanced.facts[fact] == classic.facts[fact]
    assert (enhanced.facts["files"], classic.facts["files"]) == (1, 6)


def test_every_frame_has_its_own_rescale_and_groups_of_a_frame_come_first(write_enhanced, only, stored):
    rescales = [{"RescaleSlope": k + 1, "RescaleIntercept": -10 * k} for k in range(6)]
    frames = [frame(2.0 * k, PixelValueTransformationSequence=rescales[k]) for k in range(6)]
    write_enhanced(stored, frames)
    np.testing.assert_array_equal(only().voxels, [stored[k].astype(int) * (k + 1) - 10 * k for k in range(6)])


GROUPS = {
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime", (4.6, 9.2)),
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue", (0.0, 1000.0)),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex", (1, 2)),
    "StackID": ("FrameContentSequence", "StackID", ("1", "2")),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber", (1, 2)),
    "TriggerTime": ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", (0.0, 41.5)),
    "ImageType": ("MRImageFrameTypeSequence", "FrameType", (["ORIGINAL", "PRIMARY"], ["DERIVED", "PRIMARY"])),
    "ConvolutionKernel": ("CTReconstructionSequence", "ConvolutionKernel", ("B30f", "B70f")),
}


@pytest.mark.parametrize("tag", GROUPS)
def test_stacks_in_one_object_are_divided_as_those_in_files(write_enhanced, source, stored, tag):
    sequence, keyword, values = GROUPS[tag]
    frames = [frame(2.0 * k, **{sequence: {keyword: values[t]}}) for k in range(6) for t in range(2)]
    voxels = np.stack([stored[k] + 1000 * t for k in range(6) for t in range(2)])
    write_enhanced(voxels, frames)
    (refused,) = source().volumes()
    assert f"2 stacks of slices that overlap, told apart by {tag}:" in refused.reason
    for t, volume in enumerate(source(split_time=True).volumes()):
        np.testing.assert_array_equal(volume.voxels, stored.astype(int) + 1000 * t - 1024)
    assert len(source(split_time=True).private_map()) == 2


def test_gradient_directions_of_one_b_value_are_stacks(write_enhanced, source, stored):
    directions = ([0.0, 0, 1], [0.0, 1, 0], [1.0, 0, 0])
    frames = [
        frame(2.0 * k, MRDiffusionSequence={
            "DiffusionBValue": 1000.0,
            "DiffusionGradientDirectionSequence": {"DiffusionGradientOrientation": direction},
        })
        for direction in directions for k in range(6)
    ]  # fmt: skip
    write_enhanced(np.concatenate([stored + 1000 * t for t in range(3)]), frames, sop_class=MR)
    volumes = list(source(split_time=True).volumes())
    assert [int(volume.voxels[0, 0, 0]) for volume in volumes] == [-24, 976, 1976]
    assert volumes[0].facts["divided_by"] == ["DiffusionGradientOrientation"]


def test_a_file_for_each_time_point(write_enhanced, source, stored):
    for t in range(3):
        frames = [frame(2.0 * k) for k in range(6)]
        tags = {"InstanceNumber": t + 1, "SOPInstanceUID": f"1.2.3.{t}"}
        write_enhanced(stored + 1000 * t, frames, name=f"{9 - t}.dcm", **tags)
    assert [int(volume.voxels[0, 0, 0]) for volume in source(split_time=True).volumes()] == [-24, 976, 1976]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"])
def test_compressed_frames_are_decoded_one_by_one(write_enhanced, only, stored, syntax):
    order, large = [3, 0, 5, 1, 4, 2], np.repeat(np.repeat(stored, 10, axis=1), 8, axis=2)
    write_enhanced(large[order], [frame(2.0 * k) for k in order], syntax=syntax)
    np.testing.assert_array_equal(only().voxels, large.astype(int) - 1024)


def test_frames_without_their_groups_are_refused(write_enhanced, only, stored):
    write_enhanced(stored, [frame(2.0 * k) for k in range(4)])
    item = only()
    assert isinstance(item, Rejected)
    assert "file 1 is multi-frame without functional groups that say where each frame lies" in item.reason


def test_frames_without_a_place_are_refused(write_enhanced, only, stored):
    write_enhanced(stored, [item() for _ in range(6)])
    assert "6 of 6 images that cannot be used: file 1 is without a usable ImagePositionPatient" in only().reason


def test_a_gap_between_consecutive_frames_is_uneven(write_enhanced, only, stored):
    write_enhanced(stored, [frame(h) for h in (0, 2, 4, 8, 10, 12)])
    assert "uneven gaps of 2.00 to 4.00 mm" in only().reason
    assert isinstance(only(allow_uneven=True), Volume)


def test_one_file_of_several_frames_is_a_volume_given_by_its_path(write, write_enhanced, folder, stored, tmp_path):
    write(stored, prefix="other", SeriesInstanceUID="1.2.3.4")
    write_enhanced(stored, [frame(2.0 * k) for k in range(6)])
    found = guess_source(folder / "enhanced.dcm")
    assert (found.kind, found.what) == ("dicom", "1 DICOM file of several frames")
    source = open_source({**found.options, "id_key": tmp_path / "id.key", "canonical": False})
    (volume,) = source.volumes()
    np.testing.assert_array_equal(volume.voxels, stored.astype(int) - 1024)
    assert [row[2] for row in source.private_map()] == ["enhanced.dcm"]
    assert source.members()[0].id == volume.id
    before = source.fingerprint()
    (folder / "other000.dcm").unlink()
    assert source.fingerprint() == before


def test_another_file_alone_is_told_what_it_is(write, folder, stored):
    write(stored)
    with pytest.raises(InputError, match=r"this is one slice of a DICOM series: give the folder that holds the series"):
        guess_source(folder / "slice000.dcm")
    (folder / "bad.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"Doe^Jane")
    with pytest.raises(InputError, match=r"this is one DICOM file that cannot be read: give the folder"):
        guess_source(folder / "bad.dcm")
