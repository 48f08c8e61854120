"""The features of training and validation volumes under other image settings, made in memory from stored diagrams.

Diagrams cost seconds a volume, images milliseconds: a sweep over image settings reads the diagrams of one run and makes
the images by the pipeline's own functions. The test split is not among the rows that are read.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.diagrams import RangeRecord
from tdaflow.errors import InputError
from tdaflow.evaluation.features import Features
from tdaflow.pipeline.batches import images_of, reduce_ranges
from tdaflow.pipeline.ranges_stage import resolve_channel
from tdaflow.pipeline.recipes import image_recipe
from tdaflow.pipeline.tasks import RangeTask
from tdaflow.store import DiagramStore, RunFolder, VolumeStore, VolumeTable

SPLITS = ("train", "val")


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
        Bitwise those that a run with ``ranges_from = "train"`` would store, without the test rows.

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
    record = _ranges(
        RangeTask(
            folder.diagrams.resolve(), tuple(store.batches()), train, tuple(config.channels),
            config.images.quantiles is not None,
        )
    )  # fmt: skip
    channels = tuple(resolve_channel(record, channel, config)[0] for channel in config.channels)
    images, _, _ = images_of(store.read_rows(map(int, rows)), image_recipe(config, channels))
    blocks = {
        f"{c.filtration} H{c.homology_dimension}": np.stack([image[i].ravel() for image in images])
        for i, c in enumerate(channels)
    }
    if config.images.normalise == "dataset-max":
        of_train = table.split[rows] == "train"
        blocks = {name: _divided(block, block[of_train].max()) for name, block in blocks.items()}
    return Features(
        ids=_text(table.id[rows]),
        labels=table.label[rows].astype(np.int64),
        splits=_text(table.split[rows]),
        groups=_text(table.group[rows]),
        blocks=blocks,
        class_names=class_names or tuple(str(k) for k in range(int(table.label.max()) + 1)),
        about={"ranges_from": "train"},
    )


def volume_table(folder: RunFolder) -> tuple[VolumeTable, tuple[str, ...]]:
    """The volumes of a run that have voxels, by row, and the class names; InputError without finished diagrams."""
    state = folder.read()
    if state is None or not folder.diagrams.is_dir():
        raise InputError(
            f"{folder.path} holds no finished run: run `tdaflow run ... --out {folder.path}` to its end first"
        )
    elsewhere = state["config"]["data"].get("store")
    store = VolumeStore(Path(elsewhere) if elsewhere else folder.volumes)
    return store.table().of_rows(), tuple(str(name) for name in store.attributes.get("class_names", ()))


@lru_cache(maxsize=8)
def _ranges(task: RangeTask) -> RangeRecord:
    # Every ε of a sweep asks for the same ranges.
    return reduce_ranges(task)


def _divided(block: np.ndarray, maximum: float) -> np.ndarray:
    return block / block.dtype.type(maximum) if maximum > 0 else block


def _text(values: np.ndarray) -> np.ndarray:
    return np.array([str(value) for value in values], dtype=np.str_)
