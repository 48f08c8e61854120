"""Resampling: a linear function of space must come out exactly, wherever slices cover it."""

import numpy as np
import pytest


def world(affine, shape):
    """Coordinates in RAS+ (z, y, x, 3) of all voxels."""
    z, y, x = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return np.stack([x, y, z, np.ones(shape)], axis=-1) @ np.array(affine)[:3].T


def linear(ras):
    return 300 + 2 * ras[..., 0] + 3 * ras[..., 1] + 5 * ras[..., 2]


def slices_of_linear_field(positions, orientation, shape=(20, 16), spacing=(0.5, 0.25)):
    """What a scanner would store of `linear` (rounded to 1/16) for slices at these positions."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    y, x = np.meshgrid(*map(np.arange, shape), indexing="ij")
    in_plane = y[..., None] * spacing[0] * column + x[..., None] * spacing[1] * row
    lps = np.asarray(positions)[:, None, None] + in_plane
    return np.rint(16 * linear(lps * [-1, -1, 1])).astype(np.uint16)


@pytest.mark.parametrize("degrees", [0, 18, -25])
@pytest.mark.parametrize("heights", [[0, 2, 4, 6, 8, 10], [0, 2, 4, 7, 10, 13], [0, 1.1, 4, 5, 9, 9.7]])
def test_a_linear_field_is_reproduced(write, only, degrees, heights):
    angle = np.radians(degrees)
    orientation = [1.0, 0.0, 0.0, 0.0, round(np.cos(angle), 7), round(-np.sin(angle), 7)]
    positions = [(-2.0, -5.0, h) for h in heights]
    stored = slices_of_linear_field(positions, orientation)

    def place(data, k):
        data.ImagePositionPatient, data.ImageOrientationPatient = list(positions[k]), orientation

    write(stored, edit=place, Modality="PT", RescaleSlope=0.0625, RescaleIntercept=0)
    volume = only(allow_uneven=True)
    expected = linear(world(volume.facts["affine"], volume.voxels.shape))
    if degrees == 0:
        np.testing.assert_allclose(volume.voxels, expected, atol=0.07)
        assert volume.voxels.shape[1:] == (20, 16)
    else:
        # Rows towards both ends of the canvas are not covered by all slices; the middle is.
        covered = slice(volume.voxels.shape[1] - 19, 19)
        np.testing.assert_allclose(volume.voxels[:, covered], expected[:, covered], atol=0.07)
        assert volume.voxels.shape[1] > 20
        assert volume.facts["resampled"]["tilt_degrees"] == pytest.approx(abs(degrees), abs=0.01)
    np.testing.assert_allclose(volume.spacing[0] * (len(volume.voxels) - 1), heights[-1] * np.cos(angle), rtol=1e-6)
    assert volume.spacing[1:] == (0.5, 0.25)


def test_uneven_slices_keep_both_ends_and_record_what_was_done(write, only, stored):
    write(stored, heights=[0, 2, 4, 7, 10, 13])
    volume = only(allow_uneven=True)
    # The usual gap is 3 (2 twice, 3 thrice); 13 mm are 4.33 of them: five slices 3.25 mm apart.
    assert volume.voxels.shape == (5, 4, 5)
    assert volume.spacing[0] == pytest.approx(3.25)
    np.testing.assert_array_equal(volume.voxels[[0, -1]], stored[[0, -1]].astype(int) - 1024)
    between = (4 - 3.25) / 2 * stored[1] + (3.25 - 2) / 2 * stored[2] - 1024.0
    np.testing.assert_array_equal(volume.voxels[1], np.rint(between))
    assert volume.facts["resampled"] == {
        "interpolation": "linear",
        "slices_before": 6,
        "shape_before": [6, 4, 5],
        "gaps_before_mm": [2.0, 3.0, 3.0],
        "tilt_degrees": None,
        "largest_shift_mm": 0.0,
        "fill": -24,
    }


def test_a_shear_by_whole_pixels_moves_values_and_changes_none(write, only, stored):
    # Each slice starts one pixel (0.25 mm) further along its rows than the one before.
    write(stored, edit=lambda data, k: setattr(data, "ImagePositionPatient", [0.25 * k, 0, 2 * k]))
    volume = only(allow_uneven=True)
    assert volume.voxels.shape == (6, 4, 10)
    for k in range(6):
        np.testing.assert_array_equal(volume.voxels[k, :, k : k + 5], stored[k].astype(int) - 1024)
        assert np.all(np.delete(volume.voxels[k], np.s_[k : k + 5], axis=1) == -24)
    assert volume.facts["resampled"]["fill"] == -24


def test_an_even_series_is_not_touched(write, only, stored):
    write(stored)
    volume = only(allow_uneven=True)
    np.testing.assert_array_equal(volume.voxels, stored.astype(int) - 1024)
    assert volume.facts["resampled"] is None
