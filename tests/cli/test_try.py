"""From scans and a table of labels to a report: `tdaflow try`, and what can be typed after it."""

import csv
import json
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import tdaflow as api
from tdaflow.errors import ConfigError, InputError
from tdaflow.from_scans import Columns

pytest.importorskip("matplotlib")

N = 36
SMALL = {"preset": "default", "superpixels.n_superpixels": 60, "images.resolution": 5}
SETS = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Smooth and rough noise of 18 patients at two sites, a scan a file, with a table that calls everything its own."""
    folder = tmp_path_factory.mktemp("cohort")
    rng = np.random.default_rng(0)
    (folder / "scans").mkdir()
    rows = []
    for i in range(N):
        ill = i // 2 % 2
        volume = gaussian_filter(rng.standard_normal((10, 10, 10)), 0.8 + 0.7 * ill)
        np.save(folder / "scans" / f"scan{i:02d}.npy", np.rint(120 + 40 * volume / volume.std()).astype(np.int16))
        rows.append([f"scan{i:02d}", f"p{i // 2:02d}", "AD" if ill else "CN", "xy"[i // 4 % 2], 60 + i])
    with (folder / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["scan", "patient", "diagnosis", "site", "age"], *rows])
    return folder


@pytest.fixture(scope="module")
def analysed(scans):
    """The whole cohort, without splits."""
    return api.analyse(
        scans / "scans", scans / "labels.csv", out=scans / "run", folds=3, cluster="sync", set=SMALL, progress=False
    )


def test_without_splits_every_scan_is_predicted_and_every_decision_is_told(analysed):
    told = "\n".join(analysed.decisions)
    for option in ("--id", "--label", "--group", "--split", "--site", "--masks", "--set preset", "--set reference"):
        assert f"{option} " in told or f"{option}=" in told, option
    rows = analysed.nested.results.rows
    values = {(row.kind, row.metric): row for row in rows}
    assert values["method", "auc"].value > 0.7
    assert values["method", "auc"].n_volumes == N
    assert {row.method for row in rows if row.kind == "baseline"} >= {"majority class"}
    assert any("acquisition" in title for title in analysed.nested.results.unavailable)
    assert [row["patients"] for row in analysed.nested.folds[:3]] == [6, 6, 6]
    assert analysed.tested is None
    assert not (analysed.run.folder.path / "evaluation" / "ledger.json").exists()
    page = analysed.report.read_text(encoding="utf-8")
    assert "nested cross-validation" in page
    assert "have not been evaluated" not in page


def test_the_same_call_goes_on_with_what_is_there(analysed, scans):
    again = api.analyse(
        scans / "scans", scans / "labels.csv", out=scans / "run", folds=3, cluster="sync", set=SMALL, progress=False
    )
    assert again.decisions == analysed.decisions
    assert again.nested.results.rows == analysed.nested.results.rows


def test_the_model_that_is_kept_predicts_new_scans(analysed, scans):
    table = analysed.run.predict(scans / "scans" / "scan00.npy", cluster="sync", progress=False)
    assert table["class"].tolist()[0] in ("AD", "CN")
    card = json.loads((analysed.run.folder.path / "evaluation" / "model" / "card.json").read_text())
    assert {row["split"] for row in card["metrics"]} == {"out-of-fold"}


def test_a_site_at_a_time_is_held_out(analysed, tdaflow):
    run = analysed.run.folder.path
    ended = tdaflow("evaluate", run, "--leave-out", "site", "--classifiers", "logistic", "--channels", "all")
    assert ended.code == 0, ended.err
    assert "| x |" in ended.out
    assert "| y |" in ended.out
    assert (run / "evaluation" / "leave-one-site-out" / "folds.csv").is_file()
    ended = tdaflow("evaluate", run, "--leave-out", "scanner")
    assert ended.code == 2
    assert "give site or group" in ended.sentence
    ended = tdaflow("evaluate", run, "--nested", "--robustness")
    assert ended.code == 2
    assert "leave out --nested" in ended.sentence


def test_the_test_split_stays_closed_until_it_is_asked_for(scans, tdaflow, monkeypatch):
    from tdaflow.evaluation import HeldOut

    monkeypatch.setattr(HeldOut, "open", lambda self: pytest.fail("the test split was opened"))
    split = scans / "split.csv"
    words = ("--by", "patient", "--stratify", "diagnosis", "--seed", 1, "--test", 0.25, "--validation", 0.2)
    ended = tdaflow("split", scans / "labels.csv", *words, "--out", split)
    assert ended.code == 0, ended.err
    with split.open(newline="") as stream:
        n_test = sum(row["split"] == "test" for row in csv.DictReader(stream))
    ended = tdaflow(
        "try", scans / "scans", split, "--out", scans / "split-run", "--folds", 2, "--cluster", "sync", *SETS
    )
    assert ended.code == 0, ended.err
    assert "test split: stays closed; --open-test opens it, once" in ended.err
    assert f"the {n_test} volumes of the test split stay closed" in ended.out
    assert "report.html" in ended.err
    assert "tdaflow predict" in ended.err
    rows = json.loads((scans / "split-run" / "evaluation" / "nested" / "results.json").read_text())["rows"]
    assert rows[0]["n_volumes"] == N - n_test


def test_what_is_not_clear_is_asked_for_before_anything_is_computed(scans, tmp_path):
    with pytest.raises(InputError, match="holds no labels: give their table"):
        api.analyse(scans / "scans", out=tmp_path / "run", progress=False)
    with pytest.raises(InputError, match=r"no cell in the column 'patient' .*--id COLUMN"):
        api.analyse(scans / "scans", scans / "labels.csv", out=tmp_path / "run", columns=Columns(id="patient"))
    with pytest.raises(InputError, match="has not one mask for each of 36 volumes"):
        api.analyse(scans / "scans", scans / "labels.csv", out=tmp_path / "run", masks=tmp_path, progress=False)
    assert not (tmp_path / "run").exists()


def test_what_a_report_needs_is_asked_for_before_anything_is_computed(scans, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"tdaflow\[report\]"):
        api.analyse(scans / "scans", scans / "labels.csv", out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
