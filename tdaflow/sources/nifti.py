"""Reader of NIfTI (.nii, .nii.gz) and of NIfTI and Analyze pairs (.hdr, .img), one volume in memory at a time."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.byte_stream import ByteStream, open_bytes
from tdaflow.sources.geometry import ImageHeader, delivered_voxels, with_spacing
from tdaflow.sources.nifti_header import NiftiHeader, parse_header, read_block
from tdaflow.sources.optional import require

_PIECE = 1 << 20


class NiftiReader:
    """NIfTI-1 and NIfTI-2, of either byte order, plain or compressed (`tdaflow.sources.readers.Reader`).

    A pair of files is known by its ``.hdr``; without NIfTI's mark it is Analyze 7.5, which states no orientation.
    """

    suffixes: tuple[str, ...] = (".nii.gz", ".nii", ".hdr.gz", ".hdr")

    def require(self) -> None:
        """Import nibabel; `InputError` if it is missing."""
        require("nibabel", "reading NIfTI")

    def data_file(self, path: Path) -> Path:
        """Return the ``.img`` of a ``.hdr`` (`InputError` without one), else the file itself."""
        return _data_beside(path) if _is_pair(path) else path

    def header(
        self, path: Path, *, canonical: bool = True, spacing: tuple[float, float, float] | None = None
    ) -> ImageHeader:
        """Return the header; check it, and that the file can hold the promised data."""
        with _opened(path, canonical, spacing) as (header, _):
            return with_spacing(header.image, spacing)

    def read(
        self,
        path: Path,
        indices: Sequence[int],
        *,
        canonical: bool = True,
        spacing: tuple[float, float, float] | None = None,
    ) -> Iterator[tuple[ImageHeader, np.ndarray]]:
        """Yield the volumes at strictly increasing positions along the fourth axis, (0,) for a 3D file."""
        with _opened(path, canonical, spacing) as (header, stream):
            n_volumes = header.image.n_volumes
            image = with_spacing(header.image, spacing)
            for index in indices:
                stream.skip_to(header.offset + index * header.volume_bytes)
                stored = stream.array(header.dtype, int(np.prod(header.shape, dtype=np.int64)))
                if index == n_volumes - 1:
                    stream.check_end()
                voxels = delivered_voxels(_scaled(stored, header).reshape(header.shape, order="F"), image)
                del stored  # else two volumes are in memory while this one is used
                yield image, voxels
                del voxels


@contextmanager
def _opened(
    path: Path, canonical: bool, spacing: tuple[float, float, float] | None
) -> Iterator[tuple[NiftiHeader, ByteStream]]:
    """Yield the header and the stream of the voxels, which can hold what the header promises."""
    with ExitStack() as files:
        stream = files.enter_context(open_bytes(path, _is_gz(path)))
        is_pair = _is_pair(path)
        header = parse_header(read_block(stream), canonical=canonical, spacing=spacing, is_pair=is_pair)
        if is_pair:
            data = _data_beside(path)
            stream = files.enter_context(open_bytes(data, _is_gz(data)))
        stream.check_promise(header.offset + header.volume_bytes * header.image.n_volumes)
        yield header, stream


def _is_pair(path: Path) -> bool:
    return not path.name.lower().removesuffix(".gz").endswith(".nii")


def _data_beside(path: Path) -> Path:
    """Return the file of the voxels of a ``.hdr``."""
    stem = path.name[: path.name.lower().rindex(".hdr")]
    for suffix in (".img", ".img.gz", ".IMG", ".IMG.GZ"):
        if (found := path.with_name(stem + suffix)).exists():
            return found
    raise InputError("the header's voxels are missing: its .img file must lie beside it under the same name")


def _scaled(stored: np.ndarray, header: NiftiHeader) -> np.ndarray:
    """Scale stored values; overflow becomes infinity, which `tdaflow.sources.volume.check_voxels` finds."""
    if not header.scaled:
        return stored
    values = np.empty(stored.shape, header.image.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, stored.size, _PIECE):  # in pieces, so that double precision needs no second volume
            piece = stored[start : start + _PIECE].astype(np.float64)
            values[start : start + _PIECE] = piece * header.slope + header.inter
    return values


def _is_gz(path: Path) -> bool:
    return path.name.lower().endswith(".gz")
