"""Layout of the arrays of a run: Zarr v3, zstd, and a checksum on every chunk."""

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import google_crc32c
import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.dtype import VariableLengthUTF8
from zarr.errors import ZarrUserWarning
from zarr.storage import LocalStore

from tdaflow.errors import InputError, PassingFault
from tdaflow.remote import RemotePath, as_os_error, is_of_obstore
from tdaflow.remote_zarr import ObjectsBelow
from tdaflow.store.manifest import DamagedStore, check_root, unreadable, unsealed

if TYPE_CHECKING:
    import xarray as xr

# One file a table column up to this many rows.
TABLE_CHUNK = 1 << 16
# An all-zero chunk must exist on disk, or it could not be told from one that was never written.
ARRAY_CONFIG: Any = {"write_empty_chunks": True}
_CHUNK = re.compile(r"(^|/)c[./]\d")


class CheckedStore(LocalStore):
    """Folder of arrays that `create_array` made; what is damaged or cannot be read is a DamagedStore."""

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        """Return the bytes of a file; None if there is none."""
        with _told(self.root / key):
            return _checked(self.root, key, await super().get(key, *args, **options))

    def get_sync(self, key: str, **options: Any) -> Any:
        """Return the bytes of a file; None if there is none."""
        with _told(self.root / key):
            return _checked(self.root, key, super().get_sync(key, **options))


class CheckedObjects(ObjectsBelow):
    """`CheckedStore` on an object store."""

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        """Return the bytes of an object; None if there is none."""
        with _told(self.root / key):
            return _checked(self.root, key, await super().get(key, *args, **options))

    async def set(self, key: str, value: Any) -> None:
        """Put an object."""
        with _told(self.root / key):
            await super().set(key, value)


def store_at(path: Path, *, read_only: bool = False) -> CheckedStore | CheckedObjects:
    """Return the Zarr store at a path of this machine or of an object store."""
    if isinstance(path, RemotePath):
        return CheckedObjects(path, read_only=read_only)
    return CheckedStore(path, read_only=read_only)


def _checked(root: Path, key: str, found: Any) -> Any:
    if not _CHUNK.search(key):
        return found
    if found is None:
        # It would be read as its fill value. Only in a store that is being written may chunks be missing.
        if check_root(root) is not None:
            raise DamagedStore(root / key, "it is missing")
        return None
    held = found.as_numpy_array()
    # The last codec of every chunk; all bytes before it are what it is of.
    if len(held) < 4 or google_crc32c.value(held[:-4]) != int.from_bytes(held[-4:].tobytes(), "little"):
        raise DamagedStore(root / key, "its checksum does not hold")
    return found


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of which file an error is, and what to do."""
    try:
        yield
    except Exception as error:
        if is_of_obstore(error):
            raise unreadable(path, as_os_error(error, str(path))) from None
        if isinstance(error, OSError):
            raise unreadable(path, error) from error
        raise


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
    chunk_key_encoding: Any = None,
    overwrite: bool = False,
) -> zarr.Array:
    """Create an array with a CRC-32C checksum on every chunk, so that a flipped byte is an error when it is read."""
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
    """Write an array as one chunk."""
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
    """Open an existing group.

    Raises
    ------
    InputError
        If there is none.
    DamagedStore
        If its zarr.json is damaged or lost; later, if a chunk is that is read.
    """
    with _opening(path, what):
        return zarr.open_group(store_at(path), mode=mode, zarr_format=3)


def open_dataset(path: Path, what: str, **options: Any) -> "xr.Dataset":
    """Open a store as an xarray Dataset, which is read when used; errors as of `open_group`."""
    import xarray as xr

    with _opening(path, what), warnings.catch_warnings():
        # Zarr's notes on a future format say nothing about these data.
        warnings.simplefilter("ignore")
        data = xr.open_zarr(store_at(path, read_only=True), **options)
    data.attrs = unsealed(data.attrs)
    return data


@contextmanager
def _opening(path: Path, what: str) -> Iterator[None]:
    try:
        check_root(path)
        yield
    except (FileNotFoundError, NotADirectoryError):
        if any(path.glob("*/zarr.json")):
            raise DamagedStore(path / "zarr.json", "it is missing") from None
        raise InputError(f"no {what} at {path}: give the folder of a tdaflow store or run") from None
    except (DamagedStore, PassingFault):
        raise
    except Exception as error:  # whatever damaged or foreign metadata makes Zarr raise
        raise DamagedStore(path / "zarr.json", f"it cannot be opened ({error})") from error


def member(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Return one array of a group."""
    try:
        array = group.get(name)
    except (DamagedStore, PassingFault):
        raise
    except Exception as error:  # whatever damaged or foreign metadata makes Zarr raise
        raise InputError(
            f"the array {name!r} of {group.store_path} cannot be opened ({error}); restore it or create it again"
        ) from error
    if not isinstance(array, zarr.Array):
        raise InputError(f"{group.store_path} lacks the array {name!r}; restore it or create it again")
    # This setting is not stored with the array.
    return array.with_config(ARRAY_CONFIG)


def attributes_of(group: zarr.Group) -> dict[str, Any]:
    """Return the attributes that tdaflow wrote to a group; empty if there are none."""
    return noted_in(group.attrs.asdict())


def noted_in(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What tdaflow noted among the attributes of a group, as a table or (for netCDF, which has none) as JSON text."""
    noted = attributes.get("tdaflow")
    if isinstance(noted, str):
        noted = json.loads(noted)
    return cast(dict[str, Any], noted) if isinstance(noted, dict) else {}


def consolidate(path: Path) -> None:
    """Write the metadata of all arrays of a finished store into one file, and delete what interrupted writes left."""
    with warnings.catch_warnings():
        # xarray warns when it opens a store without consolidated metadata, Zarr when it is asked to write it.
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(store_at(path), zarr_format=3)
    remove_partial(path)


def remove_partial(path: Path) -> None:
    """Delete what interrupted writes of Zarr left in a store; on an object store they leave nothing."""
    for leftover in () if isinstance(path, RemotePath) else path.rglob("*.partial"):
        leftover.unlink(missing_ok=True)


def arrays_in(path: Path) -> list[str]:
    """Return the names of the arrays in a group on disk, ascending."""
    return sorted(child.parent.name for child in path.glob("[!.]*/zarr.json"))


def size_on_disk(path: Path) -> int:
    """Return the bytes of all files under `path`; 0 if it does not exist."""
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
