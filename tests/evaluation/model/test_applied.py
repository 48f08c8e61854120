"""A finished applied run becomes a table of predictions."""

import json

import numpy as np
import pytest

from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, Predictions, Protocol, evaluate, load_features, load_model, predict_run
from tdaflow.evaluation.model.keep import keep_model
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import RunFolder


@pytest.fixture
def kept(evaluated):
    features = load_features(evaluated)
    found = evaluate(features, Protocol(("logistic",), n_seeds=1), EvaluationFolder(evaluated).ledger)
    keep_model(evaluated, features, found, n_resamples=100)
    return evaluated


def test_one_row_a_volume_and_the_quarantined_with_their_reason(kept):
    folder = RunFolder(kept)
    state = {k: v for k, v in folder.read().items() if k != "format"}
    folder.write({**state, "quarantined": {"v99": "all voxels are equal"}})
    table = predict_run(kept, kept)
    assert list(table.columns) == [
        "id",
        "class",
        "probability_0",
        "probability_1",
        "ood_score",
        "warning",
        "quarantined",
    ]
    features = load_features(kept)
    assert len(table) == len(features) + 1
    last = table.iloc[-1]
    assert (last["id"], last["class"], last["quarantined"]) == ("v99", "", "all voxels are equal")
    assert np.isnan(last["probability_1"])
    by_id = table.set_index("id").loc[features.ids.tolist()]
    found = load_model(kept).predict(features.blocks)
    np.testing.assert_allclose(by_id["probability_1"], found.probabilities[:, 1], rtol=0, atol=1e-12)
    assert by_id["class"].tolist() == found.classes.tolist()
    assert (by_id["quarantined"] == "").all()


def test_new_volumes_on_the_frozen_run_get_what_the_evaluation_saved(kept, volume_data, tmp_path):
    """Some test volumes under other names, without label or split, as a new archive has them."""
    stack = np.load(volume_data / "stack.npy")
    config = RunConfig.model_validate(
        {
            "data": {"kind": "arrays", "path": str(tmp_path / "new.npy")},
            "filtrations": {"below": {"kind": "cubical", "homology_dimensions": (0, 1)}},
            "reference": str(kept),
            "images": {"resolution": 6},
        }
    )
    np.save(tmp_path / "new.npy", stack[[40, 33, 37]])
    run(config, RunFolder(tmp_path / "applied"), InProcess(), Silent())
    table = predict_run(kept, tmp_path / "applied")
    saved = Predictions.load(kept / "evaluation" / "model" / "predictions.npz")
    rows = [saved.ids.tolist().index(identity) for identity in ("v40", "v33", "v37")]
    np.testing.assert_allclose(table["probability_1"], saved.probabilities[0][rows, 1], rtol=0, atol=1e-12)
    assert len(table) == 3


def test_features_of_other_ranges_are_refused(kept, tmp_path):
    import shutil

    other = shutil.copytree(kept, tmp_path / "other")
    state = json.loads((other / "run.json").read_text())
    state["ranges"]["below/0"]["sigma"] *= 2
    RunFolder(other).write(state)
    with pytest.raises(InputError, match=r"made with other ranges.*tdaflow apply"):
        predict_run(kept, other)
    with pytest.raises(InputError, match="holds no run: make one with `tdaflow apply"):
        predict_run(kept, tmp_path)
