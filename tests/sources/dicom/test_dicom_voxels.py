"""What the numbers of a volume are: decoded, rescaled, in order, in the right type."""

import numpy as np
import pytest

from tdaflow.sources import Volume

IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)


def test_an_even_series_becomes_hounsfield_units_with_its_geometry(write, only, stored):
    write(stored)
    volume = only()
    assert isinstance(volume, Volume)
    np.testing.assert_array_equal(volume.voxels, stored.astype(np.int16) - 1024)
    assert volume.voxels.dtype == np.int16
    assert volume.spacing == (2.0, 0.5, 0.25)  # from positions and PixelSpacing, not from SliceThickness
    assert volume.facts["orientation"] == "LPS"
    # x and y of DICOM run to the left and back, those of RAS+ to the right and front.
    np.testing.assert_allclose(
        volume.facts["affine"], [[-0.25, 0, 0, 10], [0, -0.5, 0, 20], [0, 0, 2, 0], [0, 0, 0, 1]], atol=1e-12
    )
    assert volume.facts["units"] == "HU"
    assert volume.facts["resampled"] is None


def test_slices_are_sorted_by_position_whatever_files_and_instances_are_called(write, only, stored):
    order = [3, 0, 5, 1, 4, 2]

    def shuffle(data, k):
        data.InstanceNumber = order[k]
        return f"{order[k]}.dcm"

    write(stored, edit=shuffle)
    np.testing.assert_array_equal(only().voxels, stored.astype(np.int16) - 1024)


def test_an_oblique_series_is_sorted_along_its_normal(write, only, stored):
    angle = np.radians(30)
    normal = np.array([0, -np.sin(angle), np.cos(angle)])

    def tip(data, k):
        data.ImageOrientationPatient = [1, 0, 0, 0, round(np.cos(angle), 6), round(np.sin(angle), 6)]
        data.ImagePositionPatient = [round(v, 4) for v in -3.0 * k * normal]

    write(stored, edit=tip)
    volume = only()
    np.testing.assert_array_equal(volume.voxels, stored[::-1].astype(np.int16) - 1024)
    np.testing.assert_allclose(volume.spacing, (3, 0.5, 0.25), rtol=1e-4)


def test_every_slice_has_its_own_rescale(write, only, stored):
    def rescale(data, k):
        data.RescaleSlope, data.RescaleIntercept = k + 1, -10 * k

    write(stored, edit=rescale)
    expected = [stored[k].astype(int) * (k + 1) - 10 * k for k in range(6)]
    np.testing.assert_array_equal(only().voxels, expected)


def test_a_fractional_rescale_gives_float32(write, only, stored):
    def rescale(data, k):
        data.RescaleSlope, data.RescaleIntercept = 0.5 + k, -0.25

    write(stored, edit=rescale, Modality="PT")
    voxels = only().voxels
    assert voxels.dtype == np.float32
    np.testing.assert_array_equal(voxels[2], stored[2] * np.float32(2.5) - np.float32(0.25))


def test_values_too_large_for_int16_widen_the_type(write, only, stored):
    write(stored * 50)
    voxels = only().voxels
    assert voxels.dtype == np.int32
    np.testing.assert_array_equal(voxels, stored.astype(int) * 50 - 1024)


def test_values_of_magnetic_resonance_stay_as_stored_without_a_rescale(write, only, stored):
    write(stored, Modality="MR", RescaleSlope=None, RescaleIntercept=None)
    volume = only()
    np.testing.assert_array_equal(volume.voxels, stored)
    assert (volume.facts["units"], volume.facts["rescale"]) == ("other", None)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_every_uncompressed_encoding_gives_the_same_numbers(write, only, syntax, dtype):
    stored = np.arange(6 * 4 * 5).reshape(6, 4, 5).astype(dtype)
    if dtype[0] == "i":
        stored = -stored
    write(stored, syntax=syntax, RescaleIntercept=0)
    np.testing.assert_array_equal(only().voxels, stored.astype(int))


def test_unused_high_bits_are_not_part_of_the_value(write, only, stored):
    # Older files keep overlays in the four bits above a 12-bit value.
    write(stored | 0xA000, BitsStored=12)
    np.testing.assert_array_equal(only().voxels, stored.astype(int) - 1024)


def test_twelve_bits_of_a_signed_number_keep_their_sign(write, only):
    values = np.arange(-60, 60, dtype=np.int16).reshape(6, 4, 5)
    write(values & 0x0FFF, BitsStored=12, RescaleIntercept=0)  # the sign is bit 11, and the upper bits are 0
    np.testing.assert_array_equal(only().voxels, values)


def test_monochrome1_is_told_and_not_inverted(write, only, stored):
    write(stored, PhotometricInterpretation="MONOCHROME1")
    volume = only()
    np.testing.assert_array_equal(volume.voxels, stored.astype(int) - 1024)
    assert volume.facts["photometric"] == "MONOCHROME1"


@pytest.mark.parametrize("declared", [-2000, 63536])  # the same 16 bits, read as signed and as unsigned
def test_padding_takes_the_smallest_real_value(write, only, declared):
    values = np.arange(100, 220, dtype=np.int16).reshape(6, 4, 5)
    values[:, 0] = -2000

    def pad(data, k):
        from pydicom.dataelem import DataElement

        data[0x00280120] = DataElement(0x00280120, "SS" if declared < 0 else "US", declared)

    write(values, edit=pad, RescaleIntercept=-10)
    volume = only()
    assert volume.facts["padding"] == {"voxels": 30, "replaced_by": 105 - 10}
    np.testing.assert_array_equal(volume.voxels[:, 0], 95)
    np.testing.assert_array_equal(volume.voxels[:, 1:], values[:, 1:] - 10)


def test_files_without_preamble_or_meta_information_are_read(folder, write, only, stored):
    write(stored, syntax=IMPLICIT)
    for file in folder.iterdir():
        raw = file.read_bytes()
        meta_length = int.from_bytes(raw[140:144], "little")
        file.write_bytes(raw[144 + meta_length :])
    np.testing.assert_array_equal(only().voxels, stored.astype(int) - 1024)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.5"])
def test_run_length_encoding_is_decoded(write, only, stored, syntax):
    def compress(data, k):
        data.compress(syntax, generate_instance_uid=False)

    write(stored, edit=compress)
    np.testing.assert_array_equal(only().voxels, stored.astype(int) - 1024)


def test_localizers_within_a_series_are_left_out_and_told(write, only, stored):
    def scout(data, k):
        if k == 0:
            data.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
            data.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    write(stored, edit=scout)
    volume = only()
    assert volume.voxels.shape == (5, 4, 5)
    assert volume.facts["localizers_left_out"] == 1


def test_repeated_instance_numbers_are_told(write, only, stored):
    write(stored, edit=lambda data, k: setattr(data, "InstanceNumber", k % 3))
    assert only().facts["repeated_instance_numbers"] == 3
