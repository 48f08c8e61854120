"""Filtrations with a direction in the volume."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.homology.checks import is_number
from tdaflow.homology.volume_filtrations.transformed import FloatArray, TransformedVolume

Axis = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Directed(TransformedVolume):
    """Cubical filtration of a function that grows along an axis.

    Parameters
    ----------
    axis : (3,) float, in mm
        Direction (z, y, x) in which height grows; its length does not matter.
    """

    axis: Axis = (1.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_axis(self.axis)

    @property
    def name(self) -> str:
        """Kind, axis and direction, such as "height-1,0,0-sublevel"."""
        return f"{self.kind}-{self._axis_text}-{self.direction}"

    @property
    def _axis_text(self) -> str:
        return ",".join(f"{x:g}" for x in self.axis)


def check_axis(axis: Any) -> None:
    """Raise InputError unless an axis is three finite numbers, not all 0."""
    numbers = list(axis) if np.iterable(axis) else []
    if len(numbers) != 3 or not all(map(is_number, numbers)) or not any(numbers):
        raise InputError(f"axis={axis!r} must be three finite numbers (z, y, x), not all 0")


def height_along(axis: Axis, *positions: FloatArray) -> FloatArray:
    """Return the component of positions along an axis.

    Parameters
    ----------
    axis : (3,) float
    *positions : three float64 arrays that broadcast
        z, y and x in mm.

    Returns
    -------
    float64 array
        In mm, of the shape that they have together.

    Raises
    ------
    InputError
        For positions of another number of dimensions.
    """
    if len(positions) != 3:
        raise InputError(f"axis={axis!r} is a direction in a volume, not in an array of {len(positions)} dimensions")
    # A sum, not a matrix product, whose last bits vary with the BLAS.
    z, y, x = (p * share for p, share in zip(positions, np.asarray(axis) / np.linalg.norm(axis), strict=True))
    return z + y + x
