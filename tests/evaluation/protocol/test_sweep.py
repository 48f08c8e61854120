"""The sweep: images made in memory are a run's own, test is never read, finished cells are not computed again."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.cli.request import Request
from tdaflow.cli.sweep import sweep_command
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import load_features
from tdaflow.evaluation.protocol import sweep as sweep_module
from tdaflow.evaluation.protocol.grid import DEFAULT_GRID, Grid, overridden, read_grid
from tdaflow.evaluation.protocol.in_memory import features_in_memory
from tdaflow.evaluation.protocol.sweep import Sweep, score_cell
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import DiagramStore, RunFolder

SMALL = Grid({"images.epsilon": (0.8, 0.95)}, {"images.weight": ("linear", "constant")})


def settings(folder, **images):
    return RunConfig.model_validate(
        {
            "data": {"kind": "arrays", "path": str(folder / "stack.npy"), "table": str(folder / "table.csv")},
            "filtrations": {"below": {"kind": "cubical", "homology_dimensions": (0, 1)}},
            "reference": "train",
            "images": {"resolution": 6, "quantiles": (0.0, 0.99), **images},
        }
    )


@pytest.fixture(scope="module")
def data(volume_data):
    """The folder of 42 small volumes."""
    return volume_data


@pytest.fixture
def swept(data, tmp_path):
    """A finished run."""
    run(settings(data), RunFolder(tmp_path / "run"), InProcess(), Silent())
    return tmp_path / "run"


@pytest.mark.parametrize(
    "images",
    [{}, {"epsilon": 0.8, "weight": "gaussian", "plane": "birth-death"}, {"normalise": "max"}, {"resolution": (4, 7)}],
    ids=str,
)
def test_images_made_in_memory_are_those_a_run_stores(data, swept, tmp_path, images):
    config = settings(data, **images)
    run(config, RunFolder(tmp_path / "other"), InProcess(), Silent())
    stored = load_features(tmp_path / "other").rows("train", "val")
    made = features_in_memory(swept, config)
    assert list(made.blocks) == list(stored.blocks)
    for column in ("ids", "labels", "splits", "groups"):
        assert np.array_equal(getattr(made, column), getattr(stored, column))
    for name, block in made.blocks.items():
        assert np.array_equal(block, stored.blocks[name])


@pytest.mark.parametrize("images", [{}, {"normalise": "dataset-max"}], ids=str)
def test_regions_and_vectorisations_made_in_memory_are_those_a_run_stores(data, tmp_path, images):
    regions = {"kind": "cubical", "homology_dimensions": [1], "regions": {"blocks": [1, 1, 2], "whole": True}}
    config = RunConfig.model_validate(
        {
            **settings(data, dtype="float64", **images).model_dump(),
            "filtrations": {"below": regions},
            "vectorisations": {"betti": {"resolution": 5}, "statistics": {}, "atol": {"n_centres": 3, "n_bars": 50}},
        }
    )
    run(config, RunFolder(tmp_path / "run"), InProcess(), Silent())
    stored = load_features(tmp_path / "run").rows("train", "val")
    made = features_in_memory(tmp_path / "run", config)
    assert list(made.blocks) == list(stored.blocks)
    for name, block in made.blocks.items():
        np.testing.assert_allclose(block, stored.blocks[name], rtol=1e-12, err_msg=name)


def test_a_maximum_over_the_data_set_is_that_of_train(data, swept, tmp_path):
    config = settings(data, normalise="dataset-max", dtype="float64")
    run(config, RunFolder(tmp_path / "other"), InProcess(), Silent())
    stored = load_features(tmp_path / "other").rows("train", "val")
    for name, block in features_in_memory(swept, config).blocks.items():
        assert block == pytest.approx(stored.blocks[name], rel=1e-12)


def test_diagrams_of_test_volumes_are_not_asked_for(data, swept, monkeypatch):
    asked = []
    read_rows = DiagramStore.read_rows
    monkeypatch.setattr(
        DiagramStore, "read_rows", lambda self, rows: read_rows(self, asked.extend(r := list(rows)) or r)
    )
    features_in_memory(swept, settings(data))
    assert asked == list(range(32))


def test_every_cell_is_measured_and_the_best_is_chosen(swept):
    sweep = Sweep(swept, SMALL)
    found = sweep.work(InProcess(), Silent())
    full = [line for line in found.lines if line["axis"] == "full"]
    assert [line["overrides"]["images.epsilon"] for line in full] == [0.8] * 3 + [0.95] * 3
    assert [line["subset"] for line in full[:3]] == ["below H0", "below H1", "below, all dimensions"]
    alone = [line for line in found.lines if line["axis"] == "images.weight"]
    best_full = sweep.best(full)
    assert all(line["subset"] == best_full["subset"] for line in alone)
    assert all(line["overrides"]["images.epsilon"] == best_full["overrides"]["images.epsilon"] for line in alone)
    assert found.chosen["metrics"]["auc"] == max(line["metrics"]["auc"] for line in found.lines)
    written = json.loads((swept / "sweep" / "choice.json").read_text())
    assert written == {**found.chosen, "choose_by": "auc"}


def test_a_sweep_goes_on_where_it_stopped(swept, monkeypatch):
    calls = []
    monkeypatch.setattr(sweep_module, "score_cell", lambda task: calls.append(task.overrides) or score_cell(task))
    first = Sweep(swept, SMALL).work(InProcess(), Silent())
    assert len(calls) == 4
    assert Sweep(swept, SMALL).work() == first
    assert len(calls) == 4
    # A killed process left the last line unfinished.
    file = swept / "sweep" / "cells.jsonl"
    file.write_text(file.read_text()[:-30])
    again = Sweep(swept, SMALL).work(InProcess(), Silent())
    assert len(calls) == 5
    assert [line["metrics"] for line in again.lines] == [line["metrics"] for line in first.lines]


def test_other_diagrams_get_a_run_of_their_own_once(swept, monkeypatch):
    runs = []
    pipeline = sweep_module.run_pipeline
    monkeypatch.setattr(sweep_module, "run_pipeline", lambda *a: runs.append(a[1].path) or pipeline(*a))
    grid = Grid({"images.epsilon": (0.9,)}, {"filtrations.below.direction": ("sublevel", "superlevel")})
    sweep = Sweep(swept, grid)
    assert sweep.cost()["runs"] == 1
    found = sweep.work(InProcess(), Silent())
    assert len(runs) == 1
    assert runs[0].parent == swept / "sweep" / "runs"
    values = {line["overrides"].get("filtrations.below.direction"): line["metrics"]["auc"] for line in found.lines}
    assert len(values) == 3
    assert sweep.cost()["runs"] == 0


def test_the_command_tells_the_cost_first_and_then_the_choice(swept, tmp_path, capsys):
    grid = tmp_path / "grid.toml"
    grid.write_text('[full]\n"images.epsilon" = [0.9, 0.95]\n')
    request, options = Request(str(swept), cluster="sync", workers=1), {"classifiers": (), "choose_by": "auc"}
    assert sweep_command(request, grid, **options, cost_only=True) == 0
    assert "2 settings, 3 subsets of channels" in capsys.readouterr().err
    assert sweep_command(request, grid, **options, cost_only=False) == 0
    shown = capsys.readouterr().out
    assert "the test split was not read" in shown
    assert "--set 'images.epsilon=0.9" in shown


def test_a_configuration_is_run_first(data, tmp_path, capsys):
    config, grid, out = tmp_path / "c.toml", tmp_path / "grid.toml", tmp_path / "out"
    config.write_text('[data]\nkind = "arrays"\n[filtrations.below]\nkind = "cubical"\nhomology_dimensions = [0]\n')
    grid.write_text('[full]\n"images.epsilon" = [0.9]\n')
    options = {"classifiers": (), "choose_by": "auc", "cost_only": False}
    sets = (f'data.table="{data / "table.csv"}"', "images.resolution=6")
    request = Request(str(config), out, data / "stack.npy", "sync", 1, sets)
    assert sweep_command(request, grid, **options) == 0
    assert "below H0" in capsys.readouterr().out
    finished = Request(str(out), cluster="sync", workers=1)
    assert sweep_command(finished, grid, **options) == 0
    with pytest.raises(ConfigError, match="belong to a configuration"):
        sweep_command(replace(finished, overrides=sets), grid, **options)


def test_the_default_grid_is_the_sweep_of_zhu_et_al_and_can_be_run(data):
    assert DEFAULT_GRID.full["images.epsilon"] == (
        0.85, 0.86, 0.87, 0.88, 0.89, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97,
    )  # fmt: skip
    for key, values in DEFAULT_GRID.one_at_a_time.items():
        for value in values:
            overridden(settings(data), {key: value})


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[full", "cannot be read"),
        ("[half]", "table 'half'"),
        ('[full]\n"images.epsilon" = 0.9', "must be a list"),
    ],
)
def test_a_grid_that_says_nothing_is_refused(tmp_path, text, match):
    (tmp_path / "grid.toml").write_text(text)
    with pytest.raises(ConfigError, match=match):
        read_grid(tmp_path / "grid.toml")


@pytest.mark.parametrize(
    ("full", "match"),
    [
        ({"images.epsilon": (0.9, 1.5)}, r"images\.epsilon = 1\.5 cannot be run"),
        ({"picture.epsilon": (0.9,)}, "no setting of a run"),
        ({"images.epsilom": (0.9,)}, "cannot be run"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_before_anything_is_computed(swept, full, match):
    with pytest.raises(ConfigError, match=match):
        Sweep(swept, Grid(full, {}))


def test_a_sweep_needs_a_finished_run_with_both_classes(swept, data, tmp_path):
    with pytest.raises(InputError, match="no finished run"):
        Sweep(tmp_path, SMALL)
    with pytest.raises(InputError, match="choose_by='luck' is unknown"):
        Sweep(swept, SMALL, choose_by="luck")
    config = settings(data)
    table = (data / "table.csv").read_text().replace("val", "test")
    (tmp_path / "table.csv").write_text(table)
    no_val = {**config.data, "table": str(tmp_path / "table.csv")}
    run(config.model_copy(update={"data": no_val}), RunFolder(tmp_path / "no-val"), InProcess(), Silent())
    with pytest.raises(InputError, match="no labelled volume in the split 'val'"):
        Sweep(tmp_path / "no-val", SMALL).work(InProcess(), Silent())
