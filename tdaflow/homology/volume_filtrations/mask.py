"""Masks: the voxels of a volume above a threshold."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.homology.checks import is_number
from tdaflow.homology.volume_filtrations.shared_work import once
from tdaflow.homology.volume_filtrations.transformed import TransformedVolume

Threshold = Literal["otsu", "midrange"] | float

# Whole grey levels up to this many have a bin each.
_LEVELS = 2**16


@dataclass(frozen=True, kw_only=True)
class Thresholded(TransformedVolume):
    """Cubical filtration of a function of a mask.

    Parameters
    ----------
    threshold : "otsu", "midrange" or float, in the volume's grey values
        The mask is the voxels above it, see `mask_above`.
    """

    threshold: Threshold = "midrange"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_threshold(self.threshold)

    def mask(self, volume: NDArray[Any]) -> NDArray[np.bool_]:
        """Return the mask; InputError if it is empty."""
        return once(volume, ("mask", self.threshold), lambda: mask_above(volume, self.threshold))


def check_threshold(threshold: Any) -> None:
    """Raise InputError unless it is "otsu", "midrange" or a finite number."""
    if not is_number(threshold) and threshold not in ("otsu", "midrange"):
        raise InputError(f"threshold={threshold!r} must be 'otsu', 'midrange' or a finite grey value")


def mask_above(volume: NDArray[Any], threshold: Threshold) -> NDArray[np.bool_]:
    """Return the voxels above a threshold.

    Parameters
    ----------
    volume : array of any real dtype or bool
        Finite.
    threshold : "otsu", "midrange" or float, in the volume's grey values
        "midrange" is the middle of the volume's `tdaflow.extents.intensity_extent`: of a mask's two values, whatever
        they are and however few voxels have one of them. "otsu" is Otsu's threshold (1979, scikit-image's: exact for
        up to 2¹⁶ whole grey levels, in whatever unit 2ᵏ, 256 bins otherwise) of the voxels, of which those beyond the
        extent count as its ends. A number is a grey value.

    Raises
    ------
    InputError
        If no voxel is above it.
    """
    value = _value(volume, threshold)
    # A NumPy number: a Python one would be rounded to the volume's own floats.
    mask: NDArray[np.bool_] = volume > np.float64(value)
    if not mask.any():
        raise InputError(
            f"the mask is empty: no voxel is above {value:g} (threshold={threshold!r}, the largest voxel is "
            f"{volume.max():g}); lower the threshold or leave out the volume"
        )
    return mask


def _value(volume: NDArray[Any], threshold: Threshold) -> float:
    if not isinstance(threshold, str):
        return float(threshold)
    extent = intensity_extent(volume)
    low, high = extent.low, extent.high
    if threshold == "midrange" or low == high:
        return low / 2 + high / 2
    from skimage.filters import threshold_otsu

    limited = np.clip(volume.astype(np.float64), low, high)
    # scikit-image gives a bin to each grey level where it sees integers: whole levels, or those of another unit 2^k.
    for unit in (1.0, math.ldexp(2.0 / _LEVELS, math.frexp(high - low)[1] - 1)):
        level = (limited - low) / unit
        if (high - low) / unit < _LEVELS and np.array_equal(level, np.rint(level)):
            return float(threshold_otsu(level.astype(np.int64)) * unit + low)
    return float(threshold_otsu(limited))
