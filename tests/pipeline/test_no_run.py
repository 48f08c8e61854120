"""Where a run is wanted, an error says what is there instead and what to type."""

import numpy as np
import pytest

from tdaflow import open_run
from tdaflow.errors import InputError
from tdaflow.pipeline import InProcess, Silent
from tdaflow.pipeline.run import run
from tdaflow.pipeline.shard import Shard
from tdaflow.pipeline.shards import run_shard
from tdaflow.store import RunFolder


def told(path):
    with pytest.raises(InputError, match=r"holds no run \(no run.json\)") as refused:
        open_run(path)
    return str(refused.value)


def test_a_part_of_a_run_and_a_folder_of_runs(settings, tmp_path):
    folder = RunFolder(tmp_path / "runs" / "one")
    folder.create()
    run(settings(), folder, InProcess(), Silent())
    for part in (folder.volumes, folder.features, folder.run_json, folder.path / "report.html"):
        assert told(part).endswith(f"it is a part of the run {folder.path}: give that folder")
    assert told(tmp_path / "runs").endswith(f"give one of them, such as {folder.path}")
    store = folder.volumes.rename(tmp_path / "volumes.zarr")
    assert f"it is a volume store; `tdaflow run {store}`" in told(store)


def test_shards_that_are_not_joined(settings, tmp_path):
    shared = RunFolder(tmp_path / "shared")
    run_shard(settings(), shared, InProcess(), Silent(), Shard(1, 1))
    assert f"`tdaflow merge {shared.path}`" in told(shared.path)


def test_data_settings_and_nothing(tmp_path):
    scans = tmp_path / "scans"
    (scans / "deep").mkdir(parents=True)
    assert told(scans).endswith("give the folder that `tdaflow run --out` was given")
    np.save(scans / "deep" / "a.npy", np.zeros((3, 3, 3)))
    assert f"it holds data, such as deep/a.npy; `tdaflow run {scans}`" in told(scans)
    assert f"`tdaflow run {scans / 'deep' / 'a.npy'}`" in told(scans / "deep" / "a.npy")
    (tmp_path / "own.toml").touch()
    assert f"`tdaflow run {tmp_path / 'own.toml'}`" in told(tmp_path / "own.toml")
    (tmp_path / "page.html").touch()
    assert "it is a file; give the folder" in told(tmp_path / "page.html")
    assert "there is no such folder" in told(tmp_path / "nowhere")
