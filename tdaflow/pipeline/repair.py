"""Mend a run whose files were damaged: what can be made anew is removed, so that the stages make it, and run.json.

A volume store is removed only when its source is there, and is the one that it was made of.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tdaflow.atomic import is_abandoned, leftovers, remove_leftovers, remove_whole
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.homology.regions import regional_name
from tdaflow.pipeline.context import Context
from tdaflow.pipeline.growth import State, state_of
from tdaflow.pipeline.stages.volumes import described
from tdaflow.pipeline.state import STAGES, RunState, StageCounts
from tdaflow.printable import counted
from tdaflow.remote import place
from tdaflow.store import DiagramStore, FeatureStore, RunFolder, VolumeBuilder, VolumeStore
from tdaflow.store.integrity import check_volumes
from tdaflow.store.manifest import ROOT, Damage, DamagedStore, reason
from tdaflow.store.run_folder import DamagedRun


def mend_volumes(context: Context, previous: Mapping[str, Any]) -> None:
    """Read the volume store of a run, and remove it if it is damaged; the stage ingests its source again.

    Raises
    ------
    RunError
        If it is damaged and cannot be made anew; nothing was removed.
    """
    config, folder = context.config, context.folder
    unfinished = folder.volumes_in_progress
    if unfinished.exists():
        try:
            VolumeBuilder(unfinished).parts()
        except Exception as error:  # whatever damaged metadata make Zarr raise
            context.observer.message(f"the unfinished volume store is damaged ({_said(error)}) and is begun anew")
            remove_whole(unfinished)
    path = config.store or folder.volumes
    if not path.exists() or (found := _volume_damage(path)) is None:
        return
    where = f"the volume store {path} is damaged ({found.name}: {found.why})"
    if found.passing:
        raise RunError(f"{where}; nothing was changed: run again when it can be read")
    if config.store is not None:
        raise RunError(
            f"{where}, and --verify makes only a run's own stores anew; restore it, or ingest its data again"
        )
    try:
        described(config)
        fingerprint = config.source().fingerprint()
    except (ConfigError, InputError, OSError) as error:
        raise RunError(f"{where}, and its source cannot be read ({error}); restore one of the two") from error
    told = _attributes(path) or previous.get("source") or {}
    if told.get("earlier") or told.get("fingerprint", _plain(fingerprint)) != _plain(fingerprint):
        changed = "volumes were added to it later" if told.get("earlier") else "its source has changed since"
        raise RunError(
            f"{where}, and would not be the same if it were made anew, for {changed}; restore it, or do it all again "
            "with --restart-from volumes"
        )
    context.observer.message(f"{where} and is read from its source again")
    remove_whole(path)


def mend_diagrams(context: Context, previous: Mapping[str, Any], states: Sequence[State]) -> None:
    """Read the diagrams of a run; batches that are damaged are removed, metadata of the store are written anew."""
    path, say = context.folder.diagrams, context.observer.message
    if not path.exists():
        return
    try:
        store = DiagramStore(path)
    except DamagedStore as error:
        told = previous.get("digests", {}).get("diagrams")
        if told is None or state_of(states, lambda state: context.config.diagrams_digest(state[1]), told) is None:
            say(f"the diagram store is damaged ({_said(error)}) and is made anew: what it was made with is not known")
            remove_whole(path)
            return
        say(f"the metadata of the diagram store are damaged ({_said(error)}) and are written anew")
        store = DiagramStore.mend(path, digest=told, filtrations=filtration_names(context.config))
    discard_damaged(context, store)
    sound: set[tuple[int, int]] = set()
    # A batch that one of those removed has hidden is looked at too.
    while unknown := [batch for batch in store.batches() if batch not in sound]:
        for start, stop in unknown:
            if store.is_intact(start, stop):
                sound.add((start, stop))
            else:
                _discard(context, store, start, stop)


def discard_damaged(context: Context, store: DiagramStore) -> None:
    """Remove the batches whose metadata are damaged or whose data are missing."""
    for start, stop in store.damaged():
        _discard(context, store, start, stop)


def _discard(context: Context, store: DiagramStore, start: int, stop: int) -> None:
    context.observer.message(f"the batch of rows {start}–{stop - 1} is damaged and will be computed again")
    store.discard(start, stop)


def filtration_names(config: RunConfig) -> list[str]:
    """Names of the filtrations and their regions, in the order of a diagram store."""
    return [
        regional_name(name, region)
        for name, filtration in config.filtrations.items()
        for region in filtration.regions.names
    ]


def _volume_damage(path: Path) -> Damage | None:
    try:
        store = VolumeStore(path)
        found = next(store.damage(), None)
        if found is None and store.pieces() is None:  # of an older version
            wrong = (p for p in check_volumes(path, deep=True)[0] if p.kind in ("unreadable", "digest", "shape"))
            found = next((Damage(p.where, p.what) for p in wrong), None)
    except DamagedStore as error:
        return Damage(error.path.name, error.why)
    return found


def _attributes(path: Path) -> dict[str, Any] | None:
    try:
        return VolumeStore(path).attributes
    except DamagedStore:
        return None


def _plain(fingerprint: Mapping[str, Any]) -> Any:
    # A tuple became a list in the store.
    return json.loads(json.dumps(fingerprint))


def _said(error: Exception) -> str:
    return f"{error.path.name}: {error.why}" if isinstance(error, DamagedStore) else reason(error)


def repair(folder: RunFolder) -> list[str]:
    """Make run.json anew from the stores if it is damaged or lost, and delete what killed processes left.

    Nothing is computed.

    Parameters
    ----------
    folder : RunFolder

    Returns
    -------
    list of str
        A sentence for everything that was done, or could not be.

    Raises
    ------
    ConfigError
        If a process is at work in the folder.
    """
    with folder.locked():
        try:
            found = folder.read()
        except DamagedRun:
            found = None
        told = [] if found is not None else [_rebuilt(folder)]
        partial = [file for store in folder.path.glob("*.zarr") for file in store.rglob("*.partial")]
        left = [*filter(is_abandoned, leftovers(folder.path)), *partial]
        remove_leftovers(folder.path)
        for file in partial:
            file.unlink(missing_ok=True)
        told += [f"{path.relative_to(folder.path)}, which a killed process left behind, is deleted" for path in left]
    return told or ["there was nothing to repair: run.json is sound, and killed processes left nothing behind"]


def _rebuilt(folder: RunFolder) -> str:
    """Write run.json from the stores; return what was done, or why it could not be."""
    run_again = "run the same `tdaflow run …` again, which makes it anew and reuses what is finished"
    try:
        features = FeatureStore(folder.features)
    except (InputError, DamagedStore) as error:
        return f"run.json cannot be made anew without the images of the finished run ({error}): {run_again}"
    record = features.attributes.get("record")
    if record is None:
        return (
            "run.json cannot be made anew: the configuration, scales and ranges are told by the images alone, and "
            f"those of an older version do not; {run_again}"
        )
    elsewhere = record["config"]["data"].get("store")
    try:
        volumes = VolumeStore(place(elsewhere) if elsewhere else folder.volumes)
        table = volumes.table()
        quarantined = {i: r for i, r in zip(table.id, table.reason, strict=True) if r}
        diagrams = DiagramStore(folder.diagrams)
        for start, stop in diagrams.batches():
            quarantined |= dict(diagrams.quarantined(start, stop).values())
    except (InputError, DamagedStore) as error:
        return (
            f"run.json cannot be made anew, since only it and a damaged store say what became of the volumes ({error})"
        )
    if record["digests"]["volumes"] != volumes.digest:
        return (
            f"run.json cannot be made anew, since the images are of other volumes than those in the store: {run_again}"
        )
    state = RunState(folder, record["config"], began=(volumes.path / ROOT).stat().st_mtime)
    state.failed, state.source, state.quarantined = record["failed"], volumes.attributes, quarantined
    state.outcomes = {i: "quarantined" if i in quarantined else "ok" for i in table.id}
    state.outcomes |= dict.fromkeys(state.failed, "failed")
    state.engine = {"name": "unknown", "workers": 0, "dashboard": None}
    state.reuse_images(len(diagrams.batches()), features.n_volumes)
    n_rejected = len(table) - table.n_ok
    lost = {STAGES[0]: (len(table), n_rejected, 0)}
    lost[STAGES[1]] = (table.n_ok, len(quarantined) - n_rejected, len(state.failed))
    for stage, (total, n_quarantined, n_failed) in lost.items():
        done = total - n_quarantined - n_failed
        state.stages[stage] = StageCounts(total, done, reused=done, quarantined=n_quarantined, failed=n_failed)
    state.state, state.ended = "done", (features.path / ROOT).stat().st_mtime
    folder.write({**state.facts(), **record, "outcomes": state.outcomes})
    return (
        "run.json is made anew: configuration, scales and ranges from features.zarr, the outcome of "
        f"{counted(len(state.outcomes), 'volume')} from volumes.zarr and diagrams.zarr; how long it took and on "
        "what is not known any more"
    )
