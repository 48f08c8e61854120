"""Batches of volumes through a network, the same numbers whatever else runs beside."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

BATCH = 32


def predicted_pixels(net: torch.nn.Module, voxels: np.ndarray, device: str = "cpu") -> tuple[np.ndarray, np.ndarray]:
    """Predict the images of volumes of one shape.

    Parameters
    ----------
    net : VolumePINet
        For inference, on `device`.
    voxels : array (n, 1, z, y, x)
        Any real dtype, in the volumes' own units.
    device : "cpu" or "cuda"

    Returns
    -------
    pixels : float32 (n, pixels)
    doubts : float64 (n,)
    """
    pixels, doubts = [], []
    with torch.inference_mode(), one_torch_thread():
        for left in range(0, len(voxels), BATCH):
            x = torch.from_numpy(np.ascontiguousarray(voxels[left : left + BATCH], dtype=np.float32))
            images, doubt = net(x.to(device))
            pixels.append(images.float().cpu().numpy())
            doubts.append(doubt.double().cpu().numpy())
    return np.concatenate(pixels), np.concatenate(doubts)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """A worker has one thread, and sums of several threads end in other bits."""
    n = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n)
