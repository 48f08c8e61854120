"""What the crop box tells: a warning where it predicts the label as well as the features do."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.cli.check import check_command
from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder
from tdaflow.evaluation.baselines.acquisition import acquisition_problem
from tdaflow.evaluation.baselines.simple import simple_baseline
from tdaflow.evaluation.baselines.volumes import load_volumes
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import RunFolder


def cohort(folder, *, box_tells: bool, voxels_tell: bool):
    """A run of 60 volumes whose spacing, or whose smoothness, goes with the label."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = ["id,label,split,group,spacing_z,spacing_y,spacing_x"]
    stack = []
    for i in range(60):
        label, split = i % 2, ["train"] * 40 + ["val"] * 10 + ["test"] * 10
        smooth = 0.6 + 0.5 * label * voxels_tell
        stack.append(gaussian_filter(rng.standard_normal((9, 9, 9)), smooth))
        spacing = 1 + (0.3 * label if box_tells else 0) + 0.2 * rng.random()
        lines.append(f"v{i},{label},{split[i]},,{spacing:.3f},1,1")
    np.save(folder / "stack.npy", np.rint(40 * np.stack(stack)).astype(np.int16))
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    config = RunConfig.model_validate(
        {
            "data": {"kind": "arrays", "path": str(folder / "stack.npy"), "table": str(folder / "table.csv")},
            "filtrations": {"below": {"kind": "cubical", "homology_dimensions": (0,)}},
            "reference": "train",
            "images": {"resolution": 6},
        }
    )
    run(config, RunFolder(folder / "run"), InProcess(), Silent())
    return folder / "run"


def test_a_box_that_tells_the_label_is_a_warning_with_both_numbers_and_their_intervals(tmp_path, capsys):
    path = cohort(tmp_path / "told", box_tells=True, voxels_tell=False)
    found = acquisition_problem(path)
    assert found is not None
    assert found.kind == "acquisition"
    assert "the features with" in found.what
    assert "95 % over 40 volumes" in found.what
    assert check_command(path, deep=False, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert [p["kind"] for p in told["problems"] if p["kind"] == "acquisition"] == ["acquisition"]
    (row,) = simple_baseline("acquisition", load_volumes(path), EvaluationFolder(path).ledger)
    val = row.of_split("val")
    assert ((val.probabilities[0][:, 1] > 0.5) == val.labels).mean() > 0.8


def test_no_warning_where_the_box_says_nothing_or_all_are_acquired_alike(tmp_path, finished):
    assert acquisition_problem(cohort(tmp_path / "untold", box_tells=False, voxels_tell=True)) is None
    assert acquisition_problem(finished) is None
    with pytest.raises(InputError, match="one array shape and one spacing"):
        simple_baseline("acquisition", load_volumes(finished), EvaluationFolder(tmp_path).ledger)


def test_no_warning_without_features(tmp_path):
    assert acquisition_problem(tmp_path) is None
