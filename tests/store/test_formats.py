"""Runs that earlier versions wrote, kept as they were: read as today's; their diagrams are not computed again."""

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tdaflow import open_run, run
from tdaflow.errors import ConfigError, InputError
from tdaflow.store import DiagramStore, FeatureStore, RunFolder, VolumeStore

KEPT = Path(__file__).parent / "formats"
CONFIG = KEPT / "run.toml"


@pytest.fixture(params=sorted(path.name for path in KEPT.glob("*.tar.xz")))
def kept(request, tmp_path) -> Path:
    """The folder of a kept run."""
    with tarfile.open(KEPT / request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """The same run by this version."""
    return run(CONFIG, out=tmp_path_factory.mktemp("fresh") / "run", progress=False).folder.path


def test_it_is_read_as_a_run_of_today(kept, fresh):
    old, new = open_run(kept), open_run(fresh)
    for name in ("persistence_image", "id", "label", "split"):
        np.testing.assert_array_equal(old.features[name].values, new.features[name].values)
    assert old.state["ranges"] == new.state["ranges"]
    told, today = ({name: d for name, d in r.state["digests"].items() if name != "images"} for r in (old, new))
    assert told == today
    assert [problem for problem in old.check(deep=True) if problem.severity == "error"] == []


@pytest.mark.parametrize("verify", [False, True])
def test_its_images_are_of_another_algorithm_and_nothing_else_is_done_again(kept, fresh, verify):
    with pytest.raises(ConfigError, match="--restart-from images to redo them"):
        run(CONFIG, out=kept, verify=verify, progress=False)
    state = run(CONFIG, out=kept, verify=verify, restart_from="images", progress=False).state
    assert state["state"] == "done"
    assert state["stages"]["superpixels+persistence"]["computed"] == 0
    assert state["stages"]["images"]["computed"] > 0
    assert state["digests"] == open_run(fresh).state["digests"]


def test_its_images_are_made_anew_from_its_diagrams(kept, fresh):
    shutil.rmtree(kept / "features.zarr")
    run(CONFIG, out=kept, progress=False)
    images = [open_run(path).features["persistence_image"].values for path in (kept, fresh)]
    np.testing.assert_array_equal(*images)


@pytest.mark.parametrize(
    ("store", "reader"),
    [("volumes.zarr", VolumeStore), ("diagrams.zarr", DiagramStore), ("features.zarr", FeatureStore)],
)
def test_a_store_of_another_format_is_refused_with_what_to_type(kept, store, reader):
    metadata = kept / store / "zarr.json"
    told = json.loads(metadata.read_text())
    for name in ("tdaflow_seal", "tdaflow_files"):
        told["attributes"].pop(name, None)
    ours = told["attributes"]["tdaflow"]
    as_text = isinstance(ours, str)
    ours = {**(json.loads(ours) if as_text else ours), "format": 0}
    told["attributes"]["tdaflow"] = json.dumps(ours) if as_text else ours
    metadata.write_text(json.dumps(told))
    with pytest.raises(InputError, match=r"format.*(again|--restart-from)"):
        reader(kept / store)


def test_a_run_json_of_another_format_is_refused_with_what_to_do(kept):
    (kept / "run.json").write_text('{"format": 1}')
    with pytest.raises(InputError, match="has format 1, this tdaflow reads"):
        RunFolder(kept).read()
