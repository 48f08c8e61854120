"""A run in parts, without a scheduler: jobs of an array each do theirs in one folder, and one joins them."""

import time
from collections.abc import Mapping
from typing import Any

from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.pipeline import stages
from tdaflow.pipeline.context import Context
from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.events import Observer
from tdaflow.pipeline.run import at_work, open_diagrams, prepared
from tdaflow.pipeline.shard import Shard, clipped
from tdaflow.pipeline.state import RunState
from tdaflow.store import RunFolder, VolumeBuilder
from tdaflow.store.run_folder import WAITING, is_alive, is_at_work

# How long nobody may read volumes that a shard waits for: jobs of an array begin one after the other.
_PATIENCE = 60.0
_LOOK = 1.0


def run_shard(config: RunConfig, folder: RunFolder, engine: Engine, observer: Observer, shard: Shard) -> RunState:
    """Do one part of the volumes and of the diagrams of a run, beside others in the same folder.

    Scales are learnt from all volumes, so diagrams begin when the last shard has read its volumes. A shard waits for
    the others as long as one of them reads.

    Parameters
    ----------
    config : RunConfig
        The same for all shards.
    folder : RunFolder
        Of the whole run.
    engine : Engine
    observer : Observer
    shard : Shard

    Raises
    ------
    ConfigError
        If other shards have other settings, or a process is at work on this one or on the whole run.
    RunError
        If volumes failed, or are not read by any shard; the same shard can be run again.
    """
    whole = folder.read()
    if whole is not None and is_at_work(whole):
        raise ConfigError(f"a tdaflow without --shard runs in {folder.path} already; wait for it to end")
    own = RunFolder(folder.path, shard.name)
    own.create()
    with own.locked() as taken_over:
        previous = own.read() or {}
        with at_work(config, own, engine, observer) as context:
            if taken_over:
                context.observer.message(taken_over)
            _check_others(context, shard)
            volumes = stages.volumes.open_volumes(
                context,
                previous,
                prepare=stages.diagrams.compile_kernels,
                shard=shard,
                wait=lambda unfinished: _wait(context, shard, unfinished),
            )
            rows, _ = prepared(context, volumes, previous)
            part = shard.part(len(rows))
            stages.diagrams.run_diagrams(context, volumes, rows, open_diagrams(context), part=part)
            context.state.finish("done")
    return context.state


def _check_others(context: Context, shard: Shard) -> None:
    """Refuse shards of another number of parts or of other settings."""
    for name, state in context.folder.states_of_shards().items():
        if Shard.named(name).count != shard.count:
            raise ConfigError(
                f"{context.folder.path} holds shard {Shard.named(name)}, this is {shard}: give the same number of parts"
            )
        # Where and in what batches it is done changes no result.
        here, there = ({**told, "run": {}} for told in (context.state.config, state["config"]))
        if here != there:
            raise ConfigError(
                f"shard {Shard.named(name)} in {context.folder.path} has other settings; give the same to all"
            )


def _wait(context: Context, shard: Shard, unfinished: VolumeBuilder) -> None:
    """Wait for the volumes of the other shards; RunError when nobody reads them."""
    folder, state = context.folder, context.state
    context.observer.message(f"the volumes of shard {shard} are read; waiting for those of the others")
    state.state = WAITING
    state.save()
    last_reader = time.monotonic()
    while not folder.volumes.exists():
        if any(told["state"] == "running" and is_alive(told) for told in folder.states_of_shards().values()):
            last_reader = time.monotonic()
        if time.monotonic() - last_reader > _PATIENCE:
            missing = [
                str(other)
                for other in (Shard(number, shard.count) for number in range(1, shard.count + 1))
                if clipped(unfinished.missing(), other.part(unfinished.n_entries, unfinished.chunk))
            ]
            raise RunError(
                f"the volumes of shard {shard} are read, but nobody reads those of {', '.join(missing)}: run these, "
                f"then shard {shard} again"
            )
        time.sleep(_LOOK)
    state.state = "running"


def merged_config(folder: RunFolder) -> RunConfig:
    """The configuration of a run all of whose shards are done, to finish it with `tdaflow.pipeline.run`.

    Raises
    ------
    InputError
        If there are no shards, or some are not done, naming them.
    """
    states = folder.states_of_shards()
    if not states:
        raise InputError(
            f"{folder.path} holds no shards; make them with `tdaflow run … --out {folder.path} --shard 1/8`"
        )
    count = Shard.named(next(iter(states))).count
    left = {
        str(shard): _what_is(states.get(shard.name))
        for shard in (Shard(number, count) for number in range(1, count + 1))
        if states.get(shard.name, {}).get("state") != "done"
    }
    if left:
        told = ", ".join(f"{name} ({what})" for name, what in left.items())
        raise InputError(
            f"shards in {folder.path} are not done: {told}; run them with the same arguments and --shard, or leave "
            "out --shard to do here what is left"
        )
    return RunConfig.model_validate(next(iter(states.values()))["config"])


def _what_is(state: Mapping[str, Any] | None) -> str:
    """How far a shard has come, in a few words."""
    if state is None:
        return "not begun"
    return "at work" if is_at_work(state) else str(state["reason"] or "ended")
