"""Axes, spacing and affine of a 3D grid, and its conversion to (z, y, x) order.

World coordinates are in mm and point to the right, anterior and superior (RAS+), as NIfTI has them. An *affine* takes
the voxel index (x, y, z) to world coordinates; arrays are indexed the other way round, (z, y, x).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.optional import require

# Relative difference at which the header's two voxel sizes are reported as different.
_SPACING_TOLERANCE = 0.01
# Cosine between axes at which they are reported as not perpendicular, half a degree.
_SHEAR_TOLERANCE = 0.0087
# Two grids are the same if no corner is further off than this part of the smallest voxel edge.
_GRID_TOLERANCE = 0.1
# In mm, a kilometre: longer than any voxel or scanner, short enough for safe arithmetic.
_LARGEST = 1e6


@dataclass(frozen=True, eq=False)
class ImageHeader:
    """Metadata of an image as it will be delivered, known before its voxels are read.

    Parameters
    ----------
    shape : tuple of 3 int
        (z, y, x).
    dtype : numpy.dtype
        Of the delivered voxels, in native byte order.
    spacing : tuple of 3 float
        (z, y, x) in mm.
    n_volumes : int
        Volumes in the file; 1 unless it is a 4D series.
    affine : ndarray, shape (4, 4), optional
        Of the delivered grid; None if the file does not say where the grid lies.
    reorder : tuple, optional
        Rows (target axis, sign) for the stored axes (x, y, z), if they were reordered or flipped; None if not.
    facts : mapping
        JSON-able.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    spacing: tuple[float, float, float]
    n_volumes: int = 1
    affine: np.ndarray | None = None
    reorder: tuple[tuple[float, ...], ...] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def sides(shape: Sequence[int]) -> str:
    """Format a shape for a message, such as ``31×40×24``."""
    return "×".join(map(str, shape))


def check_spacing(spacing: tuple[float, ...]) -> None:
    """Raise `InputError` unless a voxel size is three positive, finite and plausible numbers."""
    if not all(1 / _LARGEST <= s <= _LARGEST for s in spacing):  # NaN is neither
        shown = ", ".join(f"{s:g}" for s in spacing)
        raise InputError(
            f"the header's voxel spacing is ({shown}), all three must be positive and at most {_LARGEST:g} mm"
        )


def check_affine(affine: np.ndarray) -> None:
    """Raise `InputError` for an affine that is not finite, implausibly large, or singular."""
    if not np.all(np.isfinite(affine)):
        raise InputError("the header's affine holds NaN or infinity, so the orientation is not known")
    if np.abs(affine).max() > _LARGEST:
        raise InputError(f"the header's affine holds lengths beyond {_LARGEST:g} mm: it is damaged")
    if np.linalg.matrix_rank(affine[:3, :3]) < 3:
        raise InputError("the header's affine is singular, so the orientation is not known")


def deliver(
    shape_xyz: tuple[int, int, int],
    dtype: np.dtype,
    spacing_xyz: tuple[float, float, float],
    affine: np.ndarray | None,
    *,
    canonical: bool,
    n_volumes: int,
    facts: dict[str, Any],
) -> ImageHeader:
    """Return the header of the grid as delivered: closest to RAS+ if requested and known, axes (z, y, x).

    Parameters
    ----------
    shape_xyz, spacing_xyz : tuple of 3
        As stored, the fastest axis first; spacing in mm.
    dtype : numpy.dtype
        Of the delivered voxels.
    affine : ndarray, shape (4, 4), optional
        Of the stored grid; None if unknown, and then nothing is reordered.
    canonical : bool
        Reorder and flip axes to the orientation closest to right, anterior, superior; nothing is interpolated.
    n_volumes : int
        Volumes in the file.
    facts : dict
        Format facts, to which geometry is added.

    Raises
    ------
    InputError
        If the affine is unusable.
    """
    if affine is None:
        facts = {**facts, "affine": None, "orientation": None, "orientation_stored": None}
        return ImageHeader(
            _reversed(shape_xyz), dtype, _reversed(spacing_xyz), n_volumes=n_volumes, affine=None, facts=facts
        )
    check_affine(affine)
    orientations = require("nibabel.orientations", "orienting an image")
    to_ras = np.array(_to_ras(affine[:3, :3].tobytes()))
    stored = "".join(orientations.ornt2axcodes(to_ras))
    codes, reorder, shape, spacing = stored, None, shape_xyz, spacing_xyz
    edges = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    facts = {**facts, "orientation_stored": stored, "affine_stored": affine.tolist()}
    if np.abs(edges / spacing_xyz - 1).max() > _SPACING_TOLERANCE:
        facts["spacing_of_affine"] = [float(s) for s in edges[::-1]]
    cosines = np.abs(np.triu((affine[:3, :3] / edges).T @ (affine[:3, :3] / edges), 1)).max()
    if cosines > _SHEAR_TOLERANCE:
        facts["shear_degrees"] = float(np.degrees(np.arcsin(min(1.0, cosines))))
    if canonical and stored != "RAS":
        reorder = tuple(tuple(float(v) for v in row) for row in to_ras)
        affine = affine @ orientations.inv_ornt_aff(to_ras, shape_xyz)
        i, j, k = np.argsort(to_ras[:, 0])
        shape = (shape_xyz[i], shape_xyz[j], shape_xyz[k])
        spacing = (spacing_xyz[i], spacing_xyz[j], spacing_xyz[k])
        codes = "RAS"
    facts |= {"affine": affine.tolist(), "orientation": codes}
    return ImageHeader(_reversed(shape), dtype, _reversed(spacing), n_volumes, affine, reorder, facts)


def delivered_voxels(stored: np.ndarray, header: ImageHeader) -> np.ndarray:
    """Return stored voxels (x, y, z) as a C-contiguous array (z, y, x), oriented as in the header."""
    if header.reorder is not None:
        orientations = require("nibabel.orientations", "orienting an image")
        stored = orientations.apply_orientation(stored, np.array(header.reorder))
    return np.ascontiguousarray(stored.T)


def with_spacing(header: ImageHeader, spacing: tuple[float, float, float] | None) -> ImageHeader:
    """Return the header with another voxel size (z, y, x) in mm; the facts keep that of the file."""
    if spacing is None:
        return header
    facts = {**header.facts, "spacing_of_file": list(header.spacing), "spacing_from": "manifest"}
    return replace(header, spacing=spacing, facts=facts)


def check_same_grid(image: ImageHeader, mask: ImageHeader) -> None:
    """Raise `InputError` if a mask is not on the grid of its image.

    Parameters
    ----------
    image, mask : ImageHeader
        Delivered headers. Shapes must be equal, and all eight corners agree within a tenth of the smallest voxel edge.
        Where one of the two has no affine (such as ``.npy``) only shapes can be compared, and then only if the other
        was not reordered.

    Raises
    ------
    InputError
    """
    if image.shape != mask.shape:
        lost = _if_lost(image, mask) if sorted(image.shape) == sorted(mask.shape) else None
        raise InputError(lost or f"the mask's shape {mask.shape} is not the image's {image.shape} (z, y, x)")
    if image.affine is None or mask.affine is None:
        if image.reorder is not None or mask.reorder is not None:
            raise InputError(
                "only one of image and mask says how it is oriented, so they cannot be brought together: "
                "save both in the same format or leave both as stored with --set data.canonical=false"
            )
        return
    last = [n - 1 for n in reversed(image.shape)]
    corners = np.array([[i * last[0], j * last[1], k * last[2], 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    apart = float(np.linalg.norm(corners @ (image.affine - mask.affine).T, axis=1).max())
    if not apart <= _GRID_TOLERANCE * min(image.spacing):
        off = f"the mask lies up to {apart:.3g} mm off the image: resample it onto the image's grid"
        raise InputError(_if_lost(image, mask) or off)


def _if_lost(image: ImageHeader, mask: ImageHeader) -> str | None:
    """Return the sentence about a mask that was saved without the affine of its image; None if it has one."""
    if not _has_lost_place(mask) or _has_lost_place(image):
        return None
    return (
        "the mask has lost its place, its affine is the identity and the image's is not: if it was drawn on this "
        "image, copy the image's affine into it (nibabel: Nifti1Image(mask, image.affine)); do not resample it"
    )


def _has_lost_place(header: ImageHeader) -> bool:
    """Return True for the affine of software that was given none: the identity, or ITK's, which points left."""
    stored = header.facts.get("affine_stored")
    return stored is not None and any(np.array_equal(stored, np.diag(d)) for d in ((1, 1, 1, 1), (-1, -1, 1, 1)))


@lru_cache(maxsize=1024)  # the scans of an archive share few orientations, and finding one takes an SVD
def _to_ras(axes: bytes) -> tuple[tuple[float, float], ...]:
    """Return, for the stored axes x, y, z, the nearest of right, anterior and superior, and its sign."""
    affine = np.eye(4)
    affine[:3, :3] = np.frombuffer(axes).reshape(3, 3)
    orientation = require("nibabel.orientations", "orienting an image").io_orientation(affine)
    return tuple((float(axis), float(sign)) for axis, sign in orientation)


def _reversed(values: Any) -> Any:
    return tuple(values[::-1])
