"""What cannot be used is named and set aside; what fails is found, told and tried again; the rest finishes."""

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from tdaflow import open_run
from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.extents import cohort_bounds
from tdaflow.homology import FILTRATIONS
from tdaflow.store import DiagramStore, RunFolder

DIAGRAMS = "superpixels+persistence"
TRIES: Counter[int] = Counter()


@dataclass(frozen=True)
class Faulty:
    """A filtration that fails on the volume with the mark in its first voxel."""

    mark: int
    how: str = "error"
    takes: ClassVar[str] = "volume"
    default_essential: ClassVar[str] = "drop"
    constant_births: ClassVar[tuple[int, ...]] = ()
    name: ClassVar[str] = "faulty"
    engine: ClassVar[str] = "none"
    unit: ClassVar[str] = "intensity"

    def diagram(self, data, homology_dimensions, *, spacing):
        first = int(data.flat[0])
        TRIES[first] += 1
        if first == self.mark:
            if self.how == "input":
                raise InputError(f"volume with mark {first} cannot be used; leave it out")
            if self.how == "once" and TRIES[first] > 1:
                pass
            elif self.how == "full":
                raise OSError(28, "No space left on device")
            else:
                raise ZeroDivisionError("the culprit")
        bars = np.array([[0.0, 1.0 + first]])
        return PersistenceDiagram(dict.fromkeys(homology_dimensions, bars))


@pytest.fixture
def faulty(monkeypatch, save_stack, tmp_path, volumes, settings):
    """Maker of a configuration in which volume 7 fails in the diagrams stage."""
    monkeypatch.setitem(FILTRATIONS, "faulty", Faulty)
    TRIES.clear()
    marked = volumes.copy()
    marked[:, 0, 0, 0] = np.arange(12) + 100
    data = save_stack(tmp_path / "marked", marked)

    def make(how: str = "error", batch: int = 12, **sections):
        filtrations = {"faulty": {"mark": 107, "how": how, "homology_dimensions": [0]}}
        return settings(data=data, filtrations=filtrations, run={"batch": batch, **sections.pop("run", {})}, **sections)

    return make


def test_nan_infinite_and_constant_volumes_are_quarantined_and_the_rest_finishes(
    sync, settings, save_stack, tmp_path, volumes, folder, read_features
):
    stack = volumes.astype(np.float32)
    stack[1, 2, 3, 4] = np.nan
    stack[4, 0, 0, 0] = np.inf
    stack[9] = 3
    state = sync(settings(data=save_stack(tmp_path / "bad", stack)))
    assert set(state.quarantined) == {"v1", "v4", "v9"}
    assert "1 NaN" in state.quarantined["v1"]
    assert "1 infinite" in state.quarantined["v4"]
    assert "constant" in state.quarantined["v9"]
    assert state.outcomes == {f"v{i}": "quarantined" if i in (1, 4, 9) else "ok" for i in range(12)}
    ingest = state.stages["ingest"].as_dict()
    assert (ingest["total"], ingest["done"], ingest["quarantined"], ingest["left"]) == (12, 9, 3, 0)
    features = read_features(folder)
    assert features["id"].tolist() == [f"v{i}" for i in range(12) if i not in (1, 4, 9)]
    assert np.isfinite(features["persistence_image"]).all()
    again = sync(settings(data=save_stack(tmp_path / "bad", stack)), restart_from="volumes")
    assert again.quarantined == state.quarantined


def test_an_empty_file_is_quarantined(sync, settings, tmp_path, volumes):
    (tmp_path / "cases").mkdir()
    np.save(tmp_path / "cases" / "empty.npy", np.zeros((0, 14, 14), np.uint8))
    np.save(tmp_path / "cases" / "flat.npy", np.zeros((14, 14), np.uint8))
    np.save(tmp_path / "cases" / "good.npy", volumes[0])
    state = sync(settings(data={"kind": "arrays", "path": str(tmp_path / "cases")}))
    assert set(state.quarantined) == {"empty", "flat"}
    assert state.outcomes["good"] == "ok"


def test_a_data_set_without_one_usable_volume_is_refused(sync, settings, save_stack, tmp_path):
    data = save_stack(tmp_path / "bad", np.ones((3, 9, 9, 9), np.uint8))
    with pytest.raises(InputError, match=r"none of the 3 volumes can be used; the reasons are in .*run\.json"):
        sync(settings(data=data))


def test_more_superpixels_than_voxels_is_told_as_the_reason(sync, settings):
    with pytest.raises(InputError, match=r"none of the 12 volumes gave a diagram \(the first: v0: .*n_superpixels"):
        sync(settings(superpixels={"n_superpixels": 14**3 + 1}))


@pytest.mark.parametrize("batch", [1, 5, 12])
def test_bad_input_found_in_the_diagrams_stage_quarantines_that_volume_alone(
    sync, faulty, folder, read_features, batch
):
    state = sync(faulty("input", batch))
    assert state.quarantined == {"v7": "volume with mark 107 cannot be used; leave it out"}
    assert state.failed == {}
    assert state.outcomes["v7"] == "quarantined"
    counts = state.stages[DIAGRAMS].as_dict()
    assert (counts["done"], counts["quarantined"], counts["failed"], counts["left"]) == (11, 1, 0, 0)
    assert read_features(folder)["id"].tolist() == [f"v{i}" for i in range(12) if i != 7]
    assert TRIES[107] == 1
    # It is known to be bad, so a resumed run does not look at it again.
    assert sync(faulty("input", batch)).quarantined == state.quarantined
    assert TRIES[107] == 1


@pytest.mark.parametrize("batch", [1, 5, 12])
def test_a_failing_batch_is_split_until_the_culprit_stands_alone_and_its_mates_finish(
    sync, faulty, folder, observer, batch
):
    with pytest.raises(
        RunError, match=r"1 of 12 volumes failed \(first: v7: ZeroDivisionError: the culprit\).*allow_failed"
    ):
        sync(faulty(batch=batch))
    assert DiagramStore(folder.diagrams).missing(12) == [(7, 8)]
    status = folder.read()
    assert status["state"] == "failed"
    assert status["failed"] == {"v7": "ZeroDivisionError: the culprit"}
    assert status["outcomes"]["v7"] == "failed"
    counts = status["stages"][DIAGRAMS]
    assert (counts["computed"], counts["failed"], counts["left"]) == (11, 1, 0)
    assert not folder.features.exists()  # it failed before σ, which its bars might have changed
    assert status["ranges"] == {}
    assert "volume v7 failed: ZeroDivisionError: the culprit" in observer.messages
    assert observer.done[DIAGRAMS] == 12


def test_splitting_recomputes_no_batch_that_succeeded(sync, faulty, invocations):
    with pytest.raises(RunError):
        sync(faulty(batch=12))
    # 12 → 6+6 → 6–9, 9–12 → 6, 7–9 → 7, 8; 7 once more, alone at the end.
    assert sorted(invocations.diagrams) == sorted(
        [(0, 12), (0, 6), (6, 12), (6, 9), (9, 12), (6, 7), (7, 9), (7, 8), (8, 9), (7, 8)]
    )
    assert invocations.diagrams[-1] == (7, 8)


def test_a_resumed_run_tries_the_failed_volume_again_and_nothing_else(sync, faulty, invocations, folder, read_features):
    with pytest.raises(RunError):
        sync(faulty())
    invocations.clear()
    with pytest.raises(RunError):
        sync(faulty())
    assert invocations.diagrams == [(7, 8), (7, 8)]


def test_a_volume_that_fails_once_is_not_lost(sync, faulty):
    state = sync(faulty("once", batch=1))
    assert state.failed == {}
    assert state.stages[DIAGRAMS].computed == 12


def test_an_allowed_failure_is_left_out_of_sigma_and_images(sync, faulty, folder, read_features):
    with pytest.raises(RunError):
        sync(faulty())
    state = sync(faulty(run={"allow_failed": 1}))
    assert set(state.failed) == {"v7"}
    assert read_features(folder)["id"].tolist() == [f"v{i}" for i in range(12) if i != 7]
    assert state.ranges["faulty/0"]["n_bars"] == 11
    assert folder.read()["state"] == "done"


@pytest.mark.parametrize(("allowed", "enough"), [("5%", False), ("9%", True), (0.08, False), (0.09, True), (0, False)])
def test_failures_are_allowed_by_count_or_by_share(sync, faulty, allowed, enough):
    config = faulty(run={"allow_failed": allowed})  # 1 of 12 is 8.3 %
    if enough:
        assert len(sync(config).failed) == 1
    else:
        with pytest.raises(RunError, match="volumes failed"):
            sync(config)


def test_images_are_made_anew_when_a_volume_joins_later(sync, faulty, folder, monkeypatch, observer, read_features):
    sync(faulty(run={"allow_failed": 1}))
    monkeypatch.setattr(
        Faulty, "diagram", lambda self, data, dims, spacing: PersistenceDiagram({k: [[0.0, 500.0]] for k in dims})
    )
    state = sync(faulty())
    assert any("making them anew" in m for m in observer.messages)
    assert read_features(folder)["id"].tolist() == [f"v{i}" for i in range(12)]
    deaths = [101.0 + i if i != 7 else 500.0 for i in range(12)]
    assert state.ranges["faulty/0"]["observed_death_range"] == list(cohort_bounds(deaths, deaths))
    assert state.ranges["faulty/0"]["n_bars"] == 12
    assert state.failed == {}


def test_a_full_disk_ends_the_run_at_once_and_can_be_resumed(sync, faulty, folder, monkeypatch):
    with pytest.raises(RunError, match=r"cannot write: .*No space left on device; make room or rights, then run again"):
        sync(faulty("full", batch=3))
    assert TRIES[107] == 1
    assert TRIES[111] == 0
    monkeypatch.setattr(
        Faulty, "diagram", lambda self, data, dims, spacing: PersistenceDiagram({k: [[0.0, 5.0]] for k in dims})
    )
    assert sync(faulty("full", batch=3)).stages[DIAGRAMS].computed == 6


def test_training_ranges_without_a_training_volume_are_refused(sync, settings, tmp_path, volumes):
    np.save(tmp_path / "stack.npy", volumes)
    data = {"kind": "arrays", "path": str(tmp_path / "stack.npy")}
    told = r'reference is "train", but no volume .* has the split "train"; use --set reference=all'
    with pytest.raises(ConfigError, match=told):
        sync(settings(data=data, reference="train"))


def test_training_scales_and_ranges_do_not_see_the_test_volumes(sync, settings, save_stack, tmp_path, volumes):
    changed = volumes.copy()
    changed[2::3] = 255 - changed[2::3] // 3
    scales, ranges, outside = [], [], []
    for name, stack in (("before", volumes), ("after", changed)):
        config = settings(data=save_stack(tmp_path / name, stack), reference="train")
        state = sync(config, folder=RunFolder(tmp_path / f"run-{name}"))
        scales.append(state.scales)
        ranges.append(state.ranges)
        outside.append(state.n_outside)
    assert scales[0] == scales[1]
    assert ranges[0] == ranges[1]
    assert outside[0] != outside[1]


@pytest.mark.parametrize(
    ("how", "told"), [("input", "was quarantined, .*leave it out"), ("error", "failed, .*culprit.*run again")]
)
def test_an_opened_run_tells_why_a_volume_has_no_diagram(sync, faulty, folder, how, told):
    with contextlib.suppress(RunError):
        sync(faulty(how))
    run = open_run(folder.path)
    assert run.diagram("v6", "faulty")[0].size
    with pytest.raises(InputError, match=told):
        run.diagram("v7", "faulty")
