"""Bars of real volumes equal GUDHI's to the last bit."""

import numpy as np
import pytest
from cubical_oracles import assert_same_bars, gudhi_bars

from tdaflow.homology.cubical_kernel import cubical_persistence

SETS = ("organmnist3d", "nodulemnist3d", "adrenalmnist3d", "fracturemnist3d")


def volume(data_dir, name, split, index):
    with np.load(data_dir / "medmnist" / f"{name}.npz") as archive:
        return archive[f"{split}_images"][index].astype(np.float64)


@pytest.mark.realdata
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["sublevel", "superlevel"])
@pytest.mark.parametrize("construction", ["vertices", "top"])
def test_medmnist(data_dir, name, sign, construction):
    values = sign * volume(data_dir, name, "val", 3)
    assert_same_bars(cubical_persistence(values, (0, 1, 2), construction), gudhi_bars(values, construction))


@pytest.mark.realdata
@pytest.mark.parametrize("construction", ["vertices", "top"])
def test_a_smoothed_volume_of_real_numbers(data_dir, construction):
    from scipy.ndimage import gaussian_laplace

    values = gaussian_laplace(volume(data_dir, "organmnist3d", "train", 0), 1.5)
    assert_same_bars(cubical_persistence(values, (0, 1, 2), construction), gudhi_bars(values, construction))


@pytest.mark.realdata
def test_a_hippocampus(data_dir):
    import nibabel

    file = sorted((data_dir / "hippocampus" / "images").glob("*.nii.gz"))[0]
    values = np.asarray(nibabel.load(file).dataobj, dtype=np.float64)
    assert_same_bars(cubical_persistence(values, (0, 1, 2), "vertices"), gudhi_bars(values))


@pytest.mark.realdata
def test_a_slice_of_a_ct(data_dir):
    import pydicom

    pixels = pydicom.dcmread(data_dir / "dicom" / "ge_head_ct" / "14.dcm").pixel_array[::2, ::2].astype(np.float64)
    assert_same_bars(cubical_persistence(pixels, (0, 1), "top"), gudhi_bars(pixels, "top"))
