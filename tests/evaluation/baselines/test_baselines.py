"""The baselines without networks: what they see, how they are chosen, and what they say when they do not exist."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.cli.baselines import baselines_command
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import EvaluationFolder, Ledger, Predictions, load_features
from tdaflow.evaluation.baselines.simple import SIMPLE, simple_baseline
from tdaflow.evaluation.baselines.tabular import (
    TABULAR,
    downsampled_voxels,
    foreground_fraction,
    intensity_histogram,
    raw_voxels,
)
from tdaflow.evaluation.baselines.volumes import load_volumes
from tdaflow.evaluation.protocol.committee import filtrations_of
from tdaflow.nets.run_baselines import BaselineOptions
from tdaflow.sources import Volume
from tdaflow.store import RunFolder, VolumeBuilder
from tdaflow.store.manifest import DamagedStore

SIZES = {"train": 30, "val": 16, "test": 20}
SPLITS = np.repeat(list(SIZES), list(SIZES.values()))
LABELS = np.arange(len(SPLITS)) % 2


def masks() -> list[np.ndarray]:
    """Boxes of 0 and 255; those of class 1 are larger."""
    rng = np.random.default_rng(0)
    made = []
    for label in LABELS:
        voxels = np.zeros((7, 8, 9), np.uint8)
        z, y, x = rng.integers(0, 3, 3)
        side = 3 + label
        voxels[z : z + side, y : y + side, x : x + side] = 255
        made.append(voxels)
    return made


def greys() -> list[np.ndarray]:
    """Noise; that of class 1 is a little brighter."""
    rng = np.random.default_rng(1)
    return [rng.normal(100 + 12 * label, 20, (7, 8, 9)).astype(np.float32) for label in LABELS]


@pytest.fixture
def store(tmp_path):
    """Maker of a volume store; returns its path."""

    def make(arrays, *, labels=LABELS, splits=SPLITS, equal=True, path=tmp_path / "volumes.zarr"):
        shape, dtype = (arrays[0].shape, arrays[0].dtype) if equal else (None, None)
        builder = VolumeBuilder.create(
            path.with_name(f".{path.name}"), n_entries=len(arrays), shape=shape, dtype=dtype,
            attributes={"source": "test", "class_names": ["small", "large"]},
        )  # fmt: skip
        volumes = [
            Volume(f"v{i}", voxels, (1.0, 1.0, 1.0), label=None if label < 0 else int(label), split=str(split))
            for i, (voxels, label, split) in enumerate(zip(arrays, labels, splits, strict=True))
        ]
        for left in range(0, len(volumes), builder.chunk):
            part = volumes[left : left + builder.chunk]
            builder.write_part(left, builder.write_voxels(left, part))
        builder.finish(path)
        return path

    return make


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "evaluation")


def test_majority_is_the_share_of_the_most_frequent_class_and_says_nothing_else(store, ledger):
    labels = LABELS.copy()
    labels[SPLITS == "train"] = np.arange(30) % 3 == 0  # 20 of class 0
    labels[SPLITS == "test"] = np.arange(20) % 4 != 0  # 15 of class 1
    of_train, of_test = simple_baseline("majority", load_volumes(store(masks(), labels=labels)), ledger)
    rows = of_train.of_split("test")
    assert rows.probabilities[0] == pytest.approx(np.tile([20 / 30, 10 / 30], (20, 1)))
    assert (rows.labels == 0).mean() == 0.25
    assert of_test.of_split("test").probabilities[0] == pytest.approx(np.tile([0.25, 0.75], (20, 1)))
    # A yardstick is no look at the test split.
    assert ledger.entries() == []


def test_foreground_fraction_is_one_number_of_masks_only(store, tmp_path):
    arrays = masks()
    features = foreground_fraction(load_volumes(store(arrays)))
    expected = [(3 + label) ** 3 / (7 * 8 * 9) for label in LABELS]
    assert features.blocks["foreground"][:, 0] == pytest.approx(expected)
    with pytest.raises(InputError, match="more than two grey values"):
        foreground_fraction(load_volumes(store(greys(), path=tmp_path / "grey.zarr")))


def test_the_histogram_has_the_range_of_train_and_holds_every_voxel(store):
    arrays = [np.full((2, 2, 2), 10, np.int16) for _ in LABELS]
    for i, voxels in enumerate(arrays):
        voxels[0, 0, 0] = 20 if SPLITS[i] == "train" else 99
        voxels[0, 0, 1] = 10 if SPLITS[i] == "train" else -99
    features = intensity_histogram(load_volumes(store(arrays)), n_bins=5)
    # Beyond the range counts in the first and last bin.
    assert np.allclose(features.blocks["histogram"], [7 / 8, 0, 0, 0, 1 / 8])
    assert features.about["range"] == [10.0, 20.0]


def test_raw_voxels_need_one_shape(store, tmp_path):
    arrays = masks()
    assert np.array_equal(
        raw_voxels(load_volumes(store(arrays))).blocks["voxels"], np.stack(arrays).reshape(len(LABELS), -1)
    )
    arrays[3] = arrays[3][:5]
    uneven = load_volumes(store(arrays, equal=False, path=tmp_path / "uneven.zarr"))
    with pytest.raises(InputError, match=r"unequal shapes, such as \(5, 8, 9\) and \(7, 8, 9\)"):
        raw_voxels(uneven)
    # The others do not.
    assert len(foreground_fraction(uneven)) == len(intensity_histogram(uneven)) == len(LABELS)


def test_downsampled_voxels_are_means_of_blocks_and_edges_repeat(store):
    voxels = np.zeros((7, 8, 9), np.uint8)
    voxels[0, 0] = 10
    voxels[:, :, 8] = 40
    made = downsampled_voxels(load_volumes(store([voxels] * len(LABELS))))
    cube = made.blocks["downsampled"][0].reshape(7, 8, 5)
    assert cube[0, 0].tolist() == [10, 10, 10, 10, 40]
    # The last block reaches over the end, where the last slice repeats.
    assert cube[3, 3].tolist() == [0, 0, 0, 0, 40]


def test_voxels_beyond_memory_are_refused(store, monkeypatch):
    monkeypatch.setattr("tdaflow.evaluation.baselines.volumes.MAX_BYTES", 1000)
    with pytest.raises(InputError, match="more than the"):
        raw_voxels(load_volumes(store(masks())))


def test_voxels_that_are_not_those_ingested_are_refused(store):
    path = store(masks())
    for chunk in (path / "voxels" / "c").rglob("*"):
        if chunk.is_file():
            chunk.unlink()  # Zarr would read zeros
    with pytest.raises(DamagedStore, match="it is missing; run again with --verify"):
        raw_voxels(load_volumes(path))


# Boosting needs more than twice 20 volumes, the fewest that a leaf may have.
@pytest.mark.parametrize("name", [n for n in TABULAR if n not in ("voxels-boosting", "acquisition", "with-shape")])
def test_it_tells_the_classes_apart_where_it_can(store, ledger, name):
    (found,) = simple_baseline(name, load_volumes(store(masks() if name == "foreground" else greys())), ledger)
    test = found.of_split("test")
    correct = [(p[:, 1] > 0.5) == test.labels for p in test.probabilities.values()]
    assert np.mean(correct) > 0.8
    assert found.kind == "baseline"
    assert len(found.seeds) == (5 if TABULAR[name].seeded else 1)
    assert "Chosen by 5-fold cross-validation inside train" in found.notes[1]
    assert [e["family"] for e in ledger.entries()] == [f"baseline {name}"]


def test_the_features_and_the_numbers_make_one_committee(evaluated):
    ledger = EvaluationFolder(evaluated).ledger
    (found,) = simple_baseline("with-shape", load_volumes(evaluated), ledger, allow_second_test=True)
    blocks = found.details["choice"]["blocks"]
    assert found.details["choice"]["classifier"] == "stacked"
    assert set(load_features(evaluated).blocks) < set(blocks)
    assert list(filtrations_of(blocks)) == ["below", "shape"]
    assert found.kind == "fusion"
    with pytest.raises(InputError, match=r"no finished features\.zarr"):
        simple_baseline("with-shape", replace(load_volumes(evaluated), run=evaluated / "elsewhere"), ledger)


def test_the_shape_of_masks_tells_them_apart_by_textbook_numbers(store, ledger):
    (found,) = simple_baseline("shape", load_volumes(store(masks())), ledger)
    test = found.of_split("test")
    assert ((test.probabilities[0][:, 1] > 0.5) == test.labels).all()
    assert "sphericity" in found.details["choice"]["blocks"]
    assert "slope and an intercept" in " ".join(found.notes)


def test_boosting_tells_classes_apart_by_downsampled_voxels(store, ledger):
    labels, splits = np.arange(140) % 2, np.repeat(["train", "val", "test"], [100, 20, 20])
    rng = np.random.default_rng(2)
    arrays = [rng.normal(100 + 30 * label, 20, (4, 4, 4)).astype(np.float32) for label in labels]
    (found,) = simple_baseline(
        "voxels-boosting", load_volumes(store(arrays, labels=labels, splits=splits)), ledger, n_seeds=1
    )
    test = found.of_split("test")
    assert ((test.probabilities[0][:, 1] > 0.5) == test.labels).mean() > 0.8


def test_test_labels_and_test_voxels_change_nothing_of_the_choice(store, tmp_path):
    arrays, labels, test = greys(), LABELS.copy(), SPLITS == "test"
    (before,) = simple_baseline("voxels-pca", load_volumes(store(arrays)), Ledger(tmp_path / "a"))
    labels[test] = 1 - labels[test]
    for i in np.flatnonzero(test):
        arrays[i] = arrays[i] * 3 + 50
    other = store(arrays, labels=labels, path=tmp_path / "other.zarr")
    (after,) = simple_baseline("voxels-pca", load_volumes(other), Ledger(tmp_path / "b"))
    assert after.details["choice"]["options"] == before.details["choice"]["options"]
    assert after.thresholds == before.thresholds
    for seed in before.seeds:
        assert np.array_equal(after.of_split("val").probabilities[seed], before.of_split("val").probabilities[seed])


def test_other_volumes_are_another_choice(store, ledger, tmp_path):
    arrays = greys()
    simple_baseline("histogram", load_volumes(store(arrays)), ledger)
    train = np.flatnonzero(SPLITS == "train")
    arrays[train[0]] = arrays[train[0]] + 1
    changed = load_volumes(store(arrays, path=tmp_path / "changed.zarr"))
    with pytest.raises(ConfigError, match="--allow-second-test"):
        simple_baseline("histogram", changed, ledger)
    (second,) = simple_baseline("histogram", changed, ledger, allow_second_test=True)
    assert second.method.endswith("(choice 2)")


def test_volumes_without_label_are_left_out_and_none_at_all_is_refused(store, tmp_path):
    labels = LABELS.copy()
    labels[[0, 40]] = -1
    volumes = load_volumes(store(masks(), labels=labels))
    assert len(volumes) == len(LABELS) - 2
    assert "v0" not in volumes.table.id
    assert np.array_equal(np.stack(list(volumes.voxels())), np.delete(np.stack(masks()), [0, 40], axis=0))
    with pytest.raises(InputError, match="no labelled volume"):
        load_volumes(store(masks(), labels=np.full(len(LABELS), -1), path=tmp_path / "none.zarr"))


@pytest.fixture
def run(tmp_path, store):
    """A run folder with volumes and no features yet."""
    folder = RunFolder(tmp_path / "run")
    folder.create()
    store(greys(), path=folder.volumes)
    folder.write({"config": {"data": {"kind": "phantoms"}}})
    return folder.path


def test_the_command_saves_what_there_is_and_names_what_there_is_not(run, capsys):
    assert baselines_command(run, ["majority", "foreground", "histogram"], BaselineOptions()) == 4
    assert "foreground is left out: the volumes have more than two grey values" in capsys.readouterr().err
    saved = sorted(p.name for p in (run / "evaluation" / "predictions").glob("*.npz"))
    assert saved == [
        "intensity-histogram-logistic-regression.npz", "majority-class-test.npz", "majority-class-train.npz",
    ]  # fmt: skip
    told = json.loads((run / "evaluation" / "baselines.json").read_text())
    assert told["foreground"]["state"] == "not available"
    assert told["histogram"] == {"state": "done"}
    again = Predictions.load(run / "evaluation" / "predictions" / saved[0])
    assert again.method == "intensity histogram + logistic regression"


def test_the_command_refuses_what_it_does_not_know(run):
    with pytest.raises(InputError, match="no baseline 'svm': choose from majority, "):
        baselines_command(run, ["svm"], BaselineOptions())
    with pytest.raises(InputError, match=r"no run\.json"):
        baselines_command(run / "evaluation", ["majority"], BaselineOptions())
    assert set(SIMPLE) == {"majority", "tda2d", *TABULAR}
