"""The recorded choice: found by features and test split, fitted again to what was saved, or refused."""

from dataclasses import replace

import numpy as np
import pytest

from tdaflow.errors import InputError, RunError
from tdaflow.evaluation import EvaluationFolder, load_features
from tdaflow.evaluation.protocol.recorded import recorded_predictions, refitted


def test_the_choice_is_found_and_repeats_what_was_saved(evaluated, recorded):
    features = load_features(evaluated)
    saved = recorded.predictions
    assert recorded.candidate.as_dict() == {k: v for k, v in saved.details["choice"].items() if k != "features"}
    for split in ("val", "test"):
        rows = features.rows(split)
        for seed, values in recorded.probabilities(rows.blocks).items():
            np.testing.assert_allclose(values, saved.of_split(split).aligned(rows.ids).probabilities[seed], atol=1e-9)


def test_other_features_or_no_evaluation_have_no_choice(evaluated, tmp_path):
    features = load_features(evaluated)
    other = replace(features, about={**features.about, "digest": "other"})
    assert recorded_predictions(other, EvaluationFolder(evaluated)) is None
    assert recorded_predictions(features, EvaluationFolder(tmp_path)) is None


def test_a_fit_that_differs_from_what_was_saved_is_refused(evaluated, recorded):
    features, saved = load_features(evaluated), recorded.predictions
    other = {seed: np.roll(values, 1, axis=1) for seed, values in saved.probabilities.items()}
    with pytest.raises(RunError, match="seed 0 of the recorded choice differs"):
        refitted(features, replace(saved, probabilities=other))


def test_features_without_a_channel_of_the_choice_are_refused(evaluated, recorded):
    features = load_features(evaluated)
    lacking = replace(features, blocks={"other H1": next(iter(features.blocks.values()))})
    with pytest.raises(InputError, match="the features lack"):
        refitted(lacking, recorded.predictions)
