"""Masks: crop to the labelled region, blank the rest, or take the region as the volume."""

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.sources import ImageFolder, Nifti, Rejected, Volume
from tdaflow.sources.geometry import ImageHeader
from tdaflow.sources.mask import MaskUse, selected, use_mask

nib = pytest.importorskip("nibabel")

SHAPE = (6, 7, 8)  # (x, y, z) as stored
VOXELS = (np.arange(np.prod(SHAPE)).reshape(SHAPE) + 10).astype(np.int16)
LABELS = np.zeros(SHAPE, np.uint8)
LABELS[2:4, 3:5, 4:6] = 1
LABELS[4, 3:5, 4:6] = 2
AFFINE = np.array([[1.0, 0, 0, -5], [0, 2, 0, -6], [0, 0, 4, -7], [0, 0, 0, 1]])


@pytest.fixture
def folder(tmp_path):
    """Maker of a source with one image and its mask."""

    def make(mask=LABELS, affine=AFFINE, image=VOXELS, image_affine=AFFINE, mask_name="a.nii.gz", **options):
        for part, name, voxels, matrix in (
            ("scans", "a.nii", image, image_affine),
            ("scans/masks", mask_name, mask, affine),
        ):
            (tmp_path / part).mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(voxels, matrix), tmp_path / part / name)
        return Nifti(tmp_path / "scans", mask_dir=tmp_path / "scans/masks", **options)

    return make


def only(source):
    [item] = source.volumes()
    return item


def test_without_a_mode_masks_are_not_read(folder):
    item = only(folder(mask=np.zeros(SHAPE, np.uint8)))
    assert np.array_equal(item.voxels, VOXELS.T)
    assert "mask" not in item.facts


def test_crop_keeps_the_box_of_the_region_and_moves_the_affine(folder):
    source = folder(mask_mode="crop")
    item = only(source)
    assert np.array_equal(item.voxels, VOXELS[2:5, 3:5, 4:6].T)
    assert item.voxels.flags.c_contiguous
    assert item.facts["mask"] == {
        "mode": "crop", "label": None, "voxels": 12, "box": [[4, 6], [3, 5], [2, 5]], "shape_before": [8, 7, 6],
    }  # fmt: skip
    assert [row[3] for row in item.facts["affine"][:3]] == [-3, 0, 9]  # world position of stored voxel (2, 3, 4)
    assert item.spacing == (4, 2, 1)
    assert source.describe().shape is None
    assert source.describe().dtype == "int16"


def test_a_label_chooses_its_own_region(folder):
    item = only(folder(mask_mode="crop", mask_label=1))
    assert np.array_equal(item.voxels, VOXELS[2:4, 3:5, 4:6].T)


def test_a_margin_in_voxels_stops_at_the_border(folder):
    item = only(folder(mask_mode="crop", margin=2, margin_unit="voxels"))
    assert item.facts["mask"]["box"] == [[2, 8], [1, 7], [0, 6]]


def test_a_margin_in_mm_is_rounded_up_on_each_axis(folder):
    assert MaskUse("crop", margin=3).margins((4, 2, 1)) == (1, 2, 3)
    assert MaskUse("crop", margin=3).margins((0.3, 0.3, 0.3)) == (10, 10, 10)
    assert only(folder(mask_mode="crop", margin=1)).facts["mask"]["box"] == [[3, 7], [2, 6], [1, 6]]


def test_background_takes_the_low_end_of_the_volumes_extent(folder):
    item = only(folder(mask_mode="background"))
    inside = (LABELS != 0).T
    assert np.array_equal(item.voxels[inside], VOXELS.T[inside])
    low = int(intensity_extent(VOXELS).low)
    assert set(item.voxels[~inside]) == {low}
    assert item.facts["mask"] == {"mode": "background", "label": None, "voxels": 12, "value": low}


def test_inside_is_the_box_of_the_blanked_image(folder):
    box, whole = only(folder(mask_mode="inside", margin=1)), only(folder(mask_mode="background"))
    facts = only(folder(mask_mode="crop", margin=1)).facts
    (a, b), (c, d), (e, f) = box.facts["mask"]["box"]
    np.testing.assert_array_equal(box.voxels, whole.voxels[a:b, c:d, e:f])
    assert box.voxels.dtype == whole.voxels.dtype
    assert box.facts["mask"] == {**facts["mask"], "mode": "inside", "value": whole.facts["mask"]["value"]}
    assert box.facts["affine"] == facts["affine"]
    assert folder(mask_mode="inside").describe().shape is None


def test_background_takes_no_stray_value():
    voxels = np.random.default_rng(0).normal(100, 10, (9, 9, 9)).astype(np.float32)
    voxels[4, 4, 4] = -1e30
    mask = np.zeros(voxels.shape, np.uint8)
    mask[2:7, 2:7, 2:7] = 1
    header = ImageHeader(voxels.shape, voxels.dtype, (1.0, 1.0, 1.0))
    _, blanked = use_mask(MaskUse("background"), header, voxels.copy(), mask)
    assert 60 < blanked[0, 0, 0] < 100


def test_background_replaces_nan_outside_the_region(folder):
    image = np.where(LABELS == 0, np.nan, VOXELS).astype(np.float32)
    item = only(folder(image=image, mask_mode="background"))
    assert item.voxels.min() == image[LABELS != 0].min()


def test_the_region_itself_can_be_the_volume(folder):
    source = folder(mask_mode="volume", mask_label=2)
    item = only(source)
    assert item.voxels.dtype == np.uint8
    assert np.array_equal(item.voxels, (LABELS == 2).T)
    assert (source.describe().shape, source.describe().dtype) == ((8, 7, 6), "uint8")


def test_image_and_mask_are_brought_to_the_same_orientation(folder):
    flipped = np.diag([-1.0, 1, 1, 1]) @ AFFINE
    item = only(folder(affine=flipped, image_affine=flipped, mask_mode="crop"))
    assert np.array_equal(item.voxels, VOXELS[2:5, 3:5, 4:6][::-1].T)


def test_a_mask_stored_in_another_orientation_fits(folder):
    # The same places, stored from right to left.
    other = AFFINE.copy()
    other[0, 0], other[0, 3] = -1, AFFINE[0, 3] + SHAPE[0] - 1
    item = only(folder(mask=LABELS[::-1].copy(), affine=other, mask_mode="crop"))
    assert np.array_equal(item.voxels, VOXELS[2:5, 3:5, 4:6].T)


SHIFTED = AFFINE.copy()
SHIFTED[0, 3] += 0.5


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mask": LABELS[:5]}, "the mask's shape (8, 7, 5) is not the image's (8, 7, 6)"),
        ({"affine": SHIFTED}, "the mask lies up to 0.5 mm off the image"),
        ({"mask": LABELS * 0}, "the mask is empty: every voxel is 0"),
        ({"mask_label": 7}, "the mask is empty: no voxel is 7"),
        ({"mask": LABELS * np.float32(0.5)}, "the mask holds fractions"),
        ({"mask": np.where(LABELS, np.nan, 0).astype("f4")}, "the mask holds NaN"),
        ({"mask": np.stack([LABELS] * 2, 3)}, "the mask holds 2 volumes"),
        ({"mask_name": "b.nii"}, "the volume has no mask"),
        ({"mask": (LABELS * (np.arange(8) == 4)).astype("u1")}, "the labelled region is a slice of 1×2×3 voxels"),
    ],
)
@pytest.mark.parametrize("name", ["a.nii"])
def test_masks_that_do_not_fit_reject_their_volume(folder, changes, reason, name):
    item = only(folder(**{"mask_mode": "crop", "mask_name": name, **changes}))
    assert isinstance(item, Rejected)
    assert item.reason.startswith("a.nii: ")
    assert reason in item.reason


def test_a_mask_that_is_everything_is_a_constant_volume(folder):
    assert "constant" in only(folder(mask=LABELS + 1, mask_mode="volume")).reason


def test_arrays_have_no_orientation_so_a_reordered_image_cannot_meet_one(tmp_path):
    for part in ("i", "m"):
        (tmp_path / part).mkdir()
    nib.save(nib.Nifti1Image(VOXELS, np.diag([-1.0, 1, 1, 1])), tmp_path / "i/a.nii")
    np.save(tmp_path / "m/a.npy", LABELS.T)
    options = {"mask_dir": tmp_path / "m", "mask_mode": "crop"}
    assert "--set data.canonical=false" in only(ImageFolder(tmp_path / "i", **options)).reason
    item = only(ImageFolder(tmp_path / "i", canonical=False, **options))
    assert np.array_equal(item.voxels, VOXELS[2:5, 3:5, 4:6].T)


def test_selection_of_tiny_masks():
    mask = np.array([[[0, 1, 2]]])
    assert selected(mask, None).tolist() == [[[False, True, True]]]
    assert selected(mask.astype(float), 2).tolist() == [[[False, False, True]]]
    with pytest.raises(InputError, match="no voxel is 3"):
        selected(mask, 3)


@pytest.mark.realdata
def test_real_hippocampi_are_cropped_to_their_segmentation(data_dir):
    root = data_dir / "hippocampus"
    source = Nifti(root / "images", mask_dir=root / "labels", mask_mode="crop", margin=2)
    items = list(source.volumes())
    assert len(items) == 60
    assert all(isinstance(item, Volume) for item in items)
    for item in items[:5]:
        image, mask = (nib.load(root / part / f"{item.id}.nii.gz").get_fdata() for part in ("images", "labels"))
        low, high = (f(np.argwhere(mask), axis=0) for f in (np.min, np.max))
        box = tuple(slice(max(0, a - 2), b + 3) for a, b in zip(low, high, strict=True))
        assert np.array_equal(item.voxels, image[box].T)
