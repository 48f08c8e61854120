"""The training and validation volumes of a finished run with their persistence images. Test rows are not read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.nets.pinet.model.channels import chosen_blocks, n_pixels, read_pixels, read_text
from tdaflow.nets.pinet.model.network import SMALLEST_SIDE
from tdaflow.nets.pinet.model.record import DataRecord, ExactRecipe, bounds, roughness
from tdaflow.pipeline.apply import run_recipe, run_volumes
from tdaflow.sources.registry import medmnist3d_registry
from tdaflow.store import ChannelAxes, RunFolder, VolumeStore

# Bytes of voxels and images that a training may hold.
MAX_BYTES = 8 << 30


@dataclass(frozen=True)
class Part:
    """Volumes of one split.

    Attributes
    ----------
    voxels : array (n, 1, z, y, x)
        In the store's dtype.
    pixels : float32 array (n, pixels)
        Images, channel after channel.
    """

    voxels: np.ndarray
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.voxels)


@dataclass(frozen=True)
class RunPairs:
    """Training data of a Volume PI-Net.

    Attributes
    ----------
    train, val : Part
    record : DataRecord
    exact : ExactRecipe
        How the run made the images.
    digest : str
        Of the run's images.
    """

    train: Part
    val: Part
    record: DataRecord
    exact: ExactRecipe
    digest: str

    @property
    def channels(self) -> tuple[ChannelAxes, ...]:
        """Channels of the images, in the order of their pixels."""
        return self.exact.channels


def run_pairs(run: Path, wanted: list[str] | None = None, *, max_train: int | None = None, seed: int = 0) -> RunPairs:
    """Read the training and validation volumes of a finished run.

    Parameters
    ----------
    run : Path
        Folder of the run.
    wanted : list of str, optional
        Channels, see `chosen_blocks`; all by default.
    max_train : int, optional
        A random subset of the training volumes, for runs whose images do not fit in memory.
    seed : int
        Of the subset.

    Raises
    ------
    InputError
        If the run is not finished, its volumes differ in shape or have a side below 16 voxels, a split is empty, or
        the data are too large to be held.
    """
    folder = RunFolder(run)
    recipe = run_recipe(folder)
    state = folder.read()
    assert state is not None
    store, every = run_volumes(folder), recipe.images.channels
    table = store.table().of_rows()
    exact = ExactRecipe.of_run(state, chosen_blocks(every, wanted))
    row_of = {str(identity): row for row, identity in enumerate(table.id)}
    rows = np.array([row_of[identity] for identity in read_text(folder.features, "id")])
    splits = np.array(read_text(folder.features, "split"))
    of_split = {name: np.flatnonzero(splits == name) for name in ("train", "val")}
    for name, found in of_split.items():
        if len(found) < 2:
            raise InputError(
                f"{run} has {len(found)} volumes in the split {name!r}: a network is trained on two or more"
            )
    if max_train is not None and max_train < len(of_split["train"]):
        chosen = np.random.default_rng(seed).permutation(of_split["train"])[:max_train]
        of_split["train"] = np.sort(chosen)
    used = rows[np.concatenate([*of_split.values()])]
    _check_shapes(table.shape[used], len(used), sum(map(n_pixels, exact.channels)))
    stack = stacked(store, used)
    n_train = len(of_split["train"])
    parts = {
        name: Part(voxels, read_pixels(folder.features, every, exact.blocks, of_split[name]))
        for name, voxels in (("train", stack[:n_train]), ("val", stack[n_train:]))
    }
    record = _record(run, RunConfig.model_validate(state["config"]), store, used[:n_train], parts)
    return RunPairs(parts["train"], parts["val"], record, exact, state["digests"]["images"])


def _record(
    run: Path, config: RunConfig, store: VolumeStore, train_rows: np.ndarray, parts: Mapping[str, Part]
) -> DataRecord:
    table = store.table().of_rows()
    spacing = table.spacing[train_rows]
    name = str(config.data.get("name") or config.data.get("kind") or "volumes")
    entry = medmnist3d_registry().get(name)
    shape: tuple[int, int, int] = parts["train"].voxels.shape[2:]
    record = DataRecord(
        data_set=name,
        licence=entry.licence if entry else "that of the data, which tdaflow does not know",
        volumes_digest=store.digest,
        n_train=len(parts["train"]),
        n_val=len(parts["val"]),
        shapes=(shape,),
        spacing_low=tuple(spacing.min(axis=0).tolist()),
        spacing_high=tuple(spacing.max(axis=0).tolist()),
        minimum=bounds(table.minimum[train_rows]),
        maximum=bounds(table.maximum[train_rows]),
        intensity_range=table.grey_range(train_rows),
        roughness=bounds(roughness(volume[0]) for volume in parts["train"].voxels),
    )
    if record.minimum[0] == record.maximum[1]:
        raise InputError(f"all training volumes of {run} have the one value {record.minimum[0]:g}: nothing to learn")
    return record


def stacked(store: VolumeStore, rows: np.ndarray) -> np.ndarray:
    """Read voxels of rows of equal shape, (n, 1, z, y, x) in their order; float32 unless all share one array."""
    position_of = {int(row): position for position, row in enumerate(rows)}
    stack: np.ndarray | None = None
    for row, voxels in enumerate(store.voxels(0, int(rows.max()) + 1)):
        if row in position_of:
            if stack is None:
                stack = np.empty((len(rows), 1, *voxels.shape), voxels.dtype if store.is_one_array else np.float32)
            stack[position_of[row], 0] = voxels
    assert stack is not None
    return stack


def _check_shapes(shapes: np.ndarray, n: int, n_pixels: int) -> None:
    if len(np.unique(shapes, axis=0)) > 1:
        raise InputError(
            f"volumes have unequal shapes, such as {tuple(shapes.min(axis=0).tolist())} and "
            f"{tuple(shapes.max(axis=0).tolist())}, and a network is trained on one: resample them first"
        )
    if shapes.min() < SMALLEST_SIDE:
        raise InputError(
            f"volumes have {'×'.join(map(str, shapes[0]))} voxels, and Volume PI-Net needs {SMALLEST_SIDE} or more "
            "along every axis: use the exact computation, which is fast for volumes that small"
        )
    n_bytes = n * (int(shapes[0].prod()) * 4 + n_pixels * 4)
    if n_bytes > MAX_BYTES:
        raise InputError(
            f"{n} volumes and their images take up to {n_bytes / 2**30:.1f} GiB, more than the "
            f"{MAX_BYTES / 2**30:.0f} GiB that a training may hold: train on fewer with --max-train"
        )
