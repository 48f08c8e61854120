"""Base class of preprocessing steps, and the argument checks that they share."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError

Voxels = NDArray[np.generic]
Shape = tuple[int, int, int]
Spacing = tuple[float, float, float]

Blocks = Callable[[], Iterable[Voxels]]
"""Called once a pass; yields blocks of one dtype that together are the volume, each voxel once, in any order."""


@dataclass(frozen=True)
class Step(ABC):
    """One step of a preprocessing: its fields are options, `apply` does the work.

    Attributes
    ----------
    step : str
        Name of the kind of step in a table of options.
    """

    step: str = field(default="", init=False)

    @property
    @abstractmethod
    def pointwise(self) -> bool:
        """True if a voxel's result depends on that voxel alone, so that blocks give what the whole volume gives."""

    @abstractmethod
    def apply(self, voxels: Voxels, spacing: Spacing) -> tuple[Voxels, Spacing]:
        """Apply the step to a volume, which is not changed.

        Parameters
        ----------
        voxels : (Z, Y, X) array
            Finite voxels of any integer, float or bool dtype.
        spacing : (3,) float
            Voxel size (z, y, x) in mm.

        Returns
        -------
        voxels : (Z', Y', X') array
        spacing : (3,) float

        Raises
        ------
        InputError
            When the step cannot process this volume.
        """

    def fixed(self, blocks: Blocks) -> Self:
        """Return the step with everything filled in that it takes from a volume's statistics.

        Parameters
        ----------
        blocks : callable that returns an iterable of arrays
            The volume, whole or in blocks; called once per pass. The result does not depend on the blocks.

        Raises
        ------
        InputError
            When the volume has no such statistics, such as the spread of a constant one.
        """
        return self

    def facts(self, shape: Shape, spacing: Spacing) -> dict[str, Any]:
        """Return JSON-able facts of a fixed step on a volume of this shape and spacing, besides its options."""
        return {}

    def table(self) -> dict[str, Any]:
        """Return the step as a table of options (JSON- and TOML-able, absent ones left out) that `step_from` reads."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in given.items() if v is not None}


def check_number(step: str, name: str, value: Any) -> None:
    """Raise InputError unless a value is a finite real number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(f"{step}: {name} is {value!r}; it must be a number.")
    if not math.isfinite(value):
        raise InputError(f"{step}: {name} is {value!r}; it must be finite.")


def check_ordered(step: str, low_name: str, low: Any, high_name: str, high: Any) -> None:
    """Raise InputError unless both are finite numbers and low < high."""
    check_number(step, low_name, low)
    check_number(step, high_name, high)
    if not low < high:
        raise InputError(f"{step}: {low_name} is {low!r} and {high_name} is {high!r}; the first must be the smaller.")


def check_choice(step: str, name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Raise InputError unless a value is one of a few names."""
    if value not in allowed:
        raise InputError(f"{step}: {name} is {value!r}; use one of {', '.join(map(repr, allowed))}.")


def check_voxels(voxels: Any) -> Voxels:
    """Return a volume or block in native integers (bool becomes uint8) or floats; InputError if it is unusable."""
    if isinstance(voxels, np.ma.MaskedArray):
        # asarray would drop the mask and let the hidden voxels count
        raise InputError("the volume is a masked array: fill the hidden voxels yourself, such as array.filled(0).")
    array = np.asarray(voxels)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise InputError(f"a volume of dtype {array.dtype} is not a grey image; convert it to integers or floats.")
    if array.ndim != 3 or array.size == 0:
        raise InputError(f"a volume must have 3 dimensions (z, y, x) and voxels, this one has shape {array.shape}.")
    # NaN and infinities show in the extremes, without a temporary array
    if array.dtype.kind == "f" and not (np.isfinite(array.min()) and np.isfinite(array.max())):
        raise InputError("the volume holds NaN or infinite voxels; replace them or leave the volume out.")
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def held_range(dtype: np.dtype) -> tuple[int, int]:
    """Return the smallest and the largest value of an integer dtype."""
    held = np.iinfo(cast(np.dtype[np.integer], dtype))
    return int(held.min), int(held.max)
