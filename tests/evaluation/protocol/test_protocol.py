"""The protocol cannot leak: what the test split holds changes nothing that is chosen or fitted, and it opens once."""

from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.evaluation import HeldOut, Ledger, Protocol, evaluate, majority_rows
from tdaflow.evaluation.protocol import choice as choice_module
from tdaflow.evaluation.protocol import fit as fit_module
from tdaflow.evaluation.protocol import metrics
from tdaflow.evaluation.protocol.choice import Candidate, Scored, best, candidates, fitted, score_all, varying
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS, FOLDS, BlockScaler, patient_folds, preparation

FAST = Protocol(("logistic",), n_seeds=2, choose_on="validation", channels="subsets")


def test_the_informative_channel_is_chosen_and_predicts(features, tmp_path):
    found = evaluate(features, FAST, Ledger(tmp_path))
    assert "alpha H1" in found.chosen.candidate.blocks
    test = found.predictions.of_split("test")
    assert len(test.ids) == 30
    assert test.seeds == (0, 1)
    assert metrics.auc(test.labels, test.probabilities[0]) > 0.8
    assert len(found.validation) == 3 * len(CLASSIFIERS["logistic"].grid)


@pytest.mark.parametrize("name", [name for name, kind in CLASSIFIERS.items() if not kind.per_filtration])
def test_every_classifier_gives_probabilities_and_is_a_function_of_its_seed(three_classes, name):
    train, val = three_classes.rows("train"), three_classes.rows("val")
    listed = candidates(["alpha H1"], [name])[:1]
    first, again = (fitted(listed[0], train, 3).predict_proba(val.matrix(["alpha H1"])) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.shape == (24, 3)
    assert first.sum(axis=1) == pytest.approx(1)
    # The search, which shares scaling and PCA between candidates, measures the same model.
    (scored,) = score_all(train, val, listed, 3)
    assert scored.metrics["auc"] == pytest.approx(metrics.auc(val.labels, first))


def test_scaling_and_pca_are_inside_the_pipeline(features):
    model = fitted(candidates(["alpha H1"], ["svm"])[0], features.rows("train"), 0)
    assert [name for name, _ in model.steps] == ["prepare", "classify"]
    assert [name for name, _ in model["prepare"].steps] == ["scale", "pca", "keep"]
    train = np.sqrt(features.rows("train").matrix(["alpha H1"]))
    assert model["prepare"]["scale"].mean_ == pytest.approx(train.mean(axis=0))


def test_channels_that_never_vary_are_no_candidates(features, tmp_path):
    constant = {"alpha H0": np.ones((len(features), 3)), **features.blocks}
    found = evaluate(replace(features, blocks=constant), FAST, Ledger(tmp_path))
    assert not any("alpha H0" in s.candidate.blocks for s in found.validation)
    with pytest.raises(InputError, match="are equal"):
        evaluate(replace(features, blocks={"alpha H0": constant["alpha H0"]}), FAST, Ledger(tmp_path))


def test_a_block_keeps_the_relative_sizes_of_its_pixels():
    X = np.array([[0.0, 0.0, 5.0], [2.0, 20.0, 5.0]])
    scaled = BlockScaler((2, 1)).fit_transform(X)
    assert scaled[1] / scaled[1, 0] == pytest.approx([1, 10, 0])
    with pytest.raises(InputError, match="do not make up 3"):
        BlockScaler((2, 2)).fit(X)


def test_components_that_are_rounding_noise_are_dropped_not_whitened():
    counts = np.arange(40) % 5
    X = np.stack([counts, 2 * counts, np.zeros(40)], axis=1) + 1e-9 * np.random.default_rng(0).random((40, 3))
    prepared = preparation({"n_components": 3, "whiten": True, "square_root": False}, [3], 40, 0).fit(X)
    assert prepared["keep"].kept_.tolist() == [True, False, False]
    assert prepared.transform(X).std(axis=0) == pytest.approx([1.0])


def test_folds_inside_train_keep_a_patient_together():
    labels, groups = np.arange(40) % 2, np.array([f"p{i // 4}" for i in range(40)])
    for fit, held in patient_folds(labels, groups, 0):
        assert not set(groups[fit]) & set(groups[held])


def models_and_choice(features, tmp_path, monkeypatch, name):
    """Run the protocol; also return what the fitted models say of one fixed input."""
    made = []
    monkeypatch.setattr(fit_module, "fitted", lambda *a: made.append(fitted(*a)) or made[-1])
    found = evaluate(features, FAST, Ledger(tmp_path / name))
    probe = np.linspace(0, 4, 5 * sum(features.blocks[b].shape[1] for b in found.chosen.candidate.blocks))
    said = [model.predict_proba(probe.reshape(5, -1)) for model in made]
    return found, said


@pytest.mark.parametrize("what", ["labels", "features"])
def test_nothing_of_the_test_split_enters_what_is_chosen_or_fitted(
    features, with_test_rows, tmp_path, monkeypatch, what
):
    rng = np.random.default_rng(1)
    changed = (
        with_test_rows(features, labels=rng.permutation(features.rows("test").labels))
        if what == "labels"
        else with_test_rows(features, blocks={name: 1e3 * rng.random((30, 9)) for name in features.blocks})
    )
    before, said_before = models_and_choice(features, tmp_path, monkeypatch, "before")
    after, said_after = models_and_choice(changed, tmp_path, monkeypatch, "after")
    assert after.chosen == before.chosen
    assert after.validation == before.validation
    assert after.predictions.thresholds == before.predictions.thresholds
    assert np.array_equal(said_before, said_after)
    for seed in (0, 1):
        of_val = [found.predictions.of_split("val").probabilities[seed] for found in (before, after)]
        assert np.array_equal(*of_val)


def test_test_is_opened_once_after_every_fit(features, tmp_path, monkeypatch):
    events = []
    opened, fit = HeldOut.open, choice_module._head
    monkeypatch.setattr(HeldOut, "open", lambda self: events.append("open") or opened(self))
    monkeypatch.setattr(choice_module, "_head", lambda *a: events.append("fit") or fit(*a))
    found = evaluate(features, FAST, Ledger(tmp_path))
    assert events == ["fit"] * (len(found.validation) + 2 + FOLDS) + ["open"]


def test_the_door_to_the_test_split_opens_once(features):
    held_out = HeldOut(features)
    assert set(held_out.open().splits) == {"test"}
    with pytest.raises(RunError, match="opened before"):
        held_out.open()


def test_every_fit_sees_training_rows_only(features, tmp_path, monkeypatch):
    seen = []
    prepared = choice_module._prepared
    monkeypatch.setattr(
        choice_module, "_prepared", lambda c, train, seed: seen.append(set(train.splits)) or prepared(c, train, seed)
    )
    evaluate(features, FAST, Ledger(tmp_path))
    assert seen
    assert all(splits == {"train"} for splits in seen)


def test_a_second_choice_on_the_same_test_split_is_refused_before_test_is_opened(features, tmp_path, monkeypatch):
    ledger = Ledger(tmp_path)
    evaluate(features, FAST, ledger)
    monkeypatch.setattr(HeldOut, "open", lambda self: pytest.fail("the test split was opened"))
    with pytest.raises(ConfigError, match=r"differs in features.*--allow-second-test"):
        evaluate(replace(features, about={"digest": "d2"}), FAST, ledger)
    assert len(ledger.entries()) == 1


def test_a_second_choice_on_purpose_is_noted(features, tmp_path):
    ledger = Ledger(tmp_path)
    evaluate(features, FAST, ledger)
    second = evaluate(replace(features, about={"digest": "d2"}), FAST, ledger, allow_second_test=True)
    assert second.touch.number == 2
    assert second.predictions.method.endswith("(choice 2)")
    assert any("choice 2 on the same test split" in note for note in second.predictions.notes)


def test_repeating_the_same_choice_is_allowed_and_gives_the_same(features, tmp_path):
    first, second = (evaluate(features, FAST, Ledger(tmp_path)) for _ in range(2))
    assert (second.touch.number, second.touch.times) == (1, 2)
    assert np.array_equal(first.predictions.probabilities[1], second.predictions.probabilities[1])


def test_transductive_ranges_are_named(features, tmp_path):
    found = evaluate(replace(features, about={"reference": "all"}), FAST, Ledger(tmp_path))
    assert any(note.startswith("Transductive") for note in found.predictions.notes)


def test_majority_rows_have_the_accuracy_of_the_largest_class(three_classes):
    test = three_classes.splits == "test"
    labels = three_classes.labels.copy()
    labels[test] = [0] * 18 + [1] * 9 + [2] * 3
    labels[three_classes.splits == "train"] = [1] * 40 + [0] * 15 + [2] * 5
    of_train, of_test = (p.of_split("test") for p in majority_rows(replace(three_classes, labels=labels)))
    assert metrics.accuracy(of_train.labels, of_train.probabilities[0]) == 9 / 30
    assert metrics.accuracy(of_test.labels, of_test.probabilities[0]) == 18 / 30
    assert metrics.auc(of_test.labels, of_test.probabilities[0]) == 0.5


def test_of_equals_the_more_accurate_and_then_the_first_is_chosen():
    def scored(name, auc, accuracy):
        return Scored(Candidate(name, "s", ("b",), {}), {"auc": auc, "accuracy": accuracy, "balanced_accuracy": 0})

    listed = [scored("x", 0.9, 0.5), scored("y", 0.9, 0.7), scored("z", 0.9, 0.7), scored("w", 0.8, 1.0)]
    assert best(listed).candidate.classifier == "y"
    assert best(listed, "accuracy").candidate.classifier == "w"
    with pytest.raises(InputError, match="choose_by='luck' is unknown"):
        best(listed, "luck")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"classifiers": ("knn",)}, "no classifier 'knn'"),
        ({"n_seeds": 0}, "at least 1"),
        ({"choose_on": "test"}, "choose_on='test' is unknown"),
        ({"channels": "some"}, "channels='some' is unknown"),
    ],
)
def test_a_protocol_that_cannot_be_followed_is_refused(options, match):
    with pytest.raises(InputError, match=match):
        Protocol(**options)


def test_on_request_every_candidate_has_all_channels(features, tmp_path):
    found = evaluate(features, Protocol(("logistic",), n_seeds=1, channels="all"), Ledger(tmp_path))
    assert {scored.candidate.blocks for scored in found.validation} == {tuple(varying(features.rows("train")))}
    assert found.predictions.details["n_candidates"] == len(CLASSIFIERS["logistic"].grid)


@pytest.mark.parametrize(("n_val", "expected"), [(299, ("cross-validation", "all")), (300, ("validation", "subsets"))])
def test_a_small_validation_split_is_not_asked_to_tell_hundreds_of_candidates_apart(features, n_val, expected):
    rng = np.random.default_rng(0)
    n = 400 + n_val
    splits = np.repeat(["train", "val", "test"], [200, n_val, 200])
    grown = replace(
        features, ids=np.array([f"i{i}" for i in range(n)]), labels=rng.integers(0, len(features.class_names), n),
        splits=splits, groups=np.full(n, ""), blocks={name: rng.random((n, 9)) for name in features.blocks},
    )  # fmt: skip
    found = Protocol(("logistic",)).resolved(grown)
    assert (found.choose_on, found.channels) == expected
    asked = Protocol(("logistic",), choose_on="validation", channels="subsets")
    assert asked.resolved(grown) == asked


def test_what_was_decided_for_the_user_is_said(features, tmp_path):
    found = evaluate(features, Protocol(("logistic",), n_seeds=1), Ledger(tmp_path))
    assert found.predictions.notes[0].startswith("Validation has")
    assert found.predictions.details["chosen_on"] in ("cross-validation", "validation")
    assert "--choose-on and --channels" in found.predictions.notes[0]
    assert {scored.candidate.subset for scored in found.validation} == {"all channels"}
