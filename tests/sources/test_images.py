"""Images of nibabel and SimpleITK in memory: the same volume as from their file, whatever its axes are."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import ImageFolder, Volume, volume_from

nib = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")

VOXELS = np.random.default_rng(0).integers(-500, 500, (4, 5, 6)).astype(np.int16)  # (x, y, z)
ZOOMS = np.array([0.7, 1.3, 2.9])


def rotation(angle: float, axis: int) -> np.ndarray:
    turned = np.eye(3)
    i, j = (k for k in range(3) if k != axis)
    turned[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
    return turned


def affine(order: tuple[int, ...], signs: tuple[int, ...], angle: float = 0.3) -> np.ndarray:
    """Stored axes along the world axes `order` with these signs, turned by a little about two axes."""
    axes = np.zeros((3, 3))
    axes[order, range(3)] = signs
    found = np.eye(4)
    found[:3, :3] = rotation(angle, 0) @ rotation(-angle / 2, 2) @ axes * ZOOMS
    found[:3, 3] = 11, -7, 30
    return found


ORIENTATIONS = [((0, 1, 2), (1, 1, 1)), ((0, 1, 2), (-1, -1, 1)), ((2, 0, 1), (1, -1, 1)), ((1, 2, 0), (-1, 1, -1))]


def as_sitk(voxels: np.ndarray, world: np.ndarray) -> "sitk.Image":
    image = sitk.GetImageFromArray(voxels.T)
    lps = np.diag([-1.0, -1.0, 1.0])
    image.SetSpacing(ZOOMS.tolist())
    image.SetDirection((lps @ (world[:3, :3] / ZOOMS)).ravel().tolist())
    image.SetOrigin((lps @ world[:3, 3]).tolist())
    return image


def assert_lies_where_the_image_does(volume: Volume, voxels: np.ndarray, world: np.ndarray) -> None:
    """Every voxel has the value that the stored image has at the same place in the world."""
    back = np.linalg.inv(world) @ np.array(volume.facts["affine"])
    for z, y, x in np.ndindex(volume.voxels.shape):
        place = back @ [x, y, z, 1]
        index = tuple(np.rint(place[:3]).astype(int))
        assert np.allclose(place[:3], index, atol=1e-4)
        assert volume.voxels[z, y, x] == voxels[index]


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
@pytest.mark.parametrize("library", ["nibabel", "SimpleITK"])
def test_voxels_lie_where_the_image_has_them_and_spacing_follows_the_axes(order, signs, library):
    world = affine(order, signs)
    image = nib.Nifti1Image(VOXELS, world) if library == "nibabel" else as_sitk(VOXELS, world)
    volume = volume_from(image, "case")
    assert volume.id == "case"
    assert_lies_where_the_image_does(volume, VOXELS, world)
    # Axes (z, y, x) run most nearly to superior, anterior and right.
    assert np.abs(np.array(volume.facts["affine"])[:3, :3]).argmax(axis=0).tolist() == [0, 1, 2]
    assert (np.diag(np.array(volume.facts["affine"])) > 0).all()
    assert volume.spacing == pytest.approx([ZOOMS[order.index(axis)] for axis in (2, 1, 0)], rel=1e-6)
    as_stored = volume_from(image, canonical=False)
    assert np.array_equal(as_stored.voxels, VOXELS.T)
    assert as_stored.spacing == pytest.approx(ZOOMS[::-1], rel=1e-6)


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
@pytest.mark.parametrize("name", ["a.nii.gz", "a.mha", "a.nrrd"])
def test_an_image_in_memory_is_the_volume_of_its_file(tmp_path, order, signs, name):
    world = affine(order, signs)
    path = tmp_path / name
    sitk.WriteImage(as_sitk(VOXELS, world), str(path))
    [from_file] = ImageFolder(tmp_path).volumes()
    images = [sitk.ReadImage(str(path)), *([nib.load(path)] if ".nii" in name else [])]
    for image in images:
        volume = volume_from(image)
        assert np.array_equal(volume.voxels, from_file.voxels)
        assert volume.voxels.dtype == from_file.voxels.dtype
        assert volume.spacing == pytest.approx(from_file.spacing, rel=1e-6)
        assert np.allclose(volume.facts["affine"], from_file.facts["affine"], atol=1e-4)


def test_units_of_the_header_become_mm():
    image = nib.Nifti1Image(VOXELS, affine((0, 1, 2), (1, 1, 1)))
    image.header.set_xyzt_units("micron")
    assert volume_from(image).spacing == pytest.approx(ZOOMS[::-1] / 1000, rel=1e-6)


def test_without_an_affine_axes_are_as_stored():
    image = nib.Nifti1Image(VOXELS, None)
    image.header.set_zooms(ZOOMS)
    volume = volume_from(image)
    assert np.array_equal(volume.voxels, VOXELS.T)
    assert volume.spacing == pytest.approx(ZOOMS[::-1], rel=1e-6)


def test_an_affine_changed_in_memory_counts():
    image = nib.Nifti1Image(VOXELS, np.eye(4))
    image.affine[:3, :3] = affine((2, 0, 1), (1, -1, 1))[:3, :3]
    assert volume_from(image).spacing == pytest.approx((ZOOMS[0], ZOOMS[2], ZOOMS[1]), rel=1e-6)


def test_scaled_voxels_are_the_values(tmp_path):
    image = nib.Nifti1Image(VOXELS.astype(np.float64) * 0.5 + 3, affine((0, 1, 2), (1, 1, 1)))
    image.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "scaled.nii")
    stored = nib.load(tmp_path / "scaled.nii")
    assert np.array_equal(volume_from(stored).voxels, stored.get_fdata().T)


def test_a_volume_is_returned_as_it_is():
    volume = Volume("a", VOXELS)
    assert volume_from(volume) is volume


def test_a_fourth_axis_of_one_is_left_out():
    one = nib.Nifti1Image(VOXELS[..., None], affine((0, 1, 2), (1, 1, 1)))
    assert volume_from(one).voxels.shape == (6, 5, 4)
    assert volume_from(sitk.JoinSeries(as_sitk(VOXELS, affine((0, 1, 2), (1, 1, 1))))).voxels.shape == (6, 5, 4)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (lambda: nib.Nifti1Image(np.zeros((2, 2, 2, 3), np.uint8), np.eye(4)), r"4 dimensions 2×2×2×3.*slicer"),
        (lambda: nib.Nifti1Image(np.zeros((2, 2), np.uint8), np.eye(4)), "2 dimensions"),
        (lambda: nib.Nifti1Image(np.zeros((2, 2, 2), np.complex64), np.eye(4)), "complex64"),
        (lambda: sitk.Image(2, 2, sitk.sitkUInt8), "2 dimensions"),
        (lambda: sitk.Image([2, 2, 2], sitk.sitkVectorUInt8, 3), "3 components"),
        (lambda: VOXELS, r"tdaflow.Volume\(id, voxels, spacing\).*\(z, y, x\)"),
        (lambda: "scan.nii.gz", "str"),
    ],
)
def test_what_is_no_volume_is_refused(image, reason):
    with pytest.raises(InputError, match=reason):
        volume_from(image())
