"""The pixel grid of a persistence image.

Row 0 holds the smallest deaths (persistences), column 0 the smallest births. A range of zero width (alpha H0: every
birth is 0) cannot be cut into pixels, so its axis takes the other axis' pixel width and is centred on the one value;
with one column that column's centre *is* the value. Where both widths are zero, pixels are
max(1e-6, 1e-3·largest |value|) wide.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError

Range = tuple[float, float]
Resolution = int | tuple[int, int]


@dataclass(frozen=True)
class PixelAxis:
    """``count`` pixels of one width, the first beginning at ``start``; in the diagram's units."""

    start: float
    width: float
    count: int

    @property
    def centres(self) -> NDArray[np.float64]:
        """Pixel centres, float64 (count,), ascending."""
        return self.start + (np.arange(self.count, dtype=np.float64) + 0.5) * self.width

    @property
    def range(self) -> Range:
        """Where the first pixel begins and the last one ends."""
        return self.start, self.start + self.count * self.width


def rows_and_columns(resolution: Resolution) -> tuple[int, int]:
    """Return rows and columns of a resolution, which is an int for both or a pair.

    Raises
    ------
    InputError
        When either is not a whole number ≥ 1.
    """
    if type(resolution) is int and resolution >= 1:
        return resolution, resolution
    pair = np.ravel(np.asarray(resolution, dtype=object)).tolist()
    if len(pair) == 1:
        pair *= 2
    whole = len(pair) == 2 and all(isinstance(r, int | np.integer) and not isinstance(r, bool) and r >= 1 for r in pair)
    if not whole:
        raise InputError(f"resolution is {resolution!r}; use a whole number ≥ 1 or a pair (rows, columns) of them.")
    return int(pair[0]), int(pair[1])


def pixel_axes(birth_range: Range, death_range: Range, resolution: Resolution) -> tuple[PixelAxis, PixelAxis]:
    """Make the pixels of the birth axis (columns) and of the death or persistence axis (rows).

    Parameters
    ----------
    birth_range, death_range : (low, high) float
        Finite, low ≤ high; ``death_range`` is the range of the image's second axis, so of the persistence in the
        birth-persistence plane.
    resolution : int or (rows, columns)

    Returns
    -------
    columns, rows : PixelAxis

    Raises
    ------
    InputError
        For a range that is not finite or has low > high, and for a resolution that is not ≥ 1.
    """
    rows, columns = rows_and_columns(resolution)
    (m, M), (n, N) = checked_range("birth_range", birth_range), checked_range("death_range", death_range)
    dx, dy = (M - m) / columns, (N - n) / rows
    if dx == 0 and dy == 0:
        dx = dy = max(1e-6, 1e-3 * max(abs(m), abs(n)))
        return _around(m, dx, columns), _around(n, dy, rows)
    if dx == 0:
        return _around(m, dy, columns), PixelAxis(n, dy, rows)
    if dy == 0:
        return PixelAxis(m, dx, columns), _around(n, dx, rows)
    return PixelAxis(m, dx, columns), PixelAxis(n, dy, rows)


def checked_range(name: str, bounds: Range) -> Range:
    """Return the range as two floats.

    Raises
    ------
    InputError
        When it is not two finite numbers, the first ≤ the second.
    """
    pair = np.ravel(np.asarray(bounds, dtype=np.float64)).tolist()
    if len(pair) != 2 or not math.isfinite(pair[1] - pair[0]) or pair[0] > pair[1]:
        raise InputError(f"{name} is {bounds!r}; it must be two finite numbers (low, high) with low ≤ high.")
    return pair[0], pair[1]


def _around(value: float, width: float, count: int) -> PixelAxis:
    return PixelAxis(value - count * width / 2, width, count)
