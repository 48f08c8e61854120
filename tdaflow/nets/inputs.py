"""Inputs of a network: voxels as MedMNIST scales them, or persistence images as channels."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.diagrams import NO_BARS, RangeRecord, resolve_ranges
from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.volumes import LabelledVolumes
from tdaflow.evaluation.protocol.choice import scale_widths
from tdaflow.evaluation.protocol.classifiers import preparation
from tdaflow.evaluation.protocol.features import Features, load_features
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.members import signed_root
from tdaflow.evaluation.protocol.recorded import recorded_predictions
from tdaflow.homology.regions import WHOLE
from tdaflow.images import image_of
from tdaflow.store import DiagramStore, RunFolder, options_digest
from tdaflow.store.block_names import IMAGE, BlockName
from tdaflow.store.zarr_layout import open_dataset

BLOCK = "input"

# What a network is told of persistence images beside voxels, prepared as for a linear model.
_COMPONENTS = {"n_components": 60, "whiten": True, "square_root": True}


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
    volume_shape : tuple of int or None
        (channels, z, y, x) where a row holds the voxels of a volume and further columns after them.
    """

    features: Features
    shape: tuple[int, ...]
    offset: np.ndarray
    scale: np.ndarray
    root: bool = False
    mask: bool = False
    volume_shape: tuple[int, ...] | None = None

    @property
    def n_voxels(self) -> int:
        """Columns of a row that are voxels, where there are others beside them."""
        return 0 if self.volume_shape is None else math.prod(self.volume_shape)

    def arrays(self, features: Features) -> np.ndarray:
        """Return the rows of some of the features, (n, channels, …), unscaled."""
        return features.blocks[BLOCK].reshape(len(features), *self.shape)


def volume_inputs(volumes: LabelledVolumes) -> NetInputs:
    """Prepare voxels with one channel: uint8 to [0, 1], other types by the typical extent of the training volumes.

    InputError for unequal shapes.
    """
    stack = volumes.stacked()
    if stack.dtype == np.uint8:
        low, high = 0.0, 255.0
    else:
        low, high = volumes.table.grey_range(volumes.train)
    return NetInputs(
        volumes.features({BLOCK: stack.reshape(len(stack), -1)}),
        (1, *stack.shape[1:]),
        np.array([low]),
        np.array([1 / (high - low)]),
        mask=volumes.grey_values is not None,
    )


def image_inputs(run: Path) -> NetInputs:
    """Prepare the persistence images of a run, a channel each.

    Signed square roots, then mean 0 and standard deviation 1 over the training volumes, channel by channel. Channels
    stored as vectors (alpha H0) are left out. InputError if there is no image.
    """
    features = load_features(run)
    with open_dataset(Path(run) / "features.zarr", "feature store") as data:
        if "persistence_image" not in data:
            raise InputError(f"{run} holds no persistence images, only vectors: run again with H1 or higher")
        height, width = data.sizes["y"], data.sizes["x"]
    names = [
        name
        for name, block in features.blocks.items()
        if block.shape[1] == height * width and (label := BlockName.parsed(name)) and label.kind == IMAGE
    ]
    stack = np.stack([features.blocks[name] for name in names], axis=1).astype(np.float32)
    return _standardised(replace(features, blocks={BLOCK: stack.reshape(len(stack), -1)}), (len(names), height, width))


def block_inputs(features: Features, name: str, shape: tuple[int, int]) -> NetInputs:
    """Prepare one channel of the images, (rows, columns) each, scaled as those of `image_inputs`."""
    return _standardised(replace(features, blocks={BLOCK: features.blocks[name]}), (1, *shape))


def early_inputs(volumes: LabelledVolumes, run: Path) -> NetInputs:
    """Prepare voxels, and beside them principal components of the channels of the run's recorded choice.

    Components are learned on train, where each has unit variance. Rows are (voxels, components), so mask-like volumes
    are scaled to [0, 1] and nothing more. InputError if the run was not evaluated, or for unequal shapes.
    """
    features = load_features(run)
    saved = recorded_predictions(features, EvaluationFolder(run))
    if saved is None:
        raise InputError(f"early fusion takes what `tdaflow evaluate` chose: run `tdaflow evaluate {run}` first")
    blocks, train = saved.details["choice"]["blocks"], features.rows("train")
    widths = [w for name in blocks for w in scale_widths(name, features.blocks[name].shape[1])]
    prepare = preparation(_COMPONENTS, widths, len(train), 0).fit(train.matrix(blocks))
    of_volumes = volume_inputs(volumes)
    position = {identity: row for row, identity in enumerate(features.ids.tolist())}
    order = [position[identity] for identity in of_volumes.features.ids.tolist()]
    columns = prepare.transform(features.matrix(blocks))[order].astype(np.float32)
    voxels = of_volumes.features.blocks[BLOCK].astype(np.float32)
    digest = options_digest(of_volumes.features.digest, features.digest, saved.details["choice"], _COMPONENTS)
    made = replace(
        of_volumes.features,
        blocks={BLOCK: np.concatenate([voxels, columns], axis=1)},
        about={**of_volumes.features.about, "digest": digest},
    )
    n_voxels, n_columns = voxels.shape[1], columns.shape[1]
    return NetInputs(
        made,
        (n_voxels + n_columns,),
        np.concatenate([np.full(n_voxels, of_volumes.offset[0]), np.zeros(n_columns)]),
        np.concatenate([np.full(n_voxels, of_volumes.scale[0]), np.ones(n_columns)]),
        volume_shape=of_volumes.shape,
    )


def published_images(run: Path) -> NetInputs:
    """Make persistence images as the published code of Zhu et al. 2024 does: ranges and σ of each from its own bars.

    The highest homology dimension of the run's alpha diagrams, images of the preset "zhu2024" (Definition 1, each over
    its maximum), with the run's ε and resolution. Not repeated are that code's slips (ranges of H1 for an image of H2,
    intensities that wrap at 255, images cast to 8 bits).
    """
    folder, features = RunFolder(run), load_features(run)
    state = folder.read()
    assert state is not None
    config = RunConfig.model_validate(state["config"])
    alpha = [(n, f) for n, f in config.filtrations.items() if f.kind == "alpha" and WHOLE in f.regions.names]
    if not alpha or not folder.diagrams.exists():
        raise InputError(
            f"{run} holds no alpha diagrams of whole volumes, which the published protocol needs: run with "
            "[filtrations.alpha]"
        )
    channel = (alpha[0][0], max(alpha[0][1].homology_dimensions))
    images = state["config"]["images"]
    published = RunConfig(preset="zhu2024").images
    options = replace(published, epsilon=images["epsilon"], resolution=images["resolution"])
    store, rows = DiagramStore(folder.diagrams), _rows(folder, features)
    order = np.argsort(rows)
    found = np.zeros((len(rows), *options.shape), dtype=np.float32)
    for position, diagram in zip(order, store.read_rows(rows[order].tolist()), strict=True):
        bars = diagram.get(channel, NO_BARS)
        if bars.n_bars:
            record = RangeRecord.from_volumes([{channel: bars}], [channel], options.quantiles)
            ranges = resolve_ranges(record, channel, resolution=options.shape, plane=options.plane)
            found[position] = image_of(options, bars.pairs, ranges.birth_range, ranges.death_range, counts=bars.counts)
    digest = options_digest(features.digest, "per-image ranges", list(channel))
    made = replace(features, blocks={BLOCK: found.reshape(len(found), -1)}, about={**features.about, "digest": digest})
    return _standardised(made, (1, *found.shape[1:]), root=False)


def _rows(folder: RunFolder, features: Features) -> np.ndarray:
    """Return the rows of the volume store, which are those of the diagrams."""
    from tdaflow.evaluation.baselines.volumes import load_volumes

    table = load_volumes(folder.path).table
    position = {str(identity): int(row) for identity, row in zip(table.id, table.row, strict=True)}
    return np.array([position[identity] for identity in features.ids.tolist()], dtype=np.int64)


def _standardised(features: Features, shape: tuple[int, ...], root: bool = True) -> NetInputs:
    train = features.rows("train").blocks[BLOCK].reshape(-1, *shape).astype(np.float64)
    train = signed_root(train) if root else train
    axes = (0, *range(2, train.ndim))
    spread = train.std(axis=axes)
    return NetInputs(features, shape, train.mean(axis=axes), 1 / np.where(spread > 0, spread, 1.0), root=root)
