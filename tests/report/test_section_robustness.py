"""Perturbations, out-of-distribution scores, maps and fusions on a page, and a page without them."""

import numpy as np
import pytest

from tdaflow.evaluation import EvaluationFolder, Predictions
from tdaflow.evaluation.baselines.late_fusion import late_fusion
from tdaflow.evaluation.stress.explanation.maps import Maps, write_maps
from tdaflow.evaluation.stress.ood.measure import OodScores, write_ood
from tdaflow.evaluation.stress.ood.scores import all_scores
from tdaflow.evaluation.stress.robustness.measure import Perturbed
from tdaflow.evaluation.stress.robustness.table import robustness_rows
from tdaflow.pipeline.apply import run_recipe
from tdaflow.report.blocks import FigureBlock, TableBlock
from tdaflow.report.run_data import RunData
from tdaflow.report.section_explanation import explanation_section
from tdaflow.report.section_robustness import robustness_section
from tdaflow.store import RunFolder

SCRIPT = "<script>alert(1)</script>"
N = 20


def predictions(method, signal, seed=0, split="test", **more):
    labels = np.arange(N) % 2
    values = np.clip(0.5 + signal * (labels - 0.5) + 0.2 * np.random.default_rng(seed).standard_normal(N), 0.01, 0.99)
    splits = np.where(np.arange(N) < N // 2, "val", "test") if split == "both" else np.full(N, split)
    ids = np.array([f"v{i}" for i in range(N)])
    stacked = np.stack([1 - values, values], axis=1)
    return Predictions(method, ids, labels, splits, np.full(N, ""), ("a", "b"), {0: stacked}, {0: 0.5}, **more)


@pytest.fixture
def folder(run_copy):
    return EvaluationFolder(run_copy)


def figures(section):
    return [item for item in section.items if isinstance(item, FigureBlock)]


def test_where_nothing_was_tried_there_is_no_section(run_copy):
    assert robustness_section(RunData(run_copy)) is None
    assert explanation_section(RunData(run_copy)) is None


def test_perturbations_have_a_figure_and_the_resolution_a_sentence(run_copy, folder):
    details = {"perturbation": "blur", "severity": 2.0, "n_unusable": 3, "relative_distance": {"alpha H1": [0.5] * N}}
    blurred = Perturbed(predictions("averaging blur 2", 0.3, 1, details=details))
    rows = robustness_rows(predictions("ours", 0.8), [blurred], predictions("half", 0.5, 2), n_resamples=100)
    folder.write_rows("robustness", [row.as_dict() for row in rows], {"method": f"m {SCRIPT}", "n_resamples": 100})
    section = robustness_section(RunData(run_copy))
    assert len(section.paragraphs) == 1
    assert "earlier choice" in robustness_section(RunData(run_copy), "another").paragraphs[0]
    (figure,) = figures(section)
    assert "averaging blur" in figure.alt
    assert "predicts 20 test volumes" in section.paragraphs[0]
    (told,) = (item for item in section.items if isinstance(item, str))
    assert told.startswith("Fitted on volumes of half the resolution")
    assert any(note.startswith("Up to 3 perturbed volumes") for note in section.notes)


def test_out_of_distribution_sets_have_a_figure_and_two_tables(run_copy, folder):
    rng = np.random.default_rng(0)
    scores = {
        name: all_scores(rng.dirichlet([1, 1], 9), rng.dirichlet([1, 1], (4, 9)), 1.5) for name in ("", f"set {SCRIPT}")
    }
    row = {"set": f"set {SCRIPT}", "relation": "near", "auc": 0.7, "low": 0.6, "high": 0.8, "fpr95": 0.5}
    counts = {"n_own": 9, "n_ood": 9, "n_unusable": 0}
    rejection = [{"score": "maximum softmax", "rejected": 0.2, "n": 8, "accuracy": 0.9, "auc": float("nan")}]
    about = {"n_members": 4, "temperature": 1.5, "default": "mutual information", "n_resamples": 100}
    rows = [{**row, "score": name, **counts} for name in scores[""]]
    write_ood(OodScores(rows, rejection, scores, about), folder)
    section = robustness_section(RunData(run_copy))
    assert len(figures(section)) == 1
    areas, passing, refused = (item for item in section.items if isinstance(item, TableBlock))
    assert areas.header[3:] == passing.header[3:] == tuple(scores[""])
    assert areas.rows == [(f"set {SCRIPT}", "near", "9", *["0.700 [0.600, 0.800]"] * len(rows))]
    assert passing.rows[0][3:] == ("0.500",) * len(rows)
    assert refused.header == ("score", "AUC without 20%", "accuracy without 20%")
    assert refused.rows == [("maximum softmax", "–", "0.900")]


def test_maps_and_fusions_have_figures(run_copy, folder):
    axes = {name: axes for name, axes in _channels(run_copy).items() if name in ("alpha H1", "alpha H2")}
    shape = (1, 8, 8)
    mean = {name: np.random.default_rng(0).standard_normal(shape) for name in axes}
    about = {"model": "logistic regression on both", "seeds": 5, "val_auc": [0.7, 0.8], "notes": "A note."}
    write_maps(
        Maps(("b",), mean, {name: abs(m) for name, m in mean.items()}, axes, about), folder, "explanation-linear"
    )
    one = {"alpha H1": np.ones((2, 8, 8))}
    write_maps(Maps(("a", SCRIPT), one, one, axes, {**about, "model": "small CNN"}), folder, "explanation-gradcam")
    fused = late_fusion(
        predictions("ours", 0.4, 1, "both"), [predictions("cnn", 0.4, 2, "both", kind="baseline")], folder.ledger
    )
    folder.save(fused.predictions)
    section = explanation_section(RunData(run_copy))
    linear, _, fusion = figures(section)
    assert "alpha H2" in linear.alt
    assert f"α = {fused.alpha:g}" in fusion.alt
    assert any("validation AUC of the seeds 0.700, 0.800. A note." in note for note in section.notes)


def _channels(run):
    recipe = run_recipe(RunFolder(run))
    return dict(zip(recipe.blocks, recipe.images.channels, strict=False))


@pytest.mark.parametrize("name", ["robustness.json", "ood.npz", "ood.json"])
def test_a_damaged_file_is_told_in_a_sentence(run_copy, folder, name):
    folder.path.mkdir()
    (folder.path / name).write_bytes(b"{")
    assert f"{name} cannot be read" in robustness_section(RunData(run_copy)).paragraphs[0]


def test_damaged_maps_are_told_in_a_sentence(run_copy, folder):
    folder.write_arrays("explanation-linear", {"channels": np.array(["alpha H1"])})
    assert "cannot be read (KeyError)" in explanation_section(RunData(run_copy)).paragraphs[0]
