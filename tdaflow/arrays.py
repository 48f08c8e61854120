"""What every room asks of an array before it looks at the numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tdaflow.errors import InputError

_EXACT = 1 << 53


class HasVoxels(Protocol):
    """A volume that knows the size of its voxels, such as a `tdaflow.Volume`; both in the order (z, y, x)."""

    @property
    def voxels(self) -> np.ndarray:
        """Array (z, y, x)."""
        ...

    @property
    def spacing(self) -> Sequence[float]:
        """Voxel size (z, y, x) in mm."""
        ...


def refuse_masked(array: Any, what: str) -> None:
    """Raise InputError for a NumPy masked array.

    ``np.asarray`` drops the mask without a word, and the numbers under it, often a sentinel such as −9999, would be
    taken for data.

    Parameters
    ----------
    array : Any
        Anything that is about to be made an array; all but masked arrays pass, whether or not they mask anything.
    what : str
        What it holds, in the plural, such as "voxels".
    """
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(
            f"{what} in a masked array of shape {array.shape} would lose their mask; "
            "say what is under it with array.filled(value), or pass array.data if nothing is"
        )


def refuse_other_axes(array: Any) -> None:
    """Raise InputError for an object whose axes are not known to be (z, y, x).

    ``np.asarray`` gives the voxels of such an object in an order of its own, without their size.

    Parameters
    ----------
    array : Any
        Anything that is about to be made an array; all pass but images with an affine or a spacing of their own
        (nibabel, SimpleITK, MONAI, TorchIO, ANTs) and xarray's arrays whose dimensions are z, y, x in another order.
    """
    if isinstance(array, np.ndarray):
        return
    if any(hasattr(array, name) for name in ("affine", "spacing", "GetSpacing")):
        raise InputError(
            f"a {type(array).__name__} has axes and a voxel size of its own, which an array loses; pass "
            "tdaflow.volume_from(image) for an image of nibabel or SimpleITK, otherwise "
            "tdaflow.Volume(id, voxels, spacing), both in the order (z, y, x), spacing in mm"
        )
    dimensions = tuple(str(name) for name in getattr(array, "dims", ()))
    if sorted(dimensions) == ["x", "y", "z"] and dimensions != ("z", "y", "x"):
        raise InputError(f"the array's dimensions are {dimensions}; pass array.transpose('z', 'y', 'x')")


def unwrapped(volume: Any, spacing: Any) -> tuple[Any, Any]:
    """Voxels and voxel size of a volume.

    Parameters
    ----------
    volume : array_like or object
        An object with the attributes ``voxels`` and ``spacing``, such as a `tdaflow.Volume`, brings both.
    spacing : sequence of float or None
        Of an array.

    Returns
    -------
    voxels, spacing

    Raises
    ------
    InputError
        If such an object comes with another spacing.
    """
    if not (hasattr(volume, "voxels") and hasattr(volume, "spacing")):
        return volume, spacing
    if spacing is not None and not np.array_equal(spacing, volume.spacing):
        raise InputError(
            f"the volume has the spacing {tuple(volume.spacing)}, and spacing={spacing!r} is another; "
            "leave one of them out: pass the volume alone, or volume.voxels with a spacing"
        )
    return volume.voxels, volume.spacing


def pairs_of(diagram: Any, dimension: int | None = None) -> Any:
    """The bars of one homology dimension.

    Parameters
    ----------
    diagram : PersistenceDiagram or array_like (n, 2)
        Pairs are returned as they are.
    dimension : int, optional
        Of a diagram; not needed where it has only one.

    Raises
    ------
    InputError
        For a dimension that the diagram does not have, none where it has several, and one given with pairs.
    """
    if not isinstance(diagram, Mapping):
        if dimension is not None:
            raise InputError(
                f"dimension={dimension!r} chooses from a PersistenceDiagram; leave it out with plain pairs"
            )
        return diagram
    computed = ", ".join(map(str, diagram)) or "none"
    if dimension is None:
        if len(diagram) == 1:
            return next(iter(diagram.values()))
        raise InputError(f"the diagram has the homology dimensions {computed}; choose one, such as dimension=1")
    if dimension not in diagram:
        raise InputError(f"the diagram has no homology dimension {dimension!r}; it has: {computed}")
    return diagram[dimension]


def beyond_float64(array: np.ndarray) -> str | None:
    """Say which integer float64 cannot tell from its neighbours; None if there is none.

    Parameters
    ----------
    array : ndarray
        Of any dtype and shape, not empty.
    """
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8:
        return None
    low, high = int(array.min()), int(array.max())
    farthest = low if -low > high else high
    if abs(farthest) <= _EXACT:
        return None
    return (
        f"{array.dtype} voxels as large as {farthest} lose digits as float64, which is exact up to 2^53; subtract a "
        "constant from the volume, or divide it"
    )
