"""``tdaflow evaluate`` from end to end."""

import json

import numpy as np
import pytest

from tdaflow.cli.evaluate import evaluate_command
from tdaflow.cli.request import Request
from tdaflow.cli.run import run_command
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import Protocol

OPTIONS = {"n_resamples": 200, "allow_second_test": False, "rebuild": False}


def told(run):
    return json.loads((run / "evaluation" / "results.json").read_text())


def evaluate(run, out=None, classifiers=("logistic",), choose_by="auc", **more):
    return evaluate_command(run, out, Protocol(classifiers, 2, choose_by), **{**OPTIONS, **more})


def test_a_run_gets_tables_beside_the_published_rows(features, run_folder, capsys):
    run = run_folder(features)
    assert evaluate(run) == 0
    rows = told(run)["rows"]
    assert {r["kind"] for r in rows} == {"method", "baseline", "published"}
    assert {r["method"] for r in rows if r["kind"] == "baseline"} == {"majority class (train)", "majority class (test)"}
    assert {r["split"] for r in rows if r["kind"] == "method"} == {"val", "test"}
    shown = capsys.readouterr()
    assert "Ranges and σ come from the training volumes" in shown.err
    header = (run / "evaluation" / "validation.csv").read_text().splitlines()[0]
    assert header == "classifier,channels,options,auc,accuracy,balanced_accuracy"


def test_tables_are_rebuilt_without_training_or_opening_test(features, run_folder, monkeypatch):
    run = run_folder(features)
    evaluate(run)
    before, ledger = told(run), (run / "evaluation" / "ledger.json").read_text()
    monkeypatch.setattr(
        "tdaflow.evaluation.run_evaluation.evaluate", lambda *a, **k: pytest.fail("something was fitted")
    )
    assert evaluate(run, rebuild=True) == 0
    assert told(run) == before
    assert (run / "evaluation" / "ledger.json").read_text() == ledger


def test_a_different_choice_is_refused_and_on_purpose_stands_beside_the_first(features, run_folder):
    run = run_folder(features)
    evaluate(run)
    with pytest.raises(ConfigError, match="--allow-second-test"):
        evaluate(run, classifiers=["boosting"])
    assert evaluate(run, classifiers=["boosting"], allow_second_test=True) == 0
    methods = {r["method"] for r in told(run)["rows"] if r["kind"] == "method"}
    assert len(methods) == 2
    assert any(method.endswith("(choice 2)") for method in methods)


def test_predictions_of_other_volumes_are_refused(features, run_folder, tmp_path):
    run, other = run_folder(features), run_folder(features, name="other")
    evaluate(run)
    evaluate(other)
    file = next((other / "evaluation" / "predictions").glob("tda*"))
    with np.load(file) as arrays:
        changed = {**arrays, "ids": np.char.add("w", arrays["ids"])}
    about = json.loads(str(changed["about"]))
    changed["about"] = np.array(json.dumps({**about, "method": "other"}))
    np.savez(run / "evaluation" / "predictions" / "other.npz", **changed)
    with pytest.raises(InputError, match="of other volumes than the table's"):
        evaluate(run, rebuild=True)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        evaluate(tmp_path)


@pytest.mark.realdata
def test_real_volumes_from_source_to_table(data_dir, tmp_path):
    config = tmp_path / "adrenal.toml"
    config.write_text(
        'reference = "train"\n[data]\nkind = "medmnist"\nname = "adrenalmnist3d"\nlimit = 16\n'
        "[superpixels]\nn_superpixels = 100\n"
        "[images]\nresolution = 16\n[filtrations.alpha]\n"
    )
    run = tmp_path / "run"
    run_command(Request(str(config), run, data_dir / "medmnist", "sync", 1))
    assert evaluate(run, classifiers=("logistic", "boosting")) == 0
    result = told(run)
    assert result["data_set"] == "adrenalmnist3d"
    assert any("first 16 volumes of each split" in note for notes in result["notes"].values() for note in notes)
    values = {(r["method"][:3], r["split"], r["metric"]): r["value"] for r in result["rows"]}
    assert 0 <= values["TDA", "test", "auc"] <= 1
    assert values["3D ", "test", "accuracy"] == 0.768
