"""Read plain or gzip-compressed files in bounded memory, and turn damage into errors that name it."""

import gzip
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from tdaflow.errors import InputError, PassingFault, passing_reason

_GZIP_MAGIC = b"\x1f\x8b"
# Deflate compresses at most 1032:1, so a header that promises more is wrong.
DEFLATE_LIMIT = 1032
# Beyond both, data are nothing but repetition, such as an archive of zeros that fills the memory.
_LARGE, _LARGE_RATIO = 4 << 30, 250
_PIECE = 1 << 22
AGAIN = "copy or export it again"


class ByteStream:
    """Forward-only reader of one open file, made by `open_bytes`."""

    def __init__(self, stream: IO[bytes], length: int, compressed: bool) -> None:
        self._stream = stream
        self._length = length
        self._compressed = compressed
        self.position = 0

    def check_promise(self, n: int, *, may_go_on: bool = False) -> None:
        """Raise `InputError` if the file cannot hold the `n` bytes that its header promises, or holds more."""
        limit = self._length * DEFLATE_LIMIT if self._compressed else self._length
        if n > limit:
            have = "at most " * self._compressed + f"{limit} are there"
            raise InputError(f"the file is truncated: its header promises {n} bytes, {have}; {AGAIN}")
        if self._compressed:
            check_expansion(n, self._length)
        if n < self._length and not self._compressed and not may_go_on:
            raise InputError(f"the file goes on after the {n} bytes that its header promises; {AGAIN}")

    def head(self, n: int) -> bytes:
        """Read up to `n` bytes, fewer at the end of the file."""
        with explained():
            data = self._stream.read(n)
        self.position += len(data)
        return data

    def skip_to(self, position: int) -> None:
        """Go forward to this byte."""
        if not self._compressed:
            self._stream.seek(position)
            self.position = position
        while self.position < position:
            if not self.head(min(_PIECE, position - self.position)):
                raise InputError(f"the file is truncated: it ends after {self.position} bytes of data; {AGAIN}")

    def array(self, dtype: np.dtype, count: int) -> np.ndarray:
        """Read the next `count` numbers into a writeable array of shape (count,), in native byte order."""
        try:
            out = np.empty(count, dtype)
        except MemoryError:
            raise InputError(f"one volume takes {count * dtype.itemsize} bytes, more than there is memory") from None
        view = memoryview(out.view(np.uint8))
        done = 0
        while done < len(view):
            with explained():
                n = self._stream.readinto(view[done : done + _PIECE])  # type: ignore[attr-defined]
            if not n:
                raise InputError(
                    f"the file is truncated: {len(view)} bytes of a volume were expected, {done} are there; {AGAIN}"
                )
            done += n
        self.position += done
        if not dtype.isnative:
            out = out.byteswap(inplace=True).view(dtype.newbyteorder("="))
        return out

    def drain(self) -> None:
        """Read what follows the data, so that the checksum of a gzip file is compared; at most as much as the file."""
        while self.position < _PIECE + self._length * DEFLATE_LIMIT and self.head(_PIECE):
            pass

    def check_end(self) -> None:
        """Raise `InputError` if bytes follow the data; in a gzip file this also compares the checksum."""
        if self.head(1):
            raise InputError(f"the file goes on after the {self.position - 1} bytes that its header promises; {AGAIN}")


@contextmanager
def open_bytes(path: Path, compressed: bool) -> Iterator[ByteStream]:
    """Open a file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    compressed : bool
        True if the file name says gzip; other content is refused.

    Raises
    ------
    InputError
        Also from the methods of the stream, for errors of the file system and the decompressor. No message names a
        path.
    """
    with explained():
        raw = open_regular(path)
    with raw:
        with explained():
            magic = raw.read(2)
            raw.seek(0)
            length = path.stat().st_size
        if compressed and magic != _GZIP_MAGIC:
            raise InputError("the file is not gzip-compressed as its name says: rename or copy it again")
        if not compressed and magic == _GZIP_MAGIC:
            raise InputError("the file is gzip-compressed but its name does not end in .gz: rename it")
        if compressed:
            with gzip.GzipFile(fileobj=raw) as stream:
                yield ByteStream(stream, length, True)  # type: ignore[arg-type]
        else:
            yield ByteStream(raw, length, False)


def open_regular(path: Path) -> IO[bytes]:
    """Open a file, but no pipe, socket or device, which would block or never end (`InputError`)."""
    regular_size(path)
    return path.open("rb")


def regular_size(path: Path) -> int:
    """Return the bytes of a file (`InputError` for a pipe, socket or device)."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InputError("the file is a pipe, a socket, a device or a folder: give regular files")
    return status.st_size


def check_expansion(promised: int, compressed: int) -> None:
    """Raise `InputError`, before anything is unpacked, if few bytes promise very many."""
    if promised > _LARGE and promised > compressed * _LARGE_RATIO:
        raise InputError(
            f"the file's {compressed} compressed bytes promise {promised} bytes, as an archive of zeros would; "
            "if this is an image, save it uncompressed"
        )


@contextmanager
def contained(name: str = "the file") -> Iterator[None]:
    """Turn whatever a reader raises about one file into an `InputError`, so that it ends no ingest.

    The text of a foreign error may quote the file and is left out. MemoryError passes: the machine is at fault. So does
    a disk or a network that does not answer, as a `PassingFault` that names the file as `name`.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise_if_passing(error, name)
        raise InputError(f"the file is damaged, its reader meets a {type(error).__name__}; {AGAIN}") from None


def raise_if_passing(error: Exception, name: str = "the file") -> None:
    """Raise `PassingFault` if a disk or a network is behind an error that a reader met, and not the file."""
    if reason := passing_reason(error):
        raise PassingFault(name, reason) from None


@contextmanager
def explained() -> Iterator[None]:
    """Turn the errors that a bad file raises into an `InputError` without the path that an OSError carries.

    What is not the file's fault becomes a `PassingFault`.
    """
    try:
        yield
    except EOFError:
        raise InputError(f"the file is truncated: its compressed data end too early; {AGAIN}") from None
    except (gzip.BadGzipFile, zlib.error):
        raise InputError(f"the file's compressed data are damaged; {AGAIN}") from None
    except FileNotFoundError:
        raise InputError("the file is not there, or is a link to one that is not") from None
    except OSError as error:
        raise_if_passing(error)
        raise InputError(f"the file cannot be read ({error.strerror or type(error).__name__})") from None
