"""Other volumes through a finished run: its recipe, ranges and σ are applied as they are."""

from collections import deque

import numpy as np
import pytest

from tdaflow.errors import InputError, RunError
from tdaflow.evaluation import load_features
from tdaflow.pipeline import Done, InProcess, Silent
from tdaflow.pipeline import apply as apply_module
from tdaflow.pipeline.apply import applied, apply_tasks, read_applied, run_recipe, run_volumes

SETTINGS = {
    "filtrations": {
        "alpha": {"superpixels": {"n_superpixels": 40}},
        "sublevel": {"kind": "cubical", "regions": "octants"},
    },
    "vectorisations": {"betti": {}, "atol": {"n_centres": 3}},
    "reference": "train",
    "images": {"resolution": 8},
}


@pytest.fixture
def run_folder(sync, settings, folder):
    """A finished run with images, one-column images, regions and vectorisations."""
    sync(settings(**SETTINGS))
    return folder


def work(folder, tmp_path, rows, *, blocks=None, name="p", change=None):
    tasks = apply_tasks(name, run_volumes(folder), rows, run_recipe(folder, blocks), tmp_path / "parts", 1, change)
    done = list(applied(tasks, InProcess(), Silent()))
    assert {task.key for task in done} == {task.key for task in tasks}
    return read_applied(tasks)


def darker(voxels, identity):
    return voxels // 2


def useless(voxels, identity):
    if identity == "v5":
        raise InputError("nothing is left of it")
    return voxels


@pytest.mark.parametrize("normalise", ["none", "dataset-max"])
def test_a_run_s_own_volumes_get_the_very_features_that_it_stored(sync, settings, folder, tmp_path, normalise):
    images = {**SETTINGS["images"], "normalise": normalise}
    sync(settings(**{**SETTINGS, "images": images}))
    features = load_features(folder.path)
    made = work(folder, tmp_path, [2, 5, 11])
    assert set(made.blocks) == set(features.blocks)
    position = [features.ids.tolist().index(f"v{row}") for row in (2, 5, 11)]
    for name, values in made.blocks.items():
        np.testing.assert_array_equal(values, features.blocks[name][position], err_msg=name)


def test_only_the_wanted_blocks_and_what_they_need_are_made(run_folder, tmp_path):
    wanted = ["sublevel H1 @z0y0x1", "sublevel H0 @z1y1x1 betti"]
    recipe = run_recipe(run_folder, wanted)
    assert recipe.blocks == tuple(wanted)
    assert [(step.name, step.homology_dimensions) for step in recipe.diagrams.steps] == [("sublevel", (0, 1))]
    features = load_features(run_folder.path)
    made = work(run_folder, tmp_path, [0], blocks=wanted)
    for name in wanted:
        np.testing.assert_array_equal(made.blocks[name][0], features.blocks[name][features.ids.tolist().index("v0")])
    with pytest.raises(InputError, match="no block 'sublevel H7'"):
        run_recipe(run_folder, ["sublevel H7"])


def test_a_change_is_seen_by_superpixels_and_voxels_alike(run_folder, tmp_path):
    clean = work(run_folder, tmp_path, [0, 1], name="clean")
    changed = work(run_folder, tmp_path, [0, 1], name="changed", change=darker)
    for name in ("alpha H1", "sublevel H0 @z0y0x0"):
        assert not np.array_equal(clean.blocks[name], changed.blocks[name])


def test_a_volume_that_cannot_be_used_is_named_and_all_zero(run_folder, tmp_path):
    made = work(run_folder, tmp_path, [4, 5, 6], change=useless)
    assert made.unusable == {1: "nothing is left of it"}
    for values in made.blocks.values():
        assert not values[1].any()
    assert made.blocks["alpha H1"][[0, 2]].any(axis=1).all()


def test_finished_files_are_reused_and_missing_ones_made(run_folder, tmp_path, monkeypatch):
    tasks = apply_tasks("p", run_volumes(run_folder), list(range(12)), run_recipe(run_folder), tmp_path / "q", 2)
    assert len(tasks) > 3
    list(applied(tasks[:2], InProcess(), Silent()))
    asked = []
    made = apply_module.apply_batch
    monkeypatch.setattr(apply_module, "apply_batch", lambda task: asked.append(task.key) or made(task))
    assert [task.key for task in applied(tasks, InProcess(), Silent())] == [task.key for task in tasks]
    assert asked == [task.key for task in tasks[2:]]


class Failing(InProcess):
    """Fails each of the first `times` tasks that it is given."""

    def __init__(self, times):
        self.left = times

    def completed(self, stage, function, tasks: deque):
        while tasks:
            task = tasks.popleft()
            if self.left:
                self.left -= 1
                yield Done(task, None, OSError("worker lost"))
            else:
                yield Done(task, function(task))


def test_a_task_that_fails_is_tried_once_more(run_folder, tmp_path):
    tasks = apply_tasks("p", run_volumes(run_folder), [0, 1], run_recipe(run_folder), tmp_path / "q", 1)
    assert len(list(applied(tasks, Failing(1), Silent()))) == len(tasks)
    for task in tasks:
        task.target.unlink()
    with pytest.raises(RunError, match="run again to resume"):
        list(applied(tasks[:1], Failing(2), Silent()))


def test_a_damaged_file_is_refused(run_folder, tmp_path):
    tasks = apply_tasks("p", run_volumes(run_folder), [0], run_recipe(run_folder), tmp_path / "q", 1)
    list(applied(tasks, InProcess(), Silent()))
    tasks[0].target.write_bytes(b"not a file of arrays")
    with pytest.raises(InputError, match="delete it"):
        read_applied(tasks)


def test_a_run_that_is_not_finished_is_refused(folder):
    with pytest.raises(InputError, match="no finished run"):
        run_recipe(folder)
