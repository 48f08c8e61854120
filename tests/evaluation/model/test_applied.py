"""A finished applied run becomes a table of predictions."""

import json

import numpy as np
import pytest

from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, Protocol, evaluate, load_features, load_model, predict_run
from tdaflow.evaluation.model.keep import keep_model
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


def test_features_of_other_ranges_are_refused(kept, tmp_path):
    import shutil

    other = shutil.copytree(kept, tmp_path / "other")
    state = json.loads((other / "run.json").read_text())
    state["ranges"]["below/0"]["sigma"] *= 2
    (other / "run.json").write_text(json.dumps(state))
    with pytest.raises(InputError, match=r"other scales or ranges.*tdaflow apply"):
        predict_run(kept, other)
    with pytest.raises(InputError, match="holds no run: make one with `tdaflow apply"):
        predict_run(kept, tmp_path)
