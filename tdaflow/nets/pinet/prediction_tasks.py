"""The batch function that predicts: a pure function of its task and the stores, safe to run twice or at once."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tdaflow.atomic import written_whole
from tdaflow.errors import InputError
from tdaflow.nets.pinet.channels import n_pixels
from tdaflow.nets.pinet.forward import BATCH
from tdaflow.nets.pinet.model import VolumeModel, cached_model
from tdaflow.pipeline.tasks import VolumeFacts
from tdaflow.pipeline.volume import HeldVolume, read_volumes


@dataclass(frozen=True)
class PredictionTask:
    """Predict the volumes of the rows [start, stop) and write pixels and doubts to `target`.

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

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return f"{self.start:08d}-{self.stop:08d}"

    @property
    def n_volumes(self) -> int:
        """Volumes of the task."""
        return self.stop - self.start


@dataclass(frozen=True)
class PredictedBatch:
    """What a task wrote.

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
    """Predict, unless the file is there; return the rows that need the exact computation, and why."""
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
    """Fill in what the network says of some volumes of a task."""
    record = model.record
    for i in positions:
        about = task.about[i]
        found.reasons[i] = record.header_doubt(about.shape, about.spacing, about.extremes) or ""
    shown: dict[tuple[int, ...], list[tuple[int, np.ndarray]]] = {}
    wanted = [i for i in positions if not found.reasons[i]]
    rows, facts = [task.start + i for i in wanted], [task.about[i] for i in wanted]
    for i, volume in zip(wanted, read_volumes(task.volumes, rows, facts, math.inf), strict=True):
        assert isinstance(volume, HeldVolume)
        shown.setdefault(volume.voxels.shape, []).append((i, np.asarray(volume.voxels)))
    # A record may know several shapes; a batch has one.
    for _, same in sorted(shown.items()):
        at, voxels = [i for i, _ in same], np.stack([volume for _, volume in same])[:, None]
        said = model.predict(voxels, task.device)
        found.pixels[at], found.expected_error[at] = said.pixels, said.expected_error
        # Their headers passed, so any spacing that did will do.
        for i, reason in zip(at, model.doubts(voxels, task.about[at[0]].spacing, said, task.bound), strict=True):
            found.reasons[i] = reason


def _write(batch: PredictedBatch, target: Path) -> None:
    with written_whole(target) as temporary, temporary.open("wb") as file:
        np.savez(
            file, pixels=batch.pixels, expected_error=batch.expected_error, reasons=np.array(batch.reasons, dtype=str)
        )


def read_predicted(path: Path) -> PredictedBatch:
    """What a finished task wrote; InputError if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return PredictedBatch(file["pixels"], file["expected_error"], [str(r) for r in file["reasons"]])
    except Exception as error:  # whatever damaged bytes make of zip and npy
        raise InputError(f"{path} cannot be read ({error}): delete it and run again") from None
