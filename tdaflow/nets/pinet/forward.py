"""Batches of volumes through a network, the same numbers whatever else runs beside."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

BATCH = 32
"""Volumes that follow from their rows alone, so that the last bits do."""

# Feature maps of so many volumes of 28³ stay in memory that the allocator keeps; of more, each layer asks the system
# for fresh pages, which costs more than its arithmetic.
_SLICE = 16


@dataclass(frozen=True)
class Outputs:
    """What a network says of some volumes.

    Attributes
    ----------
    pixels : float32 (n, pixels)
    doubts : float64 (n,)
        Uncalibrated.
    features : float32 (n, features)
        Of the encoder.
    """

    pixels: np.ndarray
    doubts: np.ndarray
    features: np.ndarray


def forward(net: torch.nn.Module, voxels: np.ndarray, device: str = "cpu") -> Outputs:
    """Show volumes of one shape to a network.

    Parameters
    ----------
    net : VolumePINet
        For inference, on `device`.
    voxels : array (n, 1, z, y, x)
        Any real dtype, in the volumes' own units.
    device : "cpu" or "cuda"
    """
    parts: list[tuple[np.ndarray, ...]] = []
    with torch.inference_mode(), one_torch_thread():
        for left in range(0, len(voxels), _SLICE):
            x = torch.from_numpy(np.ascontiguousarray(voxels[left : left + _SLICE], dtype=np.float32))
            parts.append(tuple(output.float().cpu().numpy() for output in net(x.to(device))))
    pixels, doubts, features = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Outputs(pixels, doubts.astype(np.float64), features)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """A worker has one thread, and sums of several threads end in other bits."""
    n = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n)
