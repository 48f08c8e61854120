"""Reader of FreeSurfer's volumes (.mgz, .mgh), one frame in memory at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.byte_stream import ByteStream, open_bytes
from tdaflow.sources.geometry import ImageHeader, check_spacing, deliver, delivered_voxels, sides, with_spacing
from tdaflow.sources.optional import require

_HEADER_BYTES = 284
# FreeSurfer's mri.h: unsigned char, int, float, short; all big-endian.
_DTYPES = {0: "u1", 1: ">i4", 3: ">f4", 4: ">i2"}


class MghReader:
    """MGH volumes, plain or compressed (`tdaflow.sources.readers.Reader`); what follows the voxels is not read."""

    suffixes: tuple[str, ...] = (".mgz", ".mgh.gz", ".mgh")

    def require(self) -> None:
        """Import nibabel; `InputError` if it is missing."""
        require("nibabel", "reading FreeSurfer's volumes")

    def data_file(self, path: Path) -> Path:
        """Return the file itself."""
        return path

    def header(
        self, path: Path, *, canonical: bool = True, spacing: tuple[float, float, float] | None = None
    ) -> ImageHeader:
        """Return the header; check it, and that the file can hold the promised data."""
        with open_bytes(path, _is_gz(path)) as stream:
            return _parse(stream, canonical, spacing)[0]

    def read(
        self,
        path: Path,
        indices: Sequence[int],
        *,
        canonical: bool = True,
        spacing: tuple[float, float, float] | None = None,
    ) -> Iterator[tuple[ImageHeader, np.ndarray]]:
        """Yield the frames at strictly increasing positions, (0,) for a 3D file."""
        with open_bytes(path, _is_gz(path)) as stream:
            header, shape, dtype = _parse(stream, canonical, spacing)
            count = int(np.prod(shape))
            for index in indices:
                stream.skip_to(_HEADER_BYTES + index * count * dtype.itemsize)
                voxels = delivered_voxels(stream.array(dtype, count).reshape(shape, order="F"), header)
                if index == header.n_volumes - 1:
                    stream.drain()
                yield header, voxels
                del voxels


@np.errstate(invalid="ignore", over="ignore")  # damaged numbers are looked for, they need no warning
def _parse(
    stream: ByteStream, canonical: bool, spacing: tuple[float, float, float] | None
) -> tuple[ImageHeader, tuple[int, int, int], np.dtype]:
    """Return the header as delivered, and shape (x, y, z) and type as stored."""
    block = stream.head(_HEADER_BYTES)
    if len(block) < _HEADER_BYTES:
        raise InputError(f"the file is truncated: {len(block)} bytes are there, its header has {_HEADER_BYTES}")
    mgh = require("nibabel.freesurfer.mghformat", "reading FreeSurfer's volumes")
    fields: Any = mgh.MGHHeader(block, check=False)
    if int(fields["version"]) != 1:
        raise InputError("the file is not a FreeSurfer volume: its first four bytes are not the version 1")
    x, y, z, n_frames = (int(side) for side in fields["dims"])
    if min(x, y, z, n_frames) < 1:
        raise InputError(f"the header's dimensions {sides((x, y, z, n_frames))} are not all positive")
    if int(fields["type"]) not in _DTYPES:
        raise InputError(f"the header's type {int(fields['type'])} is not one of FreeSurfer's integers and floats")
    dtype = np.dtype(_DTYPES[int(fields["type"])])
    known = int(fields["goodRASFlag"]) == 1  # else FreeSurfer takes 1 mm and a coronal slicing for granted
    zooms = tuple(float(v) for v in fields["delta"]) if known else (1.0, 1.0, 1.0)
    if spacing is None:
        check_spacing(zooms)
    elif not all(np.isfinite(zoom) and zoom > 0 for zoom in zooms):
        zooms = spacing[::-1]
    facts = {
        "format": "MGH", "dtype": dtype.newbyteorder("=").name, "slope": 1.0, "inter": 0.0,
        "units": "mm" if known else "none, taken as mm",
    }  # fmt: skip
    affine = np.array(fields.get_affine(), dtype=float) if known else None
    image = deliver(
        (x, y, z), dtype.newbyteorder("="), (zooms[0], zooms[1], zooms[2]), affine,
        canonical=canonical, n_volumes=n_frames, facts=facts,
    )  # fmt: skip
    stream.check_promise(_HEADER_BYTES + x * y * z * n_frames * dtype.itemsize, may_go_on=True)
    return with_spacing(image, spacing), (x, y, z), dtype


def _is_gz(path: Path) -> bool:
    return path.name.lower().endswith(("z", ".gz"))
