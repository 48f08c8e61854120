"""Masks with rounded labels or without a place, backgrounds of NaN, and headers that state two voxel sizes."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.sources import Arrays, ImageFolder, Rejected, Volume
from tdaflow.sources.mask import whole_labels
from tdaflow.store.integrity.table import check_table
from tdaflow.store.volume_builder import row_of, table_of

nib = pytest.importorskip("nibabel")

IMAGE = np.random.default_rng(0).integers(0, 500, (8, 9, 10)).astype(np.int16)
LABELS = np.zeros((8, 9, 10))
LABELS[2:5, 3:7, 1:9] = 1
LABELS[3, 4:6, 2:5] = 2


def only(path, **options):
    [item] = ImageFolder(path, **options).volumes()
    return item


@pytest.fixture
def pair(tmp_path):
    """Maker of an image and its mask in two folders; returns the item that a crop makes of them."""

    def make(mask, *, image="a.nii", affine=None, mask_affine=None, dtype=np.float64):
        affine = np.diag([1.0, 1, 2, 1]) if affine is None else affine
        for folder in ("images", "masks"):
            (tmp_path / folder).mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(IMAGE, affine), tmp_path / "images" / image)
        made = nib.Nifti1Image(mask, affine if mask_affine is None else mask_affine)
        made.set_data_dtype(dtype)
        nib.save(made, tmp_path / "masks/a.nii")
        return only(tmp_path / "images", mask_dir=tmp_path / "masks", mask_mode="crop")

    return make


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_labels_written_from_floats_count_as_their_integers_and_the_facts_say_so(pair, dtype):
    item = pair(LABELS, dtype=dtype)  # nibabel scales what it writes as integers
    assert isinstance(item, Volume), item.reason
    assert item.voxels.shape == (8, 4, 3)
    assert item.facts["mask"]["voxels"] == int((LABELS > 0).sum())
    assert ("mask_rounded_by" in item.facts) == (dtype != np.float32)


def test_fractions_of_interpolation_stay_refused(pair):
    soft = LABELS.copy()
    soft[2:5, 3, 1:9] = 0.5
    for dtype in (np.float32, np.uint8, np.int16):
        assert "fractions (up to 0.5 off a whole number), as after interpolation" in pair(soft, dtype=dtype).reason
    almost = LABELS.copy()
    almost[2, 3, 1] = 0.98
    assert "fractions" in pair(almost, dtype=np.float32).reason


@given(st.lists(st.integers(-3, 40), min_size=1, max_size=20), st.floats(0, 0.05), st.floats(-1, 1))
def test_half_a_step_is_rounding_and_more_is_not(labels, step, where):
    labels = np.array(labels, float)
    whole, off = whole_labels(labels + where * step / 2, step)
    assert np.array_equal(whole, labels)
    assert off <= step / 2 + 1e-12
    with pytest.raises(InputError, match="fractions"):
        whole_labels(labels + 0.505 * step + 2e-3, step)


def test_a_mask_that_lost_its_place_is_not_to_be_resampled(pair):
    affine = np.diag([-0.9, -1.1, 2.0, 1])
    affine[:3, 3] = 100, 50, 3
    for lost in (np.eye(4), np.diag([-1.0, -1, 1, 1])):
        reason = pair(LABELS, affine=affine, mask_affine=lost).reason
        assert "the mask has lost its place" in reason
        assert "copy the image's affine into it" in reason
        assert "do not resample it" in reason
    moved = affine.copy()
    moved[0, 3] += 5
    assert "resample it onto the image's grid" in pair(LABELS, affine=affine, mask_affine=moved).reason
    assert isinstance(pair(LABELS, affine=np.eye(4), mask_affine=np.eye(4)), Volume)
    assert isinstance(pair(LABELS, affine=np.diag([1, 1, 1.001, 1]), mask_affine=np.eye(4)), Volume)
    permuted = np.array([[0, 0, 2.0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    assert "the mask has lost its place" in pair(LABELS, affine=permuted, mask_affine=np.eye(4)).reason


def test_the_channel_of_an_nnunet_name_is_not_in_the_name_of_its_mask(pair):
    assert isinstance(pair(LABELS, image="a_0000.nii"), Volume)


def test_a_background_of_nan_is_refused_with_the_option_that_fills_it(tmp_path):
    voxels = IMAGE.astype(np.float32).T - 7
    voxels[:, :3] = np.nan
    np.save(tmp_path / "a.npy", voxels)
    np.save(tmp_path / "stack.npy", voxels[None].repeat(2, 0))
    for source in (ImageFolder(tmp_path / "a.npy"), Arrays(tmp_path / "stack.npy")):
        item = next(source.volumes())
        assert "240 NaN" in item.reason
        assert "--set data.nan=lowest" in item.reason
        assert "nan" not in source.fingerprint()
    for source in (ImageFolder(tmp_path / "a.npy", nan="lowest"), Arrays(tmp_path / "stack.npy", nan="lowest")):
        for item in source.volumes():
            assert np.array_equal(item.voxels, np.nan_to_num(voxels, nan=-7))
            assert item.facts["nan_filled"] == {"voxels": 240, "value": -7.0}
        assert source.fingerprint()["nan"] == "lowest"


@pytest.mark.parametrize("fill", [np.nan, np.inf])
def test_volumes_without_finite_values_and_infinities_stay_refused(tmp_path, fill):
    voxels = np.full((2, 3, 4), np.nan)
    voxels[0, 0, 0] = fill
    np.save(tmp_path / "a.npy", voxels)
    assert isinstance(only(tmp_path, nan="lowest"), Rejected)


def warned(path):
    item = only(path)
    return [p for p in check_table(table_of([row_of(item)]), (), ingested=False) if p.kind in ("voxel size", "shear")]


def test_two_voxel_sizes_and_a_shear_are_warnings_with_the_numbers(tmp_path):
    path = tmp_path / "a.nii"
    nib.save(nib.Nifti1Image(IMAGE, np.diag([0.87, 0.87, 2.0, 1])), path)
    assert warned(path) == []
    block = bytearray(path.read_bytes())
    struct.pack_into("<2h", block, 252, 0, 1)
    struct.pack_into("<12f", block, 280, 1, 0, 0, -54, 0, 1, 0, -54, 0, 0, 1, -37)
    path.write_bytes(block)
    [problem] = warned(path)
    assert problem.severity == "warning"
    assert "2 × 0.87 × 0.87 mm (used) and 1 × 1 × 1 mm" in problem.what
    struct.pack_into("<12f", block, 280, 0.87, 0, 0, 0, 0.1, 0.87, 0, 0, 0, 0, 2, 0)
    path.write_bytes(block)
    assert [p.kind for p in warned(path)] == ["shear"]
    assert "6.56° from perpendicular" in warned(path)[0].what


def test_regions_are_those_of_rounded_labels_and_share_no_filled_background(tmp_path):
    image = IMAGE.astype(np.float32)
    image[2, 3, 1] = image[3, 4, 2] = np.nan
    mask = nib.Nifti1Image(LABELS, np.eye(4))
    mask.set_data_dtype(np.uint8)
    for folder, made in (("images", nib.Nifti1Image(image, np.eye(4))), ("masks", mask)):
        (tmp_path / folder).mkdir()
        nib.save(made, tmp_path / folder / "a.nii")
    regions = {"mask_dir": tmp_path / "masks", "mask_mode": "crop", "margin": 99, "nan": "lowest"}
    source = ImageFolder(tmp_path / "images", mask_labels="all", **regions)
    assert source.describe().labels_found == {1: 1, 2: 1}
    items = list(source.volumes())
    assert [item.id for item in items] == ["a:label1", "a:label2"]
    assert [item.facts["nan_filled"]["voxels"] for item in items] == [2, 2]
    assert all(item.facts["mask_rounded_by"] > 0 for item in items)
