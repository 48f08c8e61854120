"""Stage 2, fan-out: superpixels and persistence of every volume, a batch a task."""

from collections import deque

import numpy as np

from tdaflow.errors import RunError
from tdaflow.homology.kernels import kernel_of
from tdaflow.pipeline.backlog import Backlog
from tdaflow.pipeline.batches import compute_diagrams
from tdaflow.pipeline.batching import batch_ranges, smallest_batch
from tdaflow.pipeline.context import Context, raise_if_fatal
from tdaflow.pipeline.recipes import diagram_recipe
from tdaflow.pipeline.tasks import EVIDENCE, DiagramOutcome, DiagramTask, VolumeFacts
from tdaflow.pipeline.watchdog import exceeded
from tdaflow.store import DiagramStore, VolumeStore, VolumeTable

STAGE = "superpixels+persistence"
# Its name on Dask's dashboard, which cuts those of more than 15 characters.
TASKS = "diagrams"
# Voxels of one batch: about 1–30 s of alpha and cubical persistence.
_BATCH_VOXELS = 32 * 28**3
_LARGEST_BATCH = 128


def run_diagrams(
    context: Context, volumes: VolumeStore, rows: VolumeTable, store: DiagramStore, *, verify: bool = False
) -> np.ndarray:
    """Compute the missing batches; return the rows that have diagrams, ascending.

    A batch that fails is split in two until the culprit stands alone; its batch mates are computed. A culprit is left
    out of the store, so that another run tries it again.

    Raises
    ------
    RunError
        If more volumes failed than are allowed. It is raised before σ, which their bars might have changed.
    """
    counts = context.state.stages[STAGE]
    counts.total = len(rows)
    good = np.zeros(len(rows), dtype=bool)
    if verify:
        _discard_damaged(context, store)
    for start, stop in store.batches():
        _note(context, DiagramOutcome(start, stop, store.quarantined(start, stop)), good, reused=True)
    queue = diagram_tasks(context, volumes, rows, store)
    if queue:
        _compile_kernels(context)
        counts.begin()
        context.state.save()
        context.observer.stage_begins(STAGE, counts.total, counts.done + counts.quarantined)
        _remove_evidence(store)
        try:
            _work_off(context, queue, good)
        finally:
            _remove_evidence(store)
        context.observer.stage_ends(STAGE, counts.seconds)
    _check_losses(context)
    return np.flatnonzero(good)


def _remove_evidence(store: DiagramStore) -> None:
    """Delete the files about time limits of workers that something else ended in the middle of a volume."""
    for evidence in store.path.glob(f"{EVIDENCE}*"):
        evidence.unlink(missing_ok=True)


def batch_size(context: Context, rows: VolumeTable) -> int:
    """Volumes a batch: 1–30 s of work, and several batches for every worker."""
    if context.config.run.batch != "auto":
        return context.config.run.batch
    return volumes_a_batch(float(np.median(rows.shape.prod(axis=1))), len(rows), context.engine.workers)


def volumes_a_batch(voxels: float, n_volumes: int, workers: int) -> int:
    """Size of a batch of volumes with this median number of voxels."""
    by_voxels = int(_BATCH_VOXELS / max(1.0, voxels))
    by_workers = -(-n_volumes // (4 * workers))
    return max(1, min(by_voxels, by_workers, _LARGEST_BATCH))


def diagram_tasks(
    context: Context, volumes: VolumeStore, rows: VolumeTable, store: DiagramStore
) -> Backlog[DiagramTask]:
    """The batches that are not in the store."""
    recipe = diagram_recipe(context.config, context.state.scales)
    size = batch_size(context, rows)

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
        )

    smallest = smallest_batch(context.config.run.batch, size)
    parts = batch_ranges(store.missing(len(rows)), size, smallest, context.engine.workers)
    return Backlog(map(task, parts), len(parts))


def volume_facts(rows: VolumeTable, row: int) -> VolumeFacts:
    """What a task is told of one volume."""
    depth, height, width = (int(n) for n in rows.shape[row])
    z, y, x = (float(s) for s in rows.spacing[row])
    extremes = float(rows.minimum[row]), float(rows.maximum[row])
    low, high = (float(bound) for bound in rows.extent[row])
    return VolumeFacts(str(rows.id[row]), (z, y, x), (depth, height, width), extremes, (low, high))


def _compile_kernels(context: Context) -> None:
    """Compile the kernels here, and say so, rather than in the first batch of every worker of this machine."""
    needed = dict.fromkeys(kernel_of(f.filtration()) for f in context.config.filtrations.values())
    for kernel in needed:
        if kernel is not None and not kernel.is_compiled():
            context.observer.message(f"compiling the {kernel.name} kernel, once for this user and version …")
            context.observer.message(f"compiled in {kernel.warmup():.0f} s")


def _discard_damaged(context: Context, store: DiagramStore) -> None:
    """Remove the batches that cannot be read back; a batch that one of them hid is looked at too."""
    sound: set[tuple[int, int]] = set()
    while unknown := [batch for batch in store.batches() if batch not in sound]:
        for start, stop in unknown:
            if store.is_intact(start, stop):
                sound.add((start, stop))
            else:
                context.observer.message(f"the batch of rows {start}–{stop - 1} is damaged and will be computed again")
                store.discard(start, stop)


def _work_off(context: Context, queue: Backlog[DiagramTask], good: np.ndarray) -> None:
    suspects: list[DiagramTask] = []
    for done in context.engine.completed(TASKS, compute_diagrams, queue):
        if done.result is None:
            raise_if_fatal(done.error)
            if done.task.stop - done.task.start > 1:
                queue.extend(done.task.halves())
            else:
                suspects.append(done.task)
        else:
            _advance(context, done.result, good)
    # A worker that dies takes the tasks beside it along: a suspect is tried once more, now with none beside it.
    for suspect in suspects:
        for done in context.engine.completed(TASKS, compute_diagrams, deque([suspect])):
            if done.result is None:
                raise_if_fatal(done.error)
                _give_up(context, suspect, done.error)
            else:
                _advance(context, done.result, good)


def _advance(context: Context, outcome: DiagramOutcome, good: np.ndarray) -> None:
    # Even if it was in the store already: a worker that died after writing it may have run it for this very run.
    _note(context, outcome, good, reused=False)
    context.observer.advanced(STAGE, outcome.stop - outcome.start)
    context.state.stages[STAGE].batch_finished()


def _give_up(context: Context, task: DiagramTask, error: BaseException | None) -> None:
    identity, counts = task.about[0].id, context.state.stages[STAGE]
    counts.failed += 1
    counts.batch_finished()
    where = exceeded(task.evidence(task.start), compute_diagrams.__name__)
    if where is None:
        reason = f"{type(error).__name__}: {error}"
    else:
        reason = f"it took longer than run.volume_seconds = {task.volume_seconds:g} allows, and was in {where} then"
    context.state.failed[identity] = reason
    context.state.outcomes[identity] = "failed"
    context.observer.message(f"volume {identity} failed: {reason}")
    context.observer.advanced(STAGE, 1)


def _note(context: Context, outcome: DiagramOutcome, good: np.ndarray, *, reused: bool) -> None:
    counts, state = context.state.stages[STAGE], context.state
    good[outcome.start : outcome.stop] = True
    for row, (identity, reason) in outcome.quarantined.items():
        good[row] = False
        state.quarantined[identity] = reason
        state.outcomes[identity] = "quarantined"
    n_ok = outcome.stop - outcome.start - len(outcome.quarantined)
    counts.done += n_ok
    counts.quarantined += len(outcome.quarantined)
    counts.reused += n_ok if reused else 0
    counts.computed += 0 if reused else n_ok
    for identity, text in outcome.notes:
        context.observer.noticed(STAGE, identity, text)


def _check_losses(context: Context) -> None:
    failed, n = context.state.failed, len(context.state.outcomes)
    allowed = context.config.run.allow_failed
    if len(failed) > (allowed if isinstance(allowed, int) else allowed * n):
        name, reason = next(iter(failed.items()))
        raise RunError(
            f"{len(failed)} of {n} volumes failed (first: {name}: {reason}); run again to retry them, "
            "or accept their loss with --set run.allow_failed=N"
        )
