"""`reproduce`: from data at hand to one table, resuming where it stopped."""

import json

import numpy as np
import pytest

from tdaflow.cli.reproduce import reproduce_command
from tdaflow.cli.request import Request
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import EvaluationFolder
from tdaflow.evaluation.learning_curve import read_learning_curve
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS
from tdaflow.nets.reproduce import ReproduceOptions, rebuild_overview, reproduce
from tdaflow.pipeline import Silent

FEW = ReproduceOptions(n_resamples=100)
SIZES = {"train": 24, "val": 12, "test": 12}


@pytest.fixture
def plan(tmp_path):
    """A plan for two stacks of arrays, of which one is there."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in SIZES.items():
        labels = np.arange(n) % 2
        arrays[f"{split}_images"] = rng.integers(0, 200, (n, 8, 8, 8)).astype(np.uint8) + 55 * labels[
            :, None, None, None
        ].astype(np.uint8)
        arrays[f"{split}_labels"] = labels[:, None]
    np.savez(tmp_path / "bright.npz", **arrays)
    (tmp_path / "stack.toml").write_text(
        f'reference = "train"\n[data]\nkind = "arrays"\npath = "{tmp_path}/bright.npz"\n'
        "[superpixels]\nn_superpixels = 30\n"
        "[filtrations.alpha]\nhomology_dimensions = [1]\n[images]\nresolution = 6\n"
    )
    path = tmp_path / "plan.toml"
    path.write_text(
        f"""
data_sets = ["bright", "dark"]

[runs.default]
title = "default preset"
config = "{tmp_path}/stack.toml"
set = ['data.path="{tmp_path}/{{data_set}}.npz"']
baselines = ["majority", "foreground", "histogram"]
networks = ["resnet18-3d"]
"""
    )
    return path


def out(plan):
    return plan.parent / "out"


def told(plan):
    return json.loads((plan.parent / "out" / "tables.json").read_text())


def test_one_command_makes_the_tables_and_the_same_again_does_nothing_twice(plan, capsys, monkeypatch):
    class Messages(Silent):
        def message(self, text):
            print(text)

    written = reproduce(plan, out(plan), options=FEW, observer=Messages())
    assert [path.name for path in written][:2] == ["tables.md", "tables.html"]
    first = told(plan)
    assert first["data_sets"]["dark"]["state"] == "not at hand"
    assert first["data_sets"]["bright"]["not_trained"] == ["3D ResNet-18"]
    assert list(first["data_sets"]["bright"]["unavailable"]) == ["foreground fraction + logistic regression"]
    accuracy = next(t for t in first["tables"] if "accuracy" in t["title"])
    cells = {(row[0], row[1]): row[2:] for row in accuracy["rows"]}
    assert cells["3D ResNet-18", "ours"] == ["not trained", "not at hand"]
    assert cells["3D TDA", "ours, default preset"][0].endswith("]")
    assert "dark is not at hand" in capsys.readouterr().out

    ledger = plan.parent / "out" / "bright" / "default" / "evaluation" / "ledger.json"
    before = ledger.read_text()
    for name in ("choose_and_save", "make_baselines"):
        monkeypatch.setattr(f"tdaflow.nets.reproduce.{name}", lambda *a, **k: pytest.fail("it was done already"))
    reproduce(plan, out(plan), options=FEW)
    assert told(plan) == first
    assert ledger.read_text() == before
    rebuild_overview(plan, out(plan), n_resamples=100)
    assert told(plan)["rows"] == first["rows"]
    command = Request(str(plan), out(plan), None, "sync", 1)
    for rebuild in (False, True):
        assert reproduce_command(command, FEW, rebuild=rebuild) == 0
        assert "Table 2, accuracy, 2 data sets" in capsys.readouterr().out
    assert reproduce_command(command, FEW, rebuild=True, learning=True) == 0
    assert "AUC, volumes a class | 5 |" in capsys.readouterr().out
    assert (out(plan) / "learning-curves.png").is_file()
    assert {p.columns for p in read_learning_curve(out(plan) / "bright" / "default")} >= {"all features", "voxels"}


def test_a_run_is_evaluated_as_the_plan_says(plan):
    asked = 'classifiers = ["logistic"]\nchoose_on = "cross-validation"\nchannels = "all"\n'
    plan.write_text(plan.read_text().replace("baselines", asked + "baselines"))
    reproduce(plan, out(plan), options=FEW)
    [found] = [
        p
        for p in EvaluationFolder(plan.parent / "out" / "bright" / "default").predictions()
        if p.details.get("family") == "tda"
    ]
    assert found.details["choice"]["classifier"] == "logistic"
    assert found.details["chosen_on"] == "cross-validation"
    assert found.details["n_candidates"] == len(CLASSIFIERS["logistic"].grid)


def test_nothing_at_hand_is_refused(plan):
    (plan.parent / "bright.npz").unlink()
    with pytest.raises(InputError, match="none of the data sets is at hand"):
        reproduce(plan, out(plan))


def test_unknown_names_are_refused_before_anything_runs(plan):
    with pytest.raises(ConfigError, match=r"--train resnet18-2\.5d: the plan's networks are resnet18-3d"):
        reproduce(plan, out(plan), options=ReproduceOptions(train=("resnet18-2.5d",)))
    plan.write_text(plan.read_text().replace('"histogram"', '"histograms"'))
    with pytest.raises(ConfigError, match="no baseline 'histograms'"):
        reproduce(plan, out(plan))
    assert not (plan.parent / "out").exists()
