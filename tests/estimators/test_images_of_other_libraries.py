"""nibabel, SimpleITK and `Volume` where volumes come in: never a silently transposed array."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from tdaflow import Persistence, SuperpixelPointCloud, Volume, persistence_diagram, superpixel_point_cloud, volume_from
from tdaflow.errors import InputError
from tdaflow.sources import ImageFolder

nib = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")

SLICES = np.random.default_rng(1).integers(0, 200, (9, 7, 5)).astype(np.int16)  # (x, y, z)


@pytest.fixture
def scan(tmp_path: Path) -> dict[str, Any]:
    """An anisotropic, oblique scan whose third axis runs to the left, as each library holds it and a run reads it."""
    turned = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    tilt = np.array([[1, 0, 0], [0, np.cos(0.2), -np.sin(0.2)], [0, np.sin(0.2), np.cos(0.2)]])
    affine = np.eye(4)
    affine[:3, :3] = tilt @ turned * [0.8, 1.1, 4.0]
    nib.save(nib.Nifti1Image(SLICES, affine), tmp_path / "scan.nii.gz")
    [volume] = ImageFolder(tmp_path).volumes()
    path = str(tmp_path / "scan.nii.gz")
    return {"run": volume, "nibabel": nib.load(path), "SimpleITK": sitk.ReadImage(path)}


@pytest.mark.parametrize("library", ["nibabel", "SimpleITK"])
def test_estimators_take_images_as_a_run_reads_their_files(scan: dict[str, Any], library: str) -> None:
    of_run, image = scan["run"], scan[library]
    assert of_run.voxels.shape == (7, 9, 5)
    assert of_run.spacing == pytest.approx((1.1, 0.8, 4.0))
    for spacing in ((1.0, 1.0, 1.0), (9.0, 1.0, 1.0)):  # images bring their own
        clouds = SuperpixelPointCloud(40, spacing=spacing)
        [found], [expected] = clouds.fit_transform([image]), clouds.fit_transform([of_run])
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    for filtration in ("cubical", "distance", "height"):
        [found], [expected] = (Persistence(filtration).transform([given]) for given in (image, of_run))
        for k in range(3):
            np.testing.assert_allclose(found[k], expected[k], rtol=1e-5, atol=1e-5)
    transposed = Persistence("height").transform([Volume("a", SLICES, (0.8, 1.1, 4.0))])[0]
    assert len(transposed[0]) != len(found[0]) or not np.allclose(transposed[0], found[0])


def test_functions_take_a_volume_and_say_what_to_pass_for_an_image(scan: dict[str, Any]) -> None:
    volume = scan["run"]
    cloud = superpixel_point_cloud(volume, 40)
    np.testing.assert_array_equal(cloud, superpixel_point_cloud(volume.voxels, 40, spacing=volume.spacing))
    diagram = persistence_diagram(volume, filtration="distance")
    assert diagram == persistence_diagram(volume.voxels, filtration="distance", spacing=volume.spacing)
    assert persistence_diagram(volume_from(scan["nibabel"]), filtration="cubical") == persistence_diagram(
        volume, filtration="cubical"
    )
    for library in ("nibabel", "SimpleITK"):
        for call in (superpixel_point_cloud, lambda image: persistence_diagram(image, filtration="cubical")):
            with pytest.raises(InputError, match=r"tdaflow.volume_from\(image\).*\(z, y, x\), spacing in mm"):
                call(scan[library])


def test_two_spacings_are_refused(scan: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="leave one of them out"):
        superpixel_point_cloud(scan["run"], 40, spacing=(1.0, 1.0, 2.0))
    with pytest.raises(InputError, match="leave one of them out"):
        persistence_diagram(scan["run"], filtration="cubical", spacing=(1.0, 1.0, 2.0))
    assert len(superpixel_point_cloud(scan["run"], 40, spacing=scan["run"].spacing))


class Tensor:
    """As MONAI's: an array with an affine."""

    affine = np.eye(4)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.zeros((3, 3, 3))


@pytest.mark.parametrize(
    "call", [lambda x: SuperpixelPointCloud(8).fit([x]), lambda x: Persistence("cubical").transform([x])]
)
def test_what_has_other_axes_is_refused_with_the_remedy(call: Any) -> None:
    with pytest.raises(InputError, match=r"sample 0 of X: a Tensor has axes.* tdaflow.Volume\(id, voxels, spacing\)"):
        call(Tensor())
    labelled = xarray.DataArray(SLICES, dims=("x", "y", "z"))
    with pytest.raises(InputError, match=r"array.transpose\('z', 'y', 'x'\)"):
        call(labelled)
    call(labelled.transpose("z", "y", "x"))
    with pytest.raises(InputError, match=r"'scan.nii.gz' is a path.*nibabel.load"):
        call("scan.nii.gz")


@pytest.mark.parametrize("library", ["nibabel", "SimpleITK", "run"])
def test_a_single_image_is_no_list_of_samples(scan: dict[str, Any], library: str) -> None:
    with pytest.raises(InputError, match="put a single sample in a list"):
        Persistence("cubical").transform(scan[library])


def test_clouds_of_a_volume_are_asked_for_where_a_filtration_takes_points(scan: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"make points with superpixel_point_cloud\(volume\)"):
        Persistence("alpha").transform([scan["nibabel"]])
