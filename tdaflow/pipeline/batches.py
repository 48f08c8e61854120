"""The batch functions of the graph: pure functions of their task and the stores, safe to run twice or at once."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import zarr

from tdaflow.diagrams import Channel, RangeRecord
from tdaflow.errors import InputError, RunError
from tdaflow.images import outside_count, persistence_image
from tdaflow.pipeline.tasks import (
    DiagramOutcome,
    DiagramTask,
    ImageOutcome,
    ImageRecipe,
    ImageTask,
    RangeTask,
)
from tdaflow.pipeline.volume_path import volume_diagrams
from tdaflow.pipeline.watchdog import limit
from tdaflow.store import DiagramBatch, DiagramStore, FeatureStore, VolumeStore


def compute_diagrams(task: DiagramTask) -> DiagramOutcome:
    """Compute and write the diagrams of a batch; a volume that cannot be used is quarantined, the rest go on.

    A batch that is in the store already is not computed again.
    """
    store = DiagramStore(task.diagrams)
    if store.digest != task.digest:
        # A worker that outlived its run must not write among the diagrams of other settings.
        raise RunError(f"the diagrams at {task.diagrams} are made with other settings by now")
    if store.has(task.start, task.stop):
        return DiagramOutcome(task.start, task.stop, brief(store.records(task.start, task.stop)))
    diagrams: list[Mapping[Channel, np.ndarray]] = []
    records: list[dict[str, Any]] = []
    for about, voxels in zip(task.about, _voxels(task), strict=True):
        try:
            with limit(task.volume_seconds):
                diagram, facts = volume_diagrams(about, voxels, task.recipe)
        except InputError as error:
            diagrams.append({})
            records.append({"id": about.id, "status": "quarantined", "reason": str(error)})
        else:
            diagrams.append(diagram)
            records.append({"id": about.id, "status": "ok", **facts})
    store.write(DiagramBatch(task.start, task.stop, diagrams, records))
    return DiagramOutcome(task.start, task.stop, brief(records))


def brief(records: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], ...]:
    """What the client must know of each volume; the rest of a record stays in the store."""
    return tuple({name: record[name] for name in ("id", "status", "reason") if name in record} for record in records)


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
    """Ranges, and on request histograms, of all bars of the selected rows, keyed by batch."""
    selected = set(task.rows)
    store = DiagramStore(task.diagrams)
    records = []
    for start, stop in task.batches:
        bars: dict[Channel, list[np.ndarray]] = {channel: [] for channel in task.channels}
        for row, diagram in enumerate(store.read(start, stop).diagrams, start=start):
            if row in selected:
                for channel, pairs in diagram.items():
                    bars[channel].append(pairs)
        joined = {channel: np.concatenate([np.zeros((0, 2)), *parts]) for channel, parts in bars.items()}
        records.append(RangeRecord.from_channels(joined, f"{start}-{stop}", histograms=task.histograms))
    return RangeRecord.merge_all(records)


def compute_images(task: ImageTask) -> ImageOutcome:
    """Make and write the images of one chunk; a chunk that is whole already is not made again."""
    features = FeatureStore(task.features)
    if features.is_written(task.start):
        return ImageOutcome(task.start, len(task.rows))
    images, bars, outside = images_of(DiagramStore(task.diagrams).read_rows(task.rows), task.recipe)
    parts: dict[str, np.ndarray] = {}
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
    """Largest pixel of each channel over the volumes of one chunk, before any normalisation; nothing is written."""
    images, _, _ = images_of(DiagramStore(task.diagrams).read_rows(task.rows), task.recipe)
    return np.array([[image.max() for image in per_volume] for per_volume in images]).max(axis=0)


def images_of(
    diagrams: Iterable[Mapping[Channel, np.ndarray]], recipe: ImageRecipe
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
            pairs = diagram.get((channel.filtration, channel.homology_dimension), np.zeros((0, 2)))
            image = persistence_image(
                pairs,
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
            images[-1].append(image.astype(recipe.dtype))
            bars[-1].append(len(pairs))
            outside[-1].append(outside_count(pairs, channel.birth_range, channel.death_range, recipe.plane))
    return images, np.array(bars, dtype=np.int32), np.array(outside, dtype=np.int32)
