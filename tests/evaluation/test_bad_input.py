"""What cannot be evaluated is refused by the command in one sentence, with nothing fitted and no test split opened."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.cli.app import main


@pytest.fixture
def refusal(monkeypatch, capsys):
    """Run a command line that must be refused; return its sentence."""

    def run(*arguments) -> str:
        monkeypatch.setattr(sys, "argv", ["tdaflow", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tdaflow: ")]
        assert stopped.value.code == 2
        assert len(lines) == 1
        return lines[0]

    return run


def without_labels(features):
    return replace(features, labels=np.full(len(features), -1))


def without_a_class_in_val(features):
    return replace(features, labels=np.where(features.splits == "val", 0, features.labels))


def of_one_class(features):
    return replace(features, labels=np.zeros_like(features.labels))


def fewer_than_folds(features):
    rare = np.cumsum((features.splits == "train") & (features.labels == 1)) > 3
    return replace(features, labels=np.where((features.splits == "train") & rare, 0, features.labels))


def with_nan(features):
    images = features.blocks["alpha H1"].copy()
    images[5, 2] = np.nan
    return replace(features, blocks={**features.blocks, "alpha H1": images})


def without_validation(features):
    return replace(features, splits=np.where(features.splits == "val", "train", features.splits))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without_labels, "has no labels: give the source a label for every volume"),
        (without_a_class_in_val, "no volume of class 'b' is in the split 'val'"),
        (of_one_class, "are of one class ('a')"),
        (fewer_than_folds, "has 3 training volumes, fewer than the 5 folds"),
        (with_nan, "of 1 volume are NaN or infinite, first 'v005'"),
        (without_validation, "there is no volume in the split 'val'"),
    ],
)
def test_features_that_cannot_be_evaluated(change, sentence, features, run_folder, refusal):
    run = run_folder(change(features))
    assert sentence in refusal("evaluate", run)
    assert not (run / "evaluation" / "ledger.json").exists()


def test_a_folder_without_features(refusal, tmp_path, features, run_folder):
    assert "holds no run" in refusal("evaluate", tmp_path)
    run = run_folder(features)
    (run / "features.zarr").rename(run / "elsewhere")
    assert "holds no finished features.zarr" in refusal("evaluate", run)


def test_predictions_of_other_volumes(features, run_folder, refusal, predictions):
    run = run_folder(features)
    for name, shift in (("ours", 0), ("theirs", 100)):
        labels = np.array([0, 1] * 10)
        made = predictions(labels, np.full(20, 0.5), name, ids=np.array([f"v{i + shift}" for i in range(20)]))
        made.save(run / "evaluation" / "predictions" / f"{name}.npz")
    assert "of other volumes than the table's" in refusal("evaluate", run, "--rebuild")


@pytest.mark.parametrize("verb", ["baselines", "sweep", "report"])
def test_the_other_verbs_refuse_a_folder_that_is_no_run(verb, refusal, tmp_path):
    assert "no" in refusal(verb, tmp_path / "nothing")
