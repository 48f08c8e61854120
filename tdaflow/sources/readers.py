"""Readers by file suffix, and the reader of single NumPy arrays."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.geometry import ImageHeader, with_spacing
from tdaflow.sources.metaimage import MetaImageReader
from tdaflow.sources.mgh import MghReader
from tdaflow.sources.nifti import NiftiReader
from tdaflow.sources.nrrd import NrrdReader
from tdaflow.sources.stack import ArrayStack, npz_members
from tdaflow.sources.tiff import TiffReader
from tdaflow.sources.volume import UNIT_SPACING


class Reader(Protocol):
    """Reader of one family of formats.

    ``require`` imports its library. ``header`` checks what can be checked without reading voxels. ``read`` streams the
    volumes at strictly increasing ``indices``, voxels C-contiguous (z, y, x) in native byte order. Both raise
    `InputError` whose sentence begins with "the" and names no file. ``spacing`` (z, y, x) in mm replaces that of the
    file. ``data_file`` is the file that holds the voxels: the file itself, unless its header is detached from them.
    """

    suffixes: tuple[str, ...]

    def require(self) -> None: ...

    def data_file(self, path: Path) -> Path: ...

    def header(
        self, path: Path, *, canonical: bool = True, spacing: tuple[float, float, float] | None = None
    ) -> ImageHeader: ...

    def read(
        self,
        path: Path,
        indices: Sequence[int],
        *,
        canonical: bool = True,
        spacing: tuple[float, float, float] | None = None,
    ) -> Iterator[tuple[ImageHeader, np.ndarray]]: ...


class NumpyReader:
    """One volume in a ``.npy``, or in a ``.npz`` as its only array or as ``arr_0``.

    Axes are (z, y, x) and are kept; the spacing is 1 mm unless one is given. Object arrays are never unpickled.
    """

    suffixes: tuple[str, ...] = (".npy", ".npz")

    def require(self) -> None:
        """Do nothing: NumPy is always installed."""

    def data_file(self, path: Path) -> Path:
        """Return the file itself."""
        return path

    def header(
        self, path: Path, *, canonical: bool = True, spacing: tuple[float, float, float] | None = None
    ) -> ImageHeader:
        """Check and return the header of the array."""
        try:
            found = _stack(path).volume_header(3)
        except InputError as error:
            raise _without_path(error, path) from None
        dtype = found.dtype.newbyteorder("=")
        facts = {
            "format": "NumPy", "dtype": dtype.name, "slope": 1.0, "inter": 0.0, "units": "none, taken as mm",
            "affine": None, "orientation": None, "orientation_stored": None,
        }  # fmt: skip
        z, y, x = found.shape
        return with_spacing(ImageHeader((z, y, x), dtype, UNIT_SPACING, facts=facts), spacing)

    def read(
        self,
        path: Path,
        indices: Sequence[int],
        *,
        canonical: bool = True,
        spacing: tuple[float, float, float] | None = None,
    ) -> Iterator[tuple[ImageHeader, np.ndarray]]:
        """Yield the array once for each index (there is only 0)."""
        header = self.header(path, canonical=canonical, spacing=spacing)
        for _ in indices:
            try:
                voxels = _stack(path).load()
            except InputError as error:
                raise _without_path(error, path) from None
            yield header, np.ascontiguousarray(voxels.reshape(header.shape), dtype=header.dtype)


READERS: tuple[Reader, ...] = (NiftiReader(), MetaImageReader(), NrrdReader(), MghReader(), TiffReader(), NumpyReader())
SUFFIXES: tuple[str, ...] = tuple(suffix for reader in READERS for suffix in reader.suffixes)


def suffix_of(name: str) -> str | None:
    """Return the known suffix of a file name, in any case; None if it has none."""
    lower = name.lower()
    return next((suffix for suffix in SUFFIXES if lower.endswith(suffix)), None)


def stem_of(name: str) -> str:
    """Return a file name, or a path, without its known suffix."""
    return name[: len(name) - len(suffix_of(name) or "")]


def reader_of(name: str) -> Reader:
    """Return the reader for a file name.

    Raises
    ------
    InputError
        If the suffix is not known.
    """
    suffix = suffix_of(name)
    for reader in READERS:
        if suffix in reader.suffixes:
            return reader
    raise InputError(f"the file's suffix is none of {', '.join(SUFFIXES)}")


def _stack(path: Path) -> ArrayStack:
    if path.suffix.lower() == ".npy":
        return ArrayStack(path)
    members = npz_members(path)
    if "arr_0" in members or len(members) == 1:
        return ArrayStack(path, "arr_0" if "arr_0" in members else members[0])
    raise InputError(f"the file holds {len(members)} arrays and none is called arr_0: save one volume a file")


def _without_path(error: InputError, path: Path) -> InputError:
    return InputError(str(error).replace(str(path), "the file"))
