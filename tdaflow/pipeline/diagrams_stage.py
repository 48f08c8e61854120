"""Stage 2, fan-out: superpixels and persistence of every volume, a batch a task."""

import time
from collections import deque
from collections.abc import Iterator

import numpy as np

from tdaflow.errors import RunError
from tdaflow.homology.alpha_kernel import is_compiled, warmup
from tdaflow.pipeline.batches import compute_diagrams
from tdaflow.pipeline.context import Context, raise_if_fatal
from tdaflow.pipeline.recipes import diagram_recipe
from tdaflow.pipeline.tasks import DiagramOutcome, DiagramTask, VolumeFacts
from tdaflow.store import DiagramStore, VolumeStore, VolumeTable

STAGE = "superpixels+persistence"
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
        _note(context, DiagramOutcome(start, stop, tuple(store.records(start, stop))), good, reused=True)
    queue = deque(diagram_tasks(context, volumes, rows, store))
    if queue:
        began = time.perf_counter()
        context.state.save()
        _compile_kernel(context)
        context.observer.stage_begins(STAGE, counts.total, counts.done + counts.quarantined)
        _work_off(context, queue, good, began)
        context.observer.stage_ends(STAGE, counts.seconds)
    _check_losses(context)
    return np.flatnonzero(good)


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
) -> Iterator[DiagramTask]:
    """Yield the batches that are not in the store."""
    recipe = diagram_recipe(context.config, rows)
    size = batch_size(context, rows)
    for first, last in store.missing(len(rows)):
        for start in range(first, last, size):
            stop = min(start + size, last)
            yield DiagramTask(
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


def volume_facts(rows: VolumeTable, row: int) -> VolumeFacts:
    """What a task is told of one volume."""
    depth, height, width = (int(n) for n in rows.shape[row])
    z, y, x = (float(s) for s in rows.spacing[row])
    extremes = float(rows.minimum[row]), float(rows.maximum[row])
    return VolumeFacts(str(rows.id[row]), (z, y, x), (depth, height, width), extremes)


def _compile_kernel(context: Context) -> None:
    """Compile the alpha kernel here, and say so, rather than in the first batch of every worker of this machine."""
    filtrations = (f.filtration() for f in context.config.filtrations.values())
    if any(getattr(f, "engine", None) == "kernel" for f in filtrations) and not is_compiled():
        context.observer.message("compiling the alpha kernel, once for this user and version …")
        context.observer.message(f"compiled in {warmup():.0f} s")


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


def _work_off(context: Context, queue: deque[DiagramTask], good: np.ndarray, began: float) -> None:
    suspects: list[DiagramTask] = []
    for done in context.engine.completed(STAGE, compute_diagrams, queue):
        if done.result is None:
            raise_if_fatal(done.error)
            if done.task.stop - done.task.start > 1:
                queue.extend(done.task.halves())
            else:
                suspects.append(done.task)
        else:
            _advance(context, done.result, good, began)
    # A worker that dies takes the tasks beside it along: a suspect is tried once more, now with none beside it.
    for suspect in suspects:
        for done in context.engine.completed(STAGE, compute_diagrams, deque([suspect])):
            if done.result is None:
                raise_if_fatal(done.error)
                _give_up(context, suspect, done.error, began)
            else:
                _advance(context, done.result, good, began)


def _advance(context: Context, outcome: DiagramOutcome, good: np.ndarray, began: float) -> None:
    # Even if it was in the store already: a worker that died after writing it may have run it for this very run.
    _note(context, outcome, good, reused=False)
    context.observer.advanced(STAGE, outcome.stop - outcome.start)
    context.state.stages[STAGE].seconds = time.perf_counter() - began
    context.state.save(throttled=True)


def _give_up(context: Context, task: DiagramTask, error: BaseException | None, began: float) -> None:
    identity, counts = task.about[0].id, context.state.stages[STAGE]
    counts.failed += 1
    counts.seconds = time.perf_counter() - began
    context.state.failed[identity] = f"{type(error).__name__}: {error}"
    context.state.outcomes[identity] = "failed"
    context.observer.message(f"volume {identity} failed: {error}")
    context.observer.advanced(STAGE, 1)
    context.state.save(throttled=True)


def _note(context: Context, outcome: DiagramOutcome, good: np.ndarray, *, reused: bool) -> None:
    counts, state = context.state.stages[STAGE], context.state
    for row, record in enumerate(outcome.records, start=outcome.start):
        if record["status"] == "ok":
            good[row] = True
            counts.done += 1
            counts.reused += reused
            counts.computed += not reused
        else:
            counts.quarantined += 1
            state.quarantined[record["id"]] = record["reason"]
            state.outcomes[record["id"]] = "quarantined"


def _check_losses(context: Context) -> None:
    failed, n = context.state.failed, len(context.state.outcomes)
    allowed = context.config.run.allow_failed
    if len(failed) > (allowed if isinstance(allowed, int) else allowed * n):
        name, reason = next(iter(failed.items()))
        raise RunError(
            f"{len(failed)} of {n} volumes failed (first: {name}: {reason}); run again to retry them, "
            "or accept their loss with --set run.allow_failed=N"
        )
