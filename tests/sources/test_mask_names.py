"""Segmentations that lie among the images are read as volumes only with a note."""

import numpy as np
import pytest

from tdaflow.sources import Arrays, ImageFolder
from tdaflow.sources.mask_names import mask_note

IMAGES = ("imagesTr/case_0_0000", "sub-1/anat/sub-1_T1w")


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("labelsTr/case_0", "labelsTr/"),
        ("msd/labelsTs/case_0", "labelsTs/"),
        ("derivatives/seg/sub-1/anat/sub-1_dseg", "derivatives/"),
        ("p1/ct_seg", "*_seg"),
        ("p1/ct-Seg", "*-seg"),
        ("p1/ct_mask", "*_mask"),
        ("p1/ct_label", "*_label"),
        ("p1/ct.labels", "*.labels"),
        ("Masks/p1", "Masks/"),
    ],
)
def test_names_of_segmentations(name, sign):
    (note,) = mask_note([*IMAGES, name])
    assert note.startswith(f"1 of 3 volumes look like segmentations by their names ({sign}) and are read as volumes: ")
    assert "data.mask_dir=DIR" in note


@pytest.mark.parametrize(
    "name", ["p1/masked", "p1/unlabelled", "relabels/p1", "seg", "label", "p1/ct_mask2", "bisegs/p"]
)
def test_other_names(name):
    assert mask_note([*IMAGES, name]) == ()


def test_nothing_is_said_where_all_are_segmentations_or_none():
    assert mask_note(["a_seg", "b_seg"]) == mask_note(IMAGES) == mask_note([]) == ()


def test_the_most_frequent_signs_are_shown():
    names = [*IMAGES, *["labelsTr/a", "labelsTr/b"], "x_seg", "y_mask", "z-label"]
    assert "5 of 7 volumes look like segmentations by their names (labelsTr/, *_seg, *_mask, …)" in mask_note(names)[0]


def test_folders_of_images_and_of_arrays_say_so(tmp_path):
    for name in ("a", "a_mask"):
        np.save(tmp_path / f"{name}.npy", np.arange(24).reshape(2, 3, 4))
    for source in (ImageFolder(tmp_path), Arrays(tmp_path)):
        (note,) = source.describe().notes
        assert note.startswith("1 of 2 volumes look like segmentations by their names (*_mask)")


def test_a_folder_of_masks_is_told_of_only_while_nothing_says_what_they_are_for(tmp_path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "a.npy", np.arange(24).reshape(2, 3, 4))
    assert mask_note(["images/a", "labels/a"])
    (note,) = ImageFolder(tmp_path, mask_dir=tmp_path / "labels").describe().notes
    assert "left out and not used; --set data.mask_mode=inside" in note
    assert ImageFolder(tmp_path / "images", mask_dir=tmp_path / "labels", mask_mode="crop").describe().notes == ()
