"""Nested cross-validation cannot leak: nothing of a held-out patient enters what is chosen or fitted for it."""

from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, Features, Nested, summarise
from tdaflow.evaluation.protocol import nested as nested_module
from tdaflow.evaluation.protocol.bootstrap import auc_statistic
from tdaflow.evaluation.protocol.choice import Candidate
from tdaflow.evaluation.protocol.nested import Method, nested_predictions, outer_folds
from tdaflow.evaluation.protocol.predictions import OUT_OF_FOLD, Predictions

OPTIONS = {"n_components": 30, "whiten": True, "square_root": False}


def cohort(n=60, seed=0, signal=0.0, volumes_of_one=1, **columns) -> Features:
    """Two classes and one block; patients of a class, with `volumes_of_one` volumes each."""
    rng = np.random.default_rng(seed)
    patients = np.arange(n) // volumes_of_one
    labels = patients % 2
    found = {
        "ids": np.array([f"v{i:03d}" for i in range(n)]), "labels": labels, "splits": np.full(n, "train"),
        "groups": np.array([f"p{p:03d}" for p in patients]) if volumes_of_one > 1 else np.full(n, ""),
        "blocks": {"alpha H1": rng.standard_normal((n, 6)) + signal * labels[:, None]}, "class_names": ("a", "b"),
    }  # fmt: skip
    return Features(**{**found, **columns})


def method(features, strengths=(0.1,)):
    names = tuple(features.blocks)
    listed = [Candidate("logistic", "all", names, {**OPTIONS, "C": c}) for c in strengths]
    return Method("ours", "method", features, lambda train: listed)


THREE = Nested(3)


def predicted(features, folder, nested=THREE, units=None, **more):
    divided = outer_folds(features, nested, units)
    return nested_predictions(method(features, **more), divided, nested, EvaluationFolder(folder, nested.name))


def auc(found):
    return float(auc_statistic(found.predictions)(np.ones((1, len(found.predictions.ids))))[0])


def test_a_signal_is_found_and_every_volume_is_predicted_once(tmp_path):
    found = predicted(cohort(signal=2.0), tmp_path)
    assert auc(found) > 0.9
    assert [row["fold"] for row in found.rows] == ["1", "2", "3"]
    assert sum(row["volumes"] for row in found.rows) == 60
    assert all(row["options"].count('"C"') == 1 and row["classifier"] == "logistic" for row in found.rows)


def test_labels_that_mean_nothing_give_chance(tmp_path):
    rng = np.random.default_rng(3)
    areas = []
    for seed in range(5):
        features = cohort(90, seed)
        features = replace(features, labels=rng.permutation(features.labels))
        areas.append(auc(predicted(features, tmp_path / str(seed), Nested(3, seed=seed), strengths=(0.001,))))
    # The mean of five such AUC has a standard deviation of .03.
    assert np.mean(areas) == pytest.approx(0.5, abs=0.08)


def test_a_constant_prediction_has_an_auc_of_a_half_though_class_shares_differ_between_folds(tmp_path):
    features = cohort(61)
    divided = outer_folds(features, Nested(4))
    majority = Method("majority", "baseline", features, None)
    found = nested_predictions(majority, divided, Nested(4), EvaluationFolder(tmp_path))
    assert len(np.unique(found.predictions.probabilities[0])) > 2
    assert auc(found) == 0.5
    assert summarise([found.predictions], n_resamples=50).rows[0].value == 0.5


@pytest.mark.parametrize("nested", [Nested(3), Nested(4, 2), Nested(leave_out="site")])
def test_the_volumes_of_a_patient_are_never_on_both_sides(nested):
    features = cohort(72, volumes_of_one=3)
    # Every patient was at two of three sites.
    sites = np.array(["x", "y", "z"])[(np.arange(72) // 3 + (np.arange(72) % 3 == 0)) % 3]
    divided = outer_folds(features, nested, sites)
    for folds in divided:
        assert np.array_equal(np.sort(np.concatenate([fold.held for fold in folds])), np.arange(72))
        for fold in folds:
            assert not set(features.groups[fold.train]) & set(features.groups[fold.held])
    if nested.leave_out:
        assert [fold.name for fold in divided[0]] == ["x", "y", "z"]
        assert all(len(np.unique(sites[fold.held])) == 1 for fold in divided[0])


def test_a_feature_that_names_the_patient_tells_nothing_of_the_label(tmp_path):
    features = cohort(96, volumes_of_one=4)
    rng = np.random.default_rng(1)
    fingerprint = rng.standard_normal((24, 8))[np.arange(96) // 4] + 0.01 * rng.standard_normal((96, 8))
    features = replace(features, blocks={"alpha H1": fingerprint})
    told = auc(predicted(features, tmp_path / "patients", strengths=(10.0,)))
    leaking = auc(predicted(replace(features, groups=np.full(96, "")), tmp_path / "unknown", strengths=(10.0,)))
    assert told < 0.75
    assert leaking > told + 0.1


def test_held_out_labels_and_features_change_nothing_that_predicts_the_others(tmp_path):
    """The predictions of a fold are a function of the other folds and of the features of its own volumes."""
    features = cohort(signal=0.5)
    [folds] = outer_folds(features, Nested(3))
    other = features.blocks["alpha H1"].copy()
    other[folds[0].held] = 9.0
    labels = features.labels.copy()
    labels[folds[0].held] = 1 - labels[folds[0].held]
    changed = replace(features, blocks={"alpha H1": other}, labels=labels)
    fold = folds[0]
    own, _ = nested_module._kept_fold(method(features), fold, 0, EvaluationFolder(tmp_path, "a"), lambda n: None)
    # With its own features again, but the labels exchanged.
    again = replace(changed, blocks=features.blocks)
    same, _ = nested_module._kept_fold(method(again), fold, 0, EvaluationFolder(tmp_path, "b"), lambda n: None)
    assert np.array_equal(own, same)


def test_the_same_seed_gives_the_same_bits_and_finished_folds_are_not_fitted_again(tmp_path, monkeypatch):
    features = cohort(signal=0.5)
    first = predicted(features, tmp_path / "first", Nested(2, 2, seed=7))
    again = predicted(features, tmp_path / "again", Nested(2, 2, seed=7))
    for seed in (7, 8):
        assert np.array_equal(first.predictions.probabilities[seed], again.predictions.probabilities[seed])
    assert not np.array_equal(first.predictions.folds[7], first.predictions.folds[8])
    fits = []
    fit = nested_module.fit_choice
    monkeypatch.setattr(nested_module, "fit_choice", lambda *a: fits.append(1) or fit(*a))
    kept = next((tmp_path / "again").rglob("folds/*.npz"))
    kept.unlink()
    resumed = predicted(features, tmp_path / "again", Nested(2, 2, seed=7))
    assert len(fits) == 1
    assert np.array_equal(first.predictions.probabilities[7], resumed.predictions.probabilities[7])
    changed = replace(features, blocks={"alpha H1": features.blocks["alpha H1"] + 1.0})
    predicted(changed, tmp_path / "again", Nested(2, 2, seed=7))
    assert len(fits) == 1 + 4


def test_predictions_keep_their_folds_in_a_file(tmp_path):
    found = predicted(cohort(), tmp_path).predictions
    loaded = Predictions.load(found.save(tmp_path / "p.npz"))
    assert np.array_equal(loaded.folds[0], found.folds[0])
    order = np.arange(60)[::-1]
    assert np.array_equal(loaded.aligned(found.ids[order]).folds[0], found.folds[0][order])
    results = summarise([loaded], n_resamples=100)
    assert results.split == OUT_OF_FOLD
    assert {row.split for row in results.rows} == {OUT_OF_FOLD}
    assert results.rows[0].low <= results.rows[0].value <= results.rows[0].high


@pytest.mark.parametrize(
    ("features", "nested", "units", "message"),
    [
        (cohort(8, volumes_of_one=4), Nested(5), None, "2 patients are fewer than the 5 folds: give fewer --folds"),
        (
            cohort(40, labels=(np.arange(40) < 3).astype(int)), Nested(5), None,
            "'b' has 3 patients, fewer than the 5 folds, each of which needs one: give --folds 3",
        ),
        (
            cohort(40, labels=(np.arange(40) < 5).astype(int)), Nested(5), None,
            "without fold '1', class 'b' has 4 volumes of 4 patients, too few for the 5 folds",
        ),
        (cohort(40, labels=np.zeros(40, int)), Nested(5), None, "all 40 volumes are of one class"),
        (cohort(40), Nested(leave_out="site"), np.array(["x"] * 39 + [""]), "1 of 40 volumes have no site.*--site"),
        (cohort(40), Nested(leave_out="group"), np.array(["x"] * 40), "all volumes are of the group 'x'.*--nested"),
        (
            cohort(40), Nested(leave_out="site"), np.array(["x", "y"])[np.arange(40) % 2],
            "without site 'x', class 'b' has|class 'a' has 0 volumes",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_divided_is_one_sentence_with_a_remedy(features, nested, units, message):
    with pytest.raises(InputError, match=message):
        outer_folds(features, nested, units)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_folds": 1}, "--folds 2 or more"),
        ({"n_repeats": 0}, "--repeats 1 or more"),
        ({"leave_out": "scanner"}, "unknown: give site or group"),
        ({"leave_out": "site", "n_repeats": 2}, "in one way only"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Nested(**options)
