"""A committee is the mean of one logistic regression a filtration, and is only offered where there are several."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from tdaflow.evaluation import Ledger, Protocol, evaluate
from tdaflow.evaluation.protocol.choice import Candidate, candidates, fitted, score_all, score_all_inside
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS
from tdaflow.evaluation.protocol.committee import Stacked, filtrations_of
from tdaflow.evaluation.protocol.fit import members_of


@pytest.fixture
def two_filtrations(three_classes):
    """The blocks under the names of two filtrations, the second in two homology dimensions."""
    signal, noise = three_classes.blocks.values()
    return replace(three_classes, blocks={"alpha H1": signal, "sublevel H0": noise, "sublevel H1": noise[:, ::-1]})


def test_blocks_are_grouped_by_filtration():
    assert filtrations_of(["b H0", "a H1", "b H2"]) == {"b": [0, 2], "a": [1]}


def test_a_committee_is_the_mean_of_its_members(two_filtrations):
    train, val = two_filtrations.rows("train"), two_filtrations.rows("val")
    options = CLASSIFIERS["committee"].grid[0]
    blocks = ("sublevel H0", "alpha H1", "sublevel H1")  # not in the order of filtrations
    whole = fitted(Candidate("committee", "all", blocks, options), train, 0)
    alone = [
        fitted(Candidate("logistic", "own", own, options), train, 0).predict_proba(val.matrix(own))
        for own in (("sublevel H0", "sublevel H1"), ("alpha H1",))
    ]
    assert whole.predict_proba(val.matrix(blocks)) == pytest.approx(np.mean(alone, axis=0), abs=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_stacked_committee_is_one_linear_model_and_weighs_its_members(three_classes, n_classes):
    rng = np.random.default_rng(0)
    keep = three_classes.labels < n_classes
    kept = three_classes.taken(np.flatnonzero(keep))
    signal, noise = kept.blocks.values()
    blocks = {"alpha H1": signal, "sublevel H0": rng.random(noise.shape), "superlevel H1": rng.random(noise.shape)}
    kept = replace(kept, blocks=blocks, class_names=kept.class_names[:n_classes])
    train, val = kept.rows("train"), kept.rows("val")
    candidate = Candidate("stacked", "all", tuple(blocks), CLASSIFIERS["stacked"].grid[0])
    model = fitted(candidate, train, 0)
    (member,) = members_of(candidate, model, train)
    assert member.probabilities(val.blocks) == pytest.approx(model.predict_proba(val.matrix(tuple(blocks))), abs=1e-9)
    coefficients = np.abs(model["classify"].final_estimator_.coef_).reshape(-1, 3, 1 if n_classes == 2 else n_classes)
    worth = coefficients.sum(axis=(0, 2))
    assert worth[0] > 2 * worth[1:].max()


def test_a_stacked_committee_of_a_few_volumes_has_fewer_components_than_a_fold_has_rows(two_filtrations):
    few = np.concatenate([np.flatnonzero(two_filtrations.labels == k)[:9] for k in range(3)])
    train = replace(two_filtrations.taken(few), splits=np.full(len(few), "train"))
    candidate = Candidate("stacked", "all", tuple(train.blocks), CLASSIFIERS["stacked"].grid[0])
    assert fitted(candidate, train, 0).predict_proba(train.matrix(candidate.blocks)).shape == (27, 3)


def test_committees_need_two_filtrations(two_filtrations):
    listed = candidates(list(two_filtrations.blocks), ["committee"])
    assert {c.subset for c in listed} == {"all channels", "H1, all filtrations"}
    assert candidates(["alpha H0", "alpha H1"], ["committee"]) == []


def test_a_candidate_inside_train_is_measured_on_volumes_it_was_not_fitted_on(three_classes):
    train = three_classes.rows("train")
    # Labels that the features say nothing of: measured on the fitted volumes, whitened noise would tell them apart.
    shuffled = replace(train, labels=np.random.default_rng(0).permutation(train.labels))
    options = {**CLASSIFIERS["logistic"].grid[0], "C": 1.0}
    listed = [Candidate("logistic", "all", tuple(train.blocks), options)]
    (inside,) = score_all_inside(shuffled, listed, 0)
    (fitted_on,) = score_all(shuffled, shuffled, listed, 0)
    assert inside.metrics["auc"] < 0.65 < 0.8 < fitted_on.metrics["auc"]


def test_choosing_inside_train_says_so_and_never_looks_at_validation_labels(features, tmp_path):
    protocol = Protocol(("logistic",), n_seeds=1, choose_on="cross-validation")
    found = evaluate(features, protocol, Ledger(tmp_path / "a"))
    assert any("5-fold cross-validation inside train" in note for note in found.predictions.notes)
    val = features.splits == "val"
    mixed = features.labels.copy()
    mixed[val] = np.random.default_rng(1).permutation(mixed[val])
    other = evaluate(replace(features, labels=mixed), protocol, Ledger(tmp_path / "b"))
    assert other.chosen.candidate == found.chosen.candidate
    assert other.chosen.metrics == found.chosen.metrics


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stacking_is_that_of_scikit_learn(n_classes):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % n_classes
    X = rng.normal(size=(60, 7)) + labels[:, None] * rng.random(7)
    folds = list(StratifiedKFold(3).split(X, labels))
    columns = [np.array([0, 1, 2]), np.array([3, 4]), np.array([6, 5])]
    own = Stacked([(c, LogisticRegression()) for c in columns], LogisticRegression(), folds).fit(X, labels)
    theirs = StackingClassifier(
        [
            (str(i), make_pipeline(ColumnTransformer([("own", "passthrough", c)]), LogisticRegression()))
            for i, c in enumerate(columns)
        ],
        final_estimator=LogisticRegression(),
        cv=folds,
        stack_method="decision_function",
    ).fit(X, labels)
    other = rng.normal(size=(20, 7))
    np.testing.assert_allclose(own.predict_proba(other), theirs.predict_proba(other), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(own.predict(other), theirs.predict(other))
