"""The graph of a run: ingest → superpixels+persistence → ranges → images, on any engine, resumable at every batch."""

import shutil
from typing import Any

from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError
from tdaflow.pipeline import diagrams_stage, images_stage, ranges_stage, volumes_stage
from tdaflow.pipeline.context import Context
from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.progress import Observer
from tdaflow.pipeline.state import RunState
from tdaflow.store import DiagramStore, FeatureStore, RunFolder, VolumeStore

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
        Read finished batches back against their digests; damaged ones are computed again.

    Raises
    ------
    ConfigError
        If the folder belongs to other settings or to a running process; nothing was started.
    InputError
        If the source cannot be read at all.
    RunError
        If volumes failed or the engine was lost; everything finished is kept and the run can be resumed.
    """
    folder.create()
    with folder.locked() as taken_over:
        if taken_over:
            observer.message(taken_over)
        previous = folder.read()
        if restart_from is not None:
            _delete_from(folder, restart_from, previous)
        state = RunState(folder, config.model_dump(mode="json"), engine=engine.describe())
        context = Context(config, folder, engine, observer, state)
        try:
            _run_stages(context, previous or {}, verify=verify)
        except ConfigError:
            raise
        except BaseException as error:
            state.finish("failed", str(error) or type(error).__name__)
            raise
        state.finish("done")
    return state


def _run_stages(context: Context, previous: dict[str, Any], *, verify: bool) -> None:
    volumes = volumes_stage.open_volumes(context)
    rows = volumes.table().of_rows()
    if len(rows) == 0:
        raise InputError(
            f"none of the {len(context.state.outcomes)} volumes can be used; "
            f"the reasons are in {context.folder.run_json}"
        )
    if context.config.images.ranges_from == "train" and not (rows.split == "train").any():
        raise ConfigError('images.ranges_from is "train", but no volume has the split "train"; use "all"')
    diagrams = _open_diagrams(context, volumes, previous)
    good = diagrams_stage.run_diagrams(context, volumes, rows, diagrams, verify=verify)
    if len(good) == 0:
        raise InputError(
            f"none of the {len(rows)} volumes gave a diagram; the reasons are in {context.folder.run_json}"
        )
    if images_stage.is_finished(context, good):
        context.state.take_over_images(previous, len(good))
        if context.state.stages[diagrams_stage.STAGE].computed == 0:
            context.observer.message("nothing to do: every volume is done")
        return
    channels = ranges_stage.run_ranges(context, rows, diagrams)
    images_stage.run_images(context, rows, good, diagrams, channels)


def _open_diagrams(context: Context, volumes: VolumeStore, previous: dict[str, Any]) -> DiagramStore:
    """Open or create the diagram store; refuse to mix results of two settings before any work."""
    folder, digests = context.folder, context.state.digests
    digests["diagrams"] = context.config.diagrams_digest(volumes.digest)
    digests["images"] = context.config.images_digest(digests["diagrams"])
    for stage, found in (
        ("diagrams", DiagramStore(folder.diagrams).digest if folder.diagrams.exists() else None),
        ("images", FeatureStore.digest_of(folder.features)),
    ):
        if found is not None and found != digests[stage]:
            raise ConfigError(
                f"the {stage} in {folder.path} were made with other settings ({_changes(context, previous)}); "
                f"give another folder with --out, or --restart-from {stage} to redo them"
            )
    if not folder.diagrams.exists():
        return DiagramStore.create(
            folder.diagrams, digest=digests["diagrams"], filtrations=list(context.config.filtrations)
        )
    store = DiagramStore(folder.diagrams)
    store.remove_leftovers()
    return store


def _delete_from(folder: RunFolder, stage: str, previous: dict[str, Any] | None) -> None:
    """Delete the stores of a stage and of those after it."""
    if previous is None:
        raise ConfigError(f"{folder.path} holds no run to restart; leave out --restart-from")
    if stage not in RESTARTS:
        raise ConfigError(f"--restart-from {stage!r} is not one of {', '.join(RESTARTS)}")
    stores = {"volumes": [folder.volumes], "diagrams": [folder.diagrams]}
    stores["images"] = [folder.features, folder.features_in_progress]
    for redone in RESTARTS[RESTARTS.index(stage) :]:
        for path in stores[redone]:
            shutil.rmtree(path, ignore_errors=True)


def _changes(context: Context, previous: dict[str, Any]) -> str:
    """Name the keys in which the folder's configuration differs from this one."""
    before, now = _flat(previous.get("config", {})), _flat(context.state.config)
    changed = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
    relevant = [k for k in changed if not k.startswith("run.")]
    return "changed: " + ", ".join(relevant) if relevant else "another version of tdaflow"


def _flat(nested: Any, prefix: str = "") -> dict[str, Any]:
    """Flatten a nested mapping to dotted keys."""
    if not isinstance(nested, dict):
        return {prefix[:-1]: nested}
    return {k: v for name, value in nested.items() for k, v in _flat(value, f"{prefix}{name}.").items()}
