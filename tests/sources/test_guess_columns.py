"""Columns and files of a table of labels: what is clear is recognised, what is not is asked for."""

import pytest

from tdaflow.errors import InputError
from tdaflow.sources.guess_columns import (
    group_column,
    label_column,
    read_label_table,
    site_column,
    split_column,
)
from tdaflow.sources.pair_files import pair_masks, pair_rows, separate_masks


@pytest.fixture
def table(tmp_path):
    """Reader of a table with the given header and rows."""

    def make(header, *rows):
        (tmp_path / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
        return read_label_table(tmp_path / "labels.csv")

    return make


def test_usual_names_are_recognised_and_every_sentence_has_its_option(table):
    read = table(
        "Scan,Patient ID,Diagnosis,set,Centre,age",
        "s1,p1,AD,Training,x,70", "s2,p1,CN,Training,x,71", "s3,p2,AD,test,y,64", "s4,p3,CN,test,y,59",
    )  # fmt: skip
    guesses = [make(read, None, ["Scan"]) for make in (label_column, split_column, group_column, site_column)]
    assert [guess.column for guess in guesses] == ["Diagnosis", "set", "Patient ID", "Centre"]
    for guess, option in zip(guesses, ("--label", "--split", "--group", "--site"), strict=True):
        assert guess.sentence.endswith(f"{option} COLUMN")
    assert "AD 2, CN 2" in guesses[0].sentence


def test_without_a_usual_name_the_only_column_of_classes_holds_the_labels(table):
    rows = [f"s{i},{'ab'[i % 2]},{i * 1.5}" for i in range(8)]
    assert label_column(table("id,finding,volume", *rows), None, ["id"]).column == "finding"
    rows = [f"s{i},{'ab'[i % 2]},{'mf'[i // 4]}" for i in range(8)]
    two = table("id,finding,sex", *rows)
    with pytest.raises(InputError, match=r"2 columns .* may hold labels, 'finding', 'sex': choose one with --label"):
        label_column(two, None, ["id"])
    assert label_column(two, "sex", ["id"]).column == "sex"
    with pytest.raises(InputError, match=r"no column 'six' \(--label\); did you mean 'sex'"):
        label_column(two, "six", ["id"])
    with pytest.raises(InputError, match=r"no column .* looks like classes"):
        label_column(table("id,volume", "s1,1.5", "s2,2.5"), None, ["id"])


def test_two_columns_of_one_kind_are_not_guessed_from(table):
    read = table("id,class,diagnosis", "s1,a,b", "s2,b,a")
    with pytest.raises(InputError, match="'class', 'diagnosis': choose one with --label"):
        label_column(read, None, ["id"])
    read = table("id,part,half", "s1,train,test", "s2,test,train")
    with pytest.raises(InputError, match="--split"):
        split_column(read, None, ["id"])


def test_a_column_of_patients_counts_only_where_one_has_several_rows(table):
    assert group_column(table("id,patient", "s1,p1", "s2,p2"), None, ["id"]).column is None
    assert "--group COLUMN" in group_column(table("id,x", "s1,p1", "s2,p2"), None, ["id"]).sentence
    same = table("id,patient,subject", "s1,p1,7", "s2,p1,7", "s3,p2,8")
    assert group_column(same, None, ["id"]).column == "patient"


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["sub/a.nii.gz", "sub/b.nii"], ["sub/a", "sub/b"]),
        (["sub/a.nii.gz", "sub/b.nii"], ["a.nii.gz", "b.nii"]),
        (["sub-01/anat/T1w.nii.gz", "sub-02/anat/T1w.nii.gz"], ["sub-01", "sub-02"]),
        (["case_01_0000.nii.gz", "case_02_0000.nii.gz"], ["case_01", "case_02"]),
    ],
)
def test_rows_find_their_files(table, names, ids):
    read = table("age,scan", *(f"{70 + i},{identity}" for i, identity in enumerate(ids)))
    found = pair_rows(read, names, None)
    assert (found.column, found.files) == ("scan", tuple(names))
    assert found.sentence.endswith("--id COLUMN")


def test_rows_and_files_that_do_not_match_are_one_sentence_with_the_option(table):
    names = ["a.nii", "b.nii", "c.nii"]
    with pytest.raises(InputError, match=r"no cell in any column .* such as 'a', 'b', 'c': name .*--id COLUMN"):
        pair_rows(table("scan,x", "1,2", "3,4"), names, None)
    read = table("scan,x", "a,1", "z,2", "b,3")
    with pytest.raises(InputError, match=r"1 of 3 rows .*\(first 'z', line 3; .*--allow-missing"):
        pair_rows(read, names, None)
    found = pair_rows(read, names, None, allow_missing=True)
    assert found.files == ("a.nii", None, "b.nii")
    assert "1 row without a file is left out" in found.sentence
    assert "1 file without a row is not read" in found.sentence
    with pytest.raises(InputError, match=r"'scan' and 'other' .* name different files: choose with --id"):
        pair_rows(table("scan,other", "a,b", "b,a"), names, None)


def test_masks_are_told_from_images_and_paired_by_name():
    images, masks = separate_masks(["images/a.nii", "images/b.nii", "labels/a.nii", "labels/b.nii"])
    assert (images, masks) == (["images/a.nii", "images/b.nii"], ["labels/a.nii", "labels/b.nii"])
    assert pair_masks(images, masks) == {"images/a.nii": "labels/a.nii", "images/b.nii": "labels/b.nii"}
    images, masks = separate_masks(["a.nii", "a_mask.nii", "b.nii"])
    assert (images, masks) == (["a.nii", "b.nii"], ["a_mask.nii"])
    assert pair_masks(["a.nii"], masks) == {"a.nii": "a_mask.nii"}
    assert pair_masks(images, masks) is None
    # Shapes may be what is studied.
    assert separate_masks(["masks/a.nii", "masks/b.nii"]) == (["masks/a.nii", "masks/b.nii"], [])
