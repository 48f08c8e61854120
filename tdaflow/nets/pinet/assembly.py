"""The batch function that joins predicted and exact images into a chunk of a feature store; safe to run twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tdaflow.nets.pinet.channels import channel_name, channel_shape, n_pixels, split_pixels
from tdaflow.nets.pinet.prediction_tasks import read_predicted
from tdaflow.pipeline.apply import ApplyTask, read_applied
from tdaflow.store import ChannelAxes, FeatureStore


@dataclass(frozen=True)
class AssemblyTask:
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

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return f"{self.start:08d}"

    @property
    def n_volumes(self) -> int:
        """Volumes of the chunk."""
        return len(self.rows)


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
