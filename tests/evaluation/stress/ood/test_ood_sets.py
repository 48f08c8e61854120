"""Out-of-distribution volumes through the run's recipe: sets, members of the ensemble, written files."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, load_features
from tdaflow.evaluation.protocol.recorded import recorded_predictions, refitted
from tdaflow.evaluation.protocol.resampling import resample
from tdaflow.evaluation.stress.ood import measure as work_module
from tdaflow.evaluation.stress.ood.measure import score_ood_sets, write_ood
from tdaflow.evaluation.stress.ood.members import diverse_ensemble
from tdaflow.evaluation.stress.ood.scores import DEFAULT
from tdaflow.evaluation.stress.ood.sets import corrupted_sets, named_sets
from tdaflow.evaluation.stress.robustness.perturbations import KINDS, Kind
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.store import RunFolder


@pytest.fixture(scope="session")
def ood_store(tmp_path_factory):
    """A run over eight volumes of another shape, brightness and texture, two of them for testing, without labels."""
    folder = tmp_path_factory.mktemp("ood_store")
    stack = np.random.default_rng(5).integers(0, 900, (8, 7, 8, 9)).astype(np.int16)
    np.save(folder / "stack.npy", stack)
    rows = [f"s{i},{'test' if i > 5 else 'train'}" for i in range(8)]
    (folder / "table.csv").write_text("\n".join(["id,split", *rows]) + "\n")
    data = {"kind": "arrays", "path": str(folder / "stack.npy"), "table": str(folder / "table.csv")}
    filtrations = {"above": {"kind": "cubical", "direction": "superlevel", "homology_dimensions": (0,)}}
    target = RunFolder(folder / "run")
    run(RunConfig.model_validate({"data": data, "filtrations": filtrations}), target, InProcess(), Silent())
    return target.path


@pytest.fixture(scope="session")
def asked(finished, ood_store, tmp_path_factory):
    """What is found of the ood_store and of the run's own test volumes unchanged, and what was seen on the way."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("asked") / "run"))
    features, saved = load_features(folder), EvaluationFolder(folder)
    recorded = refitted(features, recorded_predictions(features, saved))
    unchanged = Kind("nothing", "", (1.0,), lambda voxels, severity, rng: voxels)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tdaflow.evaluation.stress.ood.sets.KINDS", {"gaussian": unchanged})
        patch.setitem(KINDS, "gaussian", unchanged)
        real = work_module.best_temperature
        patch.setattr(work_module, "best_temperature", lambda labels, p: seen.append(len(labels)) or real(labels, p))
        found = score_ood_sets(
            folder, features, recorded,
            [*named_sets([f"far={ood_store}"], folder), *corrupted_sets(folder, features.rows("test"))],
            saved.ledger, InProcess(), Silent(), n_members=4, n_resamples=100,
        )  # fmt: skip
    return found, saved, seen


def test_stores_are_named_by_relation_and_give_their_test_volumes(evaluated, ood_store, tmp_path):
    copy = shutil.copytree(ood_store / "volumes.zarr", tmp_path / "copy.zarr")
    near, far = (named_sets([text], evaluated)[0] for text in (f"near={ood_store}", f"far={copy}"))
    assert (near.relation, far.relation) == ("near", "far")
    assert near.rows == far.rows == (6, 7)
    assert named_sets([str(ood_store)], evaluated)[0].relation == "other"
    with pytest.raises(InputError, match="are called"):
        named_sets([f"near={ood_store}", f"far={copy}"], evaluated)
    with pytest.raises(InputError, match="own volumes"):
        named_sets([str(evaluated)], evaluated)
    with pytest.raises(InputError, match="neither a run nor a volume store"):
        named_sets([f"far={tmp_path / 'nothing'}"], evaluated)


def test_ood_volumes_are_scored_beside_the_run_s_own(asked):
    found, folder, _ = asked
    far = {row["score"]: row for row in found.rows if row["relation"] == "far"}
    assert set(far) == set(found.scores[""])
    default = far[DEFAULT]
    assert (default["n_own"], default["n_ood"], default["n_unusable"]) == (10, 2, 0)
    assert 0 <= default["low"] <= default["auc"] <= default["high"] <= 1
    assert [line["rejected"] for line in found.rejection if line["score"] == DEFAULT] == [0.0, 0.05, 0.2]
    assert folder.ledger.entries()[0]["further_uses"]["out of distribution"]["times"] == 1
    # Nothing of the volumes is kept but what was found.
    assert not list((folder.path / "ood").iterdir())


def test_volumes_that_are_the_run_s_own_are_not_out_of_distribution(asked):
    own = [row for row in asked[0].rows if row["relation"] == "corrupted"]
    assert own
    for row in own:
        assert row["auc"] == pytest.approx(0.5), row["score"]


def test_the_temperature_comes_from_validation(asked):
    found, _, seen = asked
    assert seen == [8]
    assert found.about["temperature"] > 0


def test_what_is_written_can_be_read_back(asked):
    found, folder, _ = asked
    write_ood(found, folder)
    rows, about = folder.read_rows("ood")
    assert rows == json.loads(json.dumps(found.rows))
    assert about["default"] == DEFAULT
    arrays = folder.read_arrays("ood")
    position = arrays["scores"].tolist().index(DEFAULT)
    assert about["sets"] == list(found.scores)
    np.testing.assert_array_equal(arrays["set_1"][position], found.scores[about["sets"][1]][DEFAULT])


def test_members_differ_and_take_turns_in_kind(evaluated, recorded):
    features = load_features(evaluated)
    ensemble = diverse_ensemble(features, recorded.candidate, 5)
    said = ensemble.probabilities(features.rows("val").blocks)
    assert said.shape == (5, 8, 2)
    kinds = [type(member["classify"]).__name__ for member in ensemble.members]
    assert len(set(kinds[:4])) == 4
    assert kinds[4] == kinds[0]
    # The same kind on other patients says something else; the same seed says the same.
    assert not np.allclose(said[4], said[0])
    np.testing.assert_array_equal(
        said, diverse_ensemble(features, recorded.candidate, 5).probabilities(features.rows("val").blocks)
    )


def test_a_resample_draws_patients_whole(evaluated):
    train = load_features(evaluated).rows("train")
    drawn = resample(train, 0)
    _, counts = np.unique(drawn.ids, return_counts=True)
    assert counts.max() > 1
    of_patient = {p: sorted(set(drawn.ids[drawn.groups == p])) for p in set(drawn.groups)}
    assert all(len(ids) == 2 for ids in of_patient.values())
    assert not np.array_equal(resample(train, 1).ids, drawn.ids)
