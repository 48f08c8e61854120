"""A run that was stopped goes on where it was: what is done is not computed again, and nothing is lost or mixed."""

import json
import shutil

import numpy as np
import pytest

from tdaflow import load_features
from tdaflow.atomic import temporary_path
from tdaflow.errors import ConfigError, RunError
from tdaflow.pipeline import Silent, read_status
from tdaflow.store import DiagramStore, RunFolder

DIAGRAMS = "superpixels+persistence"


class StopAfter(Silent):
    """Ctrl-C after so many volumes of a stage."""

    def __init__(self, stage: str, volumes: int) -> None:
        self.stage, self.left = stage, volumes

    def advanced(self, stage: str, volumes: int) -> None:
        self.left -= volumes if stage == self.stage else 0
        if self.left <= 0:
            raise KeyboardInterrupt


@pytest.fixture
def small_chunks(monkeypatch):
    """Feature chunks of two volumes."""
    monkeypatch.setattr("tdaflow.store.features.CHUNK_BYTES", 2 * 4 * (8 + 5 * 8 * 8))


def test_a_second_run_computes_nothing_and_says_so(sync, settings, invocations, observer, folder):
    first = sync(settings())
    assert invocations.volumes == 12
    invocations.clear()
    second = sync(settings())
    assert (invocations.diagrams, invocations.images) == ([], [])
    assert "nothing to do: every volume is done" in observer.messages
    for stage, counts in second.stages.items():
        assert (counts.computed, counts.reused) == (0, first.stages[stage].done), stage
        # What took the time was the first run; reports and costs of a sweep ask for it.
        assert counts.seconds == first.stages[stage].seconds > 0, stage
    assert second.ranges == first.ranges
    assert folder.read()["state"] == "done"


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_after_an_interrupt_only_the_missing_batches_are_computed(
    sync, settings, invocations, folder, batches, tmp_path, assert_same_features, no_leftovers
):
    with pytest.raises(KeyboardInterrupt):
        sync(settings(), observer=StopAfter(DIAGRAMS, 3 * batches))
    status = read_status(folder)
    assert status["state"] == "interrupted"
    left = status["stages"][DIAGRAMS]["left"]
    assert left == 12 - 3 * batches
    invocations.clear()
    state = sync(settings())
    assert invocations.volumes == left
    assert state.stages[DIAGRAMS].computed == left
    assert state.stages[DIAGRAMS].reused == 12 - left
    sync(settings(), folder=RunFolder(tmp_path / "undisturbed"))
    assert_same_features(folder, RunFolder(tmp_path / "undisturbed"))
    no_leftovers(folder)


def test_a_resumed_run_may_use_another_batch_size(sync, settings, invocations, folder, tmp_path, assert_same_features):
    with pytest.raises(KeyboardInterrupt):
        sync(settings(run={"batch": 5}), observer=StopAfter(DIAGRAMS, 5))
    invocations.clear()
    sync(settings(run={"batch": 4}))
    assert invocations.diagrams == [(5, 9), (9, 12)]
    sync(settings(), folder=RunFolder(tmp_path / "undisturbed"))
    assert_same_features(folder, RunFolder(tmp_path / "undisturbed"))


def test_after_an_interrupt_in_the_images_only_the_missing_chunks_are_made(
    sync, settings, invocations, folder, small_chunks, tmp_path, assert_same_features, no_leftovers
):
    config = settings(images={"quantiles": [0.1, 0.9]})
    with pytest.raises(KeyboardInterrupt):
        sync(config, observer=StopAfter("images", 4))
    assert not folder.features.exists()
    assert read_status(folder)["stages"]["images"]["left"] == 8
    invocations.clear()
    resumed = sync(config)
    assert invocations.diagrams == []
    assert invocations.images == [4, 6, 8, 10]
    assert (resumed.stages["images"].computed, resumed.stages["images"].reused) == (8, 4)
    undisturbed = sync(config, folder=RunFolder(tmp_path / "undisturbed"))
    assert (resumed.n_outside, resumed.n_empty) == (undisturbed.n_outside, undisturbed.n_empty)
    assert resumed.n_outside > 0
    assert_same_features(folder, RunFolder(tmp_path / "undisturbed"))
    no_leftovers(folder)


def test_an_interrupted_ingest_leaves_nothing_that_passes_for_volumes_and_goes_on_with_the_other_parts(
    sync, settings, folder, no_leftovers, monkeypatch
):
    monkeypatch.setattr("tdaflow.store.volume_builder.CHUNK_BYTES", 1)  # a volume a chunk, so three volumes a part
    with pytest.raises(KeyboardInterrupt):
        sync(settings(), observer=StopAfter("ingest", 5))
    assert not folder.volumes.exists()
    counts = sync(settings()).stages["ingest"]
    assert (counts.done, counts.computed, counts.reused) == (12, 6, 6)
    no_leftovers(folder)


def test_sigma_survives_runs_that_had_nothing_to_do_or_were_interrupted(sync, settings, folder):
    ranges = sync(settings()).ranges

    class StopAtOnce(Silent):
        def message(self, text: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(settings(), observer=StopAtOnce())
    assert sync(settings()).ranges == ranges


def test_what_a_killed_process_left_is_removed(sync, settings, folder, no_leftovers):
    with pytest.raises(KeyboardInterrupt):
        sync(settings(), observer=StopAfter(DIAGRAMS, 3))
    temporary_path(folder.features).mkdir()
    temporary_path(folder.run_json).touch()
    temporary_path(folder.diagrams / "00000003-00000006").mkdir()
    (folder.path / "evaluation" / "predictions").mkdir(parents=True)
    temporary_path(folder.path / "evaluation" / "predictions" / "method.npz").touch()
    sync(settings())
    no_leftovers(folder)


def test_a_batch_that_an_orphaned_worker_finished_changes_nothing(
    sync, settings, folder, tmp_path, assert_same_features, invocations
):
    sync(settings(run={"batch": 12}), folder=RunFolder(tmp_path / "other"))
    with pytest.raises(KeyboardInterrupt):
        sync(settings(run={"batch": 5}), observer=StopAfter(DIAGRAMS, 10))
    shutil.copytree(RunFolder(tmp_path / "other").diagrams / "00000000-00000012", folder.diagrams / "00000003-00000012")
    invocations.clear()
    state = sync(settings(run={"batch": 5}))
    assert invocations.diagrams == [(10, 12)]
    assert state.stages[DIAGRAMS].done == 12
    assert_same_features(folder, RunFolder(tmp_path / "other"))


@pytest.fixture
def damage():
    """Flip a byte in one array of a store."""

    def flip(array) -> None:
        (chunk,) = [f for f in array.rglob("*") if f.is_file() and f.name != "zarr.json"]
        data = bytearray(chunk.read_bytes())
        data[len(data) // 2] ^= 0x10
        chunk.write_bytes(data)

    return flip


def test_verify_recomputes_the_damaged_batch_alone(sync, settings, folder, invocations, damage, observer):
    sync(settings())
    damage(folder.diagrams / "00000003-00000006" / "bars")
    invocations.clear()
    state = sync(settings(), verify=True)
    assert invocations.diagrams == [(3, 6)]
    assert (state.stages[DIAGRAMS].computed, state.stages[DIAGRAMS].reused) == (3, 9)
    assert any("rows 3–5 is damaged" in m for m in observer.messages)
    assert invocations.images == []
    invocations.clear()
    sync(settings(), verify=True)
    assert invocations.volumes == 0


def test_verify_makes_damaged_images_anew(
    sync, settings, folder, invocations, damage, observer, tmp_path, assert_same_features
):
    sync(settings())
    damage(folder.features / "persistence_image")
    invocations.clear()
    sync(settings(), verify=True)
    assert (invocations.diagrams, invocations.images) == ([], [0])
    assert any(m.startswith("the images are damaged (persistence_image: ") for m in observer.messages)
    sync(settings(), folder=RunFolder(tmp_path / "undisturbed"))
    assert_same_features(folder, RunFolder(tmp_path / "undisturbed"))


@pytest.mark.parametrize("stop", ["ranges", "images"])
def test_a_damaged_batch_without_verify_ends_the_run_and_names_the_remedy(
    sync, settings, folder, damage, stop, observer
):
    if stop == "ranges":
        with pytest.raises(KeyboardInterrupt):
            sync(settings(), observer=StopAfter(DIAGRAMS, 12))
    else:
        sync(settings())
        shutil.rmtree(folder.features)
    damage(folder.diagrams / "00000003-00000006" / "bars")
    with pytest.raises(RunError, match=r"is damaged: .*; run again with --verify"):
        sync(settings())
    assert folder.read()["state"] == "failed"
    assert sync(settings(), verify=True).stages[DIAGRAMS].computed == 3


@pytest.mark.parametrize("text", ["", '{"format": 2, "sta', "7"])
def test_a_damaged_run_json_is_made_anew_from_the_stores(sync, settings, folder, observer, text):
    sync(settings())
    before, images = folder.read(), load_features(folder.features).persistence_image.values
    folder.run_json.write_text(text)
    state = sync(settings())
    assert any("is damaged" in m and "made anew from the stores" in m for m in observer.messages)
    assert state.stages[DIAGRAMS].computed == 0
    after = folder.read()
    for name in ("ranges", "scales", "digests", "outcomes", "image_maximum", "n_outside", "images_dtype"):
        assert after[name] == before[name], name
    np.testing.assert_array_equal(load_features(folder.features).persistence_image.values, images)
    folder.run_json.write_text(text)
    with pytest.raises(ConfigError, match="other settings"):
        sync(settings(images={"resolution": 9}))


def test_a_takeover_is_told(sync, settings, folder, observer):
    sync(settings())
    state = folder.read()
    state["state"] = "running"
    folder.write(state)
    sync(settings())
    assert any(m.startswith("taken over from pid") for m in observer.messages)


def test_results_of_other_package_versions_are_reused_with_a_warning(sync, settings, folder, observer):
    sync(settings())
    state = folder.read()
    state["versions"]["numpy"] = "1.0"
    folder.write(state)
    sync(settings())
    assert any("made with other versions: numpy 1.0 →" in m for m in observer.messages)


def test_run_json_says_what_ran(sync, settings, folder):
    sync(settings())
    state = json.loads(folder.run_json.read_text())
    assert state["state"] == "done"
    assert state["config"]["images"]["epsilon"] == 0.95
    assert state["versions"].keys() >= {"python", "numpy", "gudhi", "zarr"}
    assert state["outcomes"] == {f"v{i}": "ok" for i in range(12)}
    assert state["digests"].keys() == {"volumes", "diagrams", "images"}
    assert DiagramStore(folder.diagrams).digest == state["digests"]["diagrams"]
    assert state["ranges"]["alpha/1"]["sigma"] > 0
    assert state["holder"].keys() == {"host", "machine", "pid", "heartbeat", "every"}
    assert all(stage["left"] == 0 for stage in state["stages"].values())
