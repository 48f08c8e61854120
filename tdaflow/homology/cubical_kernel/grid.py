"""An array with a border, on which a filtration is total."""

import math
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
