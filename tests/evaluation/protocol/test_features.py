"""Features of a run as named blocks, and one sentence for everything that no honest table can be made of."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation import Features, Protocol, check_features, joined, load_features, subsets
from tdaflow.evaluation.baselines.volumes import load_volumes
from tdaflow.evaluation.protocol.evaluate import part_notes


def test_a_run_becomes_rows_and_named_blocks(features, run_folder):
    loaded = load_features(run_folder(features))
    assert list(loaded.blocks) == ["alpha H1", "alpha H2"]
    assert np.array_equal(loaded.blocks["alpha H1"], features.blocks["alpha H1"])
    assert np.array_equal(loaded.blocks["alpha H2"], features.blocks["alpha H2"][:, :3])
    for column in ("ids", "labels", "splits", "groups"):
        assert np.array_equal(getattr(loaded, column), getattr(features, column))
    assert loaded.class_names == ("a", "b")
    assert loaded.digest == "d1"
    assert loaded.about["data_set"] == "adrenalmnist3d"
    assert loaded.about["reference"] == "train"
    check_features(loaded, folds=5)


def test_volumes_without_label_or_split_are_left_out_and_counted(features, run_folder):
    labels = features.labels.copy()
    labels[:3] = -1
    splits = features.splits.copy()
    splits[5] = ""
    loaded = load_features(run_folder(replace(features, splits=splits), labels=labels))
    assert len(loaded) == len(features) - 4
    assert loaded.about["left_out"] == 4


def test_subsets_are_single_channels_filtrations_dimensions_and_all():
    found = subsets(["alpha H0", "alpha H1", "cubical H1"])
    assert found == {
        "alpha H0": ("alpha H0",),
        "alpha H1": ("alpha H1",),
        "cubical H1": ("cubical H1",),
        "alpha, all dimensions": ("alpha H0", "alpha H1"),
        "H1, all filtrations": ("alpha H1", "cubical H1"),
        "all channels": ("alpha H0", "alpha H1", "cubical H1"),
    }
    assert subsets(["alpha H2"]) == {"alpha H2": ("alpha H2",)}


def test_two_stores_of_the_same_volumes_join_by_id(features):
    order = np.random.default_rng(0).permutation(len(features))
    other = Features(
        features.ids[order], features.labels[order], features.splits[order], features.groups[order],
        {"cubical H0": features.blocks["alpha H1"][order]}, features.class_names, {"digest": "d9"},
    )  # fmt: skip
    both = joined(features, other)
    assert np.array_equal(both.blocks["cubical H0"], features.blocks["alpha H1"])
    assert both.digest not in (features.digest, other.digest)


def test_stores_that_do_not_belong_together_are_refused(features):
    with pytest.raises(InputError, match=r"different volumes \(54 ids are in one only, such as 'v060'\)"):
        joined(features, features.rows("train"))
    with pytest.raises(InputError, match="different labels"):
        joined(features, replace(features, labels=1 - features.labels))
    with pytest.raises(InputError, match="have a block 'alpha H1'"):
        joined(features, features)


def no_split(split):
    return lambda f: f.rows(*{"train", "val", "test"} - {split})


def one_class(f):
    return replace(f, labels=np.zeros_like(f.labels))


def class_missing_from(split):
    return lambda f: replace(f, labels=np.where(f.splits == split, 0, f.labels))


def nan_in_one(f):
    block = f.blocks["alpha H2"].copy()
    block[7, 2] = np.nan
    return replace(f, blocks={**f.blocks, "alpha H2": block})


def repeated_id(f):
    return replace(f, ids=np.where(f.ids == "v001", "v000", f.ids))


def patient_in_two_splits(f):
    return replace(f, groups=np.where(np.isin(f.ids, ["v000", "v100"]), "p1", ""))


def few_of_a_class(f):
    return replace(f, labels=np.where((f.splits == "train") & (np.arange(len(f)) > 7), 0, f.labels))


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (no_split("val"), "no volume in the split 'val'"),
        (no_split("test"), "no volume in the split 'test'"),
        (no_split("train"), "no volume in the split 'train'"),
        (one_class, r"all 114 volumes are of one class \('a'\)"),
        (class_missing_from("test"), "no volume of class 'b' is in the split 'test'"),
        (class_missing_from("val"), "no volume of class 'b' is in the split 'val'"),
        (nan_in_one, r"'alpha H2' of 1 volumes are NaN or infinite, first 'v007'"),
        (repeated_id, "id 'v000' occurs 2 times"),
        (patient_in_two_splits, "group 'p1' has volumes in the splits 'test' and 'train'"),
        (few_of_a_class, "class 'b' has 4 training volumes, fewer than the 5 folds"),
        (lambda f: replace(f, blocks={}), "no persistence images"),
        (lambda f: replace(f, class_names=("a",)), "label 1 has no name"),
    ],
)
def test_bad_features_are_refused_in_one_sentence(features, spoil, match):
    with pytest.raises(InputError, match=match) as refused:
        check_features(spoil(features), folds=Protocol().folds)
    assert "\n" not in str(refused.value)


def test_few_volumes_of_a_class_do_for_classifiers_without_folds(features):
    check_features(few_of_a_class(features), folds=Protocol(("logistic",)).folds)


def test_a_store_without_labels_is_refused(features, run_folder):
    with pytest.raises(InputError, match="has no labels"):
        load_features(run_folder(features, labels=np.full(len(features), -1)))


def test_a_folder_without_features_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no finished features\.zarr"):
        load_features(tmp_path)


def test_a_file_that_is_not_the_published_one_is_said_in_every_row(evaluated):
    path = evaluated / "run.json"
    state = json.loads(path.read_text())
    state.pop("tdaflow_seal", None)
    state["source"] |= {"checksum": "differs", "notes": ["x.npz is not the published file"]}
    path.write_text(json.dumps(state))
    for about in (load_features(evaluated).about, load_volumes(evaluated).about):
        assert part_notes(about) == ("x.npz is not the published file.",)
    state["source"]["checksum"] = "published"
    path.write_text(json.dumps(state))
    assert part_notes(load_features(evaluated).about) == ()
