"""Tables over several data sets: every planned cell says a number or why there is none."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import ConfigError
from tdaflow.evaluation import EvaluationFolder
from tdaflow.evaluation.tables.overview import (
    SetResults,
    gather,
    overview_notes,
    overview_tables,
    read_plan,
    write_overview,
)
from tdaflow.evaluation.tables.overview.methods import method_key

LABELS = np.array([0, 1] * 10)
NETWORKS = {"resnet18-2.5d": "2.5D ResNet-18", "resnet18-acs": "ACS ResNet-18"}


@pytest.fixture
def runs(predictions, tmp_path):
    """Two evaluated runs on the same volumes; the first has baselines, one of which does not exist."""
    good = predictions(
        LABELS, np.where(LABELS, 0.9, 0.2), "TDA: SVM on alpha H2", details={"family": "tda", "number": 1},
        notes=("Chosen.",),
    )  # fmt: skip
    majority = predictions(LABELS, np.full(20, 0.4), "majority class (test)", kind="baseline")
    net = predictions(
        LABELS, np.where(LABELS, 0.6, 0.3), "2.5D ResNet-18 (reduced)", kind="baseline",
        details={"family": "baseline resnet18-2.5d", "number": 1},
    )  # fmt: skip
    leak = predictions(
        LABELS, np.where(LABELS, 0.7, 0.3), "PI + ResNet-18, published protocol (leaks)", kind="published protocol",
        details={"family": "published protocol"}, notes=("LEAKS.",),
    )  # fmt: skip
    for name, saved in {
        "default": [good, majority, net],
        "zhu2024": [replace(good, method="TDA: logistic regression on alpha H2"), majority, leak],
    }.items():
        for one in saved:
            EvaluationFolder(tmp_path / name).save(one)
    EvaluationFolder(tmp_path / "default").record_baselines(
        {
            "resnet18-2.5d": {"state": "done"},
            "tda2d": {"state": "not available", "title": "2D-TDA (z central)", "reason": "no valid PI"},
        }
    )
    return [("default preset", tmp_path / "default"), ("preset zhu2024", tmp_path / "zhu2024")]


@pytest.fixture
def sets(runs):
    return [
        gather("organmnist3d", runs, networks=NETWORKS, n_resamples=50),
        SetResults("vesselmnist3d", reason="there is no file vesselmnist3d.npz"),
    ]


def rows_of(table):
    return {row[:2]: dict(zip(table.header[2:], row[2:], strict=True)) for row in table.rows}


def test_table_2_has_published_rows_ours_and_what_is_missing(sets):
    tables = {table.title: table for table in overview_tables(sets)}
    rows = rows_of(tables["Table 2, accuracy, 2 data sets"])
    assert rows["3D TDA", "Zhu et al., Table 2"] == {"organmnist3d": "0.931", "vesselmnist3d": "0.903"}
    assert rows["2D-TDA", "Zhu et al., Table 2"] == {"organmnist3d": "0.143", "vesselmnist3d": "n/a"}
    assert rows["2.5D ResNet-18", "MedMNIST v2"] == {"organmnist3d": "0.788", "vesselmnist3d": "0.846"}
    ours = {name: cells["organmnist3d"] for name, cells in rows.items() if name[1].startswith("ours")}
    assert ours["3D TDA", "ours, default preset"].startswith("1.000 [")
    assert ours["3D TDA", "ours, preset zhu2024"].startswith("1.000 [")
    assert ours["2.5D ResNet-18", "ours (reduced)"].startswith("1.000 [")
    assert ours["ACS ResNet-18", "ours"] == "not trained"
    assert ours["2D-TDA", "ours (z central)"] == "n/a"
    assert ours["majority class", "ours, most frequent in test"].startswith("0.500 [")
    assert {cells["vesselmnist3d"] for name, cells in rows.items() if name[1].startswith("ours")} == {"not at hand"}


def test_methods_stand_in_the_papers_order_and_the_leak_stands_last(sets):
    table = next(t for t in overview_tables(sets) if t.title.startswith("Table 2, accuracy"))
    methods = list(dict.fromkeys(row[0] for row in table.rows))
    assert methods[:5] == ["2D-TDA", "2.5D ResNet-18", "3D ResNet-18", "ACS ResNet-18", "3D TDA"]
    assert table.rows[-1][0] == "PI + ResNet-18, published protocol (leaks)"
    assert table.kinds[-1] == "published protocol"


def test_table_1_is_of_its_own_methods_and_data_set(sets):
    table = overview_tables(sets)[0]
    assert table.header == ("method", "source", "organmnist3d")
    assert {row[0] for row in table.rows} == {"2D-TDA", "3D ResNet-18", "3D TDA", "majority class"}
    assert rows_of(table)["3D TDA", "unpublished reproduction"] == {"organmnist3d": "0.827"}
    assert not any(t.title.startswith("Accuracy, beside") for t in overview_tables(sets[1:]))


def test_notes_say_which_data_set_they_are_of(sets):
    notes = overview_notes(sets)
    assert "vesselmnist3d is not at hand: there is no file vesselmnist3d.npz" in notes
    assert "organmnist3d, default preset: SVM on alpha H2: Chosen." in notes
    assert "organmnist3d, 2D-TDA (z central): n/a, no valid PI" in notes
    assert len(notes) == len(set(notes))


def test_everything_is_written(sets, tmp_path):
    written = {path.name: path for path in write_overview(sets, tmp_path / "out")}
    assert {"tables.md", "tables.html", "tables.csv", "tables.json"} <= set(written)
    told = json.loads(written["tables.json"].read_text())
    assert told["data_sets"]["vesselmnist3d"]["state"] == "not at hand"
    assert told["data_sets"]["organmnist3d"]["not_trained"] == ["ACS ResNet-18"]
    compared = {c["second"] for c in told["data_sets"]["organmnist3d"]["comparisons"]}
    assert "preset zhu2024: logistic regression on alpha H2" in compared
    n_lines = len(written["tables.csv"].read_text().splitlines())
    assert n_lines == len(told["rows"]) + 1
    assert "<script" not in written["tables.html"].read_text()


@pytest.mark.parametrize(
    ("published", "key"),
    [
        ("ResNet-18 2.5D", "2.5D ResNet-18"), ("ResNet-50 3D", "3D ResNet-50"), ("3D TDA", "3D TDA"),
        ("2D-TDA (z central)", "2D-TDA"), ("PI + ResNet-18 (reduced) (choice 2)", "PI + ResNet-18"),
        ("auto-sklearn", "auto-sklearn"),
    ],
)  # fmt: skip
def test_a_method_has_one_name_whoever_measured_it(published, key):
    assert method_key(published) == key


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("data_sets = [", "cannot be read"),
        ('data_sets = ["a"]', "runs"),
        ('data_sets = ["a", "a"]\n[runs.x]\ntitle = "x"\nconfig = "x"', "'a' is listed twice"),
        ('data_sets = ["../a"]\n[runs.x]\ntitle = "x"\nconfig = "x"', "data_sets.0"),
        ('data_sets = ["a"]\n[runs.x]\ntitle = "x"\nconfig = "x"\nepochs = 3', "runs.x.epochs"),
    ],
)
def test_a_plan_that_is_none_is_one_sentence(text, match, tmp_path):
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(ConfigError, match=match):
        read_plan(tmp_path / "plan.toml")
