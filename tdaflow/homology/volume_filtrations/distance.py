"""The signed distance filtration of a mask."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.homology.volume_filtrations.mask import Thresholded
from tdaflow.homology.volume_filtrations.transformed import FloatArray


@dataclass(frozen=True, kw_only=True)
class Distance(Thresholded):
    """Cubical filtration of the signed distance to the surface of a mask: how thick its parts are, how wide its gaps.

    Notes
    -----
    Values are in mm: inside the mask minus the distance to the nearest voxel outside, outside it the distance to the
    nearest voxel of the mask, from centre to centre. As the sublevel set grows from the mask's core, a part is born at
    minus its half width, a loop at minus the half width of its thinnest place, and holes die at half their width.

    A volume whose mask is empty or full has no surface and is refused.
    """

    kind: ClassVar[str] = "distance"
    quantity: ClassVar[str] = "mm"

    @property
    def in_words(self) -> str:
        """What is filtered and what comes first."""
        first = "from its core outwards" if self.direction == "sublevel" else "from far outside inwards"
        return f"the distance to the surface of the bright part, {first}"

    def values(self, volume: NDArray[Any], spacing: FloatArray) -> FloatArray:
        """Return the signed distance in mm, negative inside; InputError for an empty or full mask."""
        from scipy.ndimage import distance_transform_edt

        mask = self.mask(volume)
        if mask.all():
            raise InputError(
                f"the mask is full: all voxels are above threshold={self.threshold!r} (the smallest is "
                f"{volume.min():g}), so it has no surface; raise the threshold or leave out the volume"
            )
        outside = distance_transform_edt(~mask, sampling=spacing)
        return np.where(mask, -distance_transform_edt(mask, sampling=spacing), outside)
