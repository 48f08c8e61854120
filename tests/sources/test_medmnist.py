"""MedMNIST3D from local files."""

import json
import pickle

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.sources import MedMNIST3D, Rejected, Source, medmnist3d_registry

pytestmark = pytest.mark.usefixtures("tiny_registry")


def first_voxels(items):
    return [int(item.voxels[0, 0, 0]) for item in items]


@pytest.mark.parametrize("name", list(medmnist3d_registry()))
@pytest.mark.parametrize("size", [28, 64])
def test_every_set_and_size_is_read_from_a_local_file(name, size, tmp_path, medmnist_arrays, save_npz):
    stem = name if size == 28 else f"{name}_64"
    save_npz(f"{stem}.npz", medmnist_arrays(size))
    source = MedMNIST3D(name, size, data_dir=tmp_path)
    assert isinstance(source, Source)
    info, items = source.describe(), list(source.volumes())
    assert (info.n_volumes, info.shape, info.dtype) == (9, (size,) * 3, "uint8")
    assert info.splits == {"train": 4, "val": 2, "test": 3}
    assert info.class_names == medmnist3d_registry()[name].class_names
    assert info.class_counts["train"][:2] == (2, 2)
    assert info.checksum == "differs"
    assert "not the published file byte for byte" in info.notes[0]
    assert [item.id for item in items[3:6]] == [f"{stem}/train/00003", f"{stem}/val/00000", f"{stem}/val/00001"]
    assert first_voxels(items) == list(range(9))
    assert [item.label for item in items] == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert [item.split for item in items] == ["train"] * 4 + ["val"] * 2 + ["test"] * 3
    assert {item.spacing for item in items} == {(1.0, 1.0, 1.0)}


def test_limit_and_splits_choose_a_part(tmp_path, medmnist_arrays, save_npz):
    save_npz("vesselmnist3d.npz", medmnist_arrays())
    source = MedMNIST3D("vesselmnist3d", data_dir=tmp_path, splits=("test", "train"), limit=2)
    assert [v.id.split("/", 1)[1] for v in source.volumes()] == [
        "test/00000", "test/00001", "train/00000", "train/00001",
    ]  # fmt: skip
    assert source.describe().splits == {"train": 2, "test": 2}


@pytest.mark.parametrize("start", range(11))
def test_start_skips_across_splits(start, tmp_path, medmnist_arrays, save_npz):
    save_npz("vesselmnist3d.npz", medmnist_arrays())
    assert first_voxels(MedMNIST3D("vesselmnist3d", data_dir=tmp_path).volumes(start)) == list(range(start, 9))


def test_a_constant_volume_is_rejected_and_the_rest_is_read(tmp_path, medmnist_arrays, save_npz):
    arrays = medmnist_arrays()
    arrays["val_images"][1] = 5
    save_npz("vesselmnist3d.npz", arrays)
    items = list(MedMNIST3D("vesselmnist3d", data_dir=tmp_path).volumes())
    assert [item.id for item in items if isinstance(item, Rejected)] == ["vesselmnist3d/val/00001"]
    assert items[5].reason == "the volume is constant, every voxel is 5"
    assert len(items) == 9


def test_the_fingerprint_is_plain_json_and_follows_the_file(tmp_path, medmnist_arrays, save_npz):
    path = save_npz("vesselmnist3d.npz", medmnist_arrays())
    source = MedMNIST3D("vesselmnist3d", data_dir=tmp_path)
    before = source.fingerprint()
    assert json.loads(json.dumps(before)) == before
    assert before["files"]["vesselmnist3d.npz"]["size"] == path.stat().st_size
    assert str(tmp_path) not in json.dumps(before)
    save_npz("vesselmnist3d.npz", medmnist_arrays(n_classes=1))
    assert source.fingerprint() != before


def test_a_source_can_be_pickled_and_compared(tmp_path):
    source = MedMNIST3D("vesselmnist3d", data_dir=tmp_path, limit=3)
    assert pickle.loads(pickle.dumps(source)) == source


def without(key):
    return lambda arrays: arrays.pop(key)


def put(key, value):
    return lambda arrays: arrays.__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("val_labels"), r"lacks val_labels \(it has train_images, .*\): it is not VesselMNIST3D as published"),
        (
            put("train_labels", np.zeros((3, 1), np.uint8)),
            r"has shape \(3, 1\) but .* has 4 volumes: one label for each",
        ),
        (put("train_labels", np.full((4, 1), 2)), "must hold integers from 0 to 1"),
        (put("train_labels", np.zeros((4, 1))), "must hold integers from 0 to 1"),
        (put("train_labels", np.array([["a"]] * 4, dtype=object)), "never unpickled"),
        (put("test_images", np.zeros((3, 28, 28), np.uint8)), r"has 3 dimensions \(3, 28, 28\), expected 4"),
        (put("test_images", np.zeros((3, 28, 28, 28, 2), np.uint8)), "has 5 dimensions"),
        (put("test_images", np.zeros((3, 64, 64, 64), np.uint8)), r"shape \(64, 64, 64\), expected uint8 and \(28, "),
        (put("test_images", np.zeros((3, 28, 28, 28), np.int16)), "holds int16 volumes"),
    ],
)
def test_a_wrong_layout_is_one_clear_sentence(change, message, tmp_path, medmnist_arrays, save_npz):
    arrays = medmnist_arrays()
    change(arrays)
    save_npz("vesselmnist3d.npz", arrays)
    source = MedMNIST3D("vesselmnist3d", data_dir=tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        source.describe()
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=message):
        next(source.volumes())


def test_other_counts_than_published_are_refused_with_two_remedies(tmp_path, medmnist_arrays, save_npz):
    arrays = medmnist_arrays()
    arrays["val_images"], arrays["val_labels"] = arrays["val_images"][:1], arrays["val_labels"][:1]
    save_npz("vesselmnist3d.npz", arrays)
    with pytest.raises(InputError, match=r"1 volumes? where VesselMNIST3D has 2: use limit .* arrays source"):
        MedMNIST3D("vesselmnist3d", data_dir=tmp_path).describe()


def test_a_missing_file_names_path_url_and_remedies(tmp_path):
    with pytest.raises(InputError, match=r"no file .*organmnist3d_64\.npz: .*zenodo.*download=true"):
        MedMNIST3D("organmnist3d", 64, data_dir=tmp_path).describe()


def test_a_truncated_file_is_named(tmp_path, medmnist_arrays, save_npz):
    path = save_npz("vesselmnist3d.npz", medmnist_arrays())
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"vesselmnist3d\.npz is not a complete \.npz"):
        MedMNIST3D("vesselmnist3d", data_dir=tmp_path).describe()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "liver"}, "no MedMNIST3D set called 'liver'"),
        ({"size": 128}, "not published in size 128: choose 28 and 64"),
        ({"splits": ()}, "must be distinct names among train, val, test"),
        ({"splits": ("train", "train")}, "must be distinct"),
        ({"splits": ("valid",)}, "must be distinct"),
        ({"limit": 0}, "limit=0"),
    ],
)
def test_impossible_options_are_refused_at_once(options, message):
    with pytest.raises(InputError, match=message):
        MedMNIST3D(**{"name": "vesselmnist3d", **options})
