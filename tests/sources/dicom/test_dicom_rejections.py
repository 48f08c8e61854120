"""Every series that is no volume is rejected alone, with its reason in one sentence."""

import numpy as np
import pytest

from tdaflow.sources import Rejected
from tdaflow.sources.dicom import image_checks

JPEG_LS = "1.2.840.10008.1.2.4.80"


def reason(item):
    assert isinstance(item, Rejected)
    assert item.reason.startswith(f"series {item.id} ")
    assert "\n" not in item.reason
    return item.reason


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"NumberOfFrames": 3}, "6 of 6 images that cannot be used: file 1 is multi-frame without functional groups"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "file 1 is in colour"),
        ({"BurnedInAnnotation": "YES"}, "text burned into its pixels, which may name the patient"),
        ({"BitsStored": 12, "HighBit": 15}, "unusual combination of bits"),
        ({"ImagePositionPatient": None}, "without a usable ImagePositionPatient"),
        ({"ImageOrientationPatient": None}, "without a usable ImagePositionPatient"),
        ({"PixelSpacing": None}, "without a usable ImagePositionPatient"),
        ({"ImagePositionPatient": [0, 0, 1e300]}, "without a usable ImagePositionPatient"),
        ({"ImageOrientationPatient": [1e300, 0, 0, 0, 1, 0]}, "without a usable ImagePositionPatient"),
        ({"PixelSpacing": [1e-300, 0.5]}, "PixelSpacing that is not positive"),
        ({"PixelSpacing": [0.0, 0.5]}, "PixelSpacing that is not positive"),
        ({"PixelSpacing": [0.5, -0.5]}, "PixelSpacing that is not positive"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "not two perpendicular directions"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "not two perpendicular directions"),
        ({"RescaleSlope": None}, "only one of RescaleSlope and RescaleIntercept"),
        ({"RescaleSlope": 0}, "RescaleSlope of 0"),
        ({"RescaleSlope": None, "RescaleIntercept": None}, "its values in HU are not known"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "is a localizer of 6 images"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]}, "file 1 is a Siemens mosaic"),
        ({"Rows": 0}, "of no size"),
        ({"Rows": 60000, "Columns": 60000}, "of no size or larger than"),
        ({"Rows": 40}, "cut short within its pixels"),
    ],
)
def test_unusable_images(write, only, stored, tags, message):
    write(stored, **tags)
    assert message in reason(only())


def test_colour_images(write, only):
    write(
        np.zeros((3, 4, 15), np.uint8),
        Columns=5,
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="RGB",
    )
    assert "file 1 is in colour" in reason(only())


def test_images_without_pixels(write, only, stored):
    write(stored, edit=lambda data, k: data.__delitem__("PixelData") if k == 3 else None)
    assert "1 of 6 images that cannot be used: file 4 is without pixels" in reason(only())


@pytest.mark.parametrize("syntax", [JPEG_LS, "1.2.840.10008.1.2.4.90"])
def test_pixels_in_a_compression_without_a_decoder(write, only, stored, monkeypatch, syntax):
    from pydicom.pixels.decoders.base import Decoder

    monkeypatch.setattr(Decoder, "available_plugins", property(lambda self: ()))
    write(stored, edit=_encapsulated, syntax=syntax)
    assert "compressed in a way that nothing installed here can decode: pip install" in reason(only())


def test_pixels_that_are_not_in_the_compression_that_the_header_says(write, only, stored):
    write(stored, edit=_encapsulated, syntax=JPEG_LS)
    assert "cannot be decoded in file 1" in reason(only())


def test_every_compression_has_one_decoder_and_damage_does_not_end_the_process_in_it():
    decoders = {
        syntax: image_checks.decoder_of(f"1.2.840.10008.1.2.{syntax}") for syntax in ("5", "4.50", "4.80", "4.90")
    }
    assert decoders == {"5": "pydicom", "4.50": "pylibjpeg", "4.80": "pyjpegls", "4.90": "pylibjpeg"}
    assert image_checks.decoder_of("1.2.840.10008.1.2.1") == ""


def test_video_and_unknown_compressions_have_no_decoder():
    assert image_checks.decoder_of("1.2.840.10008.1.2.4.100") is None
    assert image_checks.decoder_of("1.2.3.4") is None
    assert image_checks.decoder_of("nonsense") is None


def test_compressed_pixels_that_are_damaged(write, only, stored):
    from pydicom.encaps import encapsulate

    def damage(data, k):
        data.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
        if k == 2:
            data.PixelData = encapsulate([b"\xff" * 40])

    write(stored, edit=damage)
    assert "cannot be decoded in file 3" in reason(only())


def _encapsulated(data, k):
    from pydicom.encaps import encapsulate

    data.PixelData = encapsulate([data.PixelData])
    data["PixelData"].is_undefined_length = True


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("Modality", "MR", "different modality, file 3 differs from file 1"),
        ("ImageOrientationPatient", [0, 1, 0, 0, 0, -1], "different slice orientation"),
        ("PixelSpacing", [0.5, 0.26], "different pixel spacing"),
        ("PhotometricInterpretation", "MONOCHROME1", "different photometric interpretation"),
        ("RescaleType", "US", "different unit"),
        ("PatientID", "P2", "different patient"),
    ],
)
def test_mixed_series(write, only, stored, keyword, value, message):
    write(stored, edit=lambda data, k: setattr(data, keyword, value) if k == 2 else None)
    assert message in reason(only())


def test_mixed_sizes(write, only, stored):
    def smaller(data, k):
        if k == 2:
            data.Rows, data.PixelData = 2, data.PixelData[:20]

    write(stored, edit=smaller)
    assert "different image size" in reason(only())


def test_a_single_slice(write, only, stored):
    write(stored[:1])
    assert "a single slice" in reason(only())


def test_missing_slices_are_counted_where_they_are(write, only, stored):
    write(stored, heights=[0, 2, 4, 10, 12, 14], edit=lambda d, k: setattr(d, "InstanceNumber", k + 1 + 2 * (k > 2)))
    assert "lacks 2 slices, the first between file 3 and file 4, where the gap is 6.00 mm" in reason(only())
    assert "lacks 2 slices" in reason(only(allow_uneven=True))  # resampling would hide that data were lost


def test_a_wider_step_between_consecutive_instances_is_uneven_and_not_missing(write, only, stored):
    write(stored, heights=[0, 2, 4, 8, 12, 16])
    assert (
        "uneven gaps of 2.00 to 4.00 mm between slices: give --allow-uneven (--set data.allow_uneven=true)"
        in reason(only())
    )


def test_a_gantry_tilt(write, only, stored):
    write(stored, PixelSpacing=[2, 2], ImageOrientationPatient=[1, 0, 0, 0, 0.9659258, -0.2588190])
    assert "sheared by a gantry tilt of 15.0 degrees: give --allow-uneven" in reason(only())


def test_slices_displaced_at_random(write, only, stored):
    def push(data, k):
        data.ImagePositionPatient = [(0, 1, 0, 1.2, 0, 0)[k], 0, 2.0 * k]

    write(stored, edit=push)
    assert "displaced sideways by up to 1.2 mm" in reason(only())


def test_positions_rounded_to_a_decimal_are_even(write, only, stored):
    write(stored, heights=np.round(0.625 * np.arange(6), 1))
    assert not isinstance(only(), Rejected)


def test_two_slices_at_one_position(write, only, stored):
    write(stored, heights=[0, 2, 4, 4, 6, 8])
    assert "1 slice where another one already is, the first are file 3 and file 4" in reason(only())


def test_the_same_file_twice(write, folder, only, stored):
    write(stored)
    (folder / "copy.dcm").write_bytes((folder / "slice002.dcm").read_bytes())
    assert "the same image more than once, the first are file 1 and file 4" in reason(only())


def test_several_time_points_that_nothing_tells_apart(write, only, stored):
    write(stored, heights=[0, 2, 4, 0, 2, 4], edit=lambda data, k: setattr(data, "InstanceNumber", 1))
    assert "2 images at each of 3 positions, and no tag tells its stacks apart: divide it" in reason(only())


def test_positions_that_were_lost(write, only, stored):
    write(stored, heights=[0] * 6, edit=lambda data, k: setattr(data, "SliceLocation", 2.0 * k))
    assert "gives all 6 images the same ImagePositionPatient though their SliceLocation differs" in reason(only())


def test_a_single_slice_over_time(write, only, stored):
    write(stored, heights=[0] * 6)
    assert "has 6 images of a single slice, which are no volume" in reason(only())


def test_slices_far_apart_are_not_interpolated(write, only, stored):
    write(stored, heights=[0, 2, 4, 6, 8, 81.3])
    assert "most of an even grid would have to be invented" in reason(only(allow_uneven=True))


def test_slices_far_aside_are_not_put_on_a_canvas(write, only, stored):
    write(stored, edit=lambda d, k: setattr(d, "ImagePositionPatient", [10000 * k, 0, 2 * k]))
    assert "more than an image is wide" in reason(only(allow_uneven=True))


def test_constant_volumes(write, only, stored):
    write(np.zeros_like(stored))
    assert "cannot be used: the volume is constant" in reason(only())


def test_a_rescale_beyond_all_numbers(write, only, stored):
    write(stored, RescaleSlope=1e300)
    assert "infinite among 120 voxels" in reason(only())


def test_a_lookup_table_for_values(write, only, stored):
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    write(stored, edit=lambda data, k: setattr(data, "ModalityLUTSequence", Sequence([Dataset()])))
    assert "mapped to its units by a lookup table" in reason(only())
