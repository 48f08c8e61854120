"""The batch functions of the graph: pure functions of their task and the stores, safe to run twice or at once."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tdaflow.diagrams import Channel, ChannelRange, RangeRecord
from tdaflow.errors import InputError
from tdaflow.images import outside_count, persistence_image
from tdaflow.pipeline.tasks import (
    DiagramOutcome,
    DiagramRecipe,
    DiagramTask,
    ImageOutcome,
    ImageRecipe,
    ImageTask,
    RangeTask,
)
from tdaflow.store import DiagramBatch, DiagramStore, FeatureStore, VolumeStore, content_digest
from tdaflow.superpixels import superpixels


def volume_diagrams(
    key: str, voxels: np.ndarray, spacing: tuple[float, float, float], recipe: DiagramRecipe
) -> tuple[dict[Channel, np.ndarray], dict[str, Any]]:
    """Compute every diagram of one volume.

    Parameters
    ----------
    key : str
        Id of the volume.
    voxels : array, shape (z, y, x)
    spacing : tuple of float
        Millimetres along z, y, x.
    recipe : DiagramRecipe

    Returns
    -------
    diagrams : dict
        (filtration name, homology dimension) → float64 array (n, 2) of birth, death.
    facts : dict
        JSON-able: seconds by stage, number of points, rounding, engine, range of every channel.

    Raises
    ------
    InputError
        If the volume cannot be used.
    """
    began = time.perf_counter()
    facts: dict[str, Any] = {"seconds": {}, "channels": {}}
    diagrams: dict[Channel, np.ndarray] = {}
    points = voxels
    if any(step.filtration.takes == "points" for step in recipe.steps):
        cloud = superpixels(voxels, spacing=spacing, **recipe.superpixels)
        points = cloud.points
        facts["n_points"] = len(points)
        facts["rounding"] = cloud.rounding
        facts["seconds"]["superpixels"] = time.perf_counter() - began
    for step in recipe.steps:
        began = time.perf_counter()
        data = points if step.filtration.takes == "points" else voxels
        diagram = step.filtration.diagram(data, step.homology_dimensions)
        essential = step.filtration.default_essential if step.essential is None else step.essential
        diagram = diagram.with_essential(essential).with_min_persistence(step.min_persistence)
        for dimension in step.homology_dimensions:
            pairs = diagram[dimension]
            diagrams[step.name, dimension] = pairs
            facts["channels"][f"{step.name}/{dimension}"] = {
                **ChannelRange.from_pairs(pairs, key).to_dict(),
                "digest": content_digest(pairs),
            }
        facts["seconds"][step.name] = time.perf_counter() - began
        facts.setdefault("engine", {})[step.name] = {
            name: diagram.metadata[name] for name in ("engine", "fallback") if name in diagram.metadata
        }
    return diagrams, facts


def compute_diagrams(task: DiagramTask) -> DiagramOutcome:
    """Compute and write the diagrams of a batch; a volume that cannot be used is quarantined, the rest go on.

    A batch that is in the store already is not computed again.
    """
    store = DiagramStore(task.diagrams)
    if (task.start, task.stop) in store.batches():
        return DiagramOutcome(task.start, task.stop, tuple(store.records(task.start, task.stop)))
    diagrams: list[Mapping[Channel, np.ndarray]] = []
    records: list[dict[str, Any]] = []
    volumes = VolumeStore(task.volumes).voxels(task.start, task.stop)
    for identity, spacing, voxels in zip(task.ids, task.spacing, volumes, strict=True):
        try:
            diagram, facts = volume_diagrams(identity, voxels, spacing, task.recipe)
        except InputError as error:
            diagrams.append({})
            records.append({"id": identity, "status": "quarantined", "reason": str(error)})
        else:
            diagrams.append(diagram)
            records.append({"id": identity, "status": "ok", **facts})
    store.write(DiagramBatch(task.start, task.stop, diagrams, records))
    return DiagramOutcome(task.start, task.stop, tuple(records))


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
