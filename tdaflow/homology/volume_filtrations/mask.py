"""Which voxels of a volume are its foreground."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.homology.checks import is_number
from tdaflow.homology.volume_filtrations.transformed import FloatArray, TransformedVolume

Threshold = Literal["otsu", "midrange"] | float

# Whole grey levels up to this many have a bin each.
_LEVELS = 2**16


@dataclass(frozen=True, kw_only=True)
class Thresholded(TransformedVolume):
    """Cubical filtration of a function of a mask.

    Parameters
    ----------
    threshold : "otsu", "midrange" or float
        The mask is the voxels above it, see `mask_above`.
    """

    threshold: Threshold = "midrange"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_threshold(self.threshold)

    def mask(self, volume: FloatArray) -> NDArray[np.bool_]:
        """Return the mask; InputError if it is empty."""
        return mask_above(volume, self.threshold)


def check_threshold(threshold: Any) -> None:
    """Raise InputError unless it is "otsu", "midrange" or a finite number."""
    if not is_number(threshold) and threshold not in ("otsu", "midrange"):
        raise InputError(f"threshold={threshold!r} must be 'otsu', 'midrange' or a finite grey value")


def mask_above(volume: FloatArray, threshold: Threshold) -> NDArray[np.bool_]:
    """Return the voxels above a threshold.

    Parameters
    ----------
    volume : float64 array
        Finite.
    threshold : "otsu", "midrange" or float
        Otsu's threshold (1979, scikit-image's: exact for whole grey levels, 256 bins otherwise), the middle between the
        smallest and the largest voxel (a mask's two values, whatever they are), or a grey value.

    Raises
    ------
    InputError
        If no voxel is above it.
    """
    value = _value(volume, threshold)
    mask = volume > value
    if not mask.any():
        raise InputError(
            f"the mask is empty: no voxel is above {value:g} (threshold={threshold!r}, the largest voxel is "
            f"{volume.max():g}); lower the threshold or leave out the volume"
        )
    return mask


def _value(volume: FloatArray, threshold: Threshold) -> float:
    if not isinstance(threshold, str):
        return float(threshold)
    low, high = float(volume.min()), float(volume.max())
    if threshold == "midrange" or low == high:
        return low / 2 + high / 2
    from skimage.filters import threshold_otsu

    # scikit-image gives a bin to each grey level where it sees integers.
    whole = high - low < _LEVELS and np.array_equal(volume, np.rint(volume))
    return float(threshold_otsu((volume - low).astype(np.int64)) + low if whole else threshold_otsu(volume))
