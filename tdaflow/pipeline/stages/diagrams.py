"""Stage 2, fan-out: superpixels and persistence of every volume, a batch a task."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tdaflow.diagrams import Bars, Channel
from tdaflow.errors import InputError, RunError
from tdaflow.homology.kernels import kernel_of
from tdaflow.homology.threads import kernel_threads
from tdaflow.pipeline.batch_sizes import balanced_ranges, batch_ranges, volume_costs
from tdaflow.pipeline.context import Context, check_losses
from tdaflow.pipeline.engine import Backlog
from tdaflow.pipeline.events import as_lines, collected_warnings
from tdaflow.pipeline.fan_out import Split, fan_out
from tdaflow.pipeline.guards import exceeded, limit
from tdaflow.pipeline.recipe import diagram_recipe
from tdaflow.pipeline.shard import clipped
from tdaflow.pipeline.tasks import EVIDENCE, DiagramOutcome, DiagramTask, volume_facts
from tdaflow.pipeline.volume import read_volumes, volume_diagrams
from tdaflow.remote import RemotePath
from tdaflow.store import DiagramBatch, DiagramStore, VolumeStore, VolumeTable
from tdaflow.store.integrity.run import insensitive_text

STAGE = "superpixels+persistence"
# Its name on Dask's dashboard, which cuts those of more than 15 characters.
TASKS = "diagrams"


def run_diagrams(
    context: Context,
    volumes: VolumeStore,
    rows: VolumeTable,
    store: DiagramStore,
    *,
    part: tuple[int, int] | None = None,
) -> np.ndarray:
    """Compute the missing batches, of the rows [start, stop) of `part` if it is given; return the rows with diagrams.

    A batch that fails is split in two until the culprit stands alone; its batch mates are computed. A culprit is left
    out of the store, so that another run tries it again.

    Raises
    ------
    RunError
        If more volumes failed than are allowed. It is raised before σ, which their bars might have changed.
    """
    counts = context.state.stages[STAGE]
    part = part or (0, len(rows))
    counts.total = part[1] - part[0]
    good = np.zeros(len(rows), dtype=bool)
    for start, stop in [batch for batch in store.batches() if clipped([batch], part)]:
        found = DiagramOutcome(start, stop, store.quarantined(start, stop))
        _note(context, found, good)
        counts.quarantined += len(found.quarantined)
        counts.done += stop - start - len(found.quarantined)
    counts.reused = counts.done
    if clipped(store.missing(len(rows)), part):
        compile_kernels(context)
        queue = diagram_tasks(context, volumes, rows, store, part)
        counts.begin()
        context.state.save()
        _remove_evidence(store)
        finished = fan_out(
            context.engine, STAGE, compute_diagrams, queue, counts, context.observer,
            Split(give_up=partial(_give_up, context)), label=TASKS,
        )  # fmt: skip
        try:
            for task, outcome in finished:
                # Even if it was in the store already: a worker that died after writing it ran it for this very run.
                _note(context, outcome, good)
                context.state.timed({v.id: s for v, s in zip(task.about, outcome.seconds, strict=False) if s})
        finally:
            _remove_evidence(store)
    check_losses(context, len(context.state.outcomes))
    return np.flatnonzero(good)


def _remove_evidence(store: DiagramStore) -> None:
    """Delete the files about time limits of workers that something else ended in the middle of a volume."""
    for evidence in () if isinstance(store.path, RemotePath) else store.path.glob(f"{EVIDENCE}*"):
        evidence.unlink(missing_ok=True)


def diagram_tasks(
    context: Context, volumes: VolumeStore, rows: VolumeTable, store: DiagramStore, part: tuple[int, int]
) -> Backlog[DiagramTask]:
    """The batches of a part of the rows that are not in the store."""
    recipe = diagram_recipe(context.config, context.state.scales)
    gaps, wanted = clipped(store.missing(len(rows)), part), context.config.run.batch
    workers, threads = context.engine.workers, context.engine.threads

    def task(part: tuple[int, int]) -> DiagramTask:
        start, stop = part
        return DiagramTask(
            volumes=volumes.path.resolve(),
            diagrams=store.path.resolve(),
            recipe=recipe,
            start=start,
            stop=stop,
            digest=store.digest,
            # Elsewhere the limit would end the user's own process.
            volume_seconds=context.config.run.volume_seconds if context.engine.isolates else None,
            about=tuple(volume_facts(rows, row) for row in range(start, stop)),
            threads=threads,
        )

    if wanted == "auto":
        parts = balanced_ranges(gaps, volume_costs(rows.shape.prod(axis=1), recipe.steps), workers)
    else:
        parts = batch_ranges(gaps, wanted, wanted, workers)
    return Backlog(map(task, parts), len(parts))


def compile_kernels(context: Context) -> None:
    """Compile the kernels here, and say so, rather than in the first batch of every worker of this machine.

    Before workers are there, for those that wait meanwhile would be given up again.
    """
    needed = dict.fromkeys(kernel_of(f.filtration()) for f in context.config.filtrations.values())
    for kernel in needed:
        if kernel is not None and not kernel.is_compiled():
            context.observer.message(f"compiling the {kernel.name} kernel, once for this user and version …")
            context.observer.message(f"compiled in {kernel.warmup():.0f} s")


def _give_up(context: Context, task: DiagramTask, error: BaseException | None) -> None:
    identity = task.about[0].id
    where = exceeded(task.evidence(task.start), compute_diagrams.__name__)
    if where is None:
        reason = f"{type(error).__name__}: {error}"
    else:
        reason = f"it took longer than run.volume_seconds = {task.volume_seconds:g} allows, and was in {where} then"
    context.state.failed[identity] = reason
    context.state.outcomes[identity] = "failed"
    context.observer.message(f"volume {identity} failed: {reason}")


def _note(context: Context, outcome: DiagramOutcome, good: np.ndarray) -> None:
    """Keep what became of the volumes of a batch."""
    good[outcome.start : outcome.stop] = True
    for row, (identity, reason) in outcome.quarantined.items():
        good[row] = False
        context.state.quarantined[identity] = reason
        context.state.outcomes[identity] = "quarantined"


def compute_diagrams(task: DiagramTask) -> DiagramOutcome:
    """Compute and write the diagrams of a batch; a volume that cannot be used is quarantined, the rest go on.

    A batch that is in the store already is not computed again.
    """
    store = DiagramStore(task.diagrams)
    if store.digest != task.digest:
        # A worker that outlived its run must not write among the diagrams of other settings.
        raise RunError(f"the diagrams at {task.diagrams} are made with other settings by now")
    if store.has(task.start, task.stop):
        return _outcome(task, store.records(task.start, task.stop))
    diagrams: list[Mapping[Channel, Bars]] = []
    records: list[dict[str, Any]] = []
    rows = range(task.start, task.stop)
    threads = task.threads if task.n_volumes == 1 else 1
    for row, volume in zip(rows, read_volumes(task.volumes, rows, task.about, task.recipe.max_voxels), strict=True):
        with collected_warnings() as warned:
            try:
                with (
                    limit(task.volume_seconds, task.evidence(row)),
                    kernel_threads(threads),
                ):
                    diagram, facts = volume_diagrams(volume, task.recipe)
            except InputError as error:
                diagrams.append({})
                records.append({"id": volume.about.id, "status": "quarantined", "reason": str(error)})
            else:
                diagrams.append(diagram)
                records.append({"id": volume.about.id, "status": "ok", **facts})
        if warned:
            records[-1]["warnings"] = as_lines(warned)
    store.write(DiagramBatch(task.start, task.stop, diagrams, records))
    return _outcome(task, records)


def _outcome(task: DiagramTask, records: Sequence[Mapping[str, Any]]) -> DiagramOutcome:
    """What the client must know of each volume; the rest of a record stays in the store."""
    quarantined = {
        row: (record["id"], record["reason"])
        for row, record in enumerate(records, start=task.start)
        if record["status"] == "quarantined"
    }
    notes = tuple((record["id"], note) for record in records for note in _notes(record))
    seconds = tuple(sum(record.get("seconds", {}).values()) for record in records)
    return DiagramOutcome(task.start, task.stop, quarantined, seconds, n_quarantined=len(quarantined), notes=notes)


def _notes(record: Mapping[str, Any]) -> Iterator[str]:
    """What a reader of the log should know of a volume."""
    yield from record.get("warnings", ())
    for name, engine in record.get("engine", {}).items():
        if "fallback" in engine:
            yield f"filtration {name} was computed by GUDHI, since the kernel does not take it: {engine['fallback']}"
    for name, told in record.get("insensitive", {}).items():
        yield insensitive_text(name, told)
    for channel, told in record.get("channels", {}).items():
        if told.get("removed"):
            yield f"{told['removed']} bars of {channel} are removed, as min_persistence asks"
    if record["status"] == "quarantined":
        yield f"quarantined: {record['reason']}"
