"""Small data sets with a known signal: labelled blocks in memory, run folders that hold them, and an evaluated run."""

import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.config import RunConfig
from tdaflow.evaluation import EvaluationFolder, Features, Predictions, Protocol, evaluate, load_features
from tdaflow.evaluation.protocol.recorded import Recorded, recorded_predictions, refitted
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import ChannelAxes, FeatureStore, RunFolder, VolumeTable

SIZES = {"train": 60, "val": 24, "test": 30}


def make_features(n_classes: int = 2, seed: int = 0) -> Features:
    """Two blocks of 9 columns: the first tells the classes apart, the second is noise."""
    rng = np.random.default_rng(seed)
    splits = np.repeat(list(SIZES), list(SIZES.values()))
    labels = np.arange(len(splits)) % n_classes
    signal = rng.gamma(2.0, size=(len(splits), 9)) + 1.2 * (labels[:, None] == np.arange(9) % n_classes)
    return Features(
        ids=np.array([f"v{i:03d}" for i in range(len(splits))]),
        labels=labels,
        splits=splits,
        groups=np.full(len(splits), ""),
        blocks={"alpha H1": signal, "alpha H2": rng.gamma(2.0, size=(len(splits), 9))},
        class_names=tuple("abcdef"[:n_classes]),
        about={"digest": "d0", "reference": "train"},
    )


@pytest.fixture
def features() -> Features:
    """Two classes."""
    return make_features()


@pytest.fixture
def three_classes() -> Features:
    """Three classes."""
    return make_features(3)


@pytest.fixture
def predictions():
    """Maker of predictions on the test split from probabilities of class 1, or of all classes."""

    def make(labels, values, method="ours", **more) -> Predictions:
        stack = [np.asarray(v, dtype=float) for v in (values if isinstance(values, list) else [values])]
        stack = [np.stack([1 - v, v], axis=1) if v.ndim == 1 else v for v in stack]
        n = len(labels)
        given = {
            "ids": np.array([f"v{i}" for i in range(n)]), "splits": np.full(n, "test"), "groups": np.full(n, ""),
            "class_names": tuple("abcdef"[: stack[0].shape[1]]),
        }  # fmt: skip
        probabilities = dict(enumerate(stack))
        return Predictions(method, labels=np.asarray(labels), probabilities=probabilities, **{**given, **more})

    return make


@pytest.fixture
def run_folder(tmp_path):
    """Writer of a run folder that holds the given features: block "alpha H1" as images, the rest as vectors."""

    def write(features: Features, *, labels: np.ndarray | None = None, name: str = "run", reference="train") -> Path:
        folder = RunFolder(tmp_path / name)
        folder.create()
        n, zeros = len(features), np.zeros(len(features))
        told = {
            "id": features.ids, "label": features.labels if labels is None else labels, "split": features.splits,
            "group": features.groups, "row": np.arange(n), "shape": np.full((n, 3), 9), "spacing": np.ones((n, 3)),
            "minimum": zeros, "maximum": zeros, "extent": np.zeros((n, 2)), "quantiles": np.zeros((n, 3)),
        }  # fmt: skip
        table = VolumeTable(**{f.name: told.get(f.name, np.full(n, "")) for f in fields(VolumeTable)})
        image, vector = (
            ChannelAxes("alpha", 1, (0, 1), (0, 1), 0.1, np.arange(3.0), np.arange(3.0)),
            ChannelAxes("alpha", 2, (0, 1), (0, 1), 0.1, np.zeros(1), np.arange(3.0), vector=True),
        )
        store = FeatureStore.create(
            folder.features_in_progress, table=table, rows=np.arange(n), channels=[image, vector], dtype="float64",
            attributes={"digest": "d1", "reference": reference, "class_names": list(features.class_names)},
        )  # fmt: skip
        counts = np.ones((n, 1), dtype=np.int32)
        for left, right in store.chunks():
            here = slice(left, right)
            store.write(
                left,
                {
                    "persistence_image": features.blocks["alpha H1"][here].reshape(-1, 1, 3, 3),
                    "persistence_vector": features.blocks["alpha H2"][here, None, :3],
                    "n_bars": counts[here], "n_outside": counts[here],
                    "vector_n_bars": counts[here], "vector_n_outside": counts[here],
                },
            )  # fmt: skip
        store.finish(folder.features)
        folder.write({"config": {"data": {"kind": "medmnist", "name": "adrenalmnist3d"}}, "quarantined": {}})
        return folder.path

    return write


@pytest.fixture
def with_test_rows():
    """Replace what the test split holds."""

    def change(features: Features, *, labels=None, blocks=None) -> Features:
        test = features.splits == "test"
        new_labels = features.labels.copy()
        if labels is not None:
            new_labels[test] = labels
        new_blocks = {name: block.copy() for name, block in features.blocks.items()}
        for name, values in (blocks or {}).items():
            new_blocks[name][test] = values
        return replace(features, labels=new_labels, blocks=new_blocks)

    return change


@pytest.fixture(scope="session")
def volume_data(tmp_path_factory) -> Path:
    """42 volumes (9, 9, 9) of int16 with a table of labels, splits and patients; those of class 1 are smoother."""
    folder = tmp_path_factory.mktemp("volumes")
    rng = np.random.default_rng(0)
    stack = np.stack([gaussian_filter(rng.standard_normal((9, 9, 9)), 0.6 + 0.4 * (i % 2)) for i in range(42)])
    np.save(folder / "stack.npy", np.rint(40 * stack).astype(np.int16))
    splits = ["train"] * 24 + ["val"] * 8 + ["test"] * 10
    rows = [f"v{i},{i % 2},{split},p{i // 2}" for i, split in enumerate(splits)]
    (folder / "table.csv").write_text("\n".join(["id,label,split,group", *rows]) + "\n")
    return folder


@pytest.fixture(scope="session")
def finished(volume_data, tmp_path_factory) -> Path:
    """A run of a cubical filtration over them, evaluated with two seeds of a logistic regression. Read it only."""
    config = RunConfig.model_validate(
        {
            "data": {"kind": "arrays", "path": str(volume_data / "stack.npy"), "table": str(volume_data / "table.csv")},
            "filtrations": {"below": {"kind": "cubical", "homology_dimensions": (0, 1)}},
            "reference": "train",
            "images": {"resolution": 6},
        }
    )
    folder = RunFolder(tmp_path_factory.mktemp("finished") / "run")
    run(config, folder, InProcess(), Silent())
    saved = EvaluationFolder(folder.path)
    found = evaluate(load_features(folder.path), Protocol(("logistic",), n_seeds=2), saved.ledger)
    saved.save(found.predictions)
    return folder.path


@pytest.fixture
def evaluated(finished, tmp_path) -> Path:
    """A copy of the evaluated run that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def recorded(evaluated) -> Recorded:
    """The choice of that run, fitted again."""
    features = load_features(evaluated)
    saved = recorded_predictions(features, EvaluationFolder(evaluated))
    assert saved is not None
    return refitted(features, saved)
