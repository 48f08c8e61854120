"""The kept model: predictions of the evaluation row by row, files that are refused, and what the card says."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sklearn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, Ledger, Predictions, Protocol, evaluate, load_features, load_model
from tdaflow.evaluation.model.files import read_model
from tdaflow.evaluation.model.keep import keep_model
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS
from tdaflow.evaluation.protocol.metrics import decisions


@pytest.fixture(scope="module")
def kept(finished, tmp_path_factory) -> Path:
    """An evaluated run with its model, the classifier linear. Read it only."""
    import shutil

    run = Path(shutil.copytree(finished, tmp_path_factory.mktemp("kept") / "run"))
    features = load_features(run)
    folder = EvaluationFolder(run)
    found = evaluate(features, Protocol(("logistic",), n_seeds=2), folder.ledger)
    folder.save(found.predictions)
    keep_model(run, features, found, n_resamples=100)
    return run


@pytest.fixture
def changed(kept, tmp_path) -> Path:
    """A copy of it that a test may change."""
    import shutil

    return Path(shutil.copytree(kept, tmp_path / "run"))


def saved_rows(run):
    """Predictions that the evaluation saved: of the model, and those of the table."""
    table = next(p for p in EvaluationFolder(run).predictions() if p.details.get("family") == "tda")
    return Predictions.load(run / "evaluation" / "model" / "predictions.npz"), table


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_batch_in_any_order_gives_the_rows_that_the_evaluation_saved(kept, data):
    model, test = load_model(kept), load_features(kept).rows("test")
    rows = data.draw(st.lists(st.integers(0, len(test) - 1), min_size=1, max_size=12))
    of_model, of_table = saved_rows(kept)
    position = [of_model.ids.tolist().index(identity) for identity in test.ids[rows].tolist()]
    found = model.predict(test.taken(np.array(rows)).blocks)
    expected = of_model.probabilities[0][position]
    np.testing.assert_allclose(found.probabilities, expected, rtol=0, atol=1e-12)
    # One distinct fit: the model's row is that of the table.
    order = [of_table.ids.tolist().index(identity) for identity in test.ids[rows].tolist()]
    np.testing.assert_allclose(found.probabilities, of_table.probabilities[0][order], rtol=0, atol=1e-12)
    assert found.classes.tolist() == [of_model.class_names[k] for k in decisions(expected)]


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_classifier_is_kept_and_read_back(features, three_classes, tmp_path, name, n_classes):
    given = features if n_classes == 2 else three_classes
    given = replace(given, blocks={**given.blocks, "below H0": given.blocks["alpha H1"][:, :4]})
    run = fake_run(tmp_path, given)
    found = evaluate(given, Protocol((name,), n_seeds=2, channels="all"), Ledger(tmp_path))
    keep_model(run, given, found, n_resamples=100)
    model, test = load_model(run), given.rows("test")
    saved = Predictions.load(run / "evaluation" / "model" / "predictions.npz").of_split("test").aligned(test.ids)
    np.testing.assert_allclose(model.predict(test.blocks).probabilities, saved.probabilities[0], rtol=0, atol=1e-12)
    assert model.holds_training_rows == (name == "svm")
    assert len(model.members) == {"logistic": 1, "committee": 2}.get(name, 2)
    files = {path.name for path in (run / "evaluation" / "model").iterdir()}
    assert {"model.json", "arrays.npz", "card.json", "card.md", "predictions.npz"} <= files
    assert any(path.endswith(".skops") for path in files) == (name not in ("logistic", "committee", "stacked"))
    assert not any(path.endswith((".pkl", ".joblib")) for path in files)


def fake_run(tmp_path, features):
    """A folder that passes for a run."""
    from tdaflow.store import RunFolder

    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.write({"config": {"data": {"kind": "phantoms"}}, "quarantined": {}})
    return folder.path


def test_a_model_holds_no_training_row(kept):
    model, train = load_model(kept), load_features(kept).rows("train")
    with np.load(kept / "evaluation" / "model" / "arrays.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    assert not model.holds_training_rows
    rows = np.sqrt(np.abs(train.matrix(model.distance.projection.blocks)))
    for values in arrays.values():
        for row in np.atleast_2d(values):
            assert not any(len(row) == rows.shape[1] and np.allclose(row, own) for own in rows if own.any())


def test_features_that_do_not_fit_are_one_sentence_each(kept):
    model, blocks = load_model(kept), dict(load_features(kept).blocks)
    name = next(iter(model.widths))
    with pytest.raises(InputError, match=rf"lack '{name}'.*tdaflow apply"):
        model.predict({k: v for k, v in blocks.items() if k != name})
    with pytest.raises(InputError, match=rf"{name}.*the model reads \(volumes, {model.widths[name]}\).*tdaflow apply"):
        model.predict({**blocks, name: blocks[name][:, 1:]})
    bad = blocks[name].copy()
    bad[3, 0] = np.nan
    with pytest.raises(InputError, match="1 volume are NaN or infinite, first of row 3"):
        model.predict({**blocks, name: bad})
    if len(model.widths) > 1:
        with pytest.raises(InputError, match="one row a volume"):
            model.predict({**blocks, name: blocks[name][:2]})
    model.predict({**blocks, "another H7": blocks[name]})


def test_models_that_cannot_be_read_are_one_sentence_each(changed, finished):
    with pytest.raises(InputError, match="was not evaluated: run `tdaflow evaluate"):
        load_model(finished)
    with pytest.raises(InputError, match="holds no run"):
        load_model(changed / "evaluation")
    path = changed / "evaluation" / "model" / "model.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "format": 99}))
    with pytest.raises(InputError, match=r"format 99.*reads 1: run `tdaflow evaluate` again"):
        load_model(changed)
    path.write_text(json.dumps({**about, "members": [{**about["members"][0], "kind": "oracle"}]}))
    with pytest.raises(InputError, match="is damaged"):
        load_model(changed)
    path.write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        load_model(changed)
    path.write_text(json.dumps({**about, "features": "other"}))
    with pytest.raises(InputError, match="made anew since"):
        load_model(changed)
    path.write_text(json.dumps(about))
    arrays = changed / "evaluation" / "model" / "arrays.npz"
    arrays.write_bytes(arrays.read_bytes()[:-40])
    with pytest.raises(InputError, match="is damaged"):
        load_model(changed)


def test_an_estimator_of_another_scikit_learn_or_with_other_types_is_refused(features, tmp_path):
    import skops.io

    run = fake_run(tmp_path, features)
    keep_model(run, features, evaluate(features, Protocol(("forest",), 1), Ledger(tmp_path)), n_resamples=100)
    folder = run / "evaluation" / "model"
    about = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**about, "scikit_learn": "0.1"}))
    with pytest.raises(InputError, match=rf"scikit-learn 0\.1.*{sklearn.__version__} cannot read it"):
        read_model(folder)
    (folder / "model.json").write_text(json.dumps(about))
    skops.io.dump(Ledger(tmp_path), folder / about["members"][0]["head"])
    with pytest.raises(InputError, match=r"holds an object of type .*was not opened"):
        read_model(folder)


def test_volumes_unlike_the_training_ones_get_a_warning_in_words(kept):
    model, features = load_model(kept), load_features(kept)
    usual = model.predict(features.rows("train").blocks)
    assert np.mean(usual.warnings == "") > 0.9
    assert np.median(usual.ood_scores) == pytest.approx(1, abs=0.5)
    rng = np.random.default_rng(0)
    strange = {name: 50 * rng.random(block[:5].shape) for name, block in features.blocks.items()}
    found = model.predict(strange)
    assert (found.ood_scores > model.distance.threshold).all()
    assert all("out-of-distribution score" in warning and "exceeds" in warning for warning in found.warnings)


def test_the_card_says_what_the_model_is(kept):
    folder = kept / "evaluation" / "model"
    card, text = json.loads((folder / "card.json").read_text()), (folder / "card.md").read_text()
    assert card["data"]["splits"]["train"]["volumes"] == 24
    assert card["data"]["splits"]["train"]["patients"] == 12
    assert card["data"]["volumes"]["shape"] == "9×9×9"
    assert card["features"]["reference"] == "train"
    assert set(card["features"]["sigma"]) == {"below/0", "below/1"}
    assert not card["model"]["holds_training_rows"]
    auc = next(m for m in card["metrics"] if (m["split"], m["metric"]) == ("test", "auc"))
    assert auc["low"] <= auc["value"] <= auc["high"]
    for part in ("no row of the training features is inside", "9×9×9", "scikit-learn", "Not for diagnosis", "| AUC |"):
        assert part in text


def test_the_card_of_features_on_a_joint_reference_names_the_risk_of_two_releases(kept):
    from tdaflow.evaluation.model.card import _limits

    features, model, details = load_features(kept), load_model(kept), saved_rows(kept)[1].details
    joint = replace(features, about={**features.about, "reference": "/data/joint.json"})
    (said,) = (
        set(_limits(joint, model, details))
        - set(_limits(features, model, details))
        - {"Ranges and σ are those of several sites together, in /data/joint.json."}
    )
    assert "learnt by several sites together" in said
    assert "two releases of a reference" in said
