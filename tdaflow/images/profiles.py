"""One-dimensional Gaussians of many bars on one axis: the two factors of the separable image.

Bars are first brought to pixels of the axis, 0 where its first pixel begins: subtracting the axis' start keeps digits
that a range far from 0 would cost, and makes images translate with their diagrams.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tdaflow.images.axes import PixelAxis

Sampling = Literal["centre", "integral"]


class AxisProfile:
    """Gaussians of deviation σ along one axis, for a limited number of bars at a time.

    Memory is taken once and overwritten by each call: fresh arrays of this size come from the system page by page,
    which costs as much as the arithmetic.

    Parameters
    ----------
    axis : PixelAxis
    sigma : float
        In the diagram's units.
    sampling : "centre" or "integral"
        exp(−(x_j − b)²/2σ²) at pixel centres x_j, or the share of the normal density of mean b inside pixel j.
    capacity : int
        Most bars in one call.
    """

    def __init__(self, axis: PixelAxis, sigma: float, sampling: Sampling, capacity: int) -> None:
        self._axis = axis
        self._sharpness = axis.width / (math.sqrt(2) * sigma)
        self._sampling = sampling
        ticks = np.arange(axis.count + 1, dtype=np.float64)
        self._edges = (ticks * self._sharpness)[:, None]
        self._centres = ((ticks[:-1] + 0.5) * self._sharpness)[:, None]
        self._out = np.empty((axis.count, capacity))
        self._tails = np.empty((axis.count + 1, capacity if sampling == "integral" else 0))

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Profiles (pixels, n) of bars (n,), n ≤ capacity; valid until the next call."""
        u = (values - self._axis.start) / self._axis.width
        out = self._out[:, : len(u)]
        return self._centre(u, out) if self._sampling == "centre" else self._integral(u, out)

    def _centre(self, u: NDArray[np.float64], out: NDArray[np.float64]) -> NDArray[np.float64]:
        np.subtract(self._centres, u * self._sharpness, out=out)
        np.square(out, out=out)
        np.negative(out, out=out)
        return np.exp(out, out=out)

    def _integral(self, u: NDArray[np.float64], out: NDArray[np.float64]) -> NDArray[np.float64]:
        # Differences of erfc(|t|) on the side where the pixel lies: the distribution function would lose all digits in
        # the upper tail, where both of its values round to 1.
        from scipy.special import erfc

        tails = self._tails[:, : len(u)]
        np.subtract(self._edges, u * self._sharpness, out=tails)
        np.abs(tails, out=tails)
        erfc(tails, out=tails)
        np.subtract(tails[:-1], tails[1:], out=out)
        np.abs(out, out=out)
        # the pixel that holds the mean: all but both tails
        bars = np.flatnonzero((u >= 0) & (u < self._axis.count))
        pixel = u[bars].astype(np.int64)
        out[pixel, bars] = 2 - tails[pixel, bars] - tails[pixel + 1, bars]
        out *= 0.5
        return out
