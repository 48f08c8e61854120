"""How every array of a run is laid out: Zarr v3, zstd, and a checksum on every chunk."""

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.array_spec import ArrayConfigParams
from zarr.core.chunk_key_encodings import ChunkKeyEncodingLike
from zarr.dtype import VariableLengthUTF8

from tdaflow.errors import InputError

# One file a table column up to this many rows.
TABLE_CHUNK = 1 << 16
# An all-zero chunk must exist on disk, or it could not be told from one that was never written.
ARRAY_CONFIG: ArrayConfigParams = {"write_empty_chunks": True}


def create_array(
    group: zarr.Group,
    name: str,
    *,
    shape: Sequence[int],
    chunks: Sequence[int],
    dtype: Any,
    dimensions: Sequence[str],
    fill_value: Any = 0,
    attributes: dict[str, Any] | None = None,
    chunk_key_encoding: ChunkKeyEncodingLike | None = None,
    overwrite: bool = False,
) -> zarr.Array:
    """Create an array whose every chunk ends in a crc32c.

    Without it a flipped byte inside a chunk would be read back silently.
    """
    return group.create_array(
        name,
        shape=tuple(shape),
        chunks=tuple(max(1, int(c)) for c in chunks),
        dtype=dtype,
        fill_value=fill_value,
        compressors=[ZstdCodec(level=1), Crc32cCodec()],
        dimension_names=list(dimensions),
        attributes=attributes,
        chunk_key_encoding=chunk_key_encoding,
        config=ARRAY_CONFIG,
        overwrite=overwrite,
    )


def write_array(
    group: zarr.Group,
    name: str,
    values: np.ndarray,
    *,
    dimensions: Sequence[str],
    attributes: dict[str, Any] | None = None,
) -> None:
    """Write a whole array as one chunk."""
    array = create_array(
        group,
        name,
        shape=values.shape,
        chunks=values.shape,
        dtype=values.dtype,
        dimensions=dimensions,
        attributes=attributes,
        # The chunk lies beside the metadata, not in a folder for each axis.
        chunk_key_encoding={"name": "default", "separator": "."},
    )
    if values.size:
        array[...] = values


def write_column(
    group: zarr.Group,
    name: str,
    values: Sequence[Any] | np.ndarray,
    *,
    dimensions: Sequence[str],
    attributes: dict[str, Any] | None = None,
) -> None:
    """Write a table column; text becomes variable-length UTF-8, which has a Zarr v3 specification."""
    column = np.asarray(values)
    text = column.dtype.kind in "OUT"
    chunks = (min(len(column), TABLE_CHUNK), *column.shape[1:])
    array = create_array(
        group,
        name,
        shape=column.shape,
        chunks=chunks,
        dtype=VariableLengthUTF8() if text else column.dtype,
        dimensions=dimensions,
        fill_value="" if text else 0,
        attributes=attributes,
    )
    if column.size:
        array[...] = column.astype(object) if text else column


def open_group(path: Path, what: str, *, mode: Literal["r", "r+"] = "r") -> zarr.Group:
    """Open a group that exists, or say in one sentence that it is not there or broken."""
    try:
        return zarr.open_group(path, mode=mode, zarr_format=3)
    except FileNotFoundError:
        raise InputError(f"no {what} at {path}: give the folder of a tdaflow store or run") from None
    except (ValueError, KeyError, OSError) as error:
        raise InputError(f"{what} at {path} cannot be opened ({error}); restore it or make it anew") from error


def member(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Return one array of a group."""
    try:
        array = group.get(name)
    except Exception as error:  # whatever damaged or foreign metadata makes Zarr raise
        raise InputError(
            f"the array {name!r} of {group.store_path} cannot be opened ({error}); restore it or make it anew"
        ) from error
    if not isinstance(array, zarr.Array):
        raise InputError(f"{group.store_path} lacks the array {name!r}; restore it or make it anew")
    # Not part of what is stored, so it must be said again whenever an array is opened.
    return array.with_config(ARRAY_CONFIG)


def attributes_of(group: zarr.Group) -> dict[str, Any]:
    """Return what tdaflow noted on a group; empty if it is not one of tdaflow's."""
    return noted_in(group.attrs.asdict())


def noted_in(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What tdaflow noted among the attributes of a group, as a table or (for netCDF, which has none) as JSON text."""
    noted = attributes.get("tdaflow")
    if isinstance(noted, str):
        noted = json.loads(noted)
    return cast(dict[str, Any], noted) if isinstance(noted, dict) else {}


@contextmanager
def written_whole(target: Path, *, keep_existing: bool = False) -> Iterator[Path]:
    """Yield a temporary sibling of `target` that takes its name only when the block ends well.

    A process that is killed inside the block leaves a folder whose name begins with ``.tmp-``: never `target`. With
    `keep_existing`, a `target` that appeared meanwhile (another worker wrote the same batch) is kept.
    """
    temporary = target.with_name(f".tmp-{target.name}-{uuid.uuid4().hex}")
    try:
        yield temporary
        try:
            os.rename(temporary, target)
        except OSError:
            if not (keep_existing and target.is_dir()):
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_whole(target: Path) -> None:
    """Delete a store so that a process killed meanwhile leaves no part of it under its name.

    A chunk that is missing from a store reads as its fill value, so a half-deleted store could pass for a whole one.
    """
    doomed = target.with_name(f".tmp-{target.name}-{uuid.uuid4().hex}")
    try:
        os.rename(target, doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what killed processes left behind in `folder`."""
    for leftover in folder.glob(".tmp-*"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def size_on_disk(path: Path) -> int:
    """Bytes of all files under `path`; 0 if it is not there."""
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
