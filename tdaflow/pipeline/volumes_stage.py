"""Stage 1: a volume store to work on, ingested from the source or found."""

import json
from collections import deque
from dataclasses import fields
from pathlib import Path
from typing import Any

from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError, RunError
from tdaflow.pipeline.context import RESUME, Context, raise_if_fatal
from tdaflow.pipeline.ingest import IngestTask, ingest_batch
from tdaflow.pipeline.same_source import remember_source
from tdaflow.preprocessing import Preprocessing, resolved_preset
from tdaflow.sources import Source, SourceInfo
from tdaflow.store import VolumeBuilder, VolumeStore, remove_whole
from tdaflow.store.volumes import FORMAT as VOLUME_FORMAT

STAGE = "ingest"
_LARGEST_TASK = 64


def open_volumes(context: Context) -> VolumeStore:
    """Open the volume store, or ingest the source; refuse a source that has changed since."""
    state, counts = context.state, context.state.stages[STAGE]
    if context.config.store is not None:
        store = VolumeStore(context.config.store)
    elif not context.folder.volumes.exists():
        state.save()
        store = ingest(context)
    else:
        store = VolumeStore(context.folder.volumes)
        _check_source(context, store)
    table = store.table()
    # Parts of an earlier try were counted as entries; the table knows which of them are ok.
    counts.total, counts.done, counts.quarantined = len(table), table.n_ok, len(table) - table.n_ok
    counts.reused = counts.done - counts.computed
    state.source = store.attributes
    state.digests["volumes"] = store.digest
    state.outcomes = {i: "quarantined" if r else "ok" for i, r in zip(table.id, table.reason, strict=True)}
    state.quarantined = {i: r for i, r in zip(table.id, table.reason, strict=True) if r}
    if counts.began is not None:
        for identity, reason in state.quarantined.items():
            context.observer.noticed(STAGE, identity, f"quarantined: {reason}")
    return store


def ingest(context: Context) -> VolumeStore:
    """Read the configuration's source into the folder's volume store, on the engine.

    The store takes its name only when it is complete. A killed ingest leaves the parts that were finished, and goes on
    with the others.

    Raises
    ------
    InputError
        If the source as a whole cannot be read.
    RunError
        If a part failed twice; run again to go on.
    """
    counts, observer = context.state.stages[STAGE], context.observer
    counts.begin()
    source = context.config.source()
    info = source.describe()
    preprocessing, sentence = chosen_preprocessing(context.config, info)
    if sentence:
        observer.message(sentence)
    for note in info.notes:
        observer.message(f"note: {note}")
    builder = _builder(context, source, preprocessing, info)
    counts.total = info.n_volumes
    counts.done = counts.reused = info.n_volumes - sum(stop - start for start, stop in builder.missing())
    observer.stage_begins(STAGE, info.n_volumes, counts.done)
    size = _task_size(info, builder.chunk, context.engine.workers)
    fingerprint = remember_source(source, builder.attributes["fingerprint"])
    queue = deque(
        IngestTask(source, preprocessing, builder.path.resolve(), start, min(start + size, last), fingerprint)
        for first, last in builder.missing()
        for start in range(first, last, size)
    )
    tried: set[tuple[int, int]] = set()
    for done in context.engine.completed(STAGE, ingest_batch, queue):
        task: IngestTask = done.task
        if done.result is None:
            _retry(done.task, done.error, queue, tried, builder)
            continue
        counts.done += done.result.n_ok
        counts.computed += done.result.n_ok
        counts.quarantined += done.result.n_quarantined
        counts.batch_finished()
        for identity, text in done.result.notes:
            observer.noticed(STAGE, identity, text)
        observer.advanced(STAGE, task.stop - task.start)
    builder.finish(context.folder.volumes)
    counts.batch_finished()
    observer.stage_ends(STAGE, counts.seconds)
    return VolumeStore(context.folder.volumes)


def _builder(context: Context, source: Source, preprocessing: Preprocessing, info: SourceInfo) -> VolumeBuilder:
    """Go on with the unfinished store of the same source, or begin a new one."""
    path = context.folder.volumes_in_progress
    attributes = {
        "source": info.name,
        "class_names": list(info.class_names),
        "licence": info.licence,
        "checksum": info.checksum,
        "notes": list(info.notes),
        "fingerprint": source.fingerprint(),
        "options": source_options(source),
        "preprocessing": preprocessing.tables(),
        "auto_preset": context.config.has_auto_preset,
        # Of rows that an older version has written parts are missing.
        "rows": VOLUME_FORMAT,
    }
    if path.exists():
        unfinished = VolumeBuilder(path)
        if all(unfinished.attributes.get(name) == attributes[name] for name in attributes):
            return unfinished
        remove_whole(path)
    # What steps make of shape and type is known only afterwards, so their volumes are arrays of their own.
    as_read = info.dtype is not None and not preprocessing.steps
    return VolumeBuilder.create(
        path,
        n_entries=info.n_volumes,
        shape=info.shape if as_read else None,
        dtype=info.dtype if as_read else None,
        attributes=attributes,
    )


def chosen_preprocessing(config: RunConfig, info: SourceInfo) -> tuple[Preprocessing, str]:
    """The preprocessing of a cohort, with the preset "auto" resolved, and the sentence that says so ("" without).

    Raises
    ------
    InputError
        If the cohort is of several modalities and the preset is "auto".
    """
    if not config.has_auto_preset:
        return config.preprocessing(), ""
    name, sentence = resolved_preset(info.modality_of_volumes())
    return config.preprocessing(name or "none"), sentence


def _task_size(info: SourceInfo, chunk: int, workers: int) -> int:
    """Entries a task: a few tasks a worker of a stack, which is read from its beginning; else by bytes."""
    by_workers = -(-info.n_volumes // (4 * workers))
    if chunk > 1 or info.shape is not None:
        return max(chunk, -(-by_workers // chunk) * chunk)
    return max(1, min(by_workers, _LARGEST_TASK))


def _retry(
    task: IngestTask,
    error: BaseException | None,
    queue: deque[IngestTask],
    tried: set[tuple[int, int]],
    builder: VolumeBuilder,
) -> None:
    """Try a failed part again, in halves where its chunks allow; a second failure of the same part ends the run."""
    raise_if_fatal(error)
    if isinstance(error, InputError):
        raise error
    if task.stop - task.start > 1 and builder.chunk == 1:
        queue.extend(task.halves())
    elif (task.start, task.stop) not in tried:
        tried.add((task.start, task.stop))
        queue.append(task)
    else:
        raise RunError(
            f"reading the volumes {task.start}–{task.stop - 1} of the source failed twice ({error}); {RESUME}"
        ) from error


def source_options(source: Source) -> dict[str, Any]:
    """The options that choose what a source reads, as JSON gives them back; where its files lie is not one of them."""
    options = {field.name: getattr(source, field.name) for field in fields(source)}  # type: ignore[arg-type]
    chosen = {name: value for name, value in options.items() if value is not None and not isinstance(value, Path)}
    plain: dict[str, Any] = json.loads(json.dumps({"kind": type(source).__name__, **chosen}))
    return plain


def _check_source(context: Context, store: VolumeStore) -> None:
    """The files that were ingested must still be the ones that the configuration names."""
    source = context.config.source()
    same = (
        source_options(source) == store.attributes["options"]
        and context.config.has_auto_preset == store.attributes["auto_preset"]
        # What "auto" came to was recorded, and holds for as long as the volumes are these.
        and (
            context.config.has_auto_preset
            or context.config.preprocessing().tables() == store.attributes["preprocessing"]
        )
    )
    if same:
        try:
            same = source.fingerprint() == store.attributes["fingerprint"]
        except (InputError, OSError):
            context.observer.message("the source is not there any more; going on with the volumes already ingested")
    if not same:
        raise ConfigError(
            f"the volumes in {context.folder.path} came from another source, or the source or its preprocessing has "
            "changed since; give another folder with --out, or --restart-from volumes to do it all again"
        )
