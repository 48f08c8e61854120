"""Checks of Zarr arrays for missing and damaged chunks."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tdaflow.store.digests import streamed_digest
from tdaflow.store.manifest import DamagedStore


@dataclass(frozen=True)
class Contents:
    """Digest, smallest and largest voxel of a volume (NaN if one is)."""

    digest: str
    minimum: float
    maximum: float


def missing_chunks(folder: Path, array: zarr.Array[Any]) -> Iterator[tuple[int, ...]]:
    """Yield the chunks of an array whose files are missing or empty; they would be read as the fill value.

    Parameters
    ----------
    folder : Path
        Of the array, on a local file system.
    array : zarr.Array
        Written with all its chunks, also those that are all zero.
    """
    counts = [math.ceil(n / chunk) for n, chunk in zip(array.shape, array.chunks, strict=True)]
    for chunk in itertools.product(*map(range, counts)):
        file = folder / array.metadata.encode_chunk_key(chunk)
        if not file.is_file() or file.stat().st_size == 0:
            yield chunk


def contents(array: zarr.Array[Any]) -> Contents:
    """Read a volume that is an array of its own, one layer of chunks at a time.

    Raises
    ------
    Exception
        Of any kind, from codecs that meet damaged bytes.
    """
    low, high = np.inf, -np.inf

    def layers() -> Iterator[np.ndarray]:
        nonlocal low, high
        for start in range(0, array.shape[0], array.chunks[0]):
            layer = np.asarray(array[start : start + array.chunks[0]])
            # np.minimum keeps a NaN, the built-in may lose it
            low, high = float(np.minimum(low, layer.min())), float(np.maximum(high, layer.max()))
            yield layer

    return Contents(streamed_digest(layers(), array.dtype, array.shape), low, high)


def contents_of(voxels: np.ndarray) -> Contents:
    """Return the `Contents` of an array in memory."""
    digest = streamed_digest([voxels], voxels.dtype, voxels.shape)
    return Contents(digest, float(voxels.min()), float(voxels.max()))


def reason(error: Exception) -> str:
    """Return the first line of an error's message, without the path of the store."""
    if isinstance(error, DamagedStore):
        return f"{error.path.name}: {error.why}"
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
