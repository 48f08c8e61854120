"""Reader of MetaImage (.mha, .mhd) and NRRD (.nrrd) files through SimpleITK."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.geometry import ImageHeader, check_spacing, deliver, delivered_voxels, sides, with_spacing
from tdaflow.sources.itk_text import TextHeader, check_data, meta_header, nrrd_header
from tdaflow.sources.optional import require

_TO_RAS = np.diag([-1.0, -1.0, 1.0])  # ITK's world axes point to the left, posterior and superior


class ItkReader:
    """MetaImage and NRRD (`tdaflow.sources.readers.Reader`); lengths are in mm, as ITK has them.

    SimpleITK's own messages name absolute paths, so none is passed on.
    """

    suffixes: tuple[str, ...] = (".mha", ".mhd", ".nrrd")

    def require(self) -> None:
        """Import what is needed (`InputError` if it is missing)."""
        require("SimpleITK", "reading .mha, .mhd and .nrrd")
        require("nibabel", "orienting images")

    def header(
        self, path: Path, *, canonical: bool = True, spacing: tuple[float, float, float] | None = None
    ) -> ImageHeader:
        """Check the header."""
        return self._open(path, canonical, spacing)[1]

    def read(
        self,
        path: Path,
        indices: Sequence[int],
        *,
        canonical: bool = True,
        spacing: tuple[float, float, float] | None = None,
    ) -> Iterator[tuple[ImageHeader, np.ndarray]]:
        """Stream the volumes at the given positions along the fourth axis, (0,) for a 3D file."""
        sitk = require("SimpleITK", "reading .mha, .mhd and .nrrd")
        reader, header = self._open(path, canonical, spacing)
        size = list(reader.GetSize())
        check_data(path, _text(path), math.prod(size) * header.dtype.itemsize)
        for index in indices:
            if len(size) > 3:
                reader.SetExtractSize([*size[:3], *([0] * (len(size) - 3))])
                reader.SetExtractIndex([0, 0, 0, index, *([0] * (len(size) - 4))])
            try:
                image = reader.Execute()
                stored = np.array(sitk.GetArrayViewFromImage(image))
            except (RuntimeError, MemoryError):
                raise InputError(
                    "the file's data are damaged, shorter than its header promises, or too large for the memory; "
                    "copy or export it again"
                ) from None
            del image
            yield header, delivered_voxels(stored.T, header)

    def _open(self, path: Path, canonical: bool, spacing: tuple[float, float, float] | None) -> tuple[Any, ImageHeader]:
        sitk = require("SimpleITK", "reading .mha, .mhd and .nrrd")
        sitk.ProcessObject.SetGlobalWarningDisplay(False)  # its warnings name absolute paths
        is_nrrd = _is_nrrd(path)
        text = _text(path)
        reader = sitk.ImageFileReader()
        reader.SetImageIO("NrrdImageIO" if is_nrrd else "MetaImageIO")
        reader.SetFileName(str(path))
        try:
            reader.ReadImageInformation()
        except RuntimeError:
            raise InputError(
                f"the file's {'NRRD' if is_nrrd else 'MetaImage'} header is damaged or of a kind that SimpleITK "
                "does not read: export it again"
            ) from None
        shape, n_volumes = _shape(reader.GetSize(), reader.GetNumberOfComponents())
        dtype = _dtype(sitk, reader.GetPixelID())
        edges = tuple(float(s) for s in reader.GetSpacing()[:3])
        if spacing is None:
            check_spacing(edges)
        facts = {
            "format": "NRRD" if is_nrrd else "MetaImage",
            "dtype": dtype.name,
            "slope": 1.0,
            "inter": 0.0,
            "units": "mm",
        }
        header = deliver(
            shape,
            dtype,
            (edges[0], edges[1], edges[2]),
            _affine(reader, edges) if text.oriented else None,
            canonical=canonical,
            n_volumes=n_volumes,
            facts=facts,
        )
        return reader, with_spacing(header, spacing)


def _is_nrrd(path: Path) -> bool:
    return path.suffix.lower() == ".nrrd"


def _text(path: Path) -> TextHeader:
    return nrrd_header(path) if _is_nrrd(path) else meta_header(path)


def _shape(size: Sequence[int], n_components: int) -> tuple[tuple[int, int, int], int]:
    """Shape (x, y, z) and the number of volumes."""
    if n_components != 1:
        raise InputError(f"the voxels have {n_components} components, such as colours: save one value a voxel")
    shape = list(size)
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) < 3:
        raise InputError(f"the file holds a {len(shape)}D slice of {sides(size)} voxels, a volume has 3 dimensions")
    if len(shape) > 4:
        raise InputError(
            f"the file has {len(shape)} dimensions {sides(size)}: save each of its volumes in a file of its own"
        )
    return (shape[0], shape[1], shape[2]), shape[3] if len(shape) == 4 else 1


def _dtype(sitk: Any, pixel: int) -> np.dtype:
    types = {
        sitk.sitkUInt8: "u1", sitk.sitkInt8: "i1", sitk.sitkUInt16: "u2", sitk.sitkInt16: "i2", sitk.sitkUInt32: "u4",
        sitk.sitkInt32: "i4", sitk.sitkUInt64: "u8", sitk.sitkInt64: "i8", sitk.sitkFloat32: "f4",
        sitk.sitkFloat64: "f8",
    }  # fmt: skip
    if pixel not in types:
        raise InputError(
            f"the voxels are {sitk.GetPixelIDValueAsString(pixel)}: save them as integers or floats of up to 64 bits"
        )
    return np.dtype(types[pixel])


def _affine(reader: Any, edges: tuple[float, ...]) -> np.ndarray:
    n = reader.GetDimension()
    direction = np.array(reader.GetDirection(), dtype=float).reshape(n, n)[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = _TO_RAS @ direction * np.array(edges)
    affine[:3, 3] = _TO_RAS @ np.array(reader.GetOrigin()[:3], dtype=float)
    return affine
