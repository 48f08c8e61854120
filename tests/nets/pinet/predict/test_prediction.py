"""A store through a network: the same form as a run, the exact path where it is unsure, resumable."""

import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from tdaflow import open_run
from tdaflow.errors import ConfigError, InputError
from tdaflow.pipeline import InProcess, Silent
from tdaflow.store import FeatureStore, RunFolder


def arrays_of(folder: RunFolder) -> dict[str, np.ndarray]:
    group = zarr.open_group(folder.features, mode="r")
    return {name: np.asarray(array[...]) for name, array in group.arrays()}


@pytest.fixture
def predicting(torch, model_folder, volume_run, tmp_path):
    """Predict the run's volumes into a folder, with this bound."""
    from tdaflow.nets.pinet.predict.run import predict

    def go(bound, name="predicted", *, volumes=None, engine=None, observer=None):
        folder = RunFolder(tmp_path / name)
        store = volumes or volume_run / "volumes.zarr"
        return folder, predict(model_folder, store, folder, engine or InProcess(), observer or Silent(), bound=bound)

    return go


@pytest.fixture
def middle_bound(torch, model_folder, volume_run, predicting):
    """A bound that half of the volumes keep."""
    folder, _ = predicting(1e6, "all-predicted")
    return float(np.nanmedian(arrays_of(folder)["expected_error"]))


def test_a_predicted_store_has_the_form_of_a_runs(predicting, volume_run):
    from tdaflow.evaluation.protocol.features import load_features
    from tdaflow.store.integrity import check_run

    folder, found = predicting(1e6)
    ours, theirs = arrays_of(folder), arrays_of(RunFolder(volume_run))
    assert ours.keys() - theirs.keys() == {"expected_error", "is_exact"}
    for name, values in theirs.items():
        assert (ours[name].shape, ours[name].dtype) == (values.shape, values.dtype), name
        if name not in ("persistence_image", "persistence_vector") and "n_" not in name:
            np.testing.assert_array_equal(ours[name], values, err_msg=name)
    chunks = [
        zarr.open_group(f.features, mode="r")["persistence_image"].chunks for f in (folder, RunFolder(volume_run))
    ]
    assert chunks[0] == chunks[1]
    predicted, exact = load_features(folder.path), load_features(volume_run)
    assert predicted.blocks.keys() == exact.blocks.keys()
    assert predicted.ids.tolist() == exact.ids.tolist()
    assert predicted.about["digest"] != exact.about["digest"]
    told, expected = (FeatureStore(f.features).attributes for f in (folder, RunFolder(volume_run)))
    assert (told["reference"], told["scales"]) == (expected["reference"], expected["scales"])
    opened, run = open_run(folder.path), open_run(volume_run)
    assert (opened.sigma, opened.scales) == (run.sigma, run.scales)
    assert opened.state["images_dtype"] == run.state["images_dtype"]
    problems, facts = check_run(folder, deep=True)
    assert (problems, facts["state"]) == ([], "done")
    assert found.exact_share < 1


def test_volumes_above_the_bound_are_exactly_those_of_the_run(predicting, volume_run, middle_bound):
    folder, found = predicting(middle_bound)
    ours, theirs = arrays_of(folder), arrays_of(RunFolder(volume_run))
    exact = ours["is_exact"]
    assert 0 < exact.sum() < len(exact)
    assert found.n_exact == exact.sum()
    for name in ("persistence_image", "persistence_vector"):
        np.testing.assert_array_equal(ours[name][exact], theirs[name][exact])
        assert not (ours[name][~exact] == theirs[name][~exact]).all()
    assert (ours["expected_error"][~exact] <= middle_bound).all()
    facts = json.loads((folder.path / "prediction.json").read_text())
    assert set(facts["exact_needed"]) == set(ours["id"][exact].tolist())
    assert facts["exact_share"] == found.exact_share


def test_threads_and_a_loop_write_the_same_bytes(predicting, middle_bound):
    from tdaflow.cluster import connect, read_spec

    alone, _ = predicting(middle_bound, "alone")
    with connect(read_spec("threads", 2)) as engine:
        together, _ = predicting(middle_bound, "together", engine=engine)
    ours, theirs = arrays_of(alone), arrays_of(together)
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def test_an_interrupted_prediction_goes_on(predicting, middle_bound, monkeypatch):
    from tdaflow.nets.pinet.predict import prediction
    from tdaflow.nets.pinet.predict.tasks import _predicted

    calls = []

    def interrupted(task):
        if calls:
            raise KeyboardInterrupt
        calls.append(task.start)
        return _predicted(task)

    def counted(task):
        calls.append(task.start)
        return _predicted(task)

    monkeypatch.setattr("tdaflow.nets.pinet.predict.tasks._predicted", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predicting(middle_bound, "resumed")
    monkeypatch.setattr("tdaflow.nets.pinet.predict.tasks._predicted", counted)
    resumed, _ = predicting(middle_bound, "resumed")
    assert calls == [0, 32]
    whole, _ = predicting(middle_bound, "whole")
    for name, values in arrays_of(whole).items():
        np.testing.assert_array_equal(values, arrays_of(resumed)[name], err_msg=name)
    assert not [p for p in resumed.path.iterdir() if p.name.startswith((".prediction", ".tmp"))]
    monkeypatch.setattr(prediction, "predict_batch", lambda task: pytest.fail("predicted again"))
    assert predicting(middle_bound, "resumed")[1].n_volumes == 48


def test_another_bound_needs_another_folder(predicting, volume_run):
    predicting(1e6, "kept")
    with pytest.raises(ConfigError, match="another folder"):
        predicting(0.1, "kept")
    with pytest.raises(ConfigError, match="accepts no prediction"):
        predicting(0.0, "never")


def write_store(path: Path, stack: np.ndarray, spacing=(1.0, 1.0, 1.0), ids=None, **attributes) -> Path:
    from tdaflow.sources.volume import Volume
    from tdaflow.store import VolumeBuilder

    builder = VolumeBuilder.create(
        path.with_name(".working"),
        n_entries=len(stack),
        shape=stack.shape[1:],
        dtype=stack.dtype,
        attributes=attributes,
    )
    ids = ids or [f"v{i}" for i in range(len(stack))]
    volumes = [Volume(identity, voxels, spacing) for identity, voxels in zip(ids, stack, strict=True)]
    builder.write_part(0, builder.write_voxels(0, volumes))
    builder.finish(path)
    return path


def test_a_store_outside_the_training_record_is_refused_before_any_work(predicting, tmp_path, volume_run):
    stack = np.random.default_rng(0).integers(90, 130, (3, 16, 16, 16)).astype(np.uint8)
    elsewhere = write_store(tmp_path / "other.zarr", stack, spacing=(3.0, 1.0, 1.0))
    with pytest.raises(InputError, match="spacing 3×1×1 mm, trained on 1×1×1 to 1×1×1 mm"):
        predicting(0.5, "refused", volumes=elsewhere)
    small = write_store(tmp_path / "small.zarr", stack[:, :15, :15, :15].copy())
    with pytest.raises(InputError, match="shape 15×15×15, trained on 16×16×16"):
        predicting(0.5, "refused", volumes=small)


def test_regions_of_interest_keep_their_subject_and_name(predicting, tmp_path, volume_run):
    from tdaflow.store import VolumeStore

    stack = np.stack(list(VolumeStore(volume_run / "volumes.zarr").voxels(0, 2)))
    store = write_store(tmp_path / "rois.zarr", stack, ids=["a:left", "a:right"], rois={"left": 1, "right": 2})
    folder, _ = predicting(1e6, "rois", volumes=store)
    run = open_run(folder.path)
    assert run.table()[["subject", "roi"]].to_numpy().tolist() == [["a", "left"], ["a", "right"]]
    assert run.table(wide=True)["id"].tolist() == ["a"]


def test_volumes_outside_the_record_are_computed_exactly_and_the_reason_is_kept(predicting, tmp_path, volume_run):
    from tdaflow.store import VolumeStore

    good = np.stack(list(VolumeStore(volume_run / "volumes.zarr").voxels(0, 3)))
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 16)).astype(np.uint8)
    dim = (good[0] // 16).astype(np.uint8)
    store = write_store(tmp_path / "mixed.zarr", np.stack([*good, noise, dim]))
    folder, found = predicting(1e6, "mixed", volumes=store)
    assert arrays_of(folder)["is_exact"].tolist() == [False, False, False, True, True]
    reasons = found.facts["exact_needed"]
    assert "trained on" in reasons["v3"]
    assert "smallest value" in reasons["v4"]


def test_a_volume_that_even_the_exact_path_cannot_use_is_quarantined(predicting, tmp_path, volume_run, monkeypatch):
    from tdaflow.pipeline import apply
    from tdaflow.store import VolumeStore

    real = apply.volume_diagrams

    def refusing(volume, recipe):
        if volume.about.id == "v1":
            raise InputError("no diagram")
        return real(volume, recipe)

    monkeypatch.setattr(apply, "volume_diagrams", refusing)
    stack = np.stack(list(VolumeStore(volume_run / "volumes.zarr").voxels(0, 3)))
    store = write_store(tmp_path / "three.zarr", stack)
    folder, found = predicting(1e-9, "quarantined", volumes=store)
    assert arrays_of(folder)["id"].tolist() == ["v0", "v2"]
    assert folder.read()["quarantined"] == {"v1": "no diagram"}
    assert (found.n_volumes, found.n_exact) == (2, 2)
