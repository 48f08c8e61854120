"""The array of a scan is the same whatever container it came in; against SimpleITK and nibabel, which read it too."""

import nibabel
import numpy as np
import pytest
import SimpleITK

from tdaflow.sources import Dicom, Nifti, volume_from

ANGLE = np.radians(20)
OBLIQUE = (np.cos(ANGLE), np.sin(ANGLE), 0.0, -np.sin(ANGLE) * 0.6, np.cos(ANGLE) * 0.6, -0.8)
ORIENTATIONS = {
    "axial": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "sagittal": (0.0, 1.0, 0.0, 0.0, 0.0, -1.0),
    "coronal": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0),
    "feet first": (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    "oblique": OBLIQUE,
}


@pytest.fixture(params=ORIENTATIONS)
def scan(request, write, stored):
    """A series with one of the usual orientations."""
    orientation = ORIENTATIONS[request.param]
    normal = np.cross(orientation[:3], orientation[3:])

    def place(data, k):
        data.ImageOrientationPatient = [round(v, 8) for v in orientation]
        data.ImagePositionPatient = [round(v, 6) for v in np.array([-10.0, 7.0, 3.0]) + 2.5 * k * normal]

    return write(stored, edit=place)


def read(folder, tmp_path, **options):
    (volume,) = Dicom(folder, tmp_path / "id.key", **options).volumes()
    return volume


@pytest.mark.parametrize("canonical", [True, False])
def test_dicom_and_nifti_of_one_scan_are_the_same_volume(scan, tmp_path, canonical):
    volume = read(scan, tmp_path, canonical=canonical)
    assert not canonical or volume.facts["orientation"] == "RAS"
    acquired = read(scan, tmp_path, canonical=False)
    (tmp_path / "nifti").mkdir()
    # As converters write it: the grid as acquired, with its affine.
    image = nibabel.Nifti1Image(acquired.voxels.T, np.array(acquired.facts["affine"]))
    nibabel.save(image, tmp_path / "nifti" / "a.nii")
    (nifti,) = Nifti(tmp_path / "nifti", canonical=canonical).volumes()
    np.testing.assert_array_equal(volume.voxels, nifti.voxels)
    np.testing.assert_allclose(volume.spacing, nifti.spacing, rtol=1e-6)
    np.testing.assert_allclose(volume.facts["affine"], nifti.facts["affine"], atol=1e-4)
    assert volume.facts["orientation"] == nifti.facts["orientation"]


def test_simpleitk_reads_the_same_values_at_the_same_places(scan, tmp_path):
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(scan)))
    theirs = volume_from(reader.Execute())
    ours = read(scan, tmp_path)
    np.testing.assert_array_equal(ours.voxels, theirs.voxels)
    np.testing.assert_allclose(ours.spacing, theirs.spacing, rtol=1e-5)
    np.testing.assert_allclose(ours.facts["affine"], theirs.facts["affine"], atol=1e-4)
    assert ours.facts["orientation"] == theirs.facts["orientation"] == "RAS"


def test_nothing_but_axes_is_changed(scan, tmp_path):
    canonical, acquired = (read(scan, tmp_path, canonical=flag) for flag in (True, False))
    assert canonical.voxels.flags.c_contiguous
    assert sorted(canonical.voxels.ravel()) == sorted(acquired.voxels.ravel())
    places = []
    for volume in (canonical, acquired):
        z, y, x = (axis.ravel() for axis in np.indices(volume.voxels.shape))
        world = np.stack([x, y, z, np.ones_like(x)], axis=1) @ np.array(volume.facts["affine"]).T
        places.append(world[np.argsort(volume.voxels.ravel())])
    np.testing.assert_allclose(*places, atol=1e-9)
    assert canonical.facts["orientation_stored"] == acquired.facts["orientation"]


def test_the_option_is_part_of_the_fingerprint(write, source, stored):
    write(stored)
    assert source(canonical=True).fingerprint() != source(canonical=False).fingerprint()


@pytest.mark.realdata
def test_simpleitk_reads_the_same_real_slices(data_dir, tmp_path):
    """One half of the head CT, whose slices are even, untilted by taking away the tilt from its positions."""
    import pydicom

    folder = tmp_path / "images"
    folder.mkdir()
    files = sorted((data_dir / "dicom" / "ge_head_ct").glob("*.dcm"))
    read_files = sorted(map(pydicom.dcmread, files), key=lambda data: float(data.ImagePositionPatient[2]))
    for k, data in enumerate(read_files[:8]):
        data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-125.0, -125.0, 4.0 * k]
        data.save_as(folder / f"{k}.dcm")
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    theirs = volume_from(reader.Execute())
    ours = read(folder, tmp_path)
    padding = theirs.voxels < -1024  # the scanner's mark, to which this reader gives the smallest value
    np.testing.assert_array_equal(ours.voxels[~padding], theirs.voxels[~padding])
    np.testing.assert_allclose(ours.spacing, theirs.spacing, rtol=1e-6)
    np.testing.assert_allclose(ours.facts["affine"], theirs.facts["affine"], atol=1e-4)
