"""The graph of a run: ingest → superpixels+persistence → ranges → images, on any engine, resumable at every batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np

from tdaflow import __version__
from tdaflow.atomic import remove_leftovers, remove_whole
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError
from tdaflow.pipeline import repair, stages
from tdaflow.pipeline.context import Context
from tdaflow.pipeline.engine import Engine, OnDemand
from tdaflow.pipeline.events import Observer, RunLog
from tdaflow.pipeline.fan_out import raise_if_fatal
from tdaflow.pipeline.growth import State, learnt_from, learnt_sentence, state_of
from tdaflow.pipeline.monitor import heartbeat, live_status
from tdaflow.pipeline.recipe import check_shapes, learnt_scales
from tdaflow.pipeline.state import RunState, versions
from tdaflow.printable import counted
from tdaflow.store import (
    DiagramStore,
    FeatureStore,
    RunFolder,
    VolumeStore,
    VolumeTable,
    options_digest,
    settings_digest,
)
from tdaflow.store.integrity import check_against, check_cohort, cohort_line, cohort_summary
from tdaflow.store.manifest import DamagedStore
from tdaflow.store.reference import flat
from tdaflow.store.run_folder import DamagedRun, is_at_work

RESTARTS = ("volumes", "diagrams", "images")


def run(
    config: RunConfig,
    folder: RunFolder,
    engine: Engine,
    observer: Observer,
    *,
    restart_from: str | None = None,
    verify: bool = False,
) -> RunState:
    """Run what is left of a configuration in a folder and return the final state.

    Parameters
    ----------
    config : RunConfig
    folder : RunFolder
        Made if it is not there.
    engine : Engine
    observer : Observer
    restart_from : {"volumes", "diagrams", "images"} or None
        Redo this stage and those after it, even if they are done.
    verify : bool
        Read every file against its digest; what is damaged is made anew, from the source where volumes are.

    Raises
    ------
    ConfigError
        If the folder belongs to other settings or to a running process; nothing was started.
    InputError
        If the source cannot be read at all.
    RunError
        If volumes failed, the engine was lost or a store is damaged; everything finished is kept and the run can be
        resumed.
    """
    folder.create()
    check_reachable(folder, engine)
    if busy := [name for name, state in folder.states_of_shards().items() if is_at_work(state)]:
        raise ConfigError(f"shards ({', '.join(busy)}) are at work in {folder.path}; wait for them to end")
    with folder.locked() as taken_over:
        previous, note = _previous(folder)
        redone = _redone(folder, restart_from, previous)
        remove_leftovers(folder.path)
        with at_work(config, folder, engine, observer) as context:
            for sentence in filter(None, (taken_over, note)):
                context.observer.message(sentence)
            _run_stages(context, previous or {}, redone, verify=verify)
            context.state.engine = engine.describe()
            context.state.finish("done")
    return context.state


def ingest_only(config: RunConfig, folder: RunFolder, engine: Engine, observer: Observer) -> VolumeStore:
    """Do the first stage of a run alone; `run` in the same folder goes on from it.

    Raises
    ------
    ConfigError, InputError, RunError
        As `run`.
    """
    folder.create()
    check_reachable(folder, engine)
    with folder.locked():
        previous, _ = _previous(folder)
        with at_work(config, folder, engine, observer) as context:
            if folder.volumes.exists():
                context.observer.message("the volumes are there already; checking that the source is still the same")
            store = stages.volumes.open_volumes(context, previous or {})
            context.state.engine = engine.describe()
            if previous is None or previous["state"] != "done" or context.state.is_saved:
                context.state.finish("ingested")
    return store


def check_reachable(folder: RunFolder, engine: Engine) -> None:
    """Refuse a folder in the memory of this process where others do the work."""
    if str(folder.path).startswith("memory:") and engine.name not in ("sync", "threads"):
        raise ConfigError(
            f"{folder.path} is in the memory of one process, and {engine.name} are several: give --cluster threads, or "
            "another --out"
        )


def _previous(folder: RunFolder) -> tuple[dict[str, Any] | None, str]:
    """What an earlier run said of itself, and a sentence if a damaged run.json must be made anew.

    The stores know what they are made of. Ranges and the account of the images are in run.json alone, and are made
    anew: with the same bits, as they depend on nothing else.
    """
    try:
        return folder.read(), ""
    except DamagedRun as error:
        return {}, f"{error.args[0].partition(';')[0]}; it is made anew from the stores"


@contextmanager
def at_work(config: RunConfig, folder: RunFolder, engine: Engine, observer: Observer) -> Iterator[Context]:
    """Yield what the stages are given; run.json and run.log are kept up to date, and say how it ended."""
    state = RunState(folder, config.public(), engine=engine.describe())
    with RunLog(folder.log, observer, engine.name) as log, heartbeat(state, engine, log.message):
        if isinstance(engine, OnDemand):
            engine.say = log.message
        engine.show(partial(live_status, state))
        try:
            yield Context(config, folder, engine, log, state)
            log.ends(state.state, state.reason)
        except BaseException as error:
            ending = _ending(error)
            log.ends(*ending)
            # A refusal leaves run.json as it was; on a full disk nothing can be written.
            if state.is_saved:
                with suppress(OSError):
                    state.finish(*ending)
            raise_if_fatal(error)
            raise


def _run_stages(context: Context, previous: dict[str, Any], redone: Sequence[str], *, verify: bool) -> None:
    if "volumes" in redone:
        if context.config.store is None:
            stages.volumes.described(context.config)  # raises before anything is deleted
        _delete(context.folder, redone)
    elif verify:
        repair.mend_volumes(context, previous)
    volumes = stages.volumes.open_volumes(context, previous, prepare=stages.diagrams.compile_kernels)
    if verify and "diagrams" not in redone:
        repair.mend_diagrams(context, previous, volumes.states)
    rows, n_ranges = prepared(context, volumes, previous, redone, verify=verify)
    diagrams = open_diagrams(context)
    good = stages.diagrams.run_diagrams(context, volumes, rows, diagrams)
    if len(good) == 0:
        name, reason = next(iter(context.state.quarantined.items()))
        raise InputError(
            f"none of the {counted(len(rows), 'volume')} gave a diagram (the first: {name}: {reason}); "
            f"all reasons are in {context.folder.run_json}"
        )
    _check_train(context, rows.split[good])
    made = stages.images.made_images(context, good, n_ranges, verify=verify)
    digest = context.state.digests["images"]
    complete = made is not None and made.attributes["digest"] == digest and made.n_volumes == len(good)
    if complete and context.state.ranges:
        context.state.reuse_images(len(diagrams.batches()), len(good))
        if context.state.stages[stages.diagrams.STAGE].computed == 0:
            context.state.keep_seconds(previous)
            context.observer.message("nothing to do: every volume is done")
        return
    hold = made is not None and bool(context.state.ranges)
    found = stages.ranges.run_ranges(context, rows, diagrams, n_ranges, hold=hold)
    stages.images.run_images(context, rows, good, diagrams, *found, n_learnt=n_ranges, made=made, hold=hold)


def prepared(
    context: Context,
    volumes: VolumeStore,
    previous: dict[str, Any],
    redone: Sequence[str] = (),
    *,
    verify: bool = False,
) -> tuple[VolumeTable, int]:
    """Look at the volumes, settle what they are made into and learn its scales.

    Returns
    -------
    rows : VolumeTable
        The volumes that can be used.
    n_ranges : int
        Of how many of them, the first ones, ranges are learnt.
    """
    table = volumes.table()
    rows = table.of_rows()
    if len(rows) == 0:
        raise InputError(
            f"none of the {counted(len(context.state.outcomes), 'volume')} can be used; "
            f"the reasons are in {context.folder.run_json}"
        )
    _check_train(context, rows.split)
    _check_reference(context)
    check_shapes(context.config, rows)
    of_scales, of_ranges = _settle(context, volumes.states, previous, redone, verify=verify)
    # Added volumes come last, so those that scales and ranges are learnt from are the first.
    n_scales, n_ranges = (int((table.row[:entries] >= 0).sum()) for entries in (of_scales, of_ranges))
    if "volumes" not in redone:
        _delete(context.folder, redone)
    _note_versions(context, previous)
    if settings_digest(previous.get("digests", {})) == settings_digest(context.state.digests):
        context.state.carry_over(previous)
    if not context.folder.diagrams.exists():
        _look_at_cohort(context, rows, rows)
    elif context.state.stages[stages.volumes.STAGE].computed:
        _look_at_cohort(context, rows, rows.at(np.arange(n_scales, len(rows))), rows.at(np.arange(n_scales)))
    context.state.cohort = cohort_summary(rows.at(np.arange(n_ranges)))
    _learn_scales(context, rows.at(np.arange(n_scales)))
    if context.state.learnt_from:
        context.observer.message(learnt_sentence(context.state.learnt_from))
    context.state.save()
    return rows, n_ranges


def _look_at_cohort(context: Context, rows: VolumeTable, new: VolumeTable, old: VolumeTable | None = None) -> None:
    """Say what the volumes are like and which of the new ones stand apart, before anything is computed of them."""
    context.observer.message(cohort_line(rows))
    frozen = context.config.frozen
    against = check_against(new, frozen.cohort, frozen.name) if frozen is not None and frozen.cohort else ()
    if old is not None and frozen is None and len(new):
        against = check_against(new, cohort_summary(old), f"the first {len(old)} volumes")
    for problem in (*(check_cohort(rows) if old is None else ()), *against):
        context.observer.message(f"{problem.severity}: {problem.where}: {problem.what}; {problem.remedy}")


def _check_reference(context: Context) -> None:
    """Volumes that went through other steps than those of the reference have features that mean something else."""
    frozen = context.config.frozen
    if frozen is not None and list(context.state.source.get("preprocessing", [])) != frozen.preprocessing:
        raise ConfigError(
            f"the volumes of {frozen.name} were preprocessed otherwise than these; give its section [preprocess], "
            "and --restart-from volumes where volumes were read already"
        )


def _learn_scales(context: Context, rows: VolumeTable) -> None:
    scales = learnt_scales(context.config, rows)
    context.state.scales = {name: scale.as_dict() for name, scale in scales.items()}
    learnt = context.config.frozen is None
    for name, scale in scales.items():
        guessed = learnt and context.config.superpixels_of(name).intensity_scale == "auto"
        how = "; choose with --set superpixels.intensity_scale=cohort, volume or a number" if guessed else ""
        context.observer.message(f"intensity scale of {name}: {scale.in_words}{how}")


def _redone(folder: RunFolder, stage: str | None, previous: dict[str, Any] | None) -> Sequence[str]:
    """The stages that a restart makes anew."""
    if stage is None:
        return ()
    if stage not in RESTARTS:
        raise ConfigError(f"--restart-from {stage!r} is not one of {', '.join(RESTARTS)}")
    if previous is None:
        raise ConfigError(f"{folder.path} holds no run to restart; leave out --restart-from")
    return RESTARTS[RESTARTS.index(stage) :]


def _check_train(context: Context, splits: np.ndarray) -> None:
    if context.config.learns_from == "train" and not (splits == "train").any():
        raise ConfigError(
            'reference is "train", but no volume that can be used has the split "train"; use --set reference=all'
        )


def _settle(
    context: Context, states: Sequence[State], previous: dict[str, Any], redone: Sequence[str], *, verify: bool
) -> tuple[int, int]:
    """Find out of how many entries the scales and the ranges are, and write the digests.

    What is made already says which volumes it learnt from, and keeps that; the rest is learnt from all. Results of two
    settings are not mixed: that is refused before any work and before anything is deleted.
    """
    config, folder = context.config, context.folder

    def refuse(stage: str) -> ConfigError:
        return ConfigError(
            f"the {stage} in {folder.path} were made with other settings ({_changes(context, previous)}); "
            f"give another folder with --out, or --restart-from {stage} to redo them"
        )

    made = DiagramStore(folder.diagrams).digest if "diagrams" not in redone and folder.diagrams.exists() else None
    scales = state_of(states, lambda state: config.diagrams_digest(state[1]), made)
    if scales is None:
        raise refuse("diagrams")
    diagrams = config.diagrams_digest(scales[1])

    def settings(state: State) -> str:
        alone = config.images_digest(diagrams)
        return alone if state == scales else options_digest(alone, state[1])

    # Replaced only by a complete one, the store of the images is missing for a moment at most.
    there = [path for path in (folder.features, folder.features_in_progress) if path.exists()]
    made = None
    if "images" not in redone and there:
        try:
            made = settings_digest(FeatureStore(there[0]).attributes)
        except DamagedStore:
            if not verify and there[0] == folder.features:
                raise
            # Those that are damaged are made anew from what they were made from.
            made = settings_digest(previous.get("digests", {}))
    ranges = state_of(states, settings, made)
    if ranges is None and there[0] == folder.features:
        raise refuse("images")
    ranges = ranges or states[-1]
    digests = {"volumes": states[-1][1], "diagrams": diagrams, "images": settings(ranges)}
    if ranges != states[-1]:
        digests |= {"settings": digests["images"], "images": options_digest(digests["images"], states[-1][1])}
    context.state.digests = digests
    context.state.learnt_from = learnt_from(config, states, scales, ranges)
    return scales[0], ranges[0]


def _note_versions(context: Context, previous: dict[str, Any]) -> None:
    """Say which packages are others than those of the results that are reused; they can change the last bits."""
    now = {"tdaflow": __version__, **versions()}
    before = {"tdaflow": previous.get("tdaflow", __version__), **previous.get("versions", {})}
    changed = [f"{name} {before[name]} → {now[name]}" for name in now if before.get(name, now[name]) != now[name]]
    if changed:
        context.observer.message(f"finished batches were made with other versions: {', '.join(changed)}")


def _ending(error: BaseException) -> tuple[str, str]:
    """The state that run.json ends with, and why."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "stopped by the user; run again to resume"
    return "failed", str(error) or type(error).__name__


def open_diagrams(context: Context) -> DiagramStore:
    """Open or create the diagram store."""
    path = context.folder.diagrams
    if not path.exists():
        digest = context.state.digests["diagrams"]
        return DiagramStore.create(path, digest=digest, filtrations=repair.filtration_names(context.config))
    store = DiagramStore(path)
    store.remove_leftovers()
    repair.discard_damaged(context, store)
    return store


def _delete(folder: RunFolder, stages: Sequence[str]) -> None:
    """Delete the stores of these stages, the last first, so that none outlives what it was made of."""
    stores = {"volumes": [folder.volumes, folder.volumes_in_progress], "diagrams": [folder.diagrams]}
    stores["images"] = [folder.features, folder.features_in_progress]
    for stage in reversed(stages):
        for path in stores[stage]:
            remove_whole(path)


def _changes(context: Context, previous: dict[str, Any]) -> str:
    """Name the keys in which the folder's configuration differs from this one."""
    before, now = dict(flat(previous.get("config", {}))), dict(flat(context.state.config))
    changed = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
    # Of the section run, diagrams depend on one key, which older runs do not have.
    located = bool(before.get("run.locations")) != bool(now.get("run.locations"))
    relevant = [k for k in changed if not k.startswith("run.") or (k == "run.locations" and located)]
    return "changed: " + ", ".join(relevant) if relevant else "another version of tdaflow"
