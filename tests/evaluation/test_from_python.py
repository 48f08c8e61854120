"""What the verbs of evaluation do, called from Python."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import Analyses, EvaluationFolder, Protocol, evaluate_run
from tdaflow.evaluation.tables.sweep_tables import chosen_arguments, sweep_tables
from tdaflow.nets.run_baselines import BaselineOptions, make_baselines
from tdaflow.pipeline import InProcess
from tdaflow.store import VolumeStore

LOGISTIC = Protocol(("logistic",), n_seeds=2)


def test_a_run_is_evaluated_and_its_tables_are_written(features, run_folder, tmp_path):
    run = run_folder(features)
    found = evaluate_run(run, LOGISTIC, n_resamples=100, out=tmp_path / "tables")
    assert found.results.rows[0].method.startswith("TDA: logistic regression")
    assert {path.name for path in found.files} >= {"results.csv", "results.json", "results.md", "results.html"}
    assert all(path.parent == tmp_path / "tables" for path in found.files)
    again = evaluate_run(run, rebuild=True, n_resamples=100)
    assert again.results == found.results
    with pytest.raises(ConfigError, match="--allow-second-test"):
        evaluate_run(run, Protocol(("boosting",), n_seeds=1), n_resamples=100)


def test_an_engine_is_entered_only_where_volumes_are_computed(evaluated):
    entered = []

    @contextmanager
    def engine():
        entered.append(True)
        yield InProcess()

    evaluate_run(evaluated, LOGISTIC, analyses=Analyses(explain=True), engine=engine(), n_resamples=100)
    assert not entered
    blur = Analyses(robustness=True, perturbations=("translation",))
    evaluate_run(evaluated, LOGISTIC, analyses=blur, engine=engine(), n_resamples=100)
    assert entered == [True]
    rows, _ = EvaluationFolder(evaluated).read_rows("robustness")
    assert {row["perturbation"] for row in rows} == {"clean", "translation"}


def test_baselines_are_made_and_those_that_do_not_exist_are_returned(evaluated):
    left_out = make_baselines(evaluated, ["majority", "foreground", "histogram"], BaselineOptions(n_seeds=1))
    assert list(left_out) == ["foreground"]
    assert "more than two grey values" in left_out["foreground"]
    methods = {p.method for p in EvaluationFolder(evaluated).predictions()}
    assert {"majority class (train)", "intensity histogram + logistic regression"} <= methods
    with pytest.raises(InputError, match="no baseline 'svm'"):
        make_baselines(evaluated, ["svm"])
    with pytest.raises(InputError, match="holds no run"):
        make_baselines(evaluated / "evaluation")


def test_a_sweep_has_a_table_for_each_axis():
    from tdaflow.evaluation import SweepResult

    def line(axis, overrides, subset, value):
        return {"axis": axis, "overrides": overrides, "subset": subset, "metrics": {"auc": value}}

    lines = [
        line("full", {"images.epsilon": 0.9}, "alpha H1", 0.7),
        line("full", {"images.epsilon": 0.95}, "alpha H1", 0.8),
        line("full", {"images.epsilon": 0.95}, "all", 0.6),
        line("images.plane", {"images.epsilon": 0.95, "images.plane": "birth-death"}, "alpha H1", 0.5),
    ]
    found = SweepResult(lines, lines[1])
    full, plane = sweep_tables(found, "auc")
    assert full.title == "full: validation auc"
    assert full.header == ("setting", "alpha H1", "all")
    assert full.rows == (("0.9", "0.700", "–"), ("0.95", "0.800", "0.600"))
    assert plane.rows == (("birth-death", "0.500"),)
    assert chosen_arguments(found) == """--set 'images.epsilon=0.95' --set 'reference="train"'"""


def test_the_same_voxels_in_two_splits_are_refused_before_anything_is_fitted(evaluated, monkeypatch):
    table = VolumeStore(evaluated / "volumes.zarr").table()
    copied = table.digest.copy()
    train, test = (int(np.flatnonzero(table.split == split)[0]) for split in ("train", "test"))
    copied[test] = copied[train]
    monkeypatch.setattr(VolumeStore, "table", lambda self: replace(table, digest=copied))
    both = rf"{table.id[test]} \(test\) and {table.id[train]} \(train\) with the same voxels"
    with pytest.raises(InputError, match=both):
        evaluate_run(evaluated, LOGISTIC, n_resamples=100)
