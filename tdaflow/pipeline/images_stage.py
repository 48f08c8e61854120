"""Stage 4, fan-out: the persistence images, a chunk of the feature store a task."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tdaflow.diagrams import Channel
from tdaflow.errors import RunError
from tdaflow.extents import typical
from tdaflow.pipeline.batches import compute_images, image_maxima
from tdaflow.pipeline.context import RESUME, Context, raise_if_fatal, reduced
from tdaflow.pipeline.recipes import image_recipe
from tdaflow.pipeline.tasks import ImageRecipe, ImageTask, SummaryStep
from tdaflow.store import (
    ChannelAxes,
    DiagramStore,
    FeatureStore,
    SummaryAxes,
    VolumeTable,
    options_digest,
    overlapping,
    remove_leftovers,
)

STAGE = "images"
MAXIMA_STAGE = "images-maximum"
_TRIES = 2


def rows_digest(context: Context, good: np.ndarray) -> str:
    """What the images are made of beside the settings: which rows have diagrams."""
    return options_digest(context.state.digests["images"], [int(row) for row in good])


def is_finished(context: Context, good: np.ndarray, *, verify: bool = False) -> bool:
    """Whether the feature store holds the images of just these rows; any other, or a damaged one, is deleted."""
    path = context.folder.features
    if not path.exists():
        return False
    features = FeatureStore(path)
    if features.attributes.get("rows") != rows_digest(context, good):
        context.observer.message("other volumes have diagrams now than when the images were made; making them anew")
    elif verify and not features.is_intact():
        context.observer.message("the images are damaged and will be made anew")
    else:
        return True
    FeatureStore.remove(path)
    return False


def run_images(
    context: Context,
    rows: VolumeTable,
    good: np.ndarray,
    diagrams: DiagramStore,
    channels: tuple[ChannelAxes, ...],
    summaries: tuple[SummaryStep, ...] = (),
) -> None:
    """Make the images of the rows in `good` and give the feature store its name once every chunk is there."""
    counts = context.state.stages[STAGE]
    recipe = image_recipe(context.config, channels, summaries)
    context.state.images_dtype = recipe.dtype
    if recipe.dtype != context.config.images.dtype:
        context.observer.message(
            f"images are stored as {recipe.dtype}: {context.config.images.dtype} does not hold pixels of their size"
        )
    features = _open(context, rows, good, recipe)
    batches = diagrams.batches()
    tasks = [
        ImageTask(
            diagrams=diagrams.path.resolve(),
            features=features.path.resolve(),
            recipe=recipe,
            start=left,
            rows=tuple(map(int, good[left:right])),
            batches=overlapping(batches, int(good[left]), int(good[right - 1]) + 1),
        )
        for left, right in features.chunks()
    ]
    if context.config.images.normalise == "dataset-max":
        tasks = _divided_by_maximum(context, rows, tasks)
    counts.begin()
    queue = deque(t for t in tasks if not features.is_written(t.start))
    counts.total = len(good)
    counts.done = counts.reused = len(good) - sum(len(t.rows) for t in queue)
    context.observer.stage_begins(STAGE, len(good), counts.done)
    tries: dict[int, int] = {}
    for done in context.engine.completed(STAGE, compute_images, queue):
        if done.result is None:
            raise_if_fatal(done.error)
            tries[done.task.start] = tries.get(done.task.start, 0) + 1
            if tries[done.task.start] >= _TRIES:
                raise RunError(f"the images of chunk {done.task.key} failed ({done.error}); {RESUME}")
            queue.append(done.task)
            continue
        counts.done += done.result.n_volumes
        counts.computed += done.result.n_volumes
        counts.batch_finished()
        context.observer.advanced(STAGE, done.result.n_volumes)
    # Counted in the store, for some of the chunks may have been made by an earlier run.
    context.state.n_outside, context.state.n_empty = features.totals()
    features.finish(context.folder.features)
    context.observer.stage_ends(STAGE, counts.seconds)


def _open(context: Context, rows: VolumeTable, good: np.ndarray, recipe: ImageRecipe) -> FeatureStore:
    """Go on with the unfinished store of the same images, or begin a new one."""
    path, made_of = context.folder.features_in_progress, rows_digest(context, good)
    if path.exists():
        unfinished = FeatureStore(path)
        if unfinished.attributes.get("rows") == made_of:
            return unfinished
    FeatureStore.remove(path)
    remove_leftovers(context.folder.path)
    images = context.config.images
    return FeatureStore.create(
        path,
        table=rows,
        rows=good,
        channels=recipe.channels,
        summaries=[
            SummaryAxes(s.kind, s.filtration, s.homology_dimension, s.region, s.vectorisation.terms(s.bounds))
            for s in recipe.summaries
        ],
        dtype=recipe.dtype,
        attributes={
            "digest": context.state.digests["images"],
            "rows": made_of,
            "epsilon": images.epsilon,
            "plane": images.plane,
            "reference": context.config.reference,
            "scales": context.state.scales,
            "class_names": context.state.source.get("class_names", []),
        },
    )


def _divided_by_maximum(context: Context, rows: VolumeTable, tasks: list[ImageTask]) -> list[ImageTask]:
    """First pass for the typical largest pixel of a volume over its regions: images are made, measured and dropped."""
    train = context.config.reference == "train"
    measured = [replace(t, rows=tuple(r for r in t.rows if not train or rows.split[r] == "train")) for t in tasks]
    maxima = reduced(context, MAXIMA_STAGE, image_maxima, [t for t in measured if t.rows], np.concatenate)
    channels = [(c.filtration, c.homology_dimension) for c in tasks[0].recipe.channels]
    divisors = image_divisors(channels, maxima)
    context.state.image_maximum = list(divisors.values())
    normalise = tuple(divisors[channel] or None for channel in channels)
    return [replace(t, recipe=replace(t.recipe, normalise=normalise)) for t in tasks]


def image_divisors(channels: Sequence[Channel], maxima: np.ndarray) -> dict[Channel, float]:
    """What ``normalise = "dataset-max"`` divides by: the typical largest pixel of a volume, over all its regions.

    Parameters
    ----------
    channels : sequence of Channel
        One a column of `maxima`; regions of a filtration share one.
    maxima : float64 (volume, channel)
        Of the reference volumes.
    """
    columns: dict[Channel, list[np.ndarray]] = {}
    for channel, column in zip(channels, maxima.T, strict=True):
        columns.setdefault(channel, []).append(column)
    return {channel: typical(np.max(found, axis=0)) for channel, found in columns.items()}
