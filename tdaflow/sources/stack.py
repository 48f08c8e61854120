"""Read stacks of arrays in ``.npy`` files and ``.npz`` members one volume at a time.

A compressed ``.npz`` member cannot be memory-mapped and ``numpy.load`` inflates it whole; here it is streamed from the
zip instead, so memory does not grow with the number of volumes. Nothing is ever unpickled.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from tdaflow.errors import InputError
from tdaflow.remote import RemotePath
from tdaflow.sources.byte_stream import check_expansion, open_regular, raise_if_passing
from tdaflow.sources.volume import is_real

# Errors of zipfile, zlib and numpy for damaged or foreign files, without MemoryError.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class ArrayHeader:
    """Shape, dtype and memory order of an array, and the bytes that its header takes."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes of the array itself."""
        n = self.dtype.itemsize
        for length in self.shape:
            n *= length
        return n


@dataclass(frozen=True)
class ArrayStack:
    """One array in a ``.npy`` file, or one member of a ``.npz``.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    member : str, optional
        Key in the ``.npz`` (without ``.npy``); None for a ``.npy`` file.
    """

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}[{self.member!r}]"

    @contextmanager
    def _open(self) -> Iterator[tuple[IO[bytes], int]]:
        """Open the byte stream of the array with its header; yield it and its length."""
        if self.member is None:
            with open_regular(self.path) as stream:
                yield stream, self.path.stat().st_size
        else:
            with _archive(self.path) as archive, archive.open(f"{self.member}.npy") as stream:
                member = archive.getinfo(f"{self.member}.npy")
                check_expansion(member.file_size, member.compress_size)
                yield stream, member.file_size

    def header(self) -> ArrayHeader:
        """Read and check the header only.

        Raises
        ------
        InputError
            If the file is unreadable, holds Python objects, or is shorter than its header promises.
        """
        try:
            with self._open() as (stream, length):
                header = _read_header(stream)
        except InputError:
            raise
        # The text of a header is parsed as Python, whose errors are of many kinds, MemoryError among them.
        except Exception as error:
            raise_if_passing(error, str(self))
            raise InputError(
                f"{self} cannot be read as a NumPy array ({_first_line(error)}): write it again"
            ) from error
        if header.dtype.hasobject:
            raise InputError(f"{self} holds Python objects, which are never unpickled: save it with a numeric dtype")
        if length < header.offset + header.nbytes:
            raise InputError(
                f"{self} is truncated: its header promises {header.nbytes} bytes of data, "
                f"{max(0, length - header.offset)} are there; copy or download the file again"
            )
        return header

    def load(self) -> np.ndarray:
        """Read a whole, small array, such as labels; `InputError` for an object array."""
        self.header()
        try:
            with self._open() as (stream, _):
                return npy_format.read_array(stream, allow_pickle=False)
        except _DAMAGE as error:
            raise_if_passing(error, str(self))
            raise InputError(f"{self} cannot be read ({_first_line(error)}): the file is damaged") from error

    def volume_header(self, ndim: int) -> ArrayHeader:
        """Return the header of an array of volumes: real, with ``ndim`` dimensions (4 for a stack, 3 for a volume).

        Raises
        ------
        InputError
            Also if a stack in a ``.npz`` is in Fortran order, which cannot be streamed volume by volume.
        """
        header = _without_channel(self.header(), ndim)
        if len(header.shape) != ndim:
            want = "(volume, z, y, x)" if ndim == 4 else "(z, y, x)"
            raise InputError(f"{self} has {len(header.shape)} dimensions {header.shape}, expected {ndim} {want}")
        if not is_real(header.dtype):
            raise InputError(
                f"{self} is of type {header.dtype}: save voxels as bool, integers or floats of up to 64 bits"
            )
        if header.fortran_order and self.member is not None and ndim == 4:
            raise InputError(
                f"{self} is in Fortran order and cannot be streamed volume by volume: "
                "save numpy.ascontiguousarray of it, or as .npy"
            )
        return header

    def read(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Yield volumes of a 4D stack, one at a time.

        Parameters
        ----------
        indices : sequence of int
            Strictly increasing positions along the first axis.

        Yields
        ------
        ndarray, shape (z, y, x)
            A new, writeable array in native byte order.

        Raises
        ------
        InputError
            If the data are damaged. A zip member has its checksum at its end, so volumes yielded before may be
            affected too.
        """
        return self._mapped(indices) if self.member is None else self._streamed(indices)

    def _mapped(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        header = self.volume_header(4)
        if header.nbytes == 0:  # an empty file region cannot be mapped
            yield from (np.empty(header.shape[1:], _native(header.dtype)) for _ in indices)
            return
        if isinstance(self.path, RemotePath):
            yield from self._ranges(header, indices)
            return
        mapped = np.load(self.path, mmap_mode="r", allow_pickle=False)
        for index in indices:
            yield np.array(mapped[index].reshape(header.shape[1:]), dtype=_native(header.dtype), order="C")

    def _ranges(self, header: ArrayHeader, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Read the volumes of a file of an object store, and not what lies between them."""
        if header.fortran_order:
            raise InputError(
                f"{self} is in Fortran order, and is read from a disk only: copy it to one, or write it in C order"
            )
        step = header.nbytes // header.shape[0]
        try:
            with self._open() as (stream, _):
                for index in indices:
                    stream.seek(header.offset + index * step)
                    voxels = np.frombuffer(_exactly(stream, step), header.dtype)
                    yield voxels.astype(_native(header.dtype)).reshape(header.shape[1:])
        except _DAMAGE as error:
            raise_if_passing(error, str(self))
            raise InputError(f"{self} cannot be read ({_first_line(error)}): the file is damaged") from error

    def _streamed(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        header = self.volume_header(4)
        n, shape = header.shape[0], header.shape[1:]
        step = header.nbytes // n if n else 0
        position = 0
        try:
            with self._open() as (stream, _):
                _skip(stream, header.offset)
                for index in indices:
                    _skip(stream, (index - position) * step)
                    position = index
                    voxels = np.frombuffer(_exactly(stream, step), header.dtype, count=step // header.dtype.itemsize)
                    position += 1
                    if position == n and stream.read(1):  # reading the end makes zipfile compare the checksum
                        raise EOFError("more data than the header says")
                    yield voxels.astype(_native(header.dtype)).reshape(shape)
        except _DAMAGE as error:
            raise_if_passing(error, str(self))
            raise InputError(
                f"{self} is damaged, found at volume {position} ({_first_line(error)}): copy or download the file again"
            ) from error


def npz_members(path: Path) -> tuple[str, ...]:
    """Return the keys of a ``.npz`` in file order.

    Raises
    ------
    InputError
        If the file is missing, truncated or not a zip.
    """
    try:
        with _archive(path) as archive:
            return tuple(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))
    except FileNotFoundError:
        raise InputError(f"there is no file {path}: check the path") from None
    except InputError:
        raise
    except _DAMAGE as error:
        raise_if_passing(error, str(path))
        raise InputError(
            f"{path} is not a complete .npz ({_first_line(error)}): copy or download the file again"
        ) from error


def load_npy(path: Path) -> np.ndarray:
    """Read one 3D volume from a ``.npy`` file, in native byte order; `InputError` if it holds anything else."""
    header = ArrayStack(path).volume_header(3)
    return ArrayStack(path).load().reshape(header.shape).astype(_native(header.dtype), order="C", copy=False)


def file_stamp(path: Path) -> dict[str, int]:
    """Return size in bytes and modification time in ns, by which a resumed run recognises a file."""
    try:
        stat = path.stat()
    except OSError as error:
        raise_if_passing(error, str(path))
        raise InputError(f"there is no file {path}: check the path") from None
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _read_header(stream: IO[bytes]) -> ArrayHeader:
    version = npy_format.read_magic(stream)
    if version == (1, 0):
        shape, fortran_order, dtype = npy_format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran_order, dtype = npy_format.read_array_header_2_0(stream)
    else:  # (3, 0) exists only for records with non-Latin field names
        raise ValueError(f"format version {version} is not for plain arrays")
    return ArrayHeader(shape, dtype, fortran_order, stream.tell())


def _without_channel(header: ArrayHeader, ndim: int) -> ArrayHeader:
    """Return the header without an axis of length 1 for a channel, before (z, y, x) or at the end, if it has one."""
    shape = header.shape
    if len(shape) == ndim + 1:
        for axis in (ndim - 3, ndim):
            if shape[axis] == 1:
                return replace(header, shape=shape[:axis] + shape[axis + 1 :])
    return header


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    with open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
        yield archive


def _native(dtype: np.dtype) -> np.dtype:
    return dtype.newbyteorder("=")


def _exactly(stream: IO[bytes], n: int) -> bytes:
    data = stream.read(n)
    if len(data) != n:
        raise EOFError(f"{n} bytes expected, {len(data)} found")
    return data


def _skip(stream: IO[bytes], n: int) -> None:
    while n > 0:
        n -= len(_exactly(stream, min(n, 1 << 20)))


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
