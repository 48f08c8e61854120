"""Data sets laid out as nnU-Net, the Decathlon and BIDS have them are read as their users expect, with notes."""

import json

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import Dataset, Volume
from tdaflow.sources.guess import guess_source
from tdaflow.sources.layouts import layout_of

nib = pytest.importorskip("nibabel")


def scan(path, seed=0):
    voxels = np.random.default_rng(seed).integers(-1000, 1000, (5, 6, 7)).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)
    return voxels


def mask(path):
    voxels = np.zeros((5, 6, 7), np.uint8)
    voxels[1:4, 2:5, 1:6] = 1
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), path)


@pytest.fixture
def decathlon(tmp_path):
    for k in (1, 2):
        scan(tmp_path / f"imagesTr/organ_00{k}.nii.gz", k)
        scan(tmp_path / f"imagesTr/._organ_00{k}.nii.gz", k)  # as the published archives have them
        mask(tmp_path / f"labelsTr/organ_00{k}.nii.gz")
    scan(tmp_path / "imagesTs/organ_003.nii.gz")
    (tmp_path / "dataset.json").write_text(json.dumps({"modality": {"0": "CT"}, "description": "of A. Patient"}))
    return tmp_path


@pytest.fixture
def bids(tmp_path):
    for k in (1, 2):
        for name in (f"ses-1/anat/sub-{k}_ses-1_T1w", f"ses-2/anat/sub-{k}_ses-2_T1w", f"ses-1/anat/sub-{k}_ses-1_T2w"):
            scan(tmp_path / f"sub-{k}/{name}.nii.gz", k)
            (tmp_path / f"sub-{k}/{name}.json").write_text("{}")
        mask(tmp_path / f"derivatives/seg/sub-{k}/anat/sub-{k}_dseg.nii.gz")
    (tmp_path / "dataset_description.json").write_text("{}")
    (tmp_path / "participants.tsv").write_text("participant_id\tage\tdiagnosis\nsub-1\t61\tn/a\n2\t70\tAD\n")
    return tmp_path


def test_the_decathlons_images_are_volumes_and_its_labels_masks(decathlon):
    found = guess_source(decathlon)
    assert (found.kind, found.what) == ("dataset", "a data set in the layout of nnU-Net")
    info = Dataset(decathlon).describe()
    assert (info.n_volumes, info.shape, info.modalities) == (2, (7, 6, 5), {"CT": 2})
    assert info.notes == (
        "nnU-Net layout: 2 images 0000 (CT) of 2 subjects, which are the groups",
        "labelsTr/ holds their masks (0 lack one), used with --set data.mask_mode=crop",
        "imagesTs/ is not read, it holds images without masks",
        "2 hidden files are not read",
    )
    assert [(v.id, v.group) for v in Dataset(decathlon).volumes()] == [("organ_001",) * 2, ("organ_002",) * 2]
    assert [v.voxels.shape for v in Dataset(decathlon, mask_mode="crop").volumes()] == [(5, 3, 3)] * 2
    regions = Dataset(decathlon, mask_mode="crop", mask_labels={"organ": 1})
    assert (
        [v.id for v in regions.volumes()] == [m.id for m in regions.members()] == ["organ_001:organ", "organ_002:organ"]
    )
    with pytest.raises(InputError, match="needs a mask_mode"):
        Dataset(decathlon, mask_labels="all")


def test_a_channel_of_nnunet_is_chosen_and_the_others_are_named(tmp_path):
    scans = {}
    for case in ("a_1", "b_2"):
        for channel in ("0000", "0001"):
            scans[case, channel] = scan(tmp_path / f"imagesTr/{case}_{channel}.nii.gz", len(scans))
        mask(tmp_path / f"labelsTr/{case}.nii.gz")
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T1", "1": "T2"}}))
    for chosen in (None, "0000", "0001"):
        items = list(Dataset(tmp_path, image=chosen, mask_mode="volume").volumes())
        assert [(v.id, v.group, v.voxels.sum()) for v in items] == [("a_1", "a_1", 45), ("b_2", "b_2", 45)]
        for item in Dataset(tmp_path, image=chosen).volumes():
            assert np.array_equal(item.voxels, scans[item.id, chosen or "0000"].T)
    info = Dataset(tmp_path).describe()
    assert info.modalities == {"MR": 2}
    assert "2 images 0000 (T1) of 2 subjects" in info.notes[0]
    assert "not 0001 2, of which one is read instead with --set data.image=0001" in info.notes[0]
    with pytest.raises(InputError, match="no images called '0002'"):
        Dataset(tmp_path, image="0002").describe()


def test_bids_reads_one_suffix_with_subjects_as_groups_and_labels_from_its_table(bids):
    assert guess_source(bids).kind == "dataset"
    source = Dataset(bids, label_column="diagnosis")
    info = source.describe()
    assert (info.n_volumes, info.class_names, info.class_counts["unassigned"]) == (4, ("AD",), (2,))
    assert "4 images T1w of 2 subjects" in info.notes[0]
    assert "not T2w 2" in info.notes[0]
    assert "derivatives/ is not read" in info.notes
    items = list(source.volumes())
    assert all(isinstance(item, Volume) for item in items)
    assert [(v.id, v.group, v.label) for v in items] == [
        ("sub-1_ses-1_T1w", "sub-1", None), ("sub-1_ses-2_T1w", "sub-1", None),
        ("sub-2_ses-1_T1w", "sub-2", 0), ("sub-2_ses-2_T1w", "sub-2", 0),
    ]  # fmt: skip
    assert [v.id for v in source.volumes(3)] == ["sub-2_ses-2_T1w"]
    assert any("columns age, diagnosis: take one as label" in note for note in Dataset(bids).describe().notes)
    assert Dataset(bids, image="T2w").describe().n_volumes == 2
    with pytest.raises(InputError, match=r"no column 'diagnose' .* did you mean 'diagnosis'"):
        Dataset(bids, label_column="diagnose").describe()
    with pytest.raises(InputError, match="no one place for masks"):
        Dataset(bids, mask_mode="crop").describe()


def test_other_folders_have_no_known_layout(tmp_path):
    scan(tmp_path / "sub-1/a.nii.gz")
    scan(tmp_path / "images/a.nii.gz")
    assert layout_of(tmp_path) is None
    with pytest.raises(InputError, match="neither laid out as nnU-Net"):
        Dataset(tmp_path).describe()
    (tmp_path / "imagesTr").mkdir()
    (tmp_path / "labelsTr").mkdir()
    with pytest.raises(InputError, match="laid out as nnU-Net and has no image"):
        Dataset(tmp_path).describe()


@pytest.mark.parametrize("text", ["[1, 2]", "{", '{"modality": {"x": 1}}', '{"modality": 3}', "[" * 100000])
def test_a_damaged_dataset_json_changes_nothing_but_messages(decathlon, text):
    (decathlon / "dataset.json").write_text(text)
    assert [v.id for v in Dataset(decathlon).volumes()] == ["organ_001", "organ_002"]


def test_the_fingerprint_follows_files_table_and_options(bids):
    base = Dataset(bids).fingerprint()
    assert json.dumps(base)
    assert Dataset(bids).fingerprint() == base
    assert Dataset(bids, image="T2w").fingerprint() != base
    (bids / "participants.tsv").write_text("participant_id\tage\n1\t2\n")
    assert Dataset(bids).fingerprint() != base


def test_subjects_are_chosen_with_or_without_their_prefix(bids):
    chosen = Dataset(bids, subjects=["sub-2"])
    assert {item.group for item in chosen.volumes()} == {"sub-2"}
    assert chosen.fingerprint()["subjects"] == ["sub-2"]
    assert "subjects" not in Dataset(bids).fingerprint()  # that of runs without the option is what it was
    with pytest.raises(InputError, match=r"no image of the subject '3' \(data.subjects\)"):
        Dataset(bids, subjects=["3"]).describe()
