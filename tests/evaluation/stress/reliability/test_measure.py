"""Reliability of a run: every column of both tables has its ICC under its name, of training volumes, one a patient."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import tdaflow
from tdaflow.cli.app import app
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.evaluation import measure_reliability, read_reliability
from tdaflow.evaluation.stress.reliability import measure
from tdaflow.evaluation.stress.reliability.table import write_beside
from tdaflow.pipeline import InProcess, Silent

N = 6
ALONE = ["icc_noise", "icc_shift", "icc_rotation", "icc_resampling"]


@pytest.fixture(scope="session")
def several(volume_data, tmp_path_factory) -> Path:
    """A run with points, a grid of regions and vectorisations, measured again. Read it only."""
    data = {"kind": "arrays", "path": str(volume_data / "stack.npy"), "table": str(volume_data / "table.csv")}
    config = {
        "data": data,
        "reference": "train",
        "superpixels": {"n_superpixels": 60},
        "filtrations": {
            "alpha": {"homology_dimensions": [0, 1]},
            "below": {"kind": "cubical", "homology_dimensions": [0], "regions": {"blocks": [1, 1, 2], "whole": True}},
        },
        "vectorisations": ["betti", "statistics"],
        "images": {"resolution": 4},
    }
    run = tdaflow.run(config, out=tmp_path_factory.mktemp("several") / "run", cluster="sync", progress=False)
    run.reliability(N, cluster="sync", progress=False)
    return run.folder.path


def test_every_column_of_both_tables_has_a_row_under_its_name_in_order(several):
    table, _ = read_reliability(several)
    run = tdaflow.open_run(several)
    about = ["id", "label", "class_name", "split", "group"]
    for kind, summary in (("feature", False), ("summary", True)):
        columns = run.table(summary=summary).columns.drop(about)
        assert table["column"][table["kind"] == kind].tolist() == columns.tolist()
    channels = table["column"][table["kind"] == "channel"]
    assert channels.is_unique
    # Images and curves are whole; statistics have different units.
    assert {"alpha H0", "alpha H1", "below H0", "below H0 @z0y0x1", "below H0 betti"} <= set(channels)
    assert not channels.str.endswith("statistics").any()
    known = table.dropna()
    assert (known["low"] <= known["icc"]).all()
    assert (known["icc"] <= known["high"]).all()
    assert (known["high"] <= 1).all()
    assert len(known) > 0.5 * len(table)


def test_a_number_that_is_the_same_for_all_has_none(several):
    table, _ = read_reliability(several)
    assert np.isnan(table.set_index("column").loc["alpha_H0_mean_of_birth", "icc"])


def test_volumes_are_of_training_one_a_patient_and_the_seed_decides(several, tmp_path):
    _, about = read_reliability(several)
    assert len(about["ids"]) == N
    assert about["of_training"]
    features = tdaflow.open_run(several).features
    chosen = np.isin(features["id"].values, about["ids"])
    assert set(features["split"].values[chosen].tolist()) == {"train"}
    assert len(set(features["group"].values[chosen].tolist())) == N
    copy = Path(shutil.copytree(several, tmp_path / "run"))
    first = json.loads((copy / "evaluation" / "reliability.json").read_text())
    for seed, same in ((0, True), (1, False)):
        measure_reliability(copy, InProcess(), Silent(), n_volumes=N, seed=seed)
        assert (json.loads((copy / "evaluation" / "reliability.json").read_text()) == first) == same


def test_an_interrupted_one_goes_on_and_nothing_is_left(evaluated, monkeypatch):
    made = []
    apply_batch = tdaflow.pipeline.apply.apply_batch

    def stops(task):
        made.append(task.key)
        if len(made) == 3:
            raise KeyboardInterrupt
        return apply_batch(task)

    monkeypatch.setattr(tdaflow.pipeline.apply, "apply_batch", stops)
    with pytest.raises(KeyboardInterrupt):
        measure_reliability(evaluated, InProcess(), Silent(), n_volumes=N)
    interrupted = made[-1]
    assert not (evaluated / "evaluation" / "reliability.json").exists()
    measure_reliability(evaluated, InProcess(), Silent(), n_volumes=N)
    assert made[3] == interrupted
    assert len(set(made)) == len(made) - 1
    assert not (evaluated / "evaluation" / "reliability-parts").exists()


def test_volumes_that_cannot_be_measured_again_and_retests_without_effect_are_left_out(evaluated, monkeypatch):
    retest = measure.Retest.__call__

    def call(self, voxels, identity):
        if self.kind == "noise":
            return voxels
        return np.full_like(voxels, 7) if identity == "v0" else retest(self, voxels, identity)

    monkeypatch.setattr(measure.Retest, "__call__", call)
    measure_reliability(evaluated, InProcess(), Silent())
    table, about = read_reliability(evaluated)
    assert table.columns[6:].tolist() == ALONE[1:]
    assert about["without_effect"] == ["noise"]
    assert about["retests"] == ["shift", "rotation", "resampling"]
    # Of each patient one of two volumes; v0 is among them or not.
    assert len(about["ids"]) + len(about["left_out"]) == 12
    assert set(about["left_out"]) <= {"v0"}
    monkeypatch.setattr(measure.Retest, "__call__", lambda self, voxels, identity: voxels)
    with pytest.raises(InputError, match="nothing to compare"):
        measure_reliability(evaluated, InProcess(), Silent(), seed=1)


def test_a_run_whose_recipe_gives_other_features_now_is_refused(evaluated, monkeypatch):
    stored = measure._stored
    monkeypatch.setattr(measure, "_stored", lambda opened, ids: stored(opened, ids) + 1)
    with pytest.raises(RunError, match="--restart-from diagrams"):
        measure_reliability(evaluated, InProcess(), Silent(), n_volumes=N)


def test_too_few_volumes_are_refused(evaluated):
    with pytest.raises(InputError, match="at least 3 volumes"):
        measure_reliability(evaluated, InProcess(), Silent(), n_volumes=2)


def test_the_command_line_measures_and_export_puts_it_beside_the_table(evaluated, tmp_path):
    assert write_beside(evaluated, tmp_path / "t.csv", summary=True) is None
    result = CliRunner().invoke(app, ["reliability", str(evaluated), "--volumes", str(N), "--cluster", "sync"])
    assert result.exit_code == 0, result.output
    assert "below H1" in result.output
    for options in ([], ["--summary"]):
        export = ["export", str(evaluated), "--table", str(tmp_path / "t.csv"), *options, "--overwrite"]
        assert CliRunner().invoke(app, export).exit_code == 0
        table, beside = (pd.read_csv(tmp_path / name) for name in ("t.csv", "t.icc.csv"))
        assert beside.columns.tolist() == ["column", "channel", "icc", "low", "high", *ALONE]
        assert beside["column"].tolist() == table.columns.drop(["id", "label", "class_name", "split", "group"]).tolist()
    (tmp_path / "t.csv").unlink()
    refused = CliRunner().invoke(app, ["export", str(evaluated), "--table", str(tmp_path / "t.csv")])
    assert isinstance(refused.exception, ConfigError)
    assert not (tmp_path / "t.csv").exists()


def test_reliability_of_earlier_features_is_not_shown_as_of_these(evaluated, monkeypatch):
    measure_reliability(evaluated, InProcess(), Silent(), n_volumes=N)
    path = evaluated / "evaluation" / "reliability.json"
    told = json.loads(path.read_text())
    told["about"]["features"] = "another"
    path.write_text(json.dumps(told))
    with pytest.raises(InputError, match="earlier features"):
        read_reliability(evaluated)
