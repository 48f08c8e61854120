"""Results of two settings or two sources are never mixed: a change is refused by name, and a restart accepts it."""

import shutil

import pytest

from tdaflow.errors import ConfigError, InputError
from tdaflow.pipeline import RESTARTS
from tdaflow.store import RunFolder

DIAGRAMS = "superpixels+persistence"


@pytest.mark.parametrize(
    ("change", "stage", "named"),
    [
        ({"superpixels": {"n_superpixels": 50}}, "diagrams", "superpixels.n_superpixels"),
        ({"filtrations": {"alpha": {}}}, "diagrams", "filtrations.sublevel"),
        ({"images": {"epsilon": 0.5}}, "images", "images.epsilon"),
        ({"images": {"resolution": 9}, "run": {"batch": 1}}, "images", "images.resolution"),
    ],
)
def test_a_changed_setting_is_refused_by_name_and_nothing_is_touched(
    sync, settings, folder, invocations, change, stage, named
):
    sync(settings())
    before = {p: p.stat().st_mtime_ns for p in folder.path.rglob("*") if p.is_file() and p.name != ".lock"}
    invocations.clear()
    sentence = rf"the {stage} in .* were made with other settings \(changed: {named}.*--restart-from {stage}"
    for _ in range(2):  # also the second time
        with pytest.raises(ConfigError, match=sentence) as refusal:
            sync(settings(**change))
        assert "run.batch" not in str(refusal.value)
    assert invocations.volumes == 0
    assert before == {p: p.stat().st_mtime_ns for p in folder.path.rglob("*") if p.is_file() and p.name != ".lock"}
    sync(settings())
    assert invocations.volumes == 0


def test_a_restart_of_a_later_stage_does_not_excuse_a_change_of_an_earlier_one(sync, settings, folder):
    sync(settings())
    with pytest.raises(ConfigError, match=r"the diagrams in .* were made with other settings"):
        sync(settings(superpixels={"n_superpixels": 50}), restart_from="images")
    assert folder.features.exists()


@pytest.mark.parametrize(
    ("stage", "ingested", "diagrams", "images"),
    [("volumes", 12, 12, 12), ("diagrams", 0, 12, 12), ("images", 0, 0, 12)],
)
def test_a_restart_redoes_its_stage_and_those_after_it(sync, settings, stage, ingested, diagrams, images):
    sync(settings())
    stages = sync(settings(), restart_from=stage).stages
    computed = tuple(stages[s].computed for s in ("ingest", DIAGRAMS, "images"))
    assert computed == (ingested, diagrams, images)
    assert {counts.as_dict()["left"] for counts in stages.values()} == {0}


def test_a_restart_is_how_a_changed_setting_is_accepted(sync, settings, folder, tmp_path, assert_same_features):
    changed = settings(superpixels={"n_superpixels": 50}, images={"epsilon": 0.5})
    sync(settings())
    sync(changed, restart_from="diagrams")
    sync(changed, folder=RunFolder(tmp_path / "fresh"))
    assert_same_features(folder, RunFolder(tmp_path / "fresh"))


def test_a_restart_needs_a_run_and_a_stage(sync, settings, folder):
    with pytest.raises(ConfigError, match="holds no run to restart"):
        sync(settings(), restart_from="images")
    sync(settings())
    with pytest.raises(ConfigError, match=f"'pictures' is not one of {', '.join(RESTARTS)}"):
        sync(settings(), restart_from="pictures")


def test_a_changed_source_is_refused_and_a_restart_takes_it(sync, settings, save_stack, tmp_path, volumes, folder):
    data = save_stack(tmp_path / "own", volumes)
    sync(settings(data=data))
    changed = volumes.copy()
    changed[3, 0, 0, 0] ^= 1
    save_stack(tmp_path / "own", changed)
    with pytest.raises(ConfigError, match=r"has changed since.*; .*--restart-from volumes"):
        sync(settings(data=data))
    assert folder.read()["state"] == "done"
    assert sync(settings(data=data), restart_from="volumes").stages[DIAGRAMS].computed == 12


def test_a_run_goes_on_without_its_source_but_not_with_another_one(
    sync, settings, save_stack, tmp_path, volumes, observer
):
    data = save_stack(tmp_path / "own", volumes)
    sync(settings(data=data))
    shutil.rmtree(tmp_path / "own")
    sync(settings(data=data))
    assert any("the source is not there any more" in m for m in observer.messages)
    with pytest.raises(ConfigError, match="came from another source"):
        sync(settings(data={**data, "limit": 3}))
    with pytest.raises(ConfigError, match="came from another source"):
        sync(settings(data={"kind": "phantoms", "n_volumes": 2}))


def test_a_restart_from_volumes_whose_source_is_gone_loses_nothing(
    sync, settings, save_stack, tmp_path, volumes, folder
):
    data = save_stack(tmp_path / "own", volumes)
    sync(settings(data=data))
    shutil.rmtree(tmp_path / "own")
    with pytest.raises(InputError):
        sync(settings(data=data), restart_from="volumes")
    assert folder.features.exists()
    assert folder.diagrams.exists()
    assert folder.read()["state"] == "done"
