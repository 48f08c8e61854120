"""Images that other libraries hold in memory, as volumes: axes, voxel size and orientation as from a file."""

import sys
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.geometry import ImageHeader, check_spacing, deliver, delivered_voxels, sides
from tdaflow.sources.nifti_header import nifti_geometry
from tdaflow.sources.volume import Volume, is_real

# SimpleITK's world axes point to the left and posterior.
_TO_RAS = np.array([-1.0, -1.0, 1.0])


def volume_from(image: Any, id: str = "volume", *, canonical: bool = True) -> Volume:
    """Turn an image of nibabel or SimpleITK into a volume, as reading its file would.

    Parameters
    ----------
    image : nibabel.spatialimages.SpatialImage, SimpleITK.Image or Volume
        Of three dimensions (a fourth of length 1 is left out) and real voxels; a `Volume` is returned as it is.
    id : str
        Of the volume.
    canonical : bool
        Reorder and flip axes so that x, y, z run most nearly to the right, anterior and superior, as readers of files
        do. No interpolation.

    Returns
    -------
    Volume
        Voxels (z, y, x), spacing (z, y, x) in mm; ``facts["affine"]`` takes the index (x, y, z) to RAS+ coordinates in
        mm.

    Raises
    ------
    InputError
        For anything else, and for images of other dimensions or voxels.

    Examples
    --------
    >>> import numpy as np
    >>> import SimpleITK
    >>> image = SimpleITK.GetImageFromArray(np.zeros((2, 3, 4), dtype=np.uint8))
    >>> image.SetSpacing((1.0, 1.0, 2.5))
    >>> volume = volume_from(image, "case-1")
    >>> volume.voxels.shape, volume.spacing
    ((2, 3, 4), (2.5, 1.0, 1.0))
    """
    if isinstance(image, Volume):
        return image
    if _is_a(image, "nibabel.spatialimages", "SpatialImage"):
        stored, header = _of_nibabel(image, canonical)
    elif _is_a(image, "SimpleITK", "Image"):
        stored, header = _of_simpleitk(image, canonical)
    else:
        raise InputError(
            f"a {type(image).__name__} is no image of nibabel or SimpleITK; pass "
            "tdaflow.Volume(id, voxels, spacing), voxels and spacing both in the order (z, y, x), spacing in mm"
        )
    return Volume(id, delivered_voxels(stored, header), header.spacing, facts=header.facts)


def is_image(sample: Any) -> bool:
    """Whether `volume_from` takes it."""
    return (
        isinstance(sample, Volume)
        or _is_a(sample, "nibabel.spatialimages", "SpatialImage")
        or _is_a(sample, "SimpleITK", "Image")
    )


def _is_a(sample: Any, module: str, name: str) -> bool:
    # An instance of a class can only be there if its module is loaded.
    return module in sys.modules and isinstance(sample, getattr(sys.modules[module], name))


def _of_nibabel(image: Any, canonical: bool) -> tuple[np.ndarray, ImageHeader]:
    """Voxels (x, y, z), and the header as delivered."""
    affine: np.ndarray | None = None if image.affine is None else np.array(image.affine, dtype=np.float64)
    units, zooms = "mm", tuple(float(zoom) for zoom in image.header.get_zooms()[:3])
    if _is_a(image, "nibabel.nifti1", "Nifti1Pair"):
        units, zooms, of_header = nifti_geometry(image.header)
        if affine is not None and not np.allclose(affine, image.header.get_best_affine()):
            # Changed since; nibabel writes it, and the voxel size that it has.
            zooms = tuple(np.sqrt((affine[:3, :3] ** 2).sum(axis=0)).tolist())
        else:
            affine = of_header
    stored = _three_axes(np.asanyarray(image.dataobj), "image.slicer[..., 0]")
    return stored, _delivered(stored, zooms, affine, canonical, "nibabel", units)


def _of_simpleitk(image: Any, canonical: bool) -> tuple[np.ndarray, ImageHeader]:
    """Voxels (x, y, z), and the header as delivered."""
    if (n := image.GetNumberOfComponentsPerPixel()) != 1:
        raise InputError(f"the voxels have {n} components, such as colours: give an image of one value a voxel")
    stored = _three_axes(sys.modules["SimpleITK"].GetArrayFromImage(image).T, "image[..., 0]")
    n_axes = image.GetDimension()
    affine = np.eye(4)
    directions = np.array(image.GetDirection()).reshape(n_axes, n_axes)[:3, :3]
    affine[:3, :3] = _TO_RAS[:, None] * directions * image.GetSpacing()[:3]
    affine[:3, 3] = _TO_RAS * image.GetOrigin()[:3]
    return stored, _delivered(stored, image.GetSpacing()[:3], affine, canonical, "SimpleITK", "mm")


def _three_axes(stored: np.ndarray, choose: str) -> np.ndarray:
    shape = stored.shape
    while stored.ndim > 3 and stored.shape[-1] == 1:
        stored = stored[..., 0]
    if stored.ndim != 3:
        remedy = f"; choose one of its volumes, such as {choose}" if stored.ndim > 3 else ""
        raise InputError(f"the image has {len(shape)} dimensions {sides(shape)}, a volume has 3{remedy}")
    if not is_real(stored.dtype):
        raise InputError(
            f"the voxels are of type {stored.dtype}, only bool, integers and floats of up to 64 bits can be used"
        )
    return stored


def _delivered(
    stored: np.ndarray, zooms: Any, affine: np.ndarray | None, canonical: bool, library: str, units: str
) -> ImageHeader:
    x, y, z = stored.shape
    check_spacing(tuple(zooms))
    facts = {"format": library, "dtype": stored.dtype.name, "units": units}
    return deliver((x, y, z), stored.dtype, tuple(zooms), affine, canonical=canonical, n_volumes=1, facts=facts)
