"""The strongest features: one SD more of one changes the log-odds by its effect."""

import shutil

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation import Protocol, evaluate_run, load_model
from tdaflow.evaluation.model.strengths import strongest_features
from tdaflow.evaluation.protocol.features import development_features
from tdaflow.pipeline.opened import Run
from tdaflow.store.feature_dataset import feature_matrix


def log_odds(model, blocks):
    logits = np.mean([member.projection(blocks) for member in model.members], axis=0)
    return logits[:, 1] - logits[:, 0]


def test_one_deviation_more_changes_the_log_odds_by_the_effect(evaluated):
    shutil.rmtree(evaluated / "evaluation")
    evaluate_run(evaluated, Protocol(("logistic",), n_seeds=2), n_resamples=100)
    model, blocks = load_model(evaluated), development_features(evaluated).blocks
    found = strongest_features(evaluated, 5)
    assert len(found) == 5
    assert np.abs(found["effect"]).is_monotonic_decreasing
    assert set(found["class_name"]) == {model.class_names[1]}
    columns = feature_matrix(Run(evaluated).features)
    before = log_odds(model, blocks)
    for row in found.itertuples():
        (own,) = np.flatnonzero(columns["feature"].values[columns["channel"].values == row.channel] == row.column)
        values = blocks[row.channel].astype(np.float64)
        if rooted := model.members[0].projection.square_root:
            values = np.sign(values) * np.sqrt(np.abs(values))
        values[:, own] += values[:, own].std()
        changed = {**blocks, row.channel: np.sign(values) * values**2 if rooted else values}
        np.testing.assert_allclose(log_odds(model, changed) - before, row.effect, rtol=1e-5)


def test_a_run_without_a_model_has_no_strongest_features(evaluated):
    with pytest.raises(InputError, match="evaluate"):
        strongest_features(evaluated)
