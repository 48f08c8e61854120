"""Reader of NIfTI files (.nii, .nii.gz), one volume in memory at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tdaflow.sources.byte_stream import open_bytes
from tdaflow.sources.geometry import ImageHeader, delivered_voxels, with_spacing
from tdaflow.sources.nifti_header import NiftiHeader, parse_header, read_block
from tdaflow.sources.optional import require

_PIECE = 1 << 20


class NiftiReader:
    """NIfTI-1 and NIfTI-2, of either byte order, plain or compressed (`tdaflow.sources.readers.Reader`)."""

    suffixes: tuple[str, ...] = (".nii.gz", ".nii")

    def require(self) -> None:
        """Import nibabel; `InputError` if it is missing."""
        require("nibabel", "reading NIfTI")

    def header(
        self, path: Path, *, canonical: bool = True, spacing: tuple[float, float, float] | None = None
    ) -> ImageHeader:
        """Return the header; check it, and that the file can hold the promised data."""
        with open_bytes(path, _is_gz(path)) as stream:
            header = parse_header(read_block(stream), canonical=canonical, spacing=spacing)
            stream.check_promise(header.offset + header.volume_bytes * header.image.n_volumes)
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
        with open_bytes(path, _is_gz(path)) as stream:
            header = parse_header(read_block(stream), canonical=canonical, spacing=spacing)
            n_volumes = header.image.n_volumes
            stream.check_promise(header.offset + header.volume_bytes * n_volumes)
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
