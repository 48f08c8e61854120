"""Stage 1: a volume store to work on, ingested from the source or found."""

import json
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from tdaflow.errors import ConfigError, InputError
from tdaflow.pipeline.context import Context
from tdaflow.pipeline.progress import Observer
from tdaflow.pipeline.state import StageCounts
from tdaflow.sources import Source, Volume
from tdaflow.store import VolumeStore, VolumeWriter, remove_leftovers, written_whole

STAGE = "ingest"


def open_volumes(context: Context) -> VolumeStore:
    """Open the volume store, or ingest the source; refuse a source that has changed since."""
    state, counts = context.state, context.state.stages[STAGE]
    if context.config.store is not None:
        store = VolumeStore(context.config.store)
    elif not context.folder.volumes.exists():
        state.save()
        store = ingest(context.config.source(), context.folder.volumes, context.observer, counts)
    else:
        store = VolumeStore(context.folder.volumes)
        _check_source(context, store)
    table = store.table()
    if counts.computed == 0:
        counts.done = counts.reused = table.n_ok
        counts.total, counts.quarantined = len(table), len(table) - table.n_ok
    state.source = store.attributes
    state.digests["volumes"] = store.digest
    state.outcomes = {i: "quarantined" if r else "ok" for i, r in zip(table.id, table.reason, strict=True)}
    state.quarantined = {i: r for i, r in zip(table.id, table.reason, strict=True) if r}
    return store


def ingest(source: Source, path: Path, observer: Observer, counts: StageCounts) -> VolumeStore:
    """Read a whole source into a new volume store at `path`.

    The store takes its name only when it is complete; an interrupted ingest leaves nothing that passes for one.
    """
    began = time.perf_counter()
    info = source.describe()
    remove_leftovers(path.parent)
    counts.total = info.n_volumes
    observer.stage_begins(STAGE, info.n_volumes, 0)
    attributes = {
        "source": info.name,
        "class_names": list(info.class_names),
        "licence": info.licence,
        "checksum": info.checksum,
        "notes": list(info.notes),
        "fingerprint": source.fingerprint(),
        "options": source_options(source),
    }
    with (
        written_whole(path) as temporary,
        VolumeWriter(
            temporary,
            # One array needs one shape and one type.
            shape=info.shape if info.dtype is not None else None,
            dtype=info.dtype,
            n_volumes=info.n_volumes,
            attributes=attributes,
        ) as writer,
    ):
        for item in source.volumes():
            if isinstance(item, Volume):
                writer.add(item)
                counts.done += 1
                counts.computed += 1
            else:
                writer.quarantine(item)
                counts.quarantined += 1
            observer.advanced(STAGE, 1)
    counts.seconds = time.perf_counter() - began
    observer.stage_ends(STAGE, counts.seconds)
    return VolumeStore(path)


def source_options(source: Source) -> dict[str, Any]:
    """The options that choose what a source reads, as JSON gives them back; where its files lie is not one of them."""
    options = {field.name: getattr(source, field.name) for field in fields(source)}  # type: ignore[arg-type]
    chosen = {name: value for name, value in options.items() if value is not None and not isinstance(value, Path)}
    plain: dict[str, Any] = json.loads(json.dumps({"kind": type(source).__name__, **chosen}))
    return plain


def _check_source(context: Context, store: VolumeStore) -> None:
    """The files that were ingested must still be the ones that the configuration names."""
    source = context.config.source()
    same = source_options(source) == store.attributes["options"]
    if same:
        try:
            same = source.fingerprint() == store.attributes["fingerprint"]
        except (InputError, OSError):
            context.observer.message("the source is not there any more; going on with the volumes already ingested")
    if not same:
        raise ConfigError(
            f"the volumes in {context.folder.path} came from another source, or the source has changed since; "
            "give another folder with --out, or --restart-from volumes to do it all again"
        )
