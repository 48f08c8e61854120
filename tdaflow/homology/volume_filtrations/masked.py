"""Filtrations of the voxels of a mask by their position: radial and by height.

Height filtrations of a shape along enough directions determine it (Turner, Mukherjee, Boyer 2014, "Persistent homology
transform for modeling shapes and surfaces"); for images see Garin, Tauzin 2019, "A topological reading lesson".
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology.volume_filtrations.axis import Directed, height_along
from tdaflow.homology.volume_filtrations.mask import Thresholded
from tdaflow.homology.volume_filtrations.transformed import FloatArray


@dataclass(frozen=True, kw_only=True)
class MaskedPositions(Thresholded):
    """Cubical filtration of a mask by a function of position, in mm.

    Parameters
    ----------
    centre : "mask" or "volume"
        Where positions are measured from: the mask's centroid, so that moving the shape changes nothing, or the middle
        of the volume.

    Notes
    -----
    Voxels outside the mask come in together, after its last voxel: by the longest edge of a voxel (of a block, with
    ``downsample``). There the features of the whole mask end, those too that only its last voxel closes, such as the
    loop of a ring about its centre. That value is also the end of ``metadata["filtration_range"]``, and so where the
    essential bar is capped, whether or not the volume has a voxel outside.
    """

    centre: Literal["mask", "volume"] = "mask"

    quantity: ClassVar[str] = "mm"
    directed_values: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.centre not in ("mask", "volume"):
            raise InputError(f"centre={self.centre!r} does not exist; use 'mask' or 'volume'")

    @abstractmethod
    def measure(self, offsets: FloatArray) -> FloatArray:
        """Map offsets from the centre in mm, shape (n, ndim), to values."""

    def values(self, volume: NDArray[Any], spacing: FloatArray) -> FloatArray:
        """Return values in mm on the mask, elsewhere one voxel edge beyond the last; InputError for an empty mask."""
        mask = self.mask(volume)
        indices = np.argwhere(mask)
        centre = indices.mean(axis=0) if self.centre == "mask" else (np.array(volume.shape) - 1) / 2
        measured = self.measure((indices - centre) * spacing)
        edge = float(spacing.max())
        values = np.full(volume.shape, measured.max() + edge if self.direction == "sublevel" else measured.min() - edge)
        values[mask] = measured
        return values

    def diagram(
        self,
        data: ArrayLike,
        homology_dimensions: Sequence[int],
        *,
        spacing: Sequence[float] | None = None,
        locations: bool = False,
    ) -> PersistenceDiagram:
        """Compute the bars, see `TransformedVolume.diagram`."""
        found = super().diagram(data, homology_dimensions, spacing=spacing, locations=locations)
        # Only a number can lie below all voxels.
        if isinstance(self.threshold, str):
            return found
        volume, size = self.reduced(data, spacing)
        if not self.mask(volume).all():
            return found
        low, high = found.filtration_range
        return found.with_metadata(filtration_range=(low, high + float(size.max())))


@dataclass(frozen=True, kw_only=True)
class Radial(MaskedPositions):
    """Cubical filtration of a mask by the distance from a centre, in mm; superlevel branches are born at their tips."""

    kind: ClassVar[str] = "radial"

    @property
    def in_words(self) -> str:
        """What is filtered and what comes first."""
        first = "from its centre outwards" if self.direction == "sublevel" else "from its tips inwards"
        return f"the bright part, {first}"

    def measure(self, offsets: FloatArray) -> FloatArray:
        """Return the lengths of the offsets."""
        return np.linalg.norm(offsets, axis=1)


@dataclass(frozen=True, kw_only=True)
class Height(Directed, MaskedPositions):
    """Cubical filtration of a mask by height along an axis, in mm; its lobes are born at their ends."""

    kind: ClassVar[str] = "height"

    @property
    def in_words(self) -> str:
        """What is filtered and what comes first."""
        end = "low" if self.direction == "sublevel" else "high"
        return f"the bright part, from the {end} end of the direction (z, y, x) = ({self._axis_text})"

    def measure(self, offsets: FloatArray) -> FloatArray:
        """Return the components of the offsets along the axis."""
        return height_along(self.axis, *offsets.T)
