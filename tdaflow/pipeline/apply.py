"""A finished run applied to other volumes: its recipe, ranges and σ are read back, nothing is fitted again.

    recipe = run_recipe(RunFolder("runs/mine"))
    tasks = apply_tasks("new", VolumeStore("new.zarr"), rows, recipe, folder, engine.workers)
    for task in applied(tasks, engine, observer): ...
    features = read_applied(tasks)

A task reads some volumes, changes them on request, and writes their features as one small file; a file that is there is
not made again, so what was interrupted goes on where it stopped.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import written_whole
from tdaflow.config import RunConfig
from tdaflow.diagrams import Bars, Channel
from tdaflow.errors import InputError, RunError
from tdaflow.extents import intensity_extent
from tdaflow.pipeline.batch_sizes import volume_costs, volumes_a_batch
from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.events import Observer
from tdaflow.pipeline.fan_out import Retry, fan_out
from tdaflow.pipeline.recipe import diagram_recipe, image_recipe
from tdaflow.pipeline.stages.images import images_of, summaries_of
from tdaflow.pipeline.stages.ranges import run_channels, summary_steps
from tdaflow.pipeline.state import StageCounts
from tdaflow.pipeline.tasks import DiagramRecipe, ImageRecipe, VolumeFacts, volume_facts
from tdaflow.pipeline.volume import HeldVolume, StoredVolume, read_volumes, volume_diagrams
from tdaflow.remote import place
from tdaflow.store import RunFolder, VolumeStore
from tdaflow.store.block_names import BlockName

STAGE = "apply"

Change = Callable[[np.ndarray, str], np.ndarray]
"""From the voxels (z, y, x) and the id of a volume to other voxels; picklable, a function of its arguments alone."""


@dataclass(frozen=True)
class Recipe:
    """From voxels to diagrams, and from diagrams to the blocks of the features.

    Attributes
    ----------
    diagrams : DiagramRecipe
    images : ImageRecipe
    blocks : tuple of str
        Names of the blocks: images in the order of ``images.channels``, then vectorisations.
    """

    diagrams: DiagramRecipe
    images: ImageRecipe
    blocks: tuple[str, ...]


def run_recipe(folder: RunFolder, wanted: Iterable[str] | None = None) -> Recipe:
    """The recipe of a finished run.

    Parameters
    ----------
    folder : RunFolder
    wanted : iterable of str, optional
        Only these blocks of the features are made; all by default.

    Raises
    ------
    InputError
        If the run is not finished, or has none of the blocks.
    """
    state = folder.read()
    if state is None or not folder.features.exists():
        raise InputError(f"{folder.path} holds no finished run: run `tdaflow run ... --out {folder.path}` to its end")
    return recipe_from(state, wanted)


def recipe_from(state: Mapping[str, Any], wanted: Iterable[str] | None = None) -> Recipe:
    """The recipe from what run.json holds: ``config``, ``scales``, ``ranges``, ``image_maximum``, ``images_dtype``.

    Parameters
    ----------
    state : mapping
    wanted : iterable of str, optional
        As for `run_recipe`.
    """
    config = RunConfig.model_validate(state["config"])
    axes = run_channels(config, state["ranges"])
    summaries = summary_steps(config, state["ranges"])
    images = replace(image_recipe(config, axes, summaries), dtype=state["images_dtype"])
    if config.images.normalise == "dataset-max":
        maxima = dict(zip(config.channels, state["image_maximum"], strict=True))
        images = replace(images, normalise=tuple(maxima[c.filtration, c.homology_dimension] or None for c in axes))
    whole = Recipe(diagram_recipe(config, state["scales"]), images, _names(images))
    return whole if wanted is None else _part(whole, tuple(wanted))


def run_volumes(folder: RunFolder) -> VolumeStore:
    """The volume store of a run, its own or the one it was told to read."""
    state = folder.read()
    elsewhere = None if state is None else state["config"]["data"].get("store")
    return VolumeStore(place(elsewhere) if elsewhere else folder.volumes)


@dataclass(frozen=True)
class ApplyTask:
    """Make the features of the `rows` of a volume store and write them to `target`."""

    key: str
    volumes: Path
    rows: tuple[int, ...]
    about: tuple[VolumeFacts, ...]
    change: Change | None
    recipe: Recipe
    target: Path

    @property
    def n_volumes(self) -> int:
        """Volumes of the task."""
        return len(self.rows)


@dataclass(frozen=True)
class Applied:
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


def apply_tasks(
    name: str,
    store: VolumeStore,
    rows: Sequence[int],
    recipe: Recipe,
    folder: Path,
    workers: int,
    change: Change | None = None,
) -> list[ApplyTask]:
    """Cut some rows of a volume store in batches of 1–30 s.

    Parameters
    ----------
    name : str
        Of what is made; with `rows` and `recipe` it must say all, for a file of that name is not made again.
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
    costs = volume_costs(table.shape[list(rows)].prod(axis=1), recipe.diagrams.steps)
    size = volumes_a_batch(float(np.median(costs)), len(rows), workers)
    parts = [tuple(rows[left : left + size]) for left in range(0, len(rows), size)]
    return [
        ApplyTask(
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


def apply_batch(task: ApplyTask) -> int:
    """Make the features of one task, unless they are there; return the number of volumes. What a worker does."""
    if task.target.exists():
        return task.n_volumes
    diagrams: list[Mapping[Channel, Bars]] = []
    unusable: dict[int, str] = {}
    volumes = read_volumes(task.volumes, task.rows, task.about, task.recipe.diagrams.max_voxels)
    for position, volume in enumerate(volumes):
        try:
            if task.change is not None:
                volume = _changed(volume, task.change)
            diagrams.append(volume_diagrams(volume, task.recipe.diagrams)[0])
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
    with written_whole(task.target) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **columns, **told)  # type: ignore[arg-type]
    return task.n_volumes


def applied(
    tasks: Sequence[ApplyTask], engine: Engine, observer: Observer, counts: StageCounts | None = None
) -> Iterator[ApplyTask]:
    """Work off the tasks and yield each when its file is there, those that were there before first.

    Parameters
    ----------
    tasks : sequence of ApplyTask
    engine : Engine
    observer : Observer
    counts : StageCounts, optional
        Where the volumes are counted, for a run.json.

    Raises
    ------
    RunError
        If a task fails twice; finished files are kept.
    """
    for folder in {task.target.parent for task in tasks}:
        folder.mkdir(parents=True, exist_ok=True)
    there = [task for task in tasks if task.target.exists()]
    missing = [task for task in tasks if not task.target.exists()]
    n_reused = sum(task.n_volumes for task in there)
    counts = StageCounts() if counts is None else counts
    counts.total, counts.done, counts.reused = sum(task.n_volumes for task in tasks), n_reused, n_reused
    yield from there
    for task, _ in fan_out(engine, STAGE, apply_batch, missing, counts, observer, Retry()):
        yield task


def read_applied(tasks: Sequence[ApplyTask]) -> Applied:
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
    return Applied(dict(zip(tasks[0].recipe.blocks, columns, strict=True)), unusable)


def _blocks(diagrams: Sequence[Mapping[Channel, Bars]], recipe: Recipe) -> list[np.ndarray]:
    """Every block of some volumes, each (volume, columns), in the order of the recipe."""
    images, _, _ = images_of(diagrams, recipe.images)
    found = [np.stack([of_volume[i].ravel() for of_volume in images]) for i in range(len(recipe.images.channels))]
    if recipe.images.summaries:
        widths = [len(step.vectorisation.terms(step.bounds)) for step in recipe.images.summaries]
        found += np.split(summaries_of(diagrams, recipe.images), np.cumsum(widths)[:-1], axis=1)
    return found


def _changed(volume: HeldVolume | StoredVolume, change: Change) -> HeldVolume:
    about = volume.about
    if isinstance(volume, StoredVolume):
        raise RunError(
            f"volume {about.id!r} has {np.prod(about.shape):,} voxels, more than run.max_voxels, and a volume that "
            "is not held as a whole cannot be perturbed: downsample the data set first"
        )
    voxels = change(np.asarray(volume.voxels), about.id)
    extent = intensity_extent(voxels)
    depth, height, width = voxels.shape
    extremes = (float(voxels.min()), float(voxels.max()))
    return HeldVolume(
        replace(about, shape=(depth, height, width), extremes=extremes, extent=(extent.low, extent.high)), voxels
    )


def _names(images: ImageRecipe) -> tuple[str, ...]:
    channels = [str(BlockName(c.filtration, c.homology_dimension, c.region)) for c in images.channels]
    vectors = [str(BlockName(s.filtration, s.homology_dimension, s.region, s.kind)) for s in images.summaries]
    return (*channels, *vectors)


def _part(whole: Recipe, wanted: tuple[str, ...]) -> Recipe:
    """The recipe of some blocks; filtrations and homology dimensions that none of them needs are left out."""
    lacking = [name for name in wanted if name not in whole.blocks]
    if lacking:
        raise InputError(f"the run has no block {lacking[0]!r}: its blocks are {', '.join(whole.blocks)}")
    n_images = len(whole.images.channels)
    kept = [name in wanted for name in whole.blocks]
    images = replace(
        whole.images,
        channels=tuple(c for c, keep in zip(whole.images.channels, kept[:n_images], strict=True) if keep),
        normalise=tuple(n for n, keep in zip(whole.images.normalise, kept[:n_images], strict=True) if keep),
        summaries=tuple(s for s, keep in zip(whole.images.summaries, kept[n_images:], strict=True) if keep),
    )
    needed = {(c.filtration, c.homology_dimension) for c in images.channels}
    needed |= {(s.filtration, s.homology_dimension) for s in images.summaries}
    steps = []
    for step in whole.diagrams.steps:
        dimensions = tuple(d for d in step.homology_dimensions if (step.name, d) in needed)
        if dimensions:
            steps.append(replace(step, homology_dimensions=dimensions))
    return Recipe(replace(whole.diagrams, steps=tuple(steps)), images, _names(images))
