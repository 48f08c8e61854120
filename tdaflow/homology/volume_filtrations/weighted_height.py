"""Grey values weighted by height along an axis."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tdaflow.extents import intensity_extent
from tdaflow.homology.volume_filtrations.axis import Directed, height_along
from tdaflow.homology.volume_filtrations.transformed import FloatArray


@dataclass(frozen=True, kw_only=True)
class WeightedHeight(Directed):
    """Cubical filtration of grey values times a ramp: bars tell where along an axis a bright thing lies.

    Notes
    -----
    Values are (f − low)·t in grey levels, with t from 0 to 1 between the ends of the volume and low the lower end of
    the volume's `tdaflow.extents.intensity_extent`; the few voxels below it have values below 0. Superlevel bars are
    born at minus the weighted brightness: a mirrored volume has other bars, which plain grey values cannot tell apart.
    """

    kind: ClassVar[str] = "weighted-height"
    quantity: ClassVar[str] = "grey levels"

    @property
    def in_words(self) -> str:
        """What is filtered and what comes first."""
        first = "darkest" if self.direction == "sublevel" else "brightest"
        return f"the voxels weighted along (z, y, x) = ({self._axis_text}), {first} first"

    def values(self, volume: NDArray[Any], spacing: FloatArray) -> FloatArray:
        """Return grey values above the lower end of their extent, times the share of the height."""
        positions = np.ix_(*(np.arange(length) * size for length, size in zip(volume.shape, spacing, strict=True)))
        height = height_along(self.axis, *positions)
        share = (height - height.min()) / max(float(np.ptp(height)), np.finfo(np.float64).tiny)
        return (volume.astype(np.float64) - intensity_extent(volume).low) * share
