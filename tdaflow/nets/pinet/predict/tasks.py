"""Batch functions of a prediction, each a pure function of its task and the stores, safe to run twice or at once.

`predict_batch` shows volumes to the network; `assemble` joins predicted and exact images into a chunk of a feature
store.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tdaflow.atomic import written_whole
from tdaflow.errors import InputError
from tdaflow.nets.pinet.model.channels import channel_name, channel_shape, n_pixels, split_pixels
from tdaflow.nets.pinet.model.network import BATCH
from tdaflow.nets.pinet.model.volume_model import VolumeModel, cached_model
from tdaflow.pipeline.apply import ApplyTask, read_applied
from tdaflow.pipeline.fan_out import Chunk, RowRange
from tdaflow.pipeline.tasks import VolumeFacts
from tdaflow.pipeline.volume import HeldVolume, read_volumes
from tdaflow.store import ChannelAxes, FeatureStore


@dataclass(frozen=True)
class PredictionTask(RowRange):
    """Predict the volumes of the rows [start, stop) and write pixels and expected errors to `target`.

    `digest` is that of the model in the folder `model`; volumes whose expected error exceeds `bound` are named.
    """

    volumes: Path
    model: Path
    digest: str
    start: int
    stop: int
    about: tuple[VolumeFacts, ...]
    bound: float
    device: str
    target: Path


@dataclass(frozen=True)
class PredictedBatch:
    """The predictions of one task, as it wrote them.

    Attributes
    ----------
    pixels : float32 (n, pixels)
        Zeros for volumes that were not shown to the network.
    expected_error : float64 (n,)
        NaN for those.
    reasons : list of str
        Why a volume needs the exact computation; "" if it does not.
    """

    pixels: np.ndarray
    expected_error: np.ndarray
    reasons: list[str]


def predict_batch(task: PredictionTask) -> tuple[tuple[int, str], ...]:
    """Predict unless the file is there; return the rows that need the exact computation, and why."""
    if not task.target.exists():
        _write(_predicted(task), task.target)
    reasons = read_predicted(task.target).reasons
    return tuple((task.start + i, reason) for i, reason in enumerate(reasons) if reason)


def _predicted(task: PredictionTask) -> PredictedBatch:
    model = cached_model(task.model, task.digest, task.device)
    n = task.n_volumes
    found = PredictedBatch(
        np.zeros((n, sum(map(n_pixels, model.channels))), dtype=np.float32), np.full(n, np.nan), [""] * n
    )
    # What the network sees at once decides the last bits, so it follows from the rows alone.
    for left in range(0, n, BATCH):
        _predict_rows(task, model, range(left, min(left + BATCH, n)), found)
    return found


def _predict_rows(task: PredictionTask, model: VolumeModel, positions: range, found: PredictedBatch) -> None:
    """Fill in the predictions of some volumes of a task."""
    record = model.record
    for i in positions:
        about = task.about[i]
        found.reasons[i] = record.outside_by_header(about.shape, about.spacing, about.extremes) or ""
    shown: dict[tuple[int, ...], list[tuple[int, np.ndarray]]] = {}
    wanted = [i for i in positions if not found.reasons[i]]
    rows, facts = [task.start + i for i in wanted], [task.about[i] for i in wanted]
    for i, volume in zip(wanted, read_volumes(task.volumes, rows, facts, math.inf), strict=True):
        assert isinstance(volume, HeldVolume)
        shown.setdefault(volume.voxels.shape, []).append((i, np.asarray(volume.voxels)))
    # A record may know several shapes; a batch has one.
    for _, same in sorted(shown.items()):
        at, voxels = [i for i, _ in same], np.stack([volume for _, volume in same])[:, None]
        output = model.predict(voxels, task.device)
        found.pixels[at], found.expected_error[at] = output.pixels, output.expected_error
        # Their headers passed, so any spacing that did will do.
        reasons = model.reasons_for_exact(voxels, task.about[at[0]].spacing, output, task.bound)
        for i, reason in zip(at, reasons, strict=True):
            found.reasons[i] = reason


def _write(batch: PredictedBatch, target: Path) -> None:
    with written_whole(target) as temporary, temporary.open("wb") as file:
        np.savez(
            file, pixels=batch.pixels, expected_error=batch.expected_error, reasons=np.array(batch.reasons, dtype=str)
        )


def read_predicted(path: Path) -> PredictedBatch:
    """Read what a finished task wrote; InputError if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return PredictedBatch(file["pixels"], file["expected_error"], [str(r) for r in file["reasons"]])
    except Exception as error:  # whatever damaged bytes make of zip and npy
        raise InputError(f"{path} cannot be read ({error}): delete it and run again") from None


@dataclass(frozen=True)
class AssemblyTask(Chunk):
    """Write one chunk of the feature store from predicted images and exact ones.

    Attributes
    ----------
    features : Path
    start : int
        Position of the chunk's first volume.
    rows : tuple of int
        Of the volume store, ascending.
    channels : tuple of ChannelAxes
    predicted : tuple of (start, stop, path)
        Rows of the predictions that hold them.
    exact : tuple of ApplyTask
        Finished; their images replace predicted ones.
    dtype : str
    """

    features: Path
    start: int
    rows: tuple[int, ...]
    channels: tuple[ChannelAxes, ...]
    predicted: tuple[tuple[int, int, Path], ...]
    exact: tuple[ApplyTask, ...]
    dtype: str


def assemble(task: AssemblyTask) -> int:
    """Write the chunk, unless it is there; return the number of volumes."""
    features = FeatureStore(task.features)
    if features.is_written(task.start):
        return len(task.rows)
    position = {row: i for i, row in enumerate(task.rows)}
    pixels = np.full((len(task.rows), sum(map(n_pixels, task.channels))), np.nan, dtype=task.dtype)
    for start, stop, path in task.predicted:
        here = [row for row in range(start, stop) if row in position]
        pixels[[position[row] for row in here]] = read_predicted(path).pixels[[row - start for row in here]]
    for computed in task.exact:
        blocks = read_applied([computed]).blocks
        made = np.concatenate([blocks[channel_name(c)] for c in task.channels], axis=1)
        here = [i for i, row in enumerate(computed.rows) if row in position]
        pixels[[position[computed.rows[i]] for i in here]] = made[here]
    features.write(task.start, _parts(pixels, task.channels))
    return len(task.rows)


def _parts(pixels: np.ndarray, channels: Sequence[ChannelAxes]) -> dict[str, np.ndarray]:
    images = split_pixels(pixels, channels)
    parts: dict[str, np.ndarray] = {}
    for name, prefix, vector in (("persistence_vector", "vector_", True), ("persistence_image", "", False)):
        here = [i for i, c in enumerate(channels) if c.vector is vector]
        if here:
            shape = channel_shape(channels[here[0]])[: 1 if vector else 2]
            parts[name] = np.stack([images[i].reshape(-1, *shape) for i in here], axis=1)
            # Bars are not predicted, so nobody has counted them.
            unknown = np.full((len(pixels), len(here)), -1, dtype=np.int32)
            parts[f"{prefix}n_bars"] = parts[f"{prefix}n_outside"] = unknown
    return parts
