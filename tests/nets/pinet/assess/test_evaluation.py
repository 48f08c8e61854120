"""What is said of a model on test volumes: figures, goals missed, the ledger."""

import json

import numpy as np
import pytest

from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation.protocol.ledger import Ledger
from tdaflow.pipeline import InProcess, Silent
from tdaflow.store import RunFolder


@pytest.fixture(scope="module")
def evaluated(torch, model_folder, volume_run, tmp_path_factory):
    """Findings, with all test volumes perturbed, and the ledger."""
    from tdaflow.nets.pinet.assess.evaluation import EvaluationOptions, evaluate_model
    from tdaflow.nets.pinet.model.volume_model import load_model

    folder = tmp_path_factory.mktemp("evaluation")
    ledger = Ledger(folder)
    options = EvaluationOptions(bound=0.5, noise_volumes=4, rounds=1, resamples=100)
    found = evaluate_model(
        load_model(model_folder), volume_run, options, ledger, InProcess(), Silent(), folder / "parts"
    )
    return found, ledger


def test_figures_are_of_the_test_volumes(evaluated, model_folder, volume_run):
    from tdaflow.evaluation.protocol.features import load_features
    from tdaflow.nets.pinet.model.volume_model import load_model
    from tdaflow.nets.pinet.train.pairs import stacked
    from tdaflow.store import VolumeStore

    found, _ = evaluated
    features = load_features(volume_run)
    model, rows = load_model(model_folder), np.flatnonzero(features.splits == "test")
    pixels = model.predict(stacked(VolumeStore(volume_run / "volumes.zarr"), rows)).pixels
    exact = features.blocks["sublevel H0"][rows]
    by_hand = np.linalg.norm(pixels[:, -64:] - exact) / np.linalg.norm(exact)
    assert found["channels"][-1]["channel"] == "sublevel H0"
    assert found["channels"][-1]["relative_l2"] == pytest.approx(by_hand, rel=1e-4)
    assert found["n_test"] == 12


def test_findings_are_json_and_their_text_names_every_part(evaluated):
    from tdaflow.nets.pinet.assess.text import evaluation_text

    found, _ = evaluated
    text = evaluation_text(json.loads(json.dumps(found, allow_nan=False)))
    for heading in ("Goals missed", "Predicted and exact", "Classification", "Uncertainty", "Speed", "Noise"):
        assert heading in text
    assert text.count("| gaussian ") == 5
    assert len({row["method"] for row in found["classification"]["rows"]}) == 3


def test_a_network_of_three_epochs_misses_goals_and_is_said_to(evaluated):
    found, _ = evaluated
    worst = [c["channel"] for c in found["channels"] if c["relative_l2"] > 0.2]
    assert worst
    for name in worst:
        assert any(name in sentence for sentence in found["missed"])


def test_a_second_model_on_the_same_test_split_must_be_asked_for(evaluated, torch, pairs, tiny, volume_run, tmp_path):
    from tdaflow.nets.pinet.assess.evaluation import EvaluationOptions, evaluate_model
    from tdaflow.nets.pinet.train.run import train_model

    _, ledger = evaluated
    other = train_model(pairs, tmp_path / "other", *tiny, seed=5)
    arguments = (other, volume_run, EvaluationOptions(noise_volumes=0, rounds=1, resamples=100), ledger)
    with pytest.raises(ConfigError, match="--allow-second-test"):
        evaluate_model(*arguments, InProcess(), Silent(), tmp_path)
    assert evaluate_model(*arguments, InProcess(), Silent(), tmp_path, allow_second_test=True)["second_test"]


def test_images_of_other_ranges_are_refused(torch, model_folder, volume_run, tmp_path):
    import shutil

    from tdaflow.nets.pinet.assess.evaluation import EvaluationOptions, evaluate_model
    from tdaflow.nets.pinet.model.volume_model import load_model

    other = shutil.copytree(volume_run, tmp_path / "run")
    state = json.loads((other / "run.json").read_text())
    for told in state["ranges"].values():
        told["sigma"] *= 2
    RunFolder(other).write(state)
    with pytest.raises(InputError, match="another range or σ"):
        evaluate_model(
            load_model(model_folder), other, EvaluationOptions(), Ledger(tmp_path), InProcess(), Silent(), tmp_path
        )


def test_uncertainty_facts_count_what_is_computed_exactly_and_what_is_kept_wrongly(torch):
    from tdaflow.nets.pinet.assess.evaluation import uncertainty_facts

    errors = np.array([0.04, 0.12, 0.3, 0.01])
    expected = np.array([0.05, 0.09, 0.4, 0.02])
    found = uncertainty_facts(errors, expected, np.array([False, False, False, True]), 0.9)
    assert found["coverage"] == 0.75
    at = {row["bound"]: row for row in found["bounds"]}
    assert (at[0.1]["computed_exactly"], at[0.1]["kept_above_bound"], at[0.1]["all_above_bound"]) == (0.5, 0.5, 0.5)
    assert at[0.5]["computed_exactly"] == 0.25


def test_goals_are_missed_by_the_numbers_alone(torch):
    from tdaflow.nets.pinet.assess.evaluation import missed_goals

    def found(relative, ratio, coverage, mean=1.0):
        return {
            "channels": [{"channel": "alpha H1", "relative_l2": relative, "relative_l2_of_mean": mean}],
            "speed": {"cpu": {"ratio": ratio}},
            "uncertainty": {"coverage": coverage, "level": 0.9},
        }

    assert missed_goals(found(0.2, 5.0, 0.9)) == []
    assert len(missed_goals(found(0.21, 4.9, 0.89))) == 3
    # Near, but no nearer than an image that knows no volume.
    assert "no nearer than the mean" in missed_goals(found(0.1, 5.0, 0.9, mean=0.1))[0]
    # The same image for every volume: there is nothing to miss.
    assert missed_goals(found(0.001, 5.0, 0.9, mean=0.001)) == []
