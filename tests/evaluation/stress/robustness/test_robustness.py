"""Perturbed test volumes: clean ones give what was saved, settings resume, and the table pairs them with clean ones."""

import numpy as np
import pytest

from tdaflow.errors import ConfigError, RunError
from tdaflow.evaluation import EvaluationFolder, load_features
from tdaflow.evaluation.protocol.ledger import Ledger
from tdaflow.evaluation.stress.robustness import measure as work_module
from tdaflow.evaluation.stress.robustness.half_resolution import half_resolution, halved
from tdaflow.evaluation.stress.robustness.measure import Perturbed, Robustness, intensity_range, relative_distance
from tdaflow.evaluation.stress.robustness.perturbations import KINDS, Kind
from tdaflow.evaluation.stress.robustness.table import DISTANCE, robustness_rows
from tdaflow.extents import robust_bounds
from tdaflow.pipeline import InProcess, Silent
from tdaflow.pipeline import apply as apply_module


@pytest.fixture
def robustness(evaluated, recorded, monkeypatch):
    """Maker of the perturbations of the small run, two severities of one kind; severity 0 changes nothing."""

    def make(function=lambda voxels, severity, rng: voxels + severity * rng.standard_normal(voxels.shape)):
        monkeypatch.setitem(KINDS, "gaussian", Kind("noise", "SD", (0.0, 0.3), function))
        return Robustness(evaluated, load_features(evaluated), recorded, ("gaussian",))

    return make


@pytest.fixture
def ledger(evaluated):
    return EvaluationFolder(evaluated).ledger


def test_volumes_that_are_not_changed_are_predicted_as_they_were(robustness, recorded, ledger):
    clean, noisy = robustness().work(ledger, InProcess(), Silent())
    saved = recorded.predictions.of_split("test")
    same = clean.predictions.aligned(saved.ids)
    for seed in saved.seeds:
        np.testing.assert_allclose(same.probabilities[seed], saved.probabilities[seed], atol=1e-9)
        assert not np.allclose(noisy.predictions.probabilities[seed], clean.predictions.probabilities[seed])
    assert all(np.nanmax(values) < 1e-6 for values in clean.distances().values())
    assert all(np.nanmin(values) > 0 for values in noisy.distances().values())
    assert (noisy.kind, noisy.severity) == ("gaussian", 0.3)


def test_finished_settings_are_not_computed_again_and_another_choice_is_no_excuse(robustness, ledger, monkeypatch):
    asked = []
    compute = apply_module.apply_batch
    monkeypatch.setattr(apply_module, "apply_batch", lambda task: asked.append(task.key) or compute(task))
    made = robustness()
    first = made.work(ledger, InProcess(), Silent())
    assert asked
    # Nothing but the predictions is kept.
    assert not list((made.path / "parts").iterdir())
    asked.clear()
    second = made.work(ledger, InProcess(), Silent())
    assert asked == []
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.predictions.probabilities[0], other.predictions.probabilities[0])
    monkeypatch.setattr(work_module, "intensity_range", lambda run: (0.0, 1.0))
    made.work(ledger, InProcess(), Silent())
    assert asked


def test_kinds_that_were_tried_before_stay_in_the_list(robustness, evaluated, recorded, ledger, monkeypatch):
    monkeypatch.setitem(KINDS, "blur", Kind("blur", "", (2.0,), lambda voxels, severity, rng: voxels / 2))
    robustness().work(ledger, InProcess(), Silent())
    other = Robustness(evaluated, load_features(evaluated), recorded, ("blur",))
    found = other.work(ledger, InProcess(), Silent())
    assert [(one.kind, one.severity) for one in found] == [("blur", 2.0), ("gaussian", 0.0), ("gaussian", 0.3)]


def test_the_ledger_notes_the_use_and_must_know_the_choice(robustness, ledger, tmp_path):
    made = robustness()
    with pytest.raises(ConfigError, match="no evaluation of this choice"):
        made.work(Ledger(tmp_path / "elsewhere"), InProcess(), Silent())
    made.work(ledger, InProcess(), Silent())
    (entry,) = ledger.entries()
    assert entry["further_uses"]["robustness"]["times"] == 1
    assert entry["times"] == 1


def test_a_run_whose_recipe_has_changed_is_refused(robustness, recorded, ledger):
    made = robustness()
    for block in made._test.blocks.values():
        block *= 1.01
    with pytest.raises(RunError, match="another version of tdaflow"):
        made.work(ledger, InProcess(), Silent())


def test_the_range_is_that_of_training_volumes(evaluated, volume_data):
    stack = np.load(volume_data / "stack.npy")
    low, high = intensity_range(evaluated)
    ends = np.array([robust_bounds(volume) for volume in stack[:24]])
    assert ends[:, 0].min() <= low <= ends[:, 0].max()
    assert ends[:, 1].min() <= high <= ends[:, 1].max()


def test_distances_are_relative_to_the_clean_image():
    clean = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert relative_distance(np.array([[3.0, 1.0], [1.0, 1.0]]), clean) == [pytest.approx(0.6), None]


def test_the_table_has_changes_with_paired_intervals(predictions):
    labels = np.arange(40) % 2
    rng = np.random.default_rng(0)
    good = np.clip(0.3 + 0.4 * labels + 0.1 * rng.standard_normal(40), 0, 1)
    details = {
        "perturbation": "blur",
        "severity": 3.0,
        "n_unusable": 2,
        "relative_distance": {"a H1": [0.5] * 39 + [None]},
    }
    worse = predictions(labels, 1 - good, method="averaging blur 3", details=details)
    half = predictions(labels, np.full(40, 0.5), method="fitted at half resolution")
    rows = robustness_rows(predictions(labels, good), [Perturbed(worse)], half, n_resamples=200)
    by_key = {(row.perturbation, row.metric): row for row in rows}
    clean, blurred = by_key["clean", "auc"], by_key["blur", "auc"]
    assert clean.change is None
    assert blurred.value == pytest.approx(1 - clean.value)
    assert blurred.change == pytest.approx(blurred.value - clean.value)
    assert blurred.change_low <= blurred.change <= blurred.change_high < 0
    assert blurred.relative_change == pytest.approx(100 * blurred.change / clean.value)
    assert blurred.n_unusable == 2
    assert by_key["resolution", "auc"].value == 0.5
    moved = by_key["blur", DISTANCE]
    assert (moved.value, moved.n_volumes) == (0.5, 39)
    assert by_key["blur", f"{DISTANCE}[a H1]"].low == 0.5


def test_half_resolution_is_a_mean_of_eight_voxels_without_an_odd_last_slice():
    voxels = np.zeros((4, 2, 5), dtype=np.uint8)
    voxels[:2, :, :2] = [[[0, 3], [2, 3]], [[0, 0], [1, 1]]]
    assert halved(voxels).tolist() == [[[1, 0]], [[0, 0]]]
    assert halved(voxels).dtype == np.uint8


def test_fitted_at_half_resolution_tests_the_volumes_as_they_are(evaluated, recorded):
    features = load_features(evaluated)
    folder = evaluated / "evaluation" / "robustness"
    made = half_resolution(evaluated, features, recorded, folder, InProcess(), Silent())
    test = features.rows("test")
    assert made.ids.tolist() == test.ids.tolist()
    assert made.seeds == recorded.predictions.seeds
    assert not np.allclose(made.probabilities[0], recorded.predictions.of_split("test").probabilities[0])
    # The run at half resolution is gone; its predictions are read, not made again.
    assert [path.name for path in folder.iterdir()] == ["half-resolution.npz"]
    again = half_resolution(evaluated, features, recorded, folder, None, None)
    np.testing.assert_array_equal(again.probabilities[0], made.probabilities[0])
