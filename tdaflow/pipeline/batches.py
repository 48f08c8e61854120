"""The batch functions of the graph: pure functions of their task and the stores, safe to run twice or at once."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import zarr

from tdaflow.diagrams import NO_BARS, Bars, Channel, RangeRecord
from tdaflow.errors import InputError, RunError
from tdaflow.homology.regions import filtration_of, regional_name
from tdaflow.images import outside_count, persistence_image
from tdaflow.pipeline.tasks import (
    DiagramOutcome,
    DiagramTask,
    ImageOutcome,
    ImageRecipe,
    ImageTask,
    RangeTask,
    SampleTask,
)
from tdaflow.pipeline.volume_path import volume_diagrams
from tdaflow.pipeline.volume_warnings import as_lines, collected_warnings
from tdaflow.pipeline.watchdog import limit
from tdaflow.store import DiagramBatch, DiagramStore, FeatureStore, VolumeStore
from tdaflow.store.integrity.run import insensitive_text
from tdaflow.vectorisations import BarSample


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
    for row, (about, voxels) in enumerate(zip(task.about, _voxels(task), strict=True), start=task.start):
        with collected_warnings() as warned:
            try:
                with limit(task.volume_seconds, task.evidence(row)):
                    diagram, facts = volume_diagrams(about, voxels, task.recipe)
            except InputError as error:
                diagrams.append({})
                records.append({"id": about.id, "status": "quarantined", "reason": str(error)})
            else:
                diagrams.append(diagram)
                records.append({"id": about.id, "status": "ok", **facts})
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
    return DiagramOutcome(task.start, task.stop, quarantined, notes)


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


def _voxels(task: DiagramTask) -> Iterator[np.ndarray | zarr.Array[Any]]:
    """The volumes of a task in order; those too large to be held come unread."""
    store = VolumeStore(task.volumes)
    if store.is_one_array:
        yield from store.voxels(task.start, task.stop)
        return
    for row, about in enumerate(task.about, start=task.start):
        array = store.array(row)
        yield array if math.prod(about.shape) > task.recipe.max_voxels else np.asarray(array[...])


def reduce_ranges(task: RangeTask) -> RangeRecord:
    """What the selected rows say of the ranges, a row of the record a volume; all regions of a volume together."""
    selected = set(task.rows)
    store = DiagramStore(task.diagrams)
    volumes = (
        {channel: Bars.joined(parts) for channel, parts in _over_regions(diagram).items()}
        for start, stop in task.batches
        for row, diagram in enumerate(store.read(start, stop).diagrams, start=start)
        if row in selected
    )
    return RangeRecord.from_volumes(volumes, task.channels, task.quantiles)


def sample_bars(task: SampleTask) -> dict[Channel, BarSample]:
    """Draw bars of each channel of the selected rows, over all regions."""
    ranges, store = task.ranges, DiagramStore(task.ranges.diagrams)
    drawn = {channel: BarSample(task.n_bars) for channel in ranges.channels}
    for row, diagram in zip(ranges.rows, store.read_rows(ranges.rows, ranges.batches), strict=True):
        for channel, parts in _over_regions(diagram).items():
            pairs = np.concatenate([bars.expanded for bars in parts])
            of_volume = BarSample.from_pairs(pairs, (row, *channel), size=task.n_bars, seed=task.seed)
            drawn[channel] = drawn[channel].merge(of_volume)
    return drawn


def _over_regions(diagram: Mapping[Channel, Bars]) -> dict[Channel, list[Bars]]:
    """The bars of each channel in each of its regions."""
    found: dict[Channel, list[Bars]] = {}
    for name, dimension in sorted(diagram):
        found.setdefault((filtration_of(name), dimension), []).append(diagram[name, dimension])
    return found


def compute_images(task: ImageTask) -> ImageOutcome:
    """Make and write the images of one chunk; a chunk that is whole already is not made again."""
    features = FeatureStore(task.features)
    if features.is_written(task.start):
        return ImageOutcome(task.start, len(task.rows))
    diagrams = list(DiagramStore(task.diagrams).read_rows(task.rows, task.batches))
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
    features.write(task.start, parts)
    return ImageOutcome(task.start, len(task.rows))


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
    for diagram in diagrams:
        images.append([])
        bars.append([])
        outside.append([])
        for channel, normalise in zip(recipe.channels, recipe.normalise, strict=True):
            name = regional_name(channel.filtration, channel.region)
            here = diagram.get((name, channel.homology_dimension), NO_BARS)
            image = persistence_image(
                here.pairs,
                counts=here.counts,
                birth_range=channel.birth_range,
                death_range=channel.death_range,
                sigma=channel.sigma,
                resolution=(len(channel.death), len(channel.birth)),
                weight=recipe.weight,
                plane=recipe.plane,
                sampling=recipe.sampling,
                outside=recipe.outside,
                normalise=normalise,
            )
            images[-1].append(_stored(image, recipe.dtype))
            bars[-1].append(here.n_bars)
            outside[-1].append(
                outside_count(here.pairs, channel.birth_range, channel.death_range, recipe.plane, counts=here.counts)
            )
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
