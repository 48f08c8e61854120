"""Regions of interest: each label of a segmentation is a volume, the same as its hand-made binary mask gives."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflow.errors import ConfigError, InputError
from tdaflow.sources import ImageFolder, Manifest, Rejected, Volume, open_source
from tdaflow.sources.readers import NumpyReader
from tdaflow.sources.rois import roi_id, subject_and_roi

SHAPE = (5, 6, 7)


def labelled(*labels: int, dtype="u1") -> np.ndarray:
    """A segmentation with a box of 2 × 2 × 2 voxels for every label."""
    mask = np.zeros(SHAPE, dtype)
    for i, label in enumerate(labels):
        mask[1:3, 2 * i : 2 * i + 2, 3:5] = label
    return mask


TWO = labelled(1, 2)


def save(folder: Path, **arrays: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def scan(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1000, SHAPE).astype("i2")


@pytest.fixture
def source(tmp_path):
    """Maker of a source of scans a and b with segmentations."""

    def make(a=TWO, b=TWO, mask_labels="all", mask_mode="background", **options):
        scans = save(tmp_path / "scans", a=scan(1), b=scan(2))
        masks = save(tmp_path / "masks", a=a, b=b)
        return ImageFolder(scans, mask_dir=masks, mask_labels=mask_labels, mask_mode=mask_mode, **options)

    return make


@settings(max_examples=20, deadline=None)
@given(
    masks=st.lists(st.lists(st.sampled_from([0, 1, 3, 7]), min_size=60, max_size=60), min_size=1, max_size=3),
    mode=st.sampled_from(["none", "crop", "background", "inside", "volume"]),
    dtype=st.sampled_from(["u1", "i4", "f4"]),
    start=st.integers(0, 9),
)
def test_a_region_is_what_its_binary_mask_gives(masks, mode, dtype, start):
    arrays = {f"s{i}": np.array(flat, dtype).reshape(3, 4, 5) for i, flat in enumerate(masks)}
    scans = {name: np.random.default_rng(i).normal(size=(3, 4, 5)) for i, name in enumerate(arrays)}
    present = sorted({int(v) for mask in arrays.values() for v in mask.flat if v})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        save(root / "masks", **arrays), save(root / "scans", **scans)
        if mode == "none":
            regions = ImageFolder(root / "masks", mask_labels="all")
        else:
            regions = ImageFolder(root / "scans", mask_dir=root / "masks", mask_mode=mode, mask_labels="all")
        if not present:
            with pytest.raises(InputError, match=r"none of the .* segmentations? holds a label"):
                regions.describe()
            return
        expected = {}
        for label in present:
            save(root / str(label), **{name: (mask == label).astype("u1") for name, mask in arrays.items()})
            binary = ImageFolder(
                root / "scans", mask_dir=root / str(label), mask_mode="volume" if mode == "none" else mode
            )
            expected |= {(item.id, f"label{label}"): item for item in binary.volumes()}
        found = list(regions.volumes())
        later = list(regions.volumes(start))
        assert len(found) == regions.describe().n_volumes == len(masks) * len(present)
    assert [item.id for item in later] == [item.id for item in found[start:]]
    assert [subject_and_roi(i.id) for i in found] == [(name, f"label{k}") for name in arrays for k in present]
    for item in found:
        other = expected[subject_and_roi(item.id)]
        assert isinstance(item, Volume) == isinstance(other, Volume)
        if isinstance(item, Volume):
            assert item.voxels.dtype == other.voxels.dtype
            np.testing.assert_array_equal(item.voxels, other.voxels)
            assert item.spacing == other.spacing


def test_all_labels_of_the_cohort_are_found_and_counted_once(source):
    found = source(a=labelled(1, 4), b=labelled(1, 2))
    info = found.describe()
    assert info.rois == {"label1": 1, "label2": 2, "label4": 4}
    assert info.labels_found == {1: 2, 2: 1, 4: 1}
    assert info.notes == (
        "every region is a volume, of 2 segmentations: label1 (1) in 2, label2 (2) in 1, label4 (4) in 1; "
        "a region that a segmentation lacks is quarantined",
    )
    items = {item.id: item for item in found.volumes()}
    assert list(items) == ["a:label1", "a:label2", "a:label4", "b:label1", "b:label2", "b:label4"]
    assert isinstance(items["a:label2"], Rejected)
    assert items["a:label2"].reason == "a.npy: the mask has no region label2: no voxel is 2"
    assert items["a:label2"].group == "a"


def test_names_are_in_the_order_of_their_values_and_the_others_are_told_of(source):
    found = source(a=labelled(1, 2, 9), mask_labels={"tumor": 2, "edema": 1})
    assert [item.id for item in found.volumes()] == ["a:edema", "a:tumor", "b:edema", "b:tumor"]
    assert found.describe().notes == (
        "every region is a volume, of 2 segmentations: edema (1) in 2, tumor (2) in 2",
        "labels that data.mask_labels does not name are not read: 9 (in 1)",
    )
    facts = next(found.volumes()).facts["mask"]
    assert (facts["roi"], facts["label"], facts["voxels"]) == ("edema", 1, 8)


def test_regions_of_a_subject_are_one_group(source, tmp_path):
    assert [item.group for item in source().volumes()] == ["a", "a", "b", "b"]
    save(tmp_path, m=labelled(1, 2), n=labelled(1), o=labelled(2))
    rows = ["id,path,label,split,group", "x,m.npy,ill,train,p1", "y,n.npy,well,train,", "z,o.npy,ill,test,"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    listed = Manifest(tmp_path / "manifest.csv", mask_labels={"core": 1, "rim": 2})
    info, items = listed.describe(), list(listed.volumes())
    assert [(i.id, i.label, i.split, i.group) for i in items] == [
        ("x:core", 0, "train", "p1"), ("x:rim", 0, "train", "p1"),
        ("y:core", 1, "train", "y"), ("y:rim", 1, "train", "y"),
        ("z:core", 0, "test", "z"), ("z:rim", 0, "test", "z"),
    ]  # fmt: skip
    assert (info.n_volumes, info.splits, info.class_counts["train"]) == (6, {"train": 4, "test": 2}, (2, 2))
    assert info.notes[0] == "no data.mask_mode is set, so the volumes are taken for segmentations"


def test_times_of_a_file_are_subjects_of_one_group(tmp_path):
    nib = pytest.importorskip("nibabel")
    for part, array in (("scans", np.stack([scan(1), scan(2)], 3)), ("masks", labelled(1, 2))):
        (tmp_path / part).mkdir()
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / part / "a.nii")
    options = {"mask_dir": tmp_path / "masks", "mask_mode": "background", "split_time": True}
    items = list(ImageFolder(tmp_path / "scans", mask_labels="all", **options).volumes())
    assert [(i.id, i.group) for i in items] == [(f"a/t000{t}:label{k}", "a") for t in (0, 1) for k in (1, 2)]
    whole = list(ImageFolder(tmp_path / "scans", mask_label=2, **options).volumes())
    for region, other in zip(items[1::2], whole, strict=True):
        np.testing.assert_array_equal(region.voxels, other.voxels)


def test_a_scan_and_its_segmentation_are_decoded_once_for_all_regions(source, monkeypatch):
    read = []
    original = NumpyReader.read

    def counted(self, path, indices, **options):
        read.append(path.parent.name + "/" + path.stem)
        return original(self, path, indices, **options)

    monkeypatch.setattr(NumpyReader, "read", counted)
    items = list(source(mask_labels={"one": 1, "two": 2}).volumes())
    assert len(items) == 4
    assert read == ["scans/a", "masks/a", "scans/b", "masks/b"]
    assert not np.shares_memory(items[0].voxels, items[1].voxels)


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (labelled(1, 2).astype("f4") * 0.5, "the mask holds fractions"),
        (labelled(1, -1, dtype="i2"), "the mask holds negative labels, down to -1"),
        (np.where(labelled(1), np.nan, 0), "the mask holds NaN"),
        (labelled(1)[:3], "the mask's shape (3, 6, 7) is not the image's"),
    ],
)
@pytest.mark.parametrize("named", ["all", {"label1": 1, "label2": 2}])
def test_a_segmentation_that_cannot_be_used_rejects_all_regions_of_its_subject(source, mask, reason, named):
    found = source(b=mask, mask_labels=named)
    items = list(found.volumes())
    assert [type(item) for item in items] == [Volume, Volume, Rejected, Rejected]
    assert all(reason in item.reason for item in items[2:])
    assert found.describe().n_volumes == 4


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ("some", "mask_labels='some' must be \"all\" or name regions"),
        ({}, "mask_labels must name a region"),
        ({"a": 0}, "mask_labels gives a the value 0, and 0 is the background"),
        ({"a": -2}, "gives a the value -2, and a label is a whole number above 0"),
        ({"a": 1.5}, "gives a the value 1.5, and a label is a whole number"),
        ({"a": True}, "gives a the value True, and a label is a whole number"),
        ({"a": 1, "b": 1}, "gives a and b the same value 1"),
        ({"left lung": 1}, "has the name 'left lung': write letters"),
        ({"a:b": 1}, "has the name 'a:b'"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(tmp_path, labels, sentence):
    with pytest.raises(InputError) as raised:
        ImageFolder(tmp_path, mask_labels=labels)
    assert sentence in str(raised.value)


def test_options_that_contradict_each_other_are_refused(tmp_path):
    for options, sentence in (
        ({"mask_label": 1}, "mask_label is one region and mask_labels are several"),
        ({"mask_dir": tmp_path}, "needs a mask_mode: inside, background, crop or volume"),
        ({"mask_mode": "volume"}, "needs mask_dir, the folder of the masks, or no mask_mode where these are segmen"),
    ):
        with pytest.raises(InputError, match=sentence):
            ImageFolder(tmp_path, mask_labels="all", **options)
    save(tmp_path, m=scan(), k=labelled(1))
    (tmp_path / "manifest.csv").write_text("path,mask\nm.npy,k.npy\n")
    with pytest.raises(InputError, match="mask_labels with a column mask needs a mask_mode"):
        Manifest(tmp_path / "manifest.csv", mask_labels="all").describe()


def test_scans_given_for_segmentations_are_refused(tmp_path):
    grey = np.random.default_rng(0).integers(0, 20000, (20, 20, 20)).astype("u2")
    with pytest.raises(InputError, match=r"more than 2000 labels, up to .* like the grey values of scans"):
        ImageFolder(save(tmp_path, a=grey), mask_labels="all").describe()


def test_sources_without_masks_name_those_that_have_them(tmp_path):
    with pytest.raises(ConfigError, match="no option 'mask_labels'; it is one of the kinds nifti, images, manifest"):
        open_source({"kind": "ome-zarr", "path": tmp_path, "mask_labels": "all"})


def test_the_ids_can_be_taken_apart_whatever_the_subjects_id_is():
    for subject in ("a", "sub-01/anat/T1w", "x:y", ":", ""):
        assert subject_and_roi(roi_id(subject, "tumor")) == (subject, "tumor")
