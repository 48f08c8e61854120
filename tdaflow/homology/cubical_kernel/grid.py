"""An array with a border, on which a filtration is total."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Four numbers a place, for its three edges, in int32.
LARGEST_GRID = (2**31 - 1) // 4


class UnsupportedVolume(ValueError):
    """A volume that the kernel cannot number; it depends on its shape alone."""


@dataclass(frozen=True)
class Grid:
    """Values with one more place on every side; of two equal ones the first in memory precedes.

    Attributes
    ----------
    values : (p,) float64
        By place. The border is +∞, not there until the end, or −∞, there from the start.
    places : (n,) int32
        Those within the border, ascending.
    shape : tuple of int
        Of the padded array.
    strides : (3,) int64
        Step from a place to the next along each axis.
    """

    values: Floats
    places: NDArray[np.int32]
    shape: tuple[int, ...]
    strides: NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Bars as the places of a grid where they begin and end.

    Attributes
    ----------
    grid : Grid
    places : (n, 2) int32
    of_dual : bool
        True if the grid has minus the values of the array.
    """

    grid: Grid
    places: NDArray[np.int32]
    of_dual: bool = False

    @property
    def values(self) -> Floats:
        """The grid's values there, (n, 2)."""
        return self.grid.values[self.places]


def check_shape(shape: tuple[int, ...]) -> None:
    """Raise UnsupportedVolume if the grid of an array would have more than ``LARGEST_GRID`` places."""
    padded = tuple(n + 2 for n in (1, *shape)[-3:])
    if math.prod(padded) > LARGEST_GRID:
        raise UnsupportedVolume(f"a grid of shape {padded} has more than {LARGEST_GRID} places")


def framed(values: Floats, border: float, ends: float | None = None) -> Grid:
    """Put a border around an array.

    Parameters
    ----------
    values : float64 array, 2 or 3 dimensions
        An image is one slice.
    border : float
        +∞ or −∞.
    ends : float, optional
        Another value for the places before the first and after the last slice.
    """
    volume = values if values.ndim == 3 else values[None]
    padded = np.full([n + 2 for n in volume.shape], border)
    if ends is not None:
        padded[[0, -1]] = ends
    inside = (slice(1, -1),) * 3
    # Adding 0.0 makes -0.0 into 0.0.
    np.add(volume, 0.0, out=padded[inside])
    places = np.arange(padded.size, dtype=np.int32).reshape(padded.shape)[inside].ravel()
    return Grid(padded.ravel(), places, padded.shape, np.array([padded[0].size, padded.shape[2], 1]))


def voxels_at(pairs: Sequence[Pairs], shape: tuple[int, ...]) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of places of grids of one shape in the array of this shape that they frame: (n, 2, ndim)."""
    if not pairs:
        return
    left = np.concatenate([p.places for p in pairs])
    voxels = np.zeros((len(left), 2, len(shape)), np.int64)
    # Axes of length one may not be in the grid, and then lie before all others that are.
    used = [axis for axis, n in enumerate(shape) if n > 1]
    # Divisions by a number, and of int32, are several times as fast as np.unravel_index.
    strides = pairs[0].grid.strides.astype(np.int32)
    for stride in strides[: 3 - len(used)]:
        left %= stride
    for axis, stride in zip(used, strides[3 - len(used) :], strict=True):
        index = left // stride
        left -= index * stride
        np.subtract(index, 1, out=voxels[..., axis])
    end = 0
    for p in pairs:
        yield voxels[end : (end := end + len(p.places))]
