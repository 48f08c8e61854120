"""Checks of Zarr arrays: are all chunks there, and do they hold what was written."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tdaflow.store.digests import streamed_digest


@dataclass(frozen=True)
class Contents:
    """What reading a volume gave: digest, and smallest and largest voxel (NaN if one is)."""

    digest: str
    minimum: float
    maximum: float


def missing_chunks(folder: Path, array: zarr.Array[Any]) -> Iterator[tuple[int, ...]]:
    """Yield the chunks of an array whose files are not there or empty; they would read as the fill value.

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
    """Read a volume that is an array of its own, a layer of chunks in memory.

    Raises
    ------
    Exception
        Whatever damaged bytes make of a codec.
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
    """The same of an array in memory."""
    digest = streamed_digest([voxels], voxels.dtype, voxels.shape)
    return Contents(digest, float(voxels.min()), float(voxels.max()))


def is_readable(array: zarr.Array[Any]) -> str | None:
    """Read an array whole; the reason if that cannot be done (its checksum, its codec, its file)."""
    try:
        array[...]
    except Exception as error:
        return reason(error)
    return None


def reason(error: Exception) -> str:
    """First line of what an error says."""
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
