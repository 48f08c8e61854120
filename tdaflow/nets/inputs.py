"""What a network is given: voxels as MedMNIST scales them, or persistence images as channels."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tdaflow.diagrams import RangeRecord, resolve_ranges
from tdaflow.errors import InputError
from tdaflow.evaluation.baselines_volumes import LabelledVolumes
from tdaflow.evaluation.features import Features, load_features
from tdaflow.images import PRESETS
from tdaflow.store import DiagramStore, RunFolder, options_digest

BLOCK = "input"


@dataclass(frozen=True)
class NetInputs:
    """Labelled arrays for a network.

    Attributes
    ----------
    features : Features
        One block "input", rows flattened, so that the test split can be held back.
    shape : tuple of int
        (channels, …) of one row.
    offset, scale : float arrays, shape (channels,)
        A network sees (value − offset)·scale; learned on train.
    root : bool
        Take the signed square root first.
    mask : bool
        Mask-like volumes: multiplied by a random number in training and by ½ otherwise, as MedMNIST does.
    """

    features: Features
    shape: tuple[int, ...]
    offset: np.ndarray
    scale: np.ndarray
    root: bool = False
    mask: bool = False

    def arrays(self, features: Features) -> np.ndarray:
        """The rows of some of the features, (n, channels, …), unscaled."""
        return features.blocks[BLOCK].reshape(len(features), *self.shape)


def volume_inputs(volumes: LabelledVolumes) -> NetInputs:
    """Voxels with one channel: uint8 to [0, 1], other types by the range of the training volumes.

    InputError for unequal shapes.
    """
    stack = volumes.stacked()
    if stack.dtype == np.uint8:
        low, high = 0.0, 255.0
    else:
        low = float(volumes.table.minimum[volumes.train].min())
        high = float(volumes.table.maximum[volumes.train].max())
    return NetInputs(
        volumes.features({BLOCK: stack.reshape(len(stack), -1)}),
        (1, *stack.shape[1:]),
        np.array([low]),
        np.array([1 / (high - low)]),
        mask=volumes.grey_values is not None,
    )


def image_inputs(run: Path) -> NetInputs:
    """The persistence images of a run, a channel each.

    Signed square roots, then mean 0 and standard deviation 1 over the training volumes, channel by channel. Channels
    stored as vectors (alpha H0) are left out. InputError if there is no image.
    """
    import xarray as xr

    features = load_features(run)
    with xr.open_zarr(Path(run) / "features.zarr") as data:
        if "persistence_image" not in data:
            raise InputError(f"{run} holds no persistence images, only vectors: run again with H1 or higher")
        height, width = data.sizes["y"], data.sizes["x"]
    names = [name for name, block in features.blocks.items() if block.shape[1] == height * width]
    stack = np.stack([features.blocks[name] for name in names], axis=1).astype(np.float32)
    return _standardised(replace(features, blocks={BLOCK: stack.reshape(len(stack), -1)}), (len(names), height, width))


def published_images(run: Path) -> NetInputs:
    """Persistence images as in the published code's idea: ranges and σ of each image from its own bars.

    The highest homology dimension of the run's alpha diagrams, images of the preset "report" (Definition 1, each over
    its maximum), with the run's ε and resolution. Not repeated are that code's slips (ranges of H1 for an image of H2,
    intensities that wrap at 255, images cast to 8 bits).
    """
    folder, features = RunFolder(run), load_features(run)
    state = folder.read()
    assert state is not None
    alpha = [(name, f) for name, f in state["config"]["filtrations"].items() if f["kind"] == "alpha"]
    if not alpha or not folder.diagrams.exists():
        raise InputError(
            f"{run} holds no alpha diagrams, which the published protocol needs: run with [filtrations.alpha]"
        )
    channel = (alpha[0][0], max(alpha[0][1]["homology_dimensions"]))
    images = state["config"]["images"]
    options = replace(PRESETS["report"], epsilon=images["epsilon"], resolution=images["resolution"])
    store, rows = DiagramStore(folder.diagrams), _rows(folder, features)
    order = np.argsort(rows)
    found = np.zeros((len(rows), *options.resolution), dtype=np.float32)  # type: ignore[misc]
    for position, diagram in zip(order, store.read_rows(rows[order].tolist()), strict=True):
        bars = diagram.get(channel, np.zeros((0, 2)))
        if len(bars):
            record = RangeRecord.from_channels({channel: bars}, "one")
            ranges = resolve_ranges(record, channel, resolution=options.resolution, plane=options.plane)
            found[position] = options.image(bars, ranges.birth_range, ranges.death_range)
    digest = options_digest(features.digest, "per-image ranges", list(channel))
    made = replace(features, blocks={BLOCK: found.reshape(len(found), -1)}, about={**features.about, "digest": digest})
    return _standardised(made, (1, *found.shape[1:]), root=False)


def _rows(folder: RunFolder, features: Features) -> np.ndarray:
    """Rows of the volume store, which are those of the diagrams."""
    from tdaflow.evaluation.baselines_volumes import load_volumes

    table = load_volumes(folder.path).table
    position = {str(identity): int(row) for identity, row in zip(table.id, table.row, strict=True)}
    return np.array([position[identity] for identity in features.ids.tolist()], dtype=np.int64)


def _standardised(features: Features, shape: tuple[int, ...], root: bool = True) -> NetInputs:
    train = features.rows("train").blocks[BLOCK].reshape(-1, *shape).astype(np.float64)
    train = np.sign(train) * np.sqrt(np.abs(train)) if root else train
    axes = (0, *range(2, train.ndim))
    spread = train.std(axis=axes)
    return NetInputs(features, shape, train.mean(axis=axes), 1 / np.where(spread > 0, spread, 1.0), root=root)
