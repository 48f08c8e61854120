"""Check a run folder: run.json, and every store against it and against the others."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tdaflow.errors import InputError, passing_reason
from tdaflow.printable import counted
from tdaflow.remote import place
from tdaflow.store.diagrams import DiagramStore
from tdaflow.store.digests import settings_digest
from tdaflow.store.features import FeatureStore
from tdaflow.store.integrity.arrays import reason
from tdaflow.store.integrity.problem import Problem, error, leftover_files, warning
from tdaflow.store.integrity.volumes import check_volumes
from tdaflow.store.manifest import ROOT, SEAL
from tdaflow.store.run_folder import DamagedRun, RunFolder, is_alive
from tdaflow.store.volumes import VolumeTable
from tdaflow.store.zarr_layout import member, open_group

_RESUME = "run again to resume"
_VERIFY = "run again with --verify"
_IMAGES = "run again with --restart-from images"
_SHOWN = 3
# Arrays of the feature store with a chunk for each chunk of volumes; the others describe volumes and channels.
_IMAGE_ARRAYS = ("persistence_image", "persistence_vector", "summary")


def check_run(folder: RunFolder, *, deep: bool = False) -> tuple[list[Problem], dict[str, Any]]:
    """Check a run, or the folder of an ingest.

    Parameters
    ----------
    folder : RunFolder
    deep : bool
        Read every byte: voxels, diagrams and images against their digests and checksums.

    Returns
    -------
    problems : list of Problem
    facts : dict
        Facts of the volumes as `check_volumes` returns them, and ``state``, the state in run.json.
    """
    problems: list[Problem] = []
    try:
        state = folder.read()
    except InputError as damaged:
        state = None
        what = "it cannot be read or is of another format"
        remedy = "restore it or run in a new folder"
        if isinstance(damaged, DamagedRun):
            what = "it is damaged"
            remedy = "`tdaflow check RUN --repair` makes it anew from the stores, and so does the same `tdaflow run`"
        problems.append(error("unreadable", folder.run_json.name, what, remedy))
    elsewhere = (state or {}).get("config", {}).get("data", {}).get("store")
    path = place(elsewhere) if elsewhere else folder.volumes
    facts: dict[str, Any] = {"state": (state or {}).get("state", "no run.json")}
    table = None
    if path.is_dir():
        found, about, table = check_volumes(path, deep=deep)
        problems += found
        facts |= about
    elif state is not None and state.get("digests", {}).get("volumes"):
        remedy = "check from the folder where the run was started, or restore them" if elsewhere else "restore them"
        remedy = _RESUME if folder.volumes_in_progress.is_dir() else remedy
        problems.append(error("missing", path.name, "the volumes of the run are not there", remedy))
    if state is not None:
        problems += _state(folder, state)
        if table is not None:
            problems += _volumes_agree(state, facts, table)
            problems += _stores(folder, state, table.of_rows(), deep=deep)
    problems += _leftovers(folder)
    problems += without_digests(folder, facts)
    return problems, facts


def _state(folder: RunFolder, state: Mapping[str, Any]) -> Iterator[Problem]:
    where = folder.run_json.name
    if state["state"] == "running" and is_alive(state):
        yield warning("state", where, "the run is at work; what it has not finished yet is missing", "check it later")
    elif state["state"] not in ("done", "ingested"):
        how = "interrupted" if state["state"] == "running" else state["state"]
        yield warning("state", where, f"the run is not finished, it is {how}", _RESUME)


def _volumes_agree(state: Mapping[str, Any], facts: Mapping[str, Any], table: VolumeTable) -> Iterator[Problem]:
    where = "run.json"
    told = state["digests"].get("volumes", facts["digest"])
    if told in facts.get("earlier", ()):
        yield warning("state", where, "volumes were added since it was written", _RESUME)
        return
    if told != facts["digest"]:
        what = "it was made of other volumes than those in the volume store: their digests differ"
        yield error("digest", where, what, "restore the volumes, or run again with --restart-from diagrams")
    if state["outcomes"]:
        unknown = set(state["outcomes"]) ^ set(table.id.tolist())
        if unknown:
            what = f"it and the volume store name different volumes: {_some(unknown)}"
            yield error("table", where, what, _RESUME)
    told = {i for i, outcome in state["outcomes"].items() if outcome == "quarantined"}
    if lost := told - set(state["quarantined"]):
        yield error("table", where, f"it gives no reason why volumes were quarantined: {_some(lost)}", _RESUME)


def _stores(folder: RunFolder, state: Mapping[str, Any], ok: VolumeTable, *, deep: bool) -> Iterator[Problem]:
    done = state["state"] == "done"
    good = np.zeros(len(ok), dtype=bool)
    # Images that a network predicted have no diagrams, and only run.json says of which volumes they are.
    predicted = done and "diagrams" not in state["digests"]
    told = [state["outcomes"].get(identity) == "ok" for identity in ok.id]
    if predicted:
        good[:] = told
    for path, name in ((folder.diagrams, "diagrams"), (folder.features, "images")):
        if not path.is_dir():
            if done and not (predicted and name == "diagrams"):
                yield error("missing", path.name, f"the {name} of the finished run are not there", _RESUME)
            continue
        try:
            if name == "diagrams":
                yield from _diagrams(DiagramStore(path), state, ok, good, deep=deep)
            else:
                yield from _features(FeatureStore(path), state, ok, good, deep=deep)
        except Exception as problem:  # damaged JSON or chunks raise errors of many kinds
            passing = passing_reason(problem) is not None
            remedy = "check it again when its disk answers" if passing else f"run again with --restart-from {name}"
            yield error("unreadable", path.name, f"it cannot be read ({reason(problem)})", remedy)
            good[:] = told  # the best that is known for what follows


def _diagrams(
    store: DiagramStore, state: Mapping[str, Any], ok: VolumeTable, good: np.ndarray, *, deep: bool
) -> Iterator[Problem]:
    name = store.path.name
    if store.digest != state["digests"].get("diagrams", store.digest):
        yield error("digest", name, "the diagrams were made with other settings than run.json says", _RESUME)
    for start, stop in store.damaged():
        yield error("unreadable", _batch(store, start, stop), "the batch is damaged or incomplete", _RESUME)
    for start, stop in store.batches():
        where = _batch(store, start, stop)
        if deep and not store.is_intact(start, stop):
            yield error("unreadable", where, "the batch is damaged", _VERIFY)
            continue
        records = store.records(start, stop)
        if [record["id"] for record in records] != ok.id[start:stop].tolist():
            yield error("table", where, "its diagrams are of other volumes than those in the store", _VERIFY)
            continue
        good[start:stop] = [record["status"] == "ok" for record in records]
        for record in records:
            if state["outcomes"].get(record["id"], "failed") not in (record["status"], "failed"):
                told = state["outcomes"][record["id"]]
                what = f"run.json calls {record['id']} {told}, its diagram {record['status']}"
                yield error("table", where, what, _RESUME)
    yield from check_insensitive(store)
    if state["state"] == "done":
        missing = sum(stop - start for start, stop in store.missing(len(ok)))
        if missing > len(state["failed"]):
            yield error(
                "missing",
                name,
                f"{missing} of {counted(len(ok), 'volume')} {'has' if missing == 1 else 'have'} no diagrams",
                _RESUME,
            )


def insensitive_text(filtration: str, told: Mapping[str, Any]) -> str:
    """Return a sentence about a diagram that hardly depends on grey values."""
    return (
        f"the diagram of {filtration} hardly depends on the grey values: its H0 bars die at {told['deaths']} distinct "
        f"values, and exchanging all grey values inside the volume moves them by {told['change']:.1%}"
    )


def insensitive_volumes(store: DiagramStore) -> dict[str, list[str]]:
    """Return the volumes whose diagrams hardly depend on grey values: filtration → ids, in the order of the volumes."""
    found: dict[str, list[str]] = {}
    for start, stop in store.batches():
        for record in store.records(start, stop):
            for name in record.get("insensitive", {}):
                found.setdefault(name, []).append(record["id"])
    return found


def check_insensitive(store: DiagramStore) -> Iterator[Problem]:
    """Yield a warning for each filtration that has diagrams which hardly depend on grey values."""
    for name, ids in insensitive_volumes(store).items():
        what = (
            f"the diagrams of {name} hardly depend on the grey values of "
            f"{counted(len(ids), 'volume')}: {_some(set(ids))}"
        )
        remedy = "see `tdaflow check` of their data; set superpixels.intensity_scale=volume, or leave them out"
        yield warning("insensitive", store.path.name, what, remedy)


def _features(
    store: FeatureStore, state: Mapping[str, Any], ok: VolumeTable, good: np.ndarray, *, deep: bool
) -> Iterator[Problem]:
    name = store.path.name
    digests = state["digests"]
    if settings_digest(store.attributes) != (settings_digest(digests) or settings_digest(store.attributes)):
        yield error("digest", name, "the images were made with other settings than run.json says", _IMAGES)
    elif store.attributes["digest"] != digests.get("images", store.attributes["digest"]):
        yield warning("state", name, "volumes that were added are not among its images yet", _RESUME)
        good[np.flatnonzero(good)[store.n_volumes :]] = False
    unwritten = [left for left, _ in store.chunks() if not store.is_written(left)]
    if unwritten or not store.attributes.get("complete"):
        what = f"the images from volume {unwritten[0]} on are missing" if unwritten else "it is not marked as complete"
        yield error("missing", name, what, _IMAGES)
    damaged = list(store.damage()) if deep and not unwritten else []
    for found in damaged:
        yield error("unreadable", f"{name}/{found.name}", found.why, _VERIFY)
    if damaged:
        return
    group = open_group(store.path, "feature store")
    for column in ("id", "label", "split", "group"):
        values = np.asarray(member(group, column)[...])
        if values.tolist() != getattr(ok, column)[good].tolist():
            what = f"its {column} is not that of the volumes that have diagrams"
            yield error("table", f"{name}/{column}", what, _IMAGES)
    for axis in [
        key for key in group.array_keys() if key.endswith(("sigma", "birth", "death", "persistence", "_range"))
    ]:
        values = np.asarray(member(group, axis)[...])
        if not np.isfinite(values).all() or ("sigma" in axis and (values <= 0).any()):
            yield error("values", f"{name}/{axis}", "it holds values that are no axis of an image", _IMAGES)
    if deep and not unwritten:
        yield from _finite(store, group)


def _finite(store: FeatureStore, group: zarr.Group) -> Iterator[Problem]:
    """Yield an error for each array with NaN values, which were never written."""
    for part in _IMAGE_ARRAYS:
        if part not in group:
            continue
        array = member(group, part)
        bad = 0
        for left, right in store.chunks():
            try:
                bad += int((~np.isfinite(np.asarray(array[left:right]))).reshape(right - left, -1).any(axis=1).sum())
            except Exception:  # told of already
                continue
        if bad:
            yield error(
                "values",
                f"{store.path.name}/{part}",
                f"{counted(bad, 'volume has', 'volumes have')} values that are NaN",
                _IMAGES,
            )


def _batch(store: DiagramStore, start: int, stop: int) -> str:
    return f"{store.path.name}/{start:08d}-{stop:08d}"


def without_digests(folder: RunFolder, facts: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a warning if stores hold no digests of their files."""
    roots = [path / ROOT for path in (folder.diagrams, folder.features) if (path / ROOT).is_file()]
    stores = [root.parent.name for root in roots if not _is_sealed(root)]
    stores += [folder.volumes.name] if facts.get("has_digests") is False else []
    if stores:
        what = "no digests of their files: written by an older version, so --deep finds less"
        yield warning("digests", ", ".join(stores), what, "a new run writes them")


def _is_sealed(root: Path) -> bool:
    try:
        return SEAL.encode() in root.read_bytes()
    except OSError:  # which is told of already
        return True


def _leftovers(folder: RunFolder) -> Iterator[Problem]:
    for path in (folder.volumes_in_progress, folder.features_in_progress):
        if path.is_dir():
            yield warning("leftover", path.name, "a store was not finished", _RESUME)
    partial = [file for store in (folder.diagrams, folder.features) for file in store.rglob("*.partial")]
    yield from leftover_files(folder.path, partial, skip=folder.volumes)  # `check_volumes` names those


def _some(names: set[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")
