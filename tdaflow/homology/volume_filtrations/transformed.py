"""Base of the filtrations of volumes: a function of the voxels, and the cubical filtration of its values."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology.checks import as_float64, check_spacing
from tdaflow.homology.cubical import Cubical, block_means, middle_of_blocks
from tdaflow.homology.volume_filtrations.shared_work import once
from tdaflow.option_types import check_fields

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TransformedVolume(ABC):
    """Cubical filtration of a function that is computed from a volume.

    Parameters
    ----------
    direction : "sublevel" or "superlevel"
        Small ("sublevel") or large values come first; superlevel bars are stored as those of −f.
    construction : "vertices" or "top"
        Whether a voxel is a vertex (6-connected in 3D) or a cube (26-connected), see `tdaflow.homology.Cubical`.
    downsample : int, in voxels
        k ≥ 1: the function is computed from means over blocks of k voxels along each axis, which are k times as large.

    Attributes
    ----------
    kind : str
        Name of the filtration in a configuration.
    quantity : str
        Unit of the function's values.
    """

    direction: Literal["sublevel", "superlevel"] = "sublevel"
    construction: Literal["vertices", "top"] = "vertices"
    downsample: int = 1

    kind: ClassVar[str]
    quantity: ClassVar[str]
    takes: ClassVar[Literal["volume"]] = "volume"
    default_essential: ClassVar[Literal["drop", "cap"]] = "cap"
    constant_births: ClassVar[tuple[int, ...]] = ()
    engine: ClassVar[Literal["kernel"]] = "kernel"
    # Whether the values are others for sublevel than for superlevel sets.
    directed_values: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self)
        Cubical(self.direction, self.construction, self.downsample)

    @property
    def name(self) -> str:
        """Kind, the options that set the scale of the values, and direction, such as "gaussian-2-sublevel"."""
        return f"{self.kind}-{self.direction}"

    @property
    def unit(self) -> str:
        """Unit of births and deaths, with a minus sign where they are those of −f."""
        return self.quantity if self.direction == "sublevel" else f"−{self.quantity}"

    @property
    @abstractmethod
    def in_words(self) -> str:
        """What is filtered and what comes first, for readers who are not topologists."""

    @abstractmethod
    def values(self, volume: NDArray[Any], spacing: FloatArray) -> FloatArray:
        """Return the function's values.

        Parameters
        ----------
        volume : array of any real dtype or bool, 1–3 dimensions
            Finite.
        spacing : float64 array (ndim,)
            Voxel size along each axis in mm.

        Raises
        ------
        InputError
            If the function is not defined for this volume.
        """

    def diagram(
        self,
        data: ArrayLike,
        homology_dimensions: Sequence[int],
        *,
        spacing: Sequence[float] | None = None,
        locations: bool = False,
    ) -> PersistenceDiagram:
        """Compute the bars, as `tdaflow.homology.Cubical.diagram` does for grey values.

        Parameters
        ----------
        data, homology_dimensions, locations
            As there.
        spacing : sequence of float, optional
            Voxel size along each axis in mm; 1 along each by default.

        Returns
        -------
        PersistenceDiagram
            Its metadata as there, with this filtration's name.

        Raises
        ------
        InputError
            As there; also for a bad spacing, and for volumes that the function is not defined for.
        """
        cubes, values = self.cubes(data, spacing=spacing)
        found = cubes.diagram(values, homology_dimensions, locations=locations)
        if self.downsample > 1:
            found = found.relocated(middle_of_blocks(int(self.downsample), np.shape(data)))
        return found.with_metadata(filtration=self.name, downsample=int(self.downsample))

    def cubes(self, data: ArrayLike, *, spacing: Sequence[float] | None = None) -> tuple[Cubical, FloatArray]:
        """Return the cubical filtration and the values it is applied to, for `data` and `spacing` as in `diagram`.

        Values of a part of the volume are a part of these: smoothing and distances reach across its border.
        """
        axes = np.ndim(data)
        if not 1 <= axes <= 3:
            raise InputError(
                f"{self.kind} takes arrays of 1 to 3 dimensions, got shape {np.shape(data)}; pass one volume"
            )
        volume, size = self.reduced(data, spacing)
        left_out = ("construction",) if self.directed_values else ("construction", "direction")
        options = (getattr(self, field.name) for field in fields(self) if field.name not in left_out)
        values = once(volume, (self.kind, *options, *size.tolist()), lambda: self.values(volume, size))
        return _cubes(self.direction, self.construction), values

    def reduced(self, data: ArrayLike, spacing: Sequence[float] | None) -> tuple[NDArray[Any], FloatArray]:
        """Return the volume that the function is computed of, and its voxel size along each axis in mm."""
        checked = as_float64(data, "voxels", "mend or leave out the volume")
        size = check_spacing(spacing, checked.ndim) * self.downsample
        # Whole grey levels are counted much faster than floats are sorted, so integers stay what they are.
        volume = np.asarray(data) if self.downsample == 1 else block_means(checked, int(self.downsample))
        return volume, size


# Checking options takes as long as the bars of a small volume.
_cubes = cache(Cubical)
