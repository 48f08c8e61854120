"""Stage 4, fan-out: the persistence images, a chunk of the feature store a task."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from tdaflow import __version__
from tdaflow.diagrams import NO_BARS, Bars, Channel
from tdaflow.errors import RunError
from tdaflow.extents import typical
from tdaflow.homology.regions import regional_name
from tdaflow.images import ImageMaker, outside_count
from tdaflow.pipeline.context import Context
from tdaflow.pipeline.fan_out import VERIFY, Retry, fan_out, reduce_over
from tdaflow.pipeline.recipe import image_recipe, learnt_rows
from tdaflow.pipeline.state import versions
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
from tdaflow.store.manifest import Damage, DamagedStore

STAGE = "images"
MAXIMA_STAGE = "images-maximum"


def _rows_digest(digest: str, good: np.ndarray) -> str:
    """What images are made of: the digest of the settings and the volumes, and which rows have diagrams."""
    return options_digest(digest, [int(row) for row in good])


def made_images(context: Context, good: np.ndarray, n_learnt: int, *, verify: bool = False) -> FeatureStore | None:
    """The finished images, if they are of the first of these rows; any others, or damaged ones, are deleted.

    A row among the first `n_learnt` that has a diagram only now may change the ranges, and with them all images.
    """
    path = context.folder.features
    if not path.exists():
        return None
    try:
        features = FeatureStore(path)
        damage = next(features.damage(), None) if verify else None
    except DamagedStore as error:
        if not verify:
            raise
        damage = Damage(error.path.name, error.why)
    if damage is not None:
        context.observer.message(f"the images are damaged ({damage.name}: {damage.why}) and will be made anew")
        FeatureStore.remove(path)
        return None
    n, told = features.n_volumes, features.attributes
    if told.get("rows") != _rows_digest(told["digest"], good[:n]) or (good[n:] < n_learnt).any():
        context.observer.message("other volumes have diagrams now than when the images were made; making them anew")
    else:
        return features
    FeatureStore.remove(path)
    return None


def run_images(
    context: Context,
    rows: VolumeTable,
    good: np.ndarray,
    diagrams: DiagramStore,
    channels: tuple[ChannelAxes, ...],
    summaries: tuple[SummaryStep, ...],
    *,
    n_learnt: int,
    made: FeatureStore | None = None,
    hold: bool = False,
) -> None:
    """Make the images of the rows in `good` and give the feature store its name once every chunk is there.

    Images of the first of these rows that are in `made` are copied from it, and the new store takes its place. What
    ``normalise = "dataset-max"`` divides by is learnt from the first `n_learnt` rows or, if `hold`, in the state.
    """
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
            made=None if made is None else made.path.resolve(),
            n_made=0 if made is None else max(0, min(made.n_volumes, right) - left),
        )
        for left, right in features.chunks()
    ]
    if context.config.images.normalise == "dataset-max":
        tasks = _divided_by_maximum(context, rows, tasks, n_learnt, hold=hold)
    missing = [t for t in tasks if not features.is_written(t.start)]
    counts.total = len(good)
    counts.done = counts.reused = len(good) - sum(t.n_volumes for t in missing)
    for _ in fan_out(context.engine, STAGE, compute_images, missing, counts, context.observer, Retry(), remedy=VERIFY):
        pass
    # Counted in the store, for some of the chunks may have been made by an earlier run.
    context.state.n_outside, context.state.n_empty = features.totals()
    context.folder.check_held()
    features.finish(context.folder.features, record=context.state.record())


def _open(context: Context, rows: VolumeTable, good: np.ndarray, recipe: ImageRecipe) -> FeatureStore:
    """Go on with the unfinished store of the same images, or begin a new one."""
    digests = context.state.digests
    path, made_of = context.folder.features_in_progress, _rows_digest(digests["images"], good)
    if path.exists():
        with suppress(DamagedStore):  # by a power failure; it is made anew
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
            "digest": digests["images"],
            **({"settings": digests["settings"]} if "settings" in digests else {}),
            **({"learnt_from": context.state.learnt_from} if context.state.learnt_from else {}),
            "rows": made_of,
            "epsilon": images.epsilon,
            "plane": images.plane,
            "reference": context.config.reference,
            "scales": context.state.scales,
            "class_names": context.state.source.get("class_names", []),
            "options": context.config.public()["images"],
            "pixel_unit": images.pixel_unit,
            "versions": {"tdaflow": __version__, **versions()},
            **{name: context.state.source[name] for name in ("rois",) if name in context.state.source},
        },
    )


def _divided_by_maximum(
    context: Context, rows: VolumeTable, tasks: list[ImageTask], n_learnt: int, *, hold: bool
) -> list[ImageTask]:
    """First pass for the typical largest pixel of a volume over its regions: images are made, measured and dropped."""
    channels = [(c.filtration, c.homology_dimension) for c in tasks[0].recipe.channels]
    frozen = context.config.frozen
    if frozen is not None and frozen.image_maximum:
        divisors = dict(zip(context.config.channels, frozen.image_maximum, strict=True))
    elif hold:
        divisors = dict(zip(context.config.channels, context.state.image_maximum, strict=True))
    else:
        asked = np.isin(np.arange(len(rows)), learnt_rows(context.config, rows.at(np.arange(n_learnt))))
        measured = [replace(t, rows=tuple(r for r in t.rows if asked[r])) for t in tasks]
        measured = [t for t in measured if t.rows]
        maxima = reduce_over(context.engine, MAXIMA_STAGE, image_maxima, measured, np.concatenate)
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


def compute_images(task: ImageTask) -> int:
    """Make and write the images of one chunk, unless it is whole already; return the number of volumes."""
    features = FeatureStore(task.features)
    if features.is_written(task.start):
        return task.n_volumes
    parts: dict[str, np.ndarray] = {}
    if task.made is not None and task.n_made:
        parts = FeatureStore(task.made).read(task.start, task.start + task.n_made)
    if task.n_volumes:
        new = _new_parts(task)
        parts = {name: np.concatenate([parts[name], new[name]]) for name in new} if parts else new
    features.write(task.start, parts)
    return task.n_volumes


def _new_parts(task: ImageTask) -> dict[str, np.ndarray]:
    """What the feature store holds of the volumes of a chunk whose images are not made yet."""
    diagrams = list(DiagramStore(task.diagrams).read_rows(task.rows[task.n_made :], task.batches))
    images, bars, outside = images_of(diagrams, task.recipe)
    parts: dict[str, np.ndarray] = {}
    if task.recipe.summaries:
        parts["summary"] = summaries_of(diagrams, task.recipe)
    for vector, suffix, image in ((True, "vector_", "persistence_vector"), (False, "", "persistence_image")):
        here = [i for i, c in enumerate(task.recipe.channels) if c.vector is vector]
        if here:
            stack = np.stack([[per_volume[i] for i in here] for per_volume in images])
            parts[image] = stack[..., 0] if vector else stack
            parts[f"{suffix}n_bars"] = bars[:, here]
            parts[f"{suffix}n_outside"] = outside[:, here]
    return parts


def image_maxima(task: ImageTask) -> np.ndarray:
    """Largest pixel of every volume of one chunk, (volume, channel), before any normalisation; nothing is written."""
    images, _, _ = images_of(DiagramStore(task.diagrams).read_rows(task.rows, task.batches), task.recipe)
    return np.array([[image.max() for image in per_volume] for per_volume in images], dtype=np.float64)


def images_of(
    diagrams: Iterable[Mapping[Channel, Bars]], recipe: ImageRecipe
) -> tuple[list[list[np.ndarray]], np.ndarray, np.ndarray]:
    """Images, numbers of bars and numbers of bars outside the ranges, by volume and channel."""
    images: list[list[np.ndarray]] = []
    bars: list[list[int]] = []
    outside: list[list[int]] = []
    makers = [
        ImageMaker(
            recipe.options.with_shape(len(c.death), len(c.birth)),
            c.birth_range,
            c.death_range,
            sigma=c.sigma,
            normalise=normalise,
        )
        for c, normalise in zip(recipe.channels, recipe.normalise, strict=True)
    ]
    for diagram in diagrams:
        images.append([])
        bars.append([])
        outside.append([])
        for channel, made in zip(recipe.channels, makers, strict=True):
            name = regional_name(channel.filtration, channel.region)
            found = diagram.get((name, channel.homology_dimension), NO_BARS)
            ranges, counts = (channel.birth_range, channel.death_range), found.counts
            images[-1].append(_stored(made(found.pairs, counts), recipe.dtype))
            bars[-1].append(found.n_bars)
            outside[-1].append(outside_count(found.pairs, *ranges, recipe.options.plane, counts=counts))
    return images, np.array(bars, dtype=np.int32), np.array(outside, dtype=np.int32)


def _stored(image: np.ndarray, dtype: str) -> np.ndarray:
    """The image in the type of the store; RunError rather than infinite pixels."""
    with np.errstate(over="ignore", under="ignore"):
        cast = image.astype(dtype)
    if not np.isfinite(cast).all():
        raise RunError(
            f"an image has pixels of {np.abs(image).max():.1e}, which {dtype} does not hold; run again with "
            "--set images.dtype=float64 --restart-from images"
        )
    return cast


def summaries_of(diagrams: Iterable[Mapping[Channel, Bars]], recipe: ImageRecipe) -> np.ndarray:
    """The vectors of every summary step side by side, (volume, term) in the dtype of the images."""
    vectors = [
        np.concatenate(
            [
                step.vectorisation.vector(
                    diagram.get((regional_name(step.filtration, step.region), step.homology_dimension), NO_BARS),
                    step.bounds,
                )
                for step in recipe.summaries
            ]
        )
        for diagram in diagrams
    ]
    return np.stack(vectors).astype(recipe.dtype)
