"""Predictions survive the disk without pickle; tables hold every number and every note."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import InputError, RunError
from tdaflow.evaluation import (
    EvaluationFolder,
    Predictions,
    html_page,
    markdown,
    published_rows,
    summarise,
    write_results,
)
from tdaflow.evaluation.tables.results import Row

LABELS = np.array([0, 1] * 10)


@pytest.fixture
def good(predictions):
    return predictions(
        LABELS, [np.where(LABELS, 0.9, 0.2), np.where(LABELS, 0.8, 0.4)], "good <b>", thresholds={0: 0.5, 1: 0.3},
        notes=("Chosen & noted.",), details={"family": "tda", "number": 1},
    )  # fmt: skip


@pytest.fixture
def coin(predictions):
    return predictions(LABELS, np.random.default_rng(0).random(20), "coin", kind="baseline")


def test_predictions_come_back_as_saved(good, tmp_path):
    back = Predictions.load(good.save(tmp_path / "p.npz"))
    for name in ("ids", "labels", "splits", "groups"):
        assert np.array_equal(getattr(back, name), getattr(good, name))
    for name in ("method", "class_names", "thresholds", "kind", "notes", "details", "seeds"):
        assert getattr(back, name) == getattr(good, name)
    assert all(np.array_equal(back.probabilities[s], good.probabilities[s]) for s in (0, 1))
    with np.load(tmp_path / "p.npz", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "p.npz").write_bytes(b"PK no")
    with pytest.raises(InputError, match="holds no predictions"):
        Predictions.load(tmp_path / "p.npz")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"probabilities": {}}, "hold no seed"),
        ({"probabilities": {0: np.full((3, 2), 0.5)}}, r"have shape \(3, 2\)"),
        ({"probabilities": {0: np.full((20, 2), np.nan)}}, "NaN or outside"),
        ({"labels": LABELS[:5]}, "labels of"),
        ({"labels": LABELS + 1}, "outside its 2 classes"),
        ({"ids": np.full(20, "same")}, "name an id twice"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(good, change, match):
    with pytest.raises(InputError, match=match):
        replace(good, **change)


def test_the_tidy_table_has_means_deviations_and_intervals(good, coin):
    results = summarise([good, coin], data_set="adrenalmnist3d", n_resamples=300)
    rows = {(r.method, r.metric): r for r in results.rows}
    accuracy = rows["good <b>", "accuracy"]
    assert (accuracy.value, accuracy.sd, accuracy.n_seeds, accuracy.n_volumes) == (1.0, 0.0, 2, 20)
    assert (accuracy.low, accuracy.high) == (1.0, 1.0)
    # The second seed's threshold of .3 calls every volume positive: (1 + .5) / 2.
    assert rows["good <b>", "accuracy_at_threshold"].value == 0.75
    assert rows["good <b>", "balanced_accuracy"].value == 0.75
    assert rows["good <b>", "balanced_accuracy"].sd == pytest.approx(np.std([1, 0.5], ddof=1))
    assert rows["good <b>", "recall[a]"].value == 0.5
    assert rows["coin", "auc"].sd is None
    # Of the mean probability and the mean threshold: every volume counts once.
    assert results.confusion["good <b>"] == [[10, 0], [0, 10]]
    compared = {c["metric"]: c for c in results.comparisons}
    assert compared["auc"]["difference"] == pytest.approx(1 - rows["coin", "auc"].value)
    assert compared["auc"]["p"] < 0.05


def test_the_positive_class_is_chosen_and_named(good, coin, tmp_path):
    usual, turned = (summarise([good, coin], n_resamples=50, positive=name) for name in (None, "a"))

    assert (usual.positive, turned.positive) == ("b", "a")
    assert "Positive class: a; choose it with --positive" in markdown(turned)
    values = [{(r.method, r.metric): r.value for r in results.rows} for results in (usual, turned)]
    for name in ("auc", "accuracy", "balanced_accuracy", "recall[a]", "recall[b]"):
        assert values[0]["good <b>", name] == pytest.approx(values[1]["good <b>", name]), name
    assert np.array_equal(np.rot90(usual.confusion["coin"], 2), turned.confusion["coin"])
    assert np.array_equal(good.with_positive("a").decided, 1 - good.decided)
    with pytest.raises(InputError, match="cannot be the positive class of a, b: give one of them"):
        good.with_positive("c")
    with pytest.raises(InputError, match="two classes only"):
        replace(good, class_names=("a", "b", "c"), probabilities={0: np.full((20, 3), 1 / 3)}).with_positive("c")


def test_a_volume_at_the_threshold_stays_in_its_class(predictions):
    exact = predictions([0, 1], np.array([0.3, 0.7]), thresholds={0: 0.3})

    assert exact.decided.tolist() == [1, 1]
    assert exact.with_positive("a").decided.tolist() == [0, 0]


def test_tables_say_how_many_volumes_and_patients_and_warn_of_few(good, predictions):
    few = summarise([replace(good, groups=np.repeat(list("abcdefghij"), 2))], n_resamples=50)

    text = markdown(few)
    assert "test split (20 volumes of 10 patients)" in text
    assert "Warning: 20 volumes of 10 patients are few: one volume changes accuracy by 5.0%" in text
    many = markdown(summarise([predictions(np.arange(60) % 2, np.linspace(0, 1, 60))], n_resamples=50))
    assert "60 volumes, patients unknown" in many
    assert "Warning" not in many


def test_every_prediction_is_a_row(good, coin, tmp_path):
    results = summarise([good, coin], n_resamples=50, positive="a")

    write_results(results, tmp_path, [good, coin])

    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert rows[0] == {
        "method": "good <b>", "id": "v0", "split": "test", "group": "", "class": "a", "predicted": "a",
        "correct": "True", "threshold": "0.6", "p[b]": "0.3", "p[a]": "0.7",
    }  # fmt: skip


def test_tables_that_cannot_be_made_are_refused(good, coin):
    with pytest.raises(InputError, match="no predictions"):
        summarise([])
    with pytest.raises(InputError, match="two methods are called 'coin'"):
        summarise([coin, coin])
    with pytest.raises(InputError, match="different labels"):
        summarise([good, replace(coin, labels=1 - LABELS)], n_resamples=10)
    with pytest.raises(InputError, match="of other volumes"):
        summarise([good, replace(coin, ids=np.array([f"w{i}" for i in range(20)]))], n_resamples=10)
    with pytest.raises(InputError, match="hold no test volume"):
        summarise([replace(good, splits=np.full(20, "val"))], n_resamples=10)


def test_pages_show_every_row_note_and_source(good, coin):
    published = published_rows("adrenalmnist3d")
    results = summarise([good, coin], data_set="adrenalmnist3d", published=published, n_resamples=100)
    text, page = markdown(results), html_page(results)
    for part in (
        "Chosen & noted.",
        "| coin | baseline |",
        "3D TDA (Zhu et al., Table 2) | published | – | 0.768",
        "auto-sklearn",
    ):
        assert part in text
    assert "Zhu et al., Table 2: Zhu et al., Persistence Image" in text
    assert "good &lt;b&gt;" in page
    assert "<b>" not in page
    assert "http" not in page.replace("https://doi.org", "")


def test_a_baseline_that_the_volumes_do_not_have_is_a_row_with_its_reason(good, tmp_path):
    folder = EvaluationFolder(tmp_path)
    folder.record_baselines({"histogram": {"state": "done"}})
    folder.record_baselines({"tda2d": {"state": "not available", "title": "2D-TDA (z5)", "reason": "no valid PI"}})
    results = summarise(
        [good], published=published_rows("adrenalmnist3d"), unavailable=folder.unavailable(), n_resamples=50
    )
    lines = markdown(results).splitlines()
    row = next(i for i, line in enumerate(lines) if line.startswith("| 2D-TDA (z5) | baseline | n/a | n/a |"))
    assert "| published |" in lines[row + 1]
    assert "- 2D-TDA (z5): n/a, no valid PI" in lines
    assert results.as_dict()["unavailable"] == {"2D-TDA (z5)": "no valid PI"}
    folder.record_baselines({"tda2d": {"state": "done"}})
    assert folder.unavailable() == {}


def test_damaged_records_of_baselines_are_refused(tmp_path):
    folder = EvaluationFolder(tmp_path)
    folder.record_baselines({})
    (folder.path / "baselines.json").write_text("[1]")
    with pytest.raises(InputError, match=r"baselines\.json cannot be read"):
        folder.baselines()


def test_published_rows_are_the_papers_numbers():
    rows = {(r.table, r.method): r.metrics for r in published_rows("organmnist3d")}
    assert rows["unpublished reproduction", "3D TDA"] == {"accuracy": 0.827}
    assert rows["Zhu et al., Table 2", "3D TDA"] == {"accuracy": 0.931}
    assert rows["MedMNIST v2", "ResNet-18 3D"] == {"auc": 0.996, "accuracy": 0.907}
    assert "2D-TDA" not in {r.method for r in published_rows("vesselmnist3d")}
    assert published_rows("phantoms") == []


def test_a_published_table_with_a_hole_is_refused(tmp_path):
    (tmp_path / "p.toml").write_text('[t]\ntitle = "T"\nsource = "s"\ndata_sets = ["a", "b"]\n[t.auc]\nx = [0.5]\n')
    with pytest.raises(InputError, match="'x' has 1 values of auc for 2 data sets"):
        published_rows("a", tmp_path / "p.toml")


def test_a_folder_rebuilds_its_tables_from_saved_predictions(good, coin, tmp_path):
    folder = EvaluationFolder(tmp_path)
    newer = replace(good, method="good (choice 2)", details={"family": "tda", "number": 2})
    for made in (coin, good, newer):
        folder.save(made)
    assert [p.method for p in folder.predictions()] == ["good (choice 2)", "good <b>", "coin"]
    results = summarise(folder.predictions(), n_resamples=100)
    written = {path.name: path for path in write_results(results, tmp_path / "out")}
    with written["results.csv"].open() as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == list(Row.__dataclass_fields__)
    assert len(lines) == len(results.rows)
    told = json.loads(written["results.json"].read_text())
    assert told["rows"][0]["method"] == "good (choice 2)"
    assert written["results.md"].read_text() == markdown(results)


def test_parquet_holds_the_same_rows(good, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    results = summarise([good], n_resamples=50)
    write_results(results, tmp_path / "evaluation")
    assert parquet.read_table(tmp_path / "evaluation" / "results.parquet").to_pylist() == results.as_dict()["rows"]


def test_a_folder_that_cannot_be_written_is_one_sentence(good, tmp_path):
    (tmp_path / "evaluation").touch()
    with pytest.raises(RunError, match="cannot write into"):
        EvaluationFolder(tmp_path).save(good)
