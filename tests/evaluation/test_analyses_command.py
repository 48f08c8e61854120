"""``tdaflow evaluate --robustness --ood --explain --late-fusion --calibrate``: analyses of a recorded choice."""

import csv
import sys

import numpy as np
import pytest

from tdaflow.cli.baselines import baselines_command
from tdaflow.cli.evaluate import evaluate_command
from tdaflow.errors import InputError
from tdaflow.evaluation import Analyses, EvaluationFolder, Protocol
from tdaflow.evaluation.stress.ood import measure
from tdaflow.nets.run_baselines import BaselineOptions

PROTOCOL = Protocol(("logistic",), n_seeds=2)


def ask(run, *, allow_second_test=False, **wanted):
    return evaluate_command(
        run, None, PROTOCOL, 100, allow_second_test=allow_second_test, analyses=Analyses(**wanted), cluster="sync"
    )


@pytest.fixture
def no_fit(monkeypatch):
    """The recorded choice is used; nothing may be chosen again."""
    monkeypatch.setattr(
        "tdaflow.evaluation.run_evaluation.evaluate", lambda *a, **k: pytest.fail("something was chosen")
    )


@pytest.mark.usefixtures("no_fit")
def test_robustness_of_some_kinds_and_of_the_resolution(evaluated):
    assert ask(evaluated, robustness=True, perturbations=("translation", "resolution")) == 0
    with (evaluated / "evaluation" / "robustness.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["perturbation"] for row in rows} == {"clean", "translation", "resolution"}
    assert {row["severity"] for row in rows if row["perturbation"] == "translation"} == {"0.1", "0.2", "0.3"}
    assert {"auc", "accuracy", "relative_distance"} <= {row["metric"] for row in rows}


@pytest.mark.usefixtures("no_fit")
def test_explanations_without_torch_are_those_of_the_linear_model(evaluated, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert ask(evaluated, explain=True) == 0
    files = {path.name for path in (evaluated / "evaluation").glob("explanation-*")}
    assert files == {"explanation-linear.npz"}
    assert "Grad-CAM is left out" in capsys.readouterr().err


@pytest.mark.usefixtures("no_fit")
def test_fusions_and_temperatures_are_rows_beside_the_method(evaluated):
    baselines_command(evaluated, ["histogram", "voxels-pca"], BaselineOptions(n_seeds=2))
    assert ask(evaluated, late_fusion=("all",), calibrate=True) == 0
    folder = EvaluationFolder(evaluated)
    kinds = [p.kind for p in folder.predictions()]
    assert kinds[:3] == ["method", "fusion", "calibrated"]
    fused = folder.predictions()[1]
    assert set(fused.details["curves"]) == {
        "intensity histogram + logistic regression", "raw voxels, PCA + logistic regression",
    }  # fmt: skip
    assert "temperature scaling" in folder.ledger.entries()[0]["further_uses"]
    table = (evaluated / "evaluation" / "results.md").read_text()
    assert fused.method in table
    assert "temperature-scaled" in table
    with pytest.raises(InputError, match=r"no saved predictions of 'cnn3d'.*histogram, voxels-pca"):
        ask(evaluated, late_fusion=("cnn3d",))


def test_a_run_without_a_recorded_choice_is_evaluated_first(evaluated):
    (evaluated / "evaluation" / "ledger.json").unlink()
    for path in (evaluated / "evaluation" / "predictions").iterdir():
        path.unlink()
    assert ask(evaluated, calibrate=True) == 0
    (entry,) = EvaluationFolder(evaluated).ledger.entries()
    assert list(entry["further_uses"]) == ["temperature scaling"]


@pytest.mark.usefixtures("no_fit")
def test_out_of_distribution_sets_are_requested_by_name(evaluated, monkeypatch):
    real = measure.diverse_ensemble
    monkeypatch.setattr(measure, "diverse_ensemble", lambda features, chosen, n: real(features, chosen, 2))
    assert ask(evaluated, ood=("corrupted",)) == 0
    rows, about = EvaluationFolder(evaluated).read_rows("ood")
    assert {row["relation"] for row in rows} == {"corrupted"}
    assert len(about["sets"]) == 8
    assert all(np.isfinite(row["auc"]) for row in rows)


def test_perturbations_are_checked_before_any_work():
    with pytest.raises(InputError, match="give both"):
        Analyses(perturbations=("blur",))
    with pytest.raises(InputError, match="no perturbation 'fog'"):
        Analyses(robustness=True, perturbations=("fog",))
