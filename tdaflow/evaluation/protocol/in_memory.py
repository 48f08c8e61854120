"""Make features of training and validation volumes in memory, from stored diagrams under other image settings.

Diagrams cost seconds a volume, images milliseconds: a sweep over image settings reads the diagrams of one run and makes
the images by the pipeline's own functions. The test split is not read.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.diagrams import Bars, Channel, RangeRecord
from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.features import Features
from tdaflow.pipeline.recipe import image_recipe
from tdaflow.pipeline.stages.images import image_divisors, images_of, summaries_of
from tdaflow.pipeline.stages.ranges import (
    reduce_ranges,
    regional_axes,
    resolve_channel,
    sample_bars,
    sample_tasks,
    shared_facts,
    summary_steps,
)
from tdaflow.pipeline.tasks import ImageRecipe, RangeTask, SampleTask
from tdaflow.remote import place
from tdaflow.store import DiagramStore, RunFolder, VolumeStore, VolumeTable
from tdaflow.store.block_names import BlockName
from tdaflow.vectorisations import BarSample, merge_samples

SPLITS = ("train", "val")

Diagrams = Sequence[Mapping[Channel, Bars]]


def features_in_memory(run: Path, config: RunConfig) -> Features:
    """Make the features of a run's training and validation volumes under other image settings.

    Parameters
    ----------
    run : Path
        Folder of a run with finished diagrams.
    config : RunConfig
        Its filtrations must be the run's; ranges, and a data-set-wide maximum, come from its training volumes.

    Returns
    -------
    Features
        Bitwise those that a run with ``reference = "train"`` would store, without the test rows.

    Raises
    ------
    InputError
        If the run has no finished diagrams, no labels, or nothing in train or validation.
    """
    folder = RunFolder(run)
    table, class_names = volume_table(folder)
    store = DiagramStore(folder.diagrams)
    ok = {
        start + offset
        for start, stop in store.batches()
        for offset, record in enumerate(store.records(start, stop))
        if record["status"] == "ok"
    }
    usable = np.isin(np.arange(len(table)), list(ok)) & (table.label >= 0) & np.isin(table.split, SPLITS)
    rows = np.flatnonzero(usable)
    for split in SPLITS:
        if not (table.split[rows] == split).any():
            raise InputError(
                f"{run} has no labelled volume in the split {split!r}: a sweep fits on train, chooses on val"
            )
    train = tuple(
        int(row) for row in np.flatnonzero(np.isin(np.arange(len(table)), list(ok)) & (table.split == "train"))
    )
    task = RangeTask(
        folder.diagrams.resolve(), tuple(store.batches()), train, tuple(config.channels), config.images.quantiles
    )
    recipe = _recipe(config, task)
    diagrams = list(store.read_rows(map(int, rows)))
    blocks = _image_blocks(config, recipe, diagrams, table.split[rows] == "train")
    if recipe.summaries:
        blocks |= _summary_blocks(recipe, diagrams)
    return Features(
        ids=_text(table.id[rows]),
        labels=table.label[rows].astype(np.int64),
        splits=_text(table.split[rows]),
        groups=_text(table.group[rows]),
        blocks={str(name): blocks[name] for name in sorted(blocks)},
        class_names=class_names or tuple(str(k) for k in range(int(table.label.max()) + 1)),
        about={"reference": "train"},
    )


def volume_table(folder: RunFolder) -> tuple[VolumeTable, tuple[str, ...]]:
    """Return the volumes of a run that have voxels, and the class names; InputError without finished diagrams."""
    state = folder.read()
    if state is None or not folder.diagrams.is_dir():
        raise InputError(
            f"{folder.path} holds no finished run: run `tdaflow run ... --out {folder.path}` to its end first"
        )
    elsewhere = state["config"]["data"].get("store")
    store = VolumeStore(place(elsewhere) if elsewhere else folder.volumes)
    return store.table().of_rows(), tuple(str(name) for name in store.attributes.get("class_names", ()))


@lru_cache(maxsize=8)
def _ranges(task: RangeTask) -> RangeRecord:
    # Every ε of a sweep asks for the same ranges.
    return reduce_ranges(task)


@lru_cache(maxsize=8)
def _sample(task: SampleTask) -> Mapping[Channel, BarSample]:
    return sample_bars(task)


def _recipe(config: RunConfig, task: RangeTask) -> ImageRecipe:
    """Make the recipe that a run learns from its training volumes."""
    record = _ranges(task)
    channels = [
        axes
        for channel in config.channels
        for axes in regional_axes(resolve_channel(record, channel, config)[0], config)
    ]
    samples = merge_samples(_sample(drawn) for drawn in sample_tasks(config, [task]))
    return image_recipe(config, tuple(channels), summary_steps(config, shared_facts(config, record, samples)))


def _image_blocks(
    config: RunConfig, recipe: ImageRecipe, diagrams: Diagrams, of_train: np.ndarray
) -> dict[BlockName, np.ndarray]:
    images, _, _ = images_of(diagrams, recipe)
    names = [BlockName(c.filtration, c.homology_dimension, c.region) for c in recipe.channels]
    blocks = {name: np.stack([image[i].ravel() for image in images]) for i, name in enumerate(names)}
    if config.images.normalise == "dataset-max":
        maxima = np.stack([blocks[name][of_train].max(axis=1) for name in names], axis=1)
        divisors = image_divisors([(name.filtration, name.homology_dimension) for name in names], maxima)
        for name in names:
            blocks[name] = _divided(blocks[name], divisors[name.filtration, name.homology_dimension])
    return blocks


def _summary_blocks(recipe: ImageRecipe, diagrams: Diagrams) -> dict[BlockName, np.ndarray]:
    widths = [len(step.vectorisation.terms(step.bounds)) for step in recipe.summaries]
    parts = np.split(summaries_of(diagrams, recipe), np.cumsum(widths)[:-1], axis=1)
    names = [BlockName(s.filtration, s.homology_dimension, s.region, s.kind) for s in recipe.summaries]
    return dict(zip(names, parts, strict=True))


def _divided(block: np.ndarray, maximum: float) -> np.ndarray:
    return block / block.dtype.type(maximum) if maximum > 0 else block


def _text(values: np.ndarray) -> np.ndarray:
    return np.array([str(value) for value in values], dtype=np.str_)
