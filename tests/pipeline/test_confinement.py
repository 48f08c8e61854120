"""A run writes inside its folder alone and executes nothing, whatever names and stores it is given."""

import json
import os
import pickle
import re
from pathlib import Path

import numcodecs.pickles
import numpy as np
import pytest
import zarr

from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.sources import Volume
from tdaflow.store import VolumeBuilder

DIAGRAMS = "superpixels+persistence"
QUICK = {"sublevel": {"kind": "cubical"}}
HOSTILE = [
    "../../out",
    "/tmp/out",
    "..",
    ".",
    "",
    "nul\0byte",
    "a/../../b",
    "C:\\out",
    "~/out",
    "line\nbreak",
    "%2e%2e/x",
    "-rf",
]


def everything(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder with what its files hold."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def stored(tmp_path, volumes):
    """Maker of a volume store whose ids, groups and class names are those that nobody should use."""

    def make(*, equal: bool) -> Path:
        about = {"class_names": HOSTILE[:2], "source": "../../out", "options": {}, "fingerprint": {}, "notes": []}
        shape, dtype = (volumes.shape[1:], volumes.dtype) if equal else (None, None)
        builder = VolumeBuilder.create(
            tmp_path / "in-progress", n_entries=len(HOSTILE), shape=shape, dtype=dtype, attributes=about
        )
        items = [
            Volume(name, voxels, label=i % 2, split="train", group=name, facts={"../../out": name})
            for i, (name, voxels) in enumerate(zip(HOSTILE, volumes, strict=True))
        ]
        for start in range(0, len(items), builder.chunk):
            part = items[start : start + builder.chunk]
            builder.write_part(start, builder.write_voxels(start, part))
        builder.finish(tmp_path / "hostile.zarr")
        return tmp_path / "hostile.zarr"

    return make


@pytest.mark.parametrize("equal", [True, False], ids=["one array", "an array a volume"])
def test_ids_groups_classes_and_filtrations_become_no_paths(
    sync, settings, folder, tmp_path, monkeypatch, stored, equal
):
    store = stored(equal=equal)
    monkeypatch.chdir(tmp_path)
    before = everything(tmp_path)
    filtrations = {"../../out": {"kind": "cubical"}, "/tmp/out": {"kind": "cubical", "direction": "superlevel"}}
    state = sync(settings(data={"store": str(store)}, filtrations=filtrations))
    assert set(state.outcomes) == set(HOSTILE)
    assert state.stages["images"].done == len(HOSTILE)
    inside = {name for name in everything(tmp_path) if name.split("/")[0] == "run"}
    assert everything(tmp_path).keys() - inside == before.keys()
    assert {name: content for name, content in everything(tmp_path).items() if name not in inside} == before
    parts = {part for name in inside for part in name.split("/")}
    assert [part for part in parts if not re.fullmatch(r"[a-z0-9_.-]+", part) or ".." in part] == []
    assert not Path("/tmp/out").exists()


@pytest.fixture
def outside(tmp_path):
    """A folder of somebody else."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "theirs").write_text("theirs")
    return tmp_path / "outside"


def interrupted(sync, settings, stage: str, volumes: int) -> None:
    """Run until so many volumes of a stage are done."""

    class Stop:
        left = volumes

        def message(self, text): ...
        def stage_begins(self, stage, total, reused): ...
        def stage_ends(self, stage, seconds): ...

        def advanced(self, at, n):
            self.left -= n if at == stage else 0
            if self.left <= 0:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(settings(filtrations=QUICK), observer=Stop())


@pytest.mark.parametrize(
    ("stage", "n", "link"),
    [
        (DIAGRAMS, 3, ".lock"),
        (DIAGRAMS, 3, "run.log"),
        (DIAGRAMS, 3, "diagrams.zarr"),
        ("images", 2, ".features.zarr.in-progress"),
        ("images", 2, ".features.zarr.in-progress/persistence_image"),
        ("images", 2, ".features.zarr.in-progress/persistence_image/c"),
        ("ingest", 1, ".volumes.zarr.in-progress"),
        ("ingest", 1, ".volumes.zarr.in-progress/.parts"),
        ("ingest", 1, ".volumes.zarr.in-progress/voxels"),
    ],
)
def test_a_link_where_a_run_would_write_is_refused_before_anything_is_written(
    sync, settings, folder, outside, monkeypatch, stage, n, link
):
    monkeypatch.setattr("tdaflow.store.features.CHUNK_BYTES", 2 * 4 * (8 + 5 * 8 * 8))
    monkeypatch.setattr("tdaflow.store.volume_builder.CHUNK_BYTES", 14**3)
    interrupted(sync, settings, stage, n)
    place = folder.path / link
    os.rename(place, outside / "moved")
    place.symlink_to(outside / "moved")
    before = everything(outside)
    with pytest.raises(ConfigError, match=r"is a link, and tdaflow writes inside its run folder only; .*--out"):
        sync(settings(filtrations=QUICK))
    assert everything(outside) == before


def test_a_linked_run_json_is_replaced_not_written_through(sync, settings, folder, outside):
    sync(settings(filtrations=QUICK))
    os.rename(folder.run_json, outside / "run.json")
    folder.run_json.symlink_to(outside / "run.json")
    (folder.path / ".tmp-run.json").symlink_to(outside / "theirs")
    (folder.path / ".tmp-folder").symlink_to(outside)
    before = everything(outside)
    sync(settings(filtrations=QUICK))
    assert everything(outside) == before
    assert not folder.run_json.is_symlink()
    assert not [path for path in folder.path.iterdir() if path.is_symlink()]


class Touch:
    """What a pickle can do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


CODECS = {
    "a pickle codec": {"codecs": [{"name": "bytes"}, {"name": "numcodecs.pickle"}]},
    "nothing but a pickle codec": {"codecs": [{"name": "pickle"}]},
    "objects": {"data_type": "object", "codecs": [{"name": "numcodecs.pickle"}]},
    "numpy objects": {"data_type": {"name": "numpy.object", "configuration": {"object_codec_id": "pickle"}}},
    "zarr 2": {
        "zarr_format": 2, "filters": [{"id": "vlen-utf8"}, {"id": "pickle"}], "dtype": "|O", "compressor": None,
        "fill_value": "", "order": "C", "chunks": [1],
    },
}  # fmt: skip


@pytest.fixture
def pickled(tmp_path, monkeypatch):
    """Turn an array of a store into one that is unpickled if anything is; the file that a pickle would make."""
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    made = tmp_path / "made-by-a-pickle"
    assert pickle.loads(pickle.dumps(Touch(made))) is None
    made.unlink()

    def craft(array: Path, codecs: dict) -> Path:
        document = {**json.loads((array / "zarr.json").read_text()), **codecs}
        if document["zarr_format"] == 2:
            (array / "zarr.json").unlink()
            (array / ".zarray").write_text(json.dumps(document))
        else:
            (array / "zarr.json").write_text(json.dumps(document))
        for chunk in [file for file in array.rglob("*") if file.is_file() and file.parent != array]:
            chunk.write_bytes(pickle.dumps(Touch(made)))
        return made

    return craft


@pytest.mark.parametrize("codecs", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("array", ["voxels", "table/id"])
def test_nothing_in_a_volume_store_is_unpickled(sync, settings, stored, pickled, array, codecs):
    store = stored(equal=True)
    made = pickled(store / array, codecs)
    with pytest.raises((InputError, RunError)):
        sync(settings(data={"store": str(store)}))
    assert not made.exists()


@pytest.mark.parametrize("codecs", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("array", ["bars", "counts"])
def test_nothing_in_a_diagram_store_is_unpickled(sync, settings, folder, pickled, array, codecs):
    interrupted(sync, settings, DIAGRAMS, 12)
    made = pickled(folder.diagrams / "00000000-00000003" / array, codecs)
    # Metadata that are not as they were written make a batch an unfinished one.
    assert sync(settings(filtrations=QUICK)).stages[DIAGRAMS].computed == 3
    assert not made.exists()


@pytest.mark.parametrize("codecs", CODECS.values(), ids=CODECS)
def test_nothing_in_a_feature_store_is_unpickled(sync, settings, folder, pickled, codecs):
    sync(settings(filtrations=QUICK))
    made = pickled(folder.features / "persistence_image", codecs)
    sync(settings(filtrations=QUICK), verify=True)
    assert not made.exists()
    assert np.isfinite(zarr.open_group(folder.features)["persistence_image"][...]).all()
