"""Other volumes through a finished run: its recipe, ranges and σ are applied, nothing is fitted again.

A task reads some volumes, changes them on request, and writes their features as one small file; a file that is there is
not made again, so an interrupted projection goes on where it stopped.
"""

import os
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import zarr

from tdaflow.diagrams import Bars, Channel
from tdaflow.errors import InputError, RunError
from tdaflow.extents import intensity_extent
from tdaflow.pipeline.batches import images_of, summaries_of
from tdaflow.pipeline.context import raise_if_fatal
from tdaflow.pipeline.diagrams_stage import volume_facts, volumes_a_batch
from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.progress import Observer
from tdaflow.pipeline.run_recipe import Recipe
from tdaflow.pipeline.tasks import VolumeFacts
from tdaflow.pipeline.volume_path import volume_diagrams
from tdaflow.store import VolumeStore, VolumeTable

STAGE = "projection"
_TRIES = 2

Change = Callable[[np.ndarray, str], np.ndarray]
"""From the voxels (z, y, x) and the id of a volume to other voxels; picklable, a function of its arguments alone."""


@dataclass(frozen=True)
class ProjectionTask:
    """Project the `rows` of a volume store and write them to `target`; `key` names the task on the dashboard."""

    key: str
    volumes: Path
    rows: tuple[int, ...]
    about: tuple[VolumeFacts, ...]
    change: Change | None
    recipe: Recipe
    target: Path


@dataclass(frozen=True)
class Projected:
    """Features of some volumes.

    Attributes
    ----------
    blocks : dict of str to array, shape (volume, columns)
        By name, in the order and dtype of the recipe; zeros for a volume that cannot be used.
    unusable : dict of int to str
        Position to the reason why there is no diagram of that volume.
    """

    blocks: dict[str, np.ndarray]
    unusable: dict[int, str]


def projection_tasks(
    name: str,
    store: VolumeStore,
    rows: Sequence[int],
    recipe: Recipe,
    folder: Path,
    workers: int,
    change: Change | None = None,
) -> list[ProjectionTask]:
    """Cut some rows of a volume store in batches of 1–30 s.

    Parameters
    ----------
    name : str
        Of what is projected; with `rows` and `recipe` it must say all, for a file of that name is not made again.
    store : VolumeStore
    rows : sequence of int
        Ascending.
    recipe : Recipe
    folder : Path
        Where the files go.
    workers : int
        Of the engine.
    change : callable, optional
        What is done to every volume first.
    """
    table = store.table().of_rows()
    size = volumes_a_batch(_median_voxels(table, rows), len(rows), workers)
    parts = [tuple(rows[left : left + size]) for left in range(0, len(rows), size)]
    return [
        ProjectionTask(
            key=f"{name}-{part[0]:08d}-{part[-1] + 1:08d}",
            volumes=store.path.resolve(),
            rows=part,
            about=tuple(volume_facts(table, row) for row in part),
            change=change,
            recipe=recipe,
            target=folder / f"{name}-{part[0]:08d}-{part[-1] + 1:08d}-{len(part)}.npz",
        )
        for part in parts
    ]


def project(task: ProjectionTask) -> int:
    """Make the features of one task, unless they are there; return the number of volumes. What a worker does."""
    if task.target.exists():
        return len(task.rows)
    diagrams: list[Mapping[Channel, Bars]] = []
    unusable: dict[int, str] = {}
    for position, (about, voxels) in enumerate(zip(task.about, _voxels(task), strict=True)):
        try:
            if task.change is not None:
                voxels = task.change(np.asarray(voxels), about.id)
                extent = intensity_extent(voxels)
                extremes = (float(voxels.min()), float(voxels.max()))
                about = replace(about, extremes=extremes, extent=(extent.low, extent.high))
            diagrams.append(volume_diagrams(about, voxels, task.recipe.diagrams)[0])
        except InputError as error:
            unusable[position] = str(error)
            diagrams.append({})
    columns = dict(
        zip((f"block_{i}" for i in range(len(task.recipe.blocks))), _blocks(diagrams, task.recipe), strict=True)
    )
    for column in columns.values():
        column[list(unusable)] = 0
    told = {
        "unusable": np.array(list(unusable), dtype=np.int64),
        "reasons": np.array(list(unusable.values()), dtype=str),
    }
    temporary = task.target.with_name(f".tmp-{uuid.uuid4().hex}.npz")
    with temporary.open("wb") as file:
        np.savez_compressed(file, **columns, **told)  # type: ignore[arg-type]
    os.replace(temporary, task.target)
    return len(task.rows)


def projected(tasks: Sequence[ProjectionTask], engine: Engine, observer: Observer) -> Iterator[ProjectionTask]:
    """Work off the tasks and yield each when its file is there, those that were there before first.

    Raises
    ------
    RunError
        If a task fails twice; finished files are kept.
    """
    for folder in {task.target.parent for task in tasks}:
        folder.mkdir(parents=True, exist_ok=True)
    there = [task for task in tasks if task.target.exists()]
    queue = deque(task for task in tasks if not task.target.exists())
    n_reused = sum(len(task.rows) for task in there)
    began = time.perf_counter()
    observer.stage_begins(STAGE, n_reused + sum(len(task.rows) for task in queue), n_reused)
    yield from there
    tries: dict[str, int] = {}
    for done in engine.completed(STAGE, project, queue):
        if done.result is None:
            raise_if_fatal(done.error)
            tries[done.task.key] = tries.get(done.task.key, 0) + 1
            if tries[done.task.key] >= _TRIES:
                raise RunError(f"the projection {done.task.key} failed ({done.error}); run again to resume")
            queue.append(done.task)
            continue
        observer.advanced(STAGE, done.result)
        yield done.task
    observer.stage_ends(STAGE, time.perf_counter() - began)


def read_projected(tasks: Sequence[ProjectionTask]) -> Projected:
    """The features of finished tasks, one after the other; InputError if a file is damaged."""
    parts: list[list[np.ndarray]] = []
    unusable: dict[int, str] = {}
    left = 0
    for task in tasks:
        try:
            with np.load(task.target, allow_pickle=False) as file:
                parts.append([file[f"block_{i}"] for i in range(len(task.recipe.blocks))])
                reasons = zip(file["unusable"].tolist(), file["reasons"].tolist(), strict=True)
                unusable |= {left + position: reason for position, reason in reasons}
        except Exception as error:  # whatever damaged bytes make of zip and npy
            raise InputError(f"{task.target} cannot be read ({error}): delete it and run again") from None
        left += len(task.rows)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Projected(dict(zip(tasks[0].recipe.blocks, columns, strict=True)), unusable)


def _blocks(diagrams: Sequence[Mapping[Channel, Bars]], recipe: Recipe) -> list[np.ndarray]:
    """Every block of some volumes, each (volume, columns), in the order of the recipe."""
    images, _, _ = images_of(diagrams, recipe.images)
    found = [np.stack([of_volume[i].ravel() for of_volume in images]) for i in range(len(recipe.images.channels))]
    if recipe.images.summaries:
        widths = [len(step.vectorisation.terms(step.bounds)) for step in recipe.images.summaries]
        found += np.split(summaries_of(diagrams, recipe.images), np.cumsum(widths)[:-1], axis=1)
    return found


def _voxels(task: ProjectionTask) -> Iterator[np.ndarray | zarr.Array]:
    """The volumes of a task in order; those too large to be held come unread."""
    store = VolumeStore(task.volumes)
    if store.is_one_array:
        wanted = set(task.rows)
        for row, voxels in enumerate(store.voxels(task.rows[0], task.rows[-1] + 1), start=task.rows[0]):
            if row in wanted:
                yield voxels
        return
    for row, about in zip(task.rows, task.about, strict=True):
        array = store.array(row)
        is_large = np.prod(about.shape) > task.recipe.diagrams.max_voxels
        if is_large and task.change is not None:
            raise RunError(
                f"volume {about.id!r} has {np.prod(about.shape):,} voxels, more than run.max_voxels, and a volume that "
                "is not held as a whole cannot be perturbed: downsample the data set first"
            )
        yield array if is_large else np.asarray(array[...])


def _median_voxels(table: VolumeTable, rows: Sequence[int]) -> float:
    return float(np.median(table.shape[list(rows)].prod(axis=1)))
