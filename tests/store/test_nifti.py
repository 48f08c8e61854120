"""NIfTI files for viewers: place and voxels are kept, nothing of the source's header is."""

import gzip

import numpy as np
import pytest

from tdaflow.store.nifti import write_nifti

nibabel = pytest.importorskip("nibabel")
AFFINE = np.array([[-0.5, 0, 0, 3], [0, 0, 2.0, 4], [0, 1.0, 0, 5], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [("int16", "int16"), ("bool", "uint8"), ("int64", "int32"), ("uint64", "int32"), ("float16", "float32")],
)
def test_voxels_and_place_come_back(tmp_path, dtype, stored):
    voxels = np.arange(24).reshape(2, 3, 4).astype(dtype)

    path = write_nifti(tmp_path / "v.nii.gz", voxels, (2.0, 1.0, 0.5), AFFINE)

    image = nibabel.load(path)
    assert image.get_data_dtype() == stored
    np.testing.assert_array_equal(np.asarray(image.dataobj).T, voxels.astype(stored))
    np.testing.assert_allclose(image.affine, AFFINE)
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
    assert all(not bytes(image.header[name].tobytes()).strip(b"\0") for name in ("descrip", "aux_file", "intent_name"))


def test_an_unknown_orientation_stays_unknown(tmp_path):
    image = nibabel.load(write_nifti(tmp_path / "v.nii", np.zeros((2, 3, 4), np.uint8), (2.0, 1.0, 0.5)))

    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (0, 0)
    assert image.header.get_zooms() == (0.5, 1.0, 2.0)


def test_the_same_volume_gives_the_same_bytes(tmp_path):
    first, second = (
        write_nifti(tmp_path / name, np.ones((2, 2, 2)), (1.0, 1.0, 1.0)).read_bytes()
        for name in ("a.nii.gz", "b.nii.gz")
    )

    assert first == second
    assert len(gzip.decompress(first)) == 352 + 8 * 8
