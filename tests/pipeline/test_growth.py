"""Volumes added to the folder or table of a finished run get what `apply` gives them, and nothing else changes."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tdaflow.config import told_reference
from tdaflow.errors import ConfigError
from tdaflow.evaluation.protocol.evaluate import ranges_note
from tdaflow.pipeline import InProcess, Silent, ingest_only, run
from tdaflow.pipeline.stages import diagrams as diagram_stage
from tdaflow.pipeline.stages import images as image_stage
from tdaflow.pipeline.stages import volumes as volume_stage
from tdaflow.pipeline.stages.diagrams import compute_diagrams
from tdaflow.sources import entries
from tdaflow.store import DiagramStore, FeatureStore, RunFolder, VolumeStore
from tdaflow.store.integrity import check_run, has_errors

graph = sys.modules["tdaflow.pipeline.run"]  # the package gives its name to the function

LEARNING = {
    "filtrations": {"alpha": {}, "sublevel": {"kind": "cubical"}},
    "images": {"normalise": "dataset-max"},
    "vectorisations": {"entropy": {}, "atol": {"n_centres": 3}},
}
CUBICAL = {**LEARNING, "filtrations": {"sublevel": {"kind": "cubical"}}}
BASE = [2, 3, 5, 8, 10]
REST = [0, 1, 4, 6, 7, 9, 11]


class Cohort:
    """Volumes of the small data set in a folder, and the sections that read them."""

    def __init__(self, folder, stack):
        self.folder, self.stack, self.there = folder, stack, {}
        folder.mkdir()

    def add(self, numbers, label=lambda i: "ab"[i % 2], split=lambda i: "test" if i % 3 == 2 else "train"):
        for i in numbers:
            np.save(self.folder / f"v{i:02}.npy", self.stack[i])
            self.there[i] = f"v{i:02}.npy,v{i:02},{label(i)},{split(i)},p{i:02}"
        self.write()
        return self

    def write(self):
        rows = [self.there[i] for i in sorted(self.there)]
        (self.folder / "table.csv").write_text("\n".join(["path,id,label,split,group", *rows]) + "\n")

    @property
    def manifest(self):
        return {"kind": "manifest", "path": str(self.folder / "table.csv")}

    @property
    def arrays(self):
        return {"kind": "arrays", "path": str(self.folder)}


@pytest.fixture
def cohort(tmp_path, volumes):
    return Cohort(tmp_path / "cohort", volumes).add(BASE)


@pytest.fixture(scope="module")
def expected(settings, volumes, tmp_path_factory):
    """Features of all volumes on what a run of the first ones learnt, as `apply` makes them."""
    here = tmp_path_factory.mktemp("expected")
    base, rest = (Cohort(here / name, volumes).add(numbers) for name, numbers in (("base", BASE), ("all", range(12))))
    learnt = RunFolder(here / "learnt")
    run(settings(data=base.manifest, **LEARNING), learnt, InProcess(), Silent())
    applied = RunFolder(here / "applied")
    run(settings(data=rest.manifest, reference=str(learnt.path), **LEARNING), applied, InProcess(), Silent())
    return applied


def by_volume(folder):
    """Bits of every feature and facts of every volume, by id."""
    with xr.open_zarr(folder.features) as found:
        return {
            str(identity): {
                name: np.ascontiguousarray(found[name].values[i]).tobytes()
                for name in ("persistence_image", "summary", "n_bars", "n_outside")
            }
            for i, identity in enumerate(found["volume"].values)
        }


def assert_sound(folder):
    problems, _ = check_run(folder, deep=True)
    assert [p for p in problems if p.severity == "error" or p.kind in ("leftover", "state")] == []


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("arrays", [REST]),
        pytest.param("manifest", [[11], [0], REST[1:6]], marks=pytest.mark.slow),
        ("manifest", [[4, 7], [1], [0, 6, 9]]),
    ],
)
def test_grown_in_any_steps_is_applied_to_the_bit(settings, cohort, sync, folder, expected, kind, steps):
    sync(settings(data=getattr(cohort, kind), **LEARNING))
    learnt, order = folder.read(), [f"v{i:02}" for i in BASE]
    for numbers in steps:
        cohort.add(numbers)
        state = sync(settings(data=getattr(cohort, kind), **LEARNING))
        order += [f"v{i:02}" for i in numbers]
        wanted = by_volume(expected)
        assert by_volume(folder) == {identity: wanted[identity] for identity in order}
        assert list(by_volume(folder)) == order
        assert (state.scales, state.ranges, state.image_maximum) == (
            learnt["scales"], learnt["ranges"], learnt["image_maximum"],
        )  # fmt: skip
        assert state.learnt_from == {"volumes": len(order), "ranges": 5, "scales": 5}
        assert_sound(folder)


def test_nothing_finished_is_read_or_computed_again(settings, cohort, sync, folder, observer, invocations, monkeypatch):
    sync(settings(data=cohort.manifest, **LEARNING))
    invocations.clear()
    read, real = [], entries._items
    monkeypatch.setattr(entries, "_items", lambda same, *rest: read.extend(e.id for e in same) or real(same, *rest))
    measured = []
    monkeypatch.setattr("tdaflow.pipeline.stages.ranges.reduce_ranges", lambda task: measured.append(task))
    cohort.add([0, 11])
    state = sync(settings(data=cohort.manifest, **LEARNING))
    assert read == ["v00", "v11"]
    assert (invocations.volumes, min(start for start, _ in invocations.diagrams)) == (2, 5)
    assert measured == []
    for stage in ("ingest", "superpixels+persistence", "images"):
        counts = state.stages[stage]
        assert (counts.total, counts.computed, counts.reused) == (7, 2, 5), stage
    said = " ".join(observer.messages)
    assert "2 volumes were added to the 5 of this run" in said
    assert "stay those of the first 5 of 7 volumes" in said
    assert "--restart-from images" in said
    sync(settings(data=cohort.manifest, **LEARNING))
    assert observer.messages[-1] == "nothing to do: every volume is done"


@pytest.mark.slow
def test_restarted_images_are_those_of_a_fresh_run_over_all(settings, cohort, sync, folder, tmp_path, observer):
    config = settings(data=cohort.manifest, **CUBICAL)
    sync(config)
    cohort.add(REST)
    sync(config, restart_from="images")
    fresh = RunFolder(tmp_path / "fresh")
    sync(config, folder=fresh)
    assert by_volume(folder) == by_volume(fresh)
    assert (folder.read()["ranges"], folder.read()["learnt_from"]) == (fresh.read()["ranges"], {})
    assert_sound(folder)


@pytest.mark.slow
def test_the_intensity_scale_stays_with_the_diagrams_until_these_are_made_anew(
    settings, cohort, sync, folder, tmp_path, observer
):
    config = settings(data=cohort.manifest, superpixels={"intensity_scale": "cohort"}, **LEARNING)
    sync(config)
    scales = folder.read()["scales"]
    cohort.add(REST)
    state = sync(config, restart_from="images")
    assert (state.scales, state.learnt_from) == (scales, {"volumes": 12, "ranges": 12, "scales": 5})
    assert any("the intensity scale stays that of the first 5" in m for m in observer.messages)
    assert sync(config).stages["images"].reused == 12
    fresh = RunFolder(tmp_path / "fresh")
    sync(config, folder=fresh)
    state = sync(config, restart_from="diagrams")
    assert (by_volume(folder), state.learnt_from) == (by_volume(fresh), {})


@pytest.mark.parametrize("reference", ["train", "run"])
def test_runs_of_every_reference_grow(settings, cohort, sync, folder, tmp_path, expected, reference):
    if reference == "run":
        reference = str(expected.path.parent / "learnt")
    config = settings(data=cohort.manifest, reference=reference, **LEARNING)
    sync(config)
    learnt, old = folder.read(), by_volume(folder)
    cohort.add(REST)
    state = sync(config)
    assert (state.ranges, state.scales) == (learnt["ranges"], learnt["scales"])
    assert {identity: by_volume(folder)[identity] for identity in old} == old
    assert bool(state.learnt_from) == (reference == "train")


class Killed(BaseException):
    """The end of the process."""


KILLS = {
    "copying the store": (shutil, "copytree", 0),
    "reading": (volume_stage, "ingest_batch", 1),
    "before the volumes have their name": (os, "rename", lambda source, _: Path(source).name.startswith(".volumes")),
    "after the volumes have their name": (graph, "check_shapes", 0),
    "computing": (diagram_stage, "compute_diagrams", 1),
    "making images": (image_stage, "compute_images", 1),
    "before the images have their name": (os, "rename", lambda source, _: Path(source).name.startswith(".features")),
}


@pytest.mark.parametrize("place", [*KILLS][:2] + [pytest.param(p, marks=pytest.mark.slow) for p in [*KILLS][2:]])
def test_a_killed_growth_goes_on_to_the_same_bits(settings, cohort, sync, folder, expected, monkeypatch, place):
    monkeypatch.setattr("tdaflow.store.features.CHUNK_BYTES", 4000)
    config = settings(data=cohort.manifest, **LEARNING)
    sync(config)
    cohort.add(REST)
    module, name, when = KILLS[place]
    real, calls = getattr(module, name), []

    def killed(*given, **options):
        calls.append(given)
        if when(*given) if callable(when) else len(calls) > when:
            raise Killed
        return real(*given, **options)

    with monkeypatch.context() as patched:
        patched.setattr(module, name, killed)
        with pytest.raises(Killed):
            sync(config)
    problems, _ = check_run(folder)
    assert not has_errors([p for p in problems if p.kind != "missing"])
    sync(config)
    wanted = by_volume(expected)
    assert by_volume(folder) == {f"v{i:02}": wanted[f"v{i:02}"] for i in (*BASE, *REST)}
    assert_sound(folder)


def test_what_changed_is_named_and_refused(settings, cohort, sync, folder):
    config = settings(data=cohort.manifest, **CUBICAL)
    sync(config)
    before = (folder.read(), by_volume(folder))

    def refused(*words):
        with pytest.raises(ConfigError) as error:
            sync(config)
        text = str(error.value)
        assert all(word in text for word in (*words, "--restart-from volumes")), text
        assert (folder.read(), by_volume(folder)) == before

    cohort.add([0], label=lambda i: "c")
    kept = dict(cohort.there)
    cohort.there[2] = cohort.there[2].replace(",a,", ",b,")
    cohort.there[3] = cohort.there[3].replace(",train,", ",val,")
    cohort.write()
    refused("another label: 'v02' (a → b)", "another split: 'v03' (train → val)")
    cohort.there = {i: row for i, row in kept.items() if i != 5}
    cohort.write()
    refused("removed: 'v05'")
    cohort.there = {**kept, 8: kept[8].replace("v08.npy", "v09.npy")}
    np.save(cohort.folder / "v09.npy", cohort.stack[9])
    cohort.write()
    refused("changed: 'v08'")
    cohort.there = kept
    np.save(cohort.folder / "v10.npy", cohort.stack[9][:-1])
    cohort.write()
    refused("changed: 'v10'")


def test_a_table_written_again_with_the_same_rows_is_the_same(settings, cohort, sync, invocations, observer):
    sync(settings(data=cohort.manifest, **CUBICAL))
    invocations.clear()
    text = (cohort.folder / "table.csv").read_text().splitlines()
    (cohort.folder / "table.csv").write_text(
        "\n".join([text[0] + ",note", *(f"{row},x" for row in reversed(text[1:]))])
    )
    sync(settings(data=cohort.manifest, **CUBICAL))
    assert invocations.volumes == 0
    assert observer.messages[-1] == "nothing to do: every volume is done"


def test_labels_keep_their_meaning_when_classes_are_added(settings, cohort, sync, folder, observer):
    config = settings(data=cohort.manifest, **CUBICAL)
    sync(config)
    cohort.add([0], label=lambda i: "Aa").add([1], label=lambda i: "b")
    sync(config)
    with xr.open_zarr(folder.features) as found:
        named = dict(zip(found["volume"].values.tolist(), found["class_name"].values.tolist(), strict=True))
        labels = dict(zip(found["volume"].values.tolist(), found["label"].values.tolist(), strict=True))
    assert (named["v00"], named["v01"], named["v02"], named["v03"]) == ("Aa", "b", "a", "b")
    assert (labels["v00"], labels["v01"], labels["v02"]) == (2, 1, 0)
    assert any("with the new class 'Aa'" in m for m in observer.messages)


@pytest.mark.slow
def test_unusable_volumes_stay_what_they_are(settings, cohort, sync, folder):
    cohort.stack = cohort.stack.copy()
    cohort.stack[1] = 7
    cohort.add([1])
    cohort.stack[4] = 9
    config = settings(data=cohort.manifest, **CUBICAL)
    sync(config)
    cohort.add([0, 4])
    state = sync(config)
    assert set(state.quarantined) == {"v01", "v04"}
    assert list(by_volume(folder)) == ["v01", "v02", "v03", "v05", "v08", "v10", "v00"][1:]
    assert_sound(folder)
    cohort.stack[6] = 3
    cohort.add([6])
    state = sync(config)
    assert (set(state.quarantined), len(by_volume(folder))) == ({"v01", "v04", "v06"}, 6)
    assert_sound(folder)


def test_a_volume_that_failed_and_is_of_those_learnt_from_makes_the_ranges_anew(
    settings, cohort, sync, folder, monkeypatch
):
    config = settings(data=cohort.manifest, run={"allow_failed": 1, "batch": 1}, **CUBICAL)
    sync(config)
    whole = by_volume(folder)
    DiagramStore(folder.diagrams).discard(1, 2)

    def fails(task):
        if task.start == 1:
            raise MemoryError
        return compute_diagrams(task)

    with monkeypatch.context() as patched:
        patched.setattr(diagram_stage, "compute_diagrams", fails)
        assert set(sync(config).failed) == {"v03"}
        cohort.add([0])
        assert set(sync(config).failed) == {"v03"}
    state = sync(config)
    assert (state.failed, state.learnt_from["ranges"]) == ({}, 5)
    found = by_volume(folder)
    assert {identity: found[identity] for identity in whole} == whole
    assert_sound(folder)


def test_a_volume_of_another_shape_is_added_to_equal_ones(settings, cohort, sync, folder):
    config = settings(data=cohort.arrays, **CUBICAL)
    sync(config)
    old = by_volume(folder)
    assert VolumeStore(folder.volumes).is_one_array
    np.save(cohort.folder / "w.npy", cohort.stack[0][:, :12, 1:])
    sync(config)
    np.testing.assert_array_equal(next(VolumeStore(folder.volumes).voxels(5, 6)), cohort.stack[0][:, :12, 1:])
    found = by_volume(folder)
    assert {identity: found[identity] for identity in old} == old
    assert_sound(folder)


@pytest.mark.slow
def test_an_ingest_grows_too_and_the_run_goes_on_from_it(settings, cohort, sync, folder, expected):
    config = settings(data=cohort.manifest, **LEARNING)
    sync(config)
    cohort.add(REST)
    assert len(ingest_only(config, folder, InProcess(), Silent()).table()) == 12
    assert folder.read()["state"] == "ingested"
    assert not has_errors(check_run(folder, deep=True)[0])
    sync(config)
    assert by_volume(folder) == {identity: by_volume(expected)[identity] for identity in by_volume(folder)}


def test_what_is_not_learnt_yet_is_learnt_from_all(settings, cohort, sync, folder, tmp_path):
    config = settings(data=cohort.manifest, **LEARNING)
    ingest_only(config, folder, InProcess(), Silent())
    cohort.add(REST)
    state = sync(config)
    fresh = RunFolder(tmp_path / "fresh")
    sync(config, folder=fresh)
    assert (by_volume(folder), state.learnt_from) == (by_volume(fresh), {})


def test_features_have_another_digest_once_they_are_of_more_volumes(settings, cohort, sync, folder):
    config = settings(data=cohort.manifest, **CUBICAL)
    digests = []
    for numbers in ([], [0], [1]):
        cohort.add(numbers)
        sync(config)
        digests.append(FeatureStore(folder.features).attributes["digest"])
    assert len(set(digests)) == 3


def test_a_volume_store_that_grew_grows_the_runs_that_read_it(settings, cohort, sync, folder, tmp_path, expected):
    config = settings(data=cohort.manifest, **LEARNING)
    store = RunFolder(tmp_path / "store")
    ingest_only(config, store, InProcess(), Silent())
    reading = settings(data={"store": str(store.volumes)}, **LEARNING)
    sync(reading)
    cohort.add(REST)
    ingest_only(config, store, InProcess(), Silent())
    sync(reading)
    assert by_volume(folder) == {identity: by_volume(expected)[identity] for identity in by_volume(folder)}
    assert len(by_volume(folder)) == 12


@pytest.mark.parametrize(
    ("reference", "learnt", "words"),
    [
        ("all", {"volumes": 60, "ranges": 48, "scales": 48}, "the first 48 of 60 volumes (no labels used)"),
        ("train", {"volumes": 60, "ranges": 48}, "the training split of the first 48 of 60 volumes"),
        (
            "all", {"volumes": 60, "ranges": 60, "scales": 48},
            "all volumes (no labels used); the intensity scale from the first 48 alone",
        ),
    ],
)  # fmt: skip
def test_words_say_how_many_volumes_were_learnt_from(reference, learnt, words):
    assert told_reference(reference, learnt) == words
    assert ranges_note({"reference": reference, "learnt_from": learnt}).startswith(f"Ranges and σ come from {words}")
