"""Stage 1: a volume store to work on, ingested from the source or found."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import remove_whole
from tdaflow.config import RunConfig
from tdaflow.config.model import PATH_LEFT_OUT
from tdaflow.errors import ConfigError, InputError, PassingFault, RunError
from tdaflow.pipeline.context import Context, check_losses
from tdaflow.pipeline.events import as_lines, collected_warnings
from tdaflow.pipeline.fan_out import VERIFY, Outcome, RowRange, Split, fan_out, outage
from tdaflow.pipeline.growth import Added, Growth, growth_of, members_digests
from tdaflow.pipeline.guards import check_same_source, check_unchanged, remember_source
from tdaflow.pipeline.shard import Shard, clipped
from tdaflow.preprocessing import Preprocessing, resolved_preset
from tdaflow.printable import counted
from tdaflow.remote import forget_listings
from tdaflow.sources import Growing, Rejected, Source, SourceInfo, Volume, check_voxels
from tdaflow.store import VolumeBuilder, VolumeStore, content_digest
from tdaflow.store.volumes import AS_READ, LOST
from tdaflow.store.volumes import FORMAT as VOLUME_FORMAT

STAGE = "ingest"
_LARGEST_TASK = 64
# From so many on, volumes that cannot be read are a matter of the file system, if most cannot.
_MANY = 3
# Voxels that are preprocessed at a time: a few temporaries of 8 bytes each stay below 100 MB.
_LAYER_VOXELS = 1 << 22


def open_volumes(
    context: Context,
    previous: Mapping[str, Any] | None = None,
    *,
    prepare: Callable[[Context], None] = lambda _: None,
    shard: Shard | None = None,
    wait: Callable[[VolumeBuilder], None] | None = None,
) -> VolumeStore:
    """Open the volume store, or ingest the source, or what was added to it; refuse a source that has changed since.

    `previous` is run.json as an earlier run has left it; what it says holds until added volumes are there. `prepare` is
    called when the source was described and before workers are started. A `shard` reads its part, and then has to
    `wait` for the others.
    """
    state, counts, folder = context.state, context.state.stages[STAGE], context.folder
    forget_listings()
    if context.config.store is not None:
        store = VolumeStore(context.config.store)
    else:
        there, unfinished = folder.volumes.exists(), folder.volumes_in_progress
        if not there and unfinished.exists() and (builder := VolumeBuilder(unfinished)).is_finished:
            builder.finish(folder.volumes)
        if not folder.volumes.exists():
            state.save()
            ingest(context, prepare=prepare, shard=shard)
            if wait is not None and not folder.volumes.exists():
                wait(VolumeBuilder(unfinished))
        elif (growth := _growth(context, VolumeStore(folder.volumes))) is not None:
            if shard is not None:
                raise ConfigError(f"{growth.sentence} without shards: leave out --shard, and give it again afterwards")
            state.resume(previous or {})
            state.save()
            ingest(context, growth, prepare=prepare)
        store = VolumeStore(folder.volumes)
    table = store.table()
    if shard is None:  # whose counts are of its own part
        # Parts of an earlier try were counted as entries; the table knows which of them are ok.
        counts.total, counts.done, counts.quarantined = len(table), table.n_ok, len(table.unusable)
        counts.reused, counts.failed = counts.done - counts.computed, len(table.lost)
    state.source = store.attributes
    state.digests["volumes"] = store.digest
    state.quarantined, state.failed = table.unusable, table.lost
    state.outcomes = {
        **dict.fromkeys(table.id.tolist(), "ok"),
        **dict.fromkeys(state.quarantined, "quarantined"),
        **dict.fromkeys(state.failed, "failed"),
    }
    check_losses(context, len(table), "--restart-from volumes reads them again")
    if counts.began is not None:
        for identity, reason in state.quarantined.items():
            context.observer.noticed(STAGE, identity, f"quarantined: {reason}")
    return store


def ingest(
    context: Context,
    growth: Growth | None = None,
    *,
    prepare: Callable[[Context], None] = lambda _: None,
    shard: Shard | None = None,
) -> None:
    """Read the configuration's source into the folder's volume store, on the engine.

    The store takes its name only when it is complete. A killed ingest leaves the parts that were finished, and goes on
    with the others.

    Parameters
    ----------
    context : Context
    growth : Growth, optional
        What is added to the finished store; by default all of the source is read, into a new one.
    prepare : callable
        As in `open_volumes`.
    shard : Shard, optional
        Read its part only; whichever shard is the last to do so gives the store its name.

    Raises
    ------
    InputError
        If the source as a whole cannot be read.
    RunError
        If a part failed twice; run again to go on.
    """
    counts, observer = context.state.stages[STAGE], context.observer
    source = context.config.source()
    info = described(context.config)
    preprocessing, sentence = chosen_preprocessing(context.config, info)
    if growth is not None:
        observer.message(growth.sentence)
        preprocessing, sentence = growth.preprocessing(preprocessing)
    if sentence:
        observer.message(sentence)
    for note in info.notes:
        observer.message(f"note: {note}")
    with nullcontext() if shard is None else context.folder.shared():
        if shard is not None and context.folder.volumes.exists():
            return
        builder = _builder(context, source, preprocessing, info, growth, keep=shard is not None)
    part = (builder.first, builder.n_entries) if shard is None else shard.part(builder.n_entries, builder.chunk)
    counts.total = part[1] - part[0]
    counts.done = counts.reused = counts.total - sum(stop - start for start, stop in clipped(builder.missing(), part))
    prepare(context)
    size = _task_size(info, builder.chunk, context.engine.workers)
    source = settled(source, info)
    fingerprint = remember_source(source, builder.attributes["fingerprint"])
    first = IngestTask(source, preprocessing, builder.path.resolve(), 0, 0, builder.chunk, fingerprint)
    _read_all(context, builder, first, size, part, None if growth is None else growth.added)
    check_unchanged(source, builder.attributes["fingerprint"])
    with nullcontext() if shard is None else context.folder.shared():
        if shard is None or not (context.folder.volumes.exists() or builder.missing()):
            builder.finish(context.folder.volumes)
    counts.batch_finished()


def _read_all(
    context: Context,
    builder: VolumeBuilder,
    like: "IngestTask",
    size: int,
    part: tuple[int, int],
    added: Added | None,
) -> None:
    """Read what is missing of the entries [start, stop) of `part`, `size` entries a task.

    What a disk or a network keeps from being read is tried twice.

    Raises
    ------
    RunError
        If more volumes could not be read than may fail.
    """
    state, counts = context.state, context.state.stages[STAGE]
    for accept in (False, False, True):
        if accept:
            if len(state.failed) >= _MANY and len(state.failed) > counts.total / 2:
                raise outage(
                    f"{len(state.failed)} of {counted(counts.total, 'volume')}, "
                    f"the last: {[*state.failed.values()][-1]}"
                )
            check_losses(context, counts.total)
            context.observer.message(
                f"{counted(len(state.failed), 'volume')} could not be read, which run.allow_failed allows; "
                "--restart-from volumes reads them again"
            )
        tasks = [
            replace(
                like, start=start, stop=min(start + size, last), accepts_losses=accept,
                added=added and added.part(start - builder.first, min(start + size, last) - builder.first),
            )
            for first, last in clipped(builder.missing(), part)
            for start in range(first, last, size)
        ]  # fmt: skip
        read = fan_out(
            context.engine, STAGE, ingest_batch, tasks, counts, context.observer, Split(give_up=_give_up),
            refusals=InputError,
        )  # fmt: skip
        unread = {identity: reason for _, outcome in read for identity, reason in outcome.unread}
        state.failed, size = unread, builder.chunk
        state.outcomes |= dict.fromkeys(unread, "failed")
        if not unread:
            return


def _builder(
    context: Context,
    source: Source,
    preprocessing: Preprocessing,
    info: SourceInfo,
    growth: Growth | None,
    *,
    keep: bool,
) -> VolumeBuilder:
    """Go on with the unfinished store of the same source, or begin a new one; ConfigError to `keep` one of another."""
    path = context.folder.volumes_in_progress
    attributes = {
        "source": info.name,
        "class_names": list(info.class_names if growth is None else growth.class_names),
        "licence": info.licence,
        "checksum": info.checksum,
        "notes": list(info.notes),
        "fingerprint": source.fingerprint(),
        "members": members_digests(source) if growth is None else growth.members,
        "earlier": [] if growth is None else [list(state) for state in growth.store.states],
        "options": source_options(source),
        "preprocessing": preprocessing.tables(),
        "auto_preset": context.config.has_auto_preset,
        # Of rows that an older version has written parts are missing.
        "rows": VOLUME_FORMAT,
        **({"rois": dict(info.rois)} if info.rois else {}),
    }
    if path.exists():
        unfinished = VolumeBuilder(path)
        if all(unfinished.attributes.get(name) == attributes[name] for name in attributes):
            return unfinished
        if keep:
            raise ConfigError(
                f"the volumes that other shards have read in {context.folder.path} came from another source, or it has "
                "changed since; give the same configuration and data, or another folder with --out"
            )
        remove_whole(path)
    # What steps make of shape and type is known only afterwards, so their volumes are arrays of their own.
    as_read = info.dtype is not None and not preprocessing.steps
    shape, dtype = (info.shape, info.dtype) if as_read else (None, None)
    if growth is None:
        return VolumeBuilder.create(path, n_entries=info.n_volumes, shape=shape, dtype=dtype, attributes=attributes)
    return VolumeBuilder.grown(
        path, growth.store, n_added=len(growth.added.ids), shape=shape, dtype=dtype, attributes=attributes
    )


def described(config: RunConfig) -> SourceInfo:
    """Describe the source of a configuration.

    Raises
    ------
    InputError
        If the source as a whole cannot be read.
    ConfigError
        If no segmentation holds a named region; where a finished run has named it, this is for the volumes to say.
    """
    info = config.source().describe()
    absent = [(name, label) for name, label in info.rois.items() if label not in info.labels_found]
    if absent and config.frozen is None:
        name, label = absent[0]
        there = ", ".join(f"{label} (in {n})" for label, n in info.labels_found.items()) or "none"
        raise ConfigError(
            f"data.mask_labels.{name} = {label} is in no segmentation; their labels are {there}: "
            f"correct the value, or leave {name} out"
        )
    return info


def settled(source: Source, info: SourceInfo) -> Source:
    """The source with the regions of interest that describing it has found, so that no worker looks for them again."""
    return replace(source, mask_labels=dict(info.rois)) if info.rois else source  # type: ignore[type-var]


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


def _give_up(task: "IngestTask", error: BaseException | None) -> None:
    raise RunError(
        f"reading the volumes {task.start}–{task.stop - 1} of the source failed twice ({error}); {VERIFY}"
    ) from error


def source_options(source: Source) -> dict[str, Any]:
    """The options that choose what a source reads, as JSON gives them back; where its files lie is not one of them."""
    options = {field.name: getattr(source, field.name) for field in fields(source)}  # type: ignore[arg-type]
    chosen = {name: value for name, value in options.items() if value is not None and not isinstance(value, Path)}
    plain: dict[str, Any] = json.loads(json.dumps({"kind": type(source).__name__, **chosen}))
    return plain


def _growth(context: Context, store: VolumeStore) -> Growth | None:
    """What was added to the source; the files that were ingested must still be those that the configuration names."""
    source, told, reason = context.config.source(), store.attributes, ""
    if PATH_LEFT_OUT in context.config.data.values():  # as run.json has it: the source is not asked for
        return None
    same = (
        source_options(source) == told["options"]
        and context.config.has_auto_preset == told["auto_preset"]
        # What "auto" came to was recorded, and holds for as long as the volumes are these.
        and (context.config.has_auto_preset or context.config.preprocessing().tables() == told["preprocessing"])
    )
    if same:
        try:
            if source.fingerprint() == told["fingerprint"]:
                return None
        except (InputError, OSError) as error:
            context.observer.message(
                f"the source is not there any more, or cannot be read ({error}); going on with the volumes already "
                "ingested"
            )
            return None
        try:
            return growth_of(source, store)
        except InputError as error:
            reason = f" ({error})"
    raise ConfigError(
        f"the volumes in {context.folder.path} came from another source, or the source or its preprocessing has "
        f"changed since{reason}; give another folder with --out, or --restart-from volumes to do it all again"
    )


@dataclass(frozen=True)
class IngestOutcome(Outcome):
    """What became of a task; `unread` are id and reason of volumes that a disk or a network kept from being read."""

    unread: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class IngestTask(RowRange):
    """Make the entries [start, stop) of a source a part of the store at `path`, which holds `chunk` in one chunk.

    `fingerprint` is `tdaflow.pipeline.guards.source_digest` of what the client saw; "" for no comparison. Where `added`
    is given, the entries are these volumes of the source. Chunks with volumes that cannot be read now are left for
    another task, unless it `accepts_losses`.
    """

    source: Source
    preprocessing: Preprocessing
    path: Path
    start: int
    stop: int
    chunk: int = 1
    fingerprint: str = ""
    added: Added | None = None
    accepts_losses: bool = False

    def halves(self) -> "tuple[IngestTask, ...]":
        """The range in two, to find the entry that makes it fail; empty for one entry, or where chunks hold several."""
        if self.n_volumes == 1 or self.chunk > 1:
            return ()
        half = self.n_volumes // 2
        first, second = (self.added and self.added.part(*ends) for ends in ((0, half), (half, self.n_volumes)))
        middle = self.start + half
        return replace(self, stop=middle, added=first), replace(self, start=middle, added=second)

    def entries(self) -> Iterator[Volume | Rejected]:
        """Read the volumes one by one."""
        if self.added is None:
            yield from itertools.islice(self.source.volumes(self.start), self.n_volumes)
            return
        assert isinstance(self.source, Growing)
        for item in self.source.volumes(only=frozenset(self.added.ids)):
            yield item if item.label is None else replace(item, label=self.added.codes[item.label])
            del item


def ingest_batch(task: IngestTask) -> IngestOutcome:
    """Read a range of entries into the store, one chunk of volumes in memory; safe to run twice or at once.

    Raises
    ------
    InputError
        If the source is not the one that the client saw, or has fewer entries than it said.
    """
    builder = VolumeBuilder(task.path)
    if task.fingerprint:
        check_same_source(task.source, task.fingerprint, builder.attributes["fingerprint"])
    entries = task.entries()
    notes: list[tuple[str, str]] = []
    # This keeps no item while it asks for the next, as the variable of a loop would.
    items: Iterator[Volume | Rejected] = iter(partial(_next_item, entries, task.preprocessing, notes), None)
    rows: list[dict[str, Any]] = []
    unread: list[tuple[str, str]] = []
    position, n_quarantined, n_failed, n_left = task.start, 0, 0, 0
    while chunk := list(itertools.islice(items, builder.chunk)):
        lost = [(item.id, item.reason) for item in chunk if isinstance(item, Rejected) and item.passing]
        if lost and not task.accepts_losses:
            _write_part(builder, position, rows)
            rows, n_left = [], n_left + len(chunk)
            unread += lost
        else:
            rows += builder.write_voxels(position, [_as_lost(item) for item in chunk])
            n_failed += len(lost)
            n_quarantined += sum(not row["ok"] for row in rows[len(rows) - len(chunk) :]) - len(lost)
        position += len(chunk)
        del chunk
    if position != task.stop:
        raise InputError(
            f"the source has fewer volumes than it said, {position} instead of {builder.n_entries}; "
            "it may have changed while it was read: run again with --restart-from volumes"
        )
    if len(unread) == task.n_volumes > 1:  # more than the files of some volumes is at fault
        raise PassingFault(f"{task.n_volumes} volumes in a row", unread[-1][1])
    _write_part(builder, position, rows)
    notes += [(identity, f"cannot be read now: {reason}") for identity, reason in unread]
    return IngestOutcome(
        n_quarantined=n_quarantined, n_failed=n_failed, n_left=n_left, notes=tuple(notes), unread=tuple(unread)
    )


def _write_part(builder: VolumeBuilder, stop: int, rows: list[dict[str, Any]]) -> None:
    """Mark the entries of these rows, which end before `stop`, as written."""
    if rows:
        builder.write_part(stop - len(rows), rows)


def _as_lost(item: Volume | Rejected) -> Volume | Rejected:
    return replace(item, reason=LOST + item.reason) if isinstance(item, Rejected) and item.passing else item


def _next_item(
    entries: Iterator[Volume | Rejected], preprocessing: Preprocessing, notes: list[tuple[str, str]]
) -> Volume | Rejected | None:
    """The next item, preprocessed; None at the end."""
    with collected_warnings() as reading:
        item = next(entries, None)
    if item is None:
        return None
    with collected_warnings() as working:
        item = preprocessed(item, preprocessing)
    # What a reader says may quote a file, and so name a patient.
    kinds = dict.fromkeys(text.partition(":")[0] for text in reading)
    notes += [(item.id, f"{kind} while it was read; its text is left out, for it may quote the file") for kind in kinds]
    notes += [(item.id, text) for text in as_lines(working)]
    return item


def preprocessed(item: Volume | Rejected, preprocessing: Preprocessing) -> Volume | Rejected:
    """The volume with the steps done and recorded among its facts, or the reason why they cannot be done."""
    if isinstance(item, Rejected) or not preprocessing.steps:
        return item
    try:
        voxels, spacing, facts = _apply(preprocessing, item.voxels, item.spacing)
        reason = check_voxels(voxels)
    except InputError as error:
        reason = str(error)
    if reason is not None:
        return Rejected(item.id, f"after preprocessing: {reason}", item.label, item.split, item.group)
    told = {**item.facts, "preprocessing": facts, AS_READ: content_digest(item.voxels)}
    return replace(item, voxels=voxels, spacing=spacing, facts=told)


def _apply(
    preprocessing: Preprocessing, voxels: np.ndarray, spacing: tuple[float, float, float]
) -> tuple[np.ndarray, tuple[float, float, float], dict[str, Any]]:
    """`Preprocessing.apply`, in layers where the grid stays, so that temporaries are those of a layer."""
    depth = max(1, _LAYER_VOXELS // max(1, voxels[:1].size)) if voxels.ndim == 3 else 0
    if not preprocessing.keeps_grid or depth >= len(voxels):
        return preprocessing.apply(voxels, spacing)

    def layers() -> Iterator[np.ndarray]:
        return (voxels[start : start + depth] for start in range(0, len(voxels), depth))

    fixed, facts = preprocessing.fixed(layers)
    made: np.ndarray | None = None
    for start, layer in zip(range(0, len(voxels), depth), layers(), strict=True):
        done = fixed.apply(layer, spacing)[0]
        made = np.empty(voxels.shape, done.dtype) if made is None else made
        made[start : start + depth] = done
    assert made is not None  # a volume that is cut has layers
    return made, spacing, facts
