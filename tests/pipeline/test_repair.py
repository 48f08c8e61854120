"""Damaged files of a run are made anew or named; nothing that cannot be made anew is deleted."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tdaflow import load_features
from tdaflow.errors import RunError, TdaflowError
from tdaflow.pipeline import InProcess, Silent, read_status, run
from tdaflow.pipeline.opened import Run
from tdaflow.pipeline.repair import repair
from tdaflow.store import DiagramStore, RunFolder
from tdaflow.store.integrity import check_run, has_errors
from tdaflow.store.manifest import DamagedStore, unsealed

DIAGRAMS = "superpixels+persistence"
BATCH = "diagrams.zarr/00000003-00000006"


@pytest.fixture(scope="module")
def made(settings, tmp_path_factory):
    """A finished run that nobody changes."""
    folder = RunFolder(tmp_path_factory.mktemp("made") / "run")
    run(settings(), folder, InProcess(), Silent())
    return folder


@pytest.fixture
def finished(made, folder):
    """The images of a finished run, of which the test has a copy."""
    shutil.copytree(made.path, folder.path)
    return load_features(folder.path).persistence_image.values


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


HARMS = {
    "empty": lambda path: os.truncate(path, 0),
    "cut": cut,
    "garbage": lambda path: path.write_bytes(os.urandom(300)),
    "lost": lambda path: path.unlink(),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("name", ["zarr.json", "bars/zarr.json", "counts/zarr.json"])
def test_a_batch_with_damaged_metadata_is_an_unfinished_one_for_everybody(
    sync, settings, folder, finished, invocations, harm, name
):
    harm(folder.path / BATCH / name)
    store = DiagramStore(folder.diagrams)
    assert (store.missing(12), store.damaged()) == ([(3, 6)], [(3, 6)])
    status = folder.read()
    folder.write({**status, "state": "failed"})
    assert read_status(folder)["stages"][DIAGRAMS]["left"] == 3
    assert (BATCH, "error") in {(p.where, p.severity) for p in check_run(folder)[0]}
    with pytest.raises(TdaflowError, match="has no diagrams of row 3; run again"):
        Run(folder.path).diagram("v3")
    sync(settings())
    assert invocations.diagrams == [(3, 6)]
    np.testing.assert_array_equal(load_features(folder.path).persistence_image.values, finished)


@pytest.mark.parametrize("array", ["bars", "counts"])
def test_a_batch_that_lacks_an_array_is_an_unfinished_one(sync, settings, folder, finished, invocations, array):
    shutil.rmtree(folder.path / BATCH / array)
    assert DiagramStore(folder.diagrams).missing(12) == [(3, 6)]
    sync(settings())
    assert invocations.diagrams == [(3, 6)]


@pytest.mark.parametrize("harm", [HARMS["empty"], HARMS["lost"]], ids=["empty", "lost"])
@pytest.mark.parametrize(
    "name",
    [
        "volumes.zarr/zarr.json",
        "volumes.zarr/voxels/zarr.json",
        "volumes.zarr/voxels/c/0/0/0/0",
        "volumes.zarr/table/digest/zarr.json",
        "volumes.zarr/table/files/c/0",
        "diagrams.zarr/zarr.json",
        "features.zarr/zarr.json",
        "features.zarr/sigma/zarr.json",
        "features.zarr/sigma/c/0",
        "run.json",
    ],
)
def test_what_is_damaged_is_seen_and_verify_makes_it_anew_with_the_same_bits(
    sync, settings, folder, finished, invocations, harm, name
):
    before = folder.read()
    harm(folder.path / name)
    assert has_errors(check_run(folder, deep=True)[0])
    sync(settings(), verify=True)
    assert not has_errors(check_run(folder, deep=True)[0])
    np.testing.assert_array_equal(load_features(folder.path).persistence_image.values, finished)
    after = folder.read()
    assert [after[key] for key in ("digests", "ranges", "outcomes")] == [
        before[key] for key in ("digests", "ranges", "outcomes")
    ]
    assert invocations.diagrams == [] or (name, harm) == ("diagrams.zarr/zarr.json", HARMS["lost"])


@pytest.fixture
def own_data(tmp_path, volumes, save_stack):
    """Data that a test may change."""
    return save_stack(tmp_path / "own", volumes)


def test_a_volume_store_is_kept_where_its_source_cannot_make_it_anew(sync, settings, folder, own_data, volumes):
    sync(settings(data=own_data))
    cut(folder.volumes / "voxels" / "zarr.json")
    stack = Path(own_data["path"])
    np.save(stack, volumes[::-1])
    with pytest.raises(RunError, match=r"volume store .* is damaged \(voxels/zarr\.json.*its source has changed since"):
        sync(settings(data=own_data), verify=True)
    stack.unlink()
    with pytest.raises(RunError, match=r"is damaged .*, and its source cannot be read .*restore one of the two"):
        sync(settings(data=own_data), verify=True)
    assert (folder.volumes / "table").is_dir()


def test_a_volume_store_of_another_run_is_named_and_left_alone(sync, settings, folder, tmp_path):
    sync(settings())
    other = RunFolder(tmp_path / "other")
    config = settings(data={"store": str(folder.volumes)})
    sync(config, folder=other)
    cut(folder.volumes / "voxels" / "c" / "0" / "0" / "0" / "0")
    with pytest.raises(RunError, match="--verify makes only a run's own stores anew"):
        sync(config, folder=other, verify=True)
    assert (folder.volumes / "table").is_dir()


def test_a_damaged_chunk_of_voxels_ends_the_run_in_one_sentence_and_quarantines_nothing(sync, settings, folder):
    sync(settings())
    shutil.rmtree(folder.diagrams)
    shutil.rmtree(folder.features)
    cut(folder.volumes / "voxels" / "c" / "0" / "0" / "0" / "0")
    with pytest.raises(DamagedStore, match=r"its checksum does not hold; run again with --verify"):
        sync(settings())
    assert folder.read()["quarantined"] == folder.read()["failed"] == {}


@pytest.mark.parametrize("text", ["", "{", None])
def test_run_json_is_made_anew_from_the_stores_alone(sync, settings, folder, finished, invocations, text):
    before = folder.read()
    folder.run_json.unlink() if text is None else folder.run_json.write_text(text)
    (told,) = repair(folder)
    assert told.startswith("run.json is made anew")
    after = folder.read()
    volatile = {"began", "ended", "engine", "holder", "stages"}
    assert {k: v for k, v in after.items() if k not in volatile} == {
        k: v for k, v in before.items() if k not in volatile
    }
    for stage, counts in before["stages"].items():
        assert {k: after["stages"][stage][k] for k in ("total", "done", "left")} == {
            k: counts[k] for k in ("total", "done", "left")
        }
    assert check_run(folder, deep=True)[0] == []
    sync(settings())
    assert invocations.volumes == 0
    assert repair(folder)[0].startswith("there was nothing to repair")


def test_what_stores_cannot_tell_is_said_and_the_same_run_completes_it(sync, settings, folder, finished, invocations):
    shutil.rmtree(folder.features)
    os.truncate(folder.run_json, 0)
    (told,) = repair(folder)
    assert "cannot be made anew" in told
    assert "same `tdaflow run …`" in told
    sync(settings())
    assert invocations.diagrams == []
    np.testing.assert_array_equal(load_features(folder.path).persistence_image.values, finished)


def as_an_older_version(folder: RunFolder) -> None:
    """Take all digests of files out of a run."""
    shutil.rmtree(folder.volumes / "table" / "files")
    for path in (*folder.path.rglob("zarr.json"), folder.run_json):
        document = json.loads(path.read_text())
        if "attributes" in document:
            document["attributes"] = unsealed(document["attributes"])
        path.write_text(json.dumps(unsealed(document)))


def test_stores_of_an_older_version_are_read_and_named_once(sync, settings, folder, finished, invocations):
    as_an_older_version(folder)
    (problem,) = check_run(folder, deep=True)[0]
    assert (problem.severity, problem.kind) == ("warning", "digests")
    assert "written by an older version" in problem.what
    sync(settings(), verify=True)
    assert (invocations.diagrams, invocations.images) == ([], [])
    cut(folder.features / "persistence_image" / "c" / "0" / "0" / "0" / "0")
    os.truncate(folder.path / BATCH / "counts" / "zarr.json", 0)
    sync(settings(), verify=True)
    assert (invocations.diagrams, invocations.images) == ([(3, 6)], [0])
    np.testing.assert_array_equal(load_features(folder.path).persistence_image.values, finished)
