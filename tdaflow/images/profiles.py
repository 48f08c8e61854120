"""One-dimensional Gaussians of many bars on one axis: the two factors of the separable image.

Bars are first brought to pixels of the axis, 0 where its first pixel begins: subtracting the axis' start keeps digits
that a range far from 0 would cost, and makes images translate with their diagrams.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tdaflow.images.axes import PixelAxis

Sampling = Literal["midpoint", "integral", "centre"]

LEAST = 1e-100
"""Share of its peak below which a Gaussian is cut off, where that is asked for."""

_LOWEST = np.array(math.log(LEAST))
# By the routine that makes the profiles, so that subtracting it leaves 0 where a Gaussian is cut off.
_AT_LOWEST = np.exp(_LOWEST)


class AxisProfile:
    """Gaussians of deviation σ along one axis, for a limited number of bars at a time.

    Memory is taken once and overwritten by each call: fresh arrays of this size come from the system page by page,
    which costs as much as the arithmetic.

    Parameters
    ----------
    axis : PixelAxis
    sigma : float
        In the diagram's units.
    sampling : "midpoint", "integral" or "centre"
        exp(−(x_j − b)²/2σ²) at pixel centres x_j, or the share of the normal density of mean b inside pixel j.
    capacity : int
        Most bars in one call.
    """

    def __init__(self, axis: PixelAxis, sigma: float, sampling: Sampling, capacity: int) -> None:
        self._axis = axis
        self._sampling = sampling
        self._sharpness = axis.width / (math.sqrt(2) * sigma)
        ticks = np.arange(axis.count + 1, dtype=np.float64)
        self._edges = (ticks * self._sharpness)[:, None]
        self._centres = ((ticks[:-1] + 0.5) * self._sharpness)[:, None]
        self._series = pixel_series(self._sharpness / 2) if sampling == "integral" else None
        self._out = np.empty((axis.count, capacity))
        self._factor = np.empty((axis.count, capacity if self._series else 0))

    def farthest(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Exponents t² ≥ 0 such that exp(−t²) is the least that a bar's Gaussian comes to on the axis."""
        half = self._axis.count / 2
        u = (values - self._axis.start) / self._axis.width
        return np.square((np.abs(u - half) + half) * self._sharpness)

    def __call__(self, values: NDArray[np.float64], cut: bool = False) -> NDArray[np.float64]:
        """Profiles of bars; valid until the next call.

        Parameters
        ----------
        values : float64 (n,)
            n ≤ capacity.
        cut : bool
            If True, what is below `LEAST` becomes 0. Nothing above 1e-84 changes by that.

        Returns
        -------
        float64 (pixels, n)
        """
        u = (values - self._axis.start) / self._axis.width
        out = self._out[:, : len(u)]
        if self._sampling != "integral":
            self._minus_square(u, out, cut)
            _exp(out, cut)
        elif self._series is None:
            out[:] = self._by_tails(u, cut)
        else:
            self._by_series(u, self._series, out, cut)
        return out

    def _minus_square(self, u: NDArray[np.float64], out: NDArray[np.float64], cut: bool) -> None:
        """−t², t the distance of pixel centres and bars over √2·σ; where it is cut, log `LEAST`."""
        np.subtract(self._centres, u * self._sharpness, out=out)
        np.square(out, out=out)
        np.negative(out, out=out)
        if cut:
            np.maximum(out, _LOWEST, out=out)

    def _by_series(self, u: NDArray[np.float64], series: list[float], out: NDArray[np.float64], cut: bool) -> None:
        factor = self._factor[:, : len(u)]
        self._minus_square(np.clip(u, 0, self._axis.count), out, cut)
        # Horner's rule in −t², highest power first
        np.multiply(out, series[-1], out=factor)
        for coefficient in series[-2:0:-1]:
            factor += coefficient
            factor *= out
        factor += series[0]
        _exp(out, cut)
        out *= factor
        # the series' error is small beside a bar's peak; of bars beyond the image only tails are seen
        beyond = np.flatnonzero((u < 0) | (u > self._axis.count))
        if len(beyond):
            out[:, beyond] = self._by_tails(u[beyond], cut)

    def _by_tails(self, u: NDArray[np.float64], cut: bool) -> NDArray[np.float64]:
        # Differences of erfc(|t|) on the side where the pixel lies: the distribution function would lose all digits in
        # the upper tail, where both of its values round to 1.
        from scipy.special import erfc

        tails = erfc(np.abs(self._edges - u * self._sharpness))
        out = np.abs(tails[:-1] - tails[1:])
        # the pixel that holds the mean: all but both tails
        bars = np.flatnonzero((u >= 0) & (u < self._axis.count))
        pixel = u[bars].astype(np.int64)
        out[pixel, bars] = 2 - tails[pixel, bars] - tails[pixel + 1, bars]
        out *= 0.5
        if cut:
            out -= _AT_LOWEST
            np.maximum(out, 0.0, out=out)
        return out


def _exp(exponents: NDArray[np.float64], cut: bool) -> None:
    np.exp(exponents, out=exponents)
    if cut:
        exponents -= _AT_LOWEST


def pixel_series(half: float) -> list[float] | None:
    """Coefficients c_j with ∫ exp(−s²) ds/√π over [t−a, t+a] = exp(−t²)·Σ_j c_j·(−t²)^j.

    Parameters
    ----------
    half : float
        a, half a pixel over √2·σ.

    Returns
    -------
    list of float or None
        None where more than 9 terms would be needed: for pixels wider than about 0.8 σ.

    Notes
    -----
    Taylor's series of exp(−s²) around t, integrated: (2a/√π)·Σ_k a^2k/(2k+1)!·H_2k(t)·exp(−t²). Cramér's inequality
    |H_n(t)|·exp(−t²/2) ≤ 1.09·√(2ⁿ·n!) bounds its k-th term by 1.09·(2a²)^k/((2k+1)·√(2k)!)·exp(−t²/2) of the peak; it
    is cut where that is below 1e-17. This needs one exponential a pixel, erfc costs twenty times that.
    """
    terms = 1
    while 1.09 * (2 * half * half) ** terms > 1e-17 * (2 * terms + 1) * math.sqrt(math.factorial(2 * terms)):
        terms += 1
        if terms > 9:
            return None
    peak = 2 * half / math.sqrt(math.pi)
    # H_2k(t) = Σ_j (−1)^(k−j)·(2k)!/((k−j)!·(2j)!)·(2t)^2j; the signs (−1)^j go into (−t²)^j
    series = [
        peak
        * sum(
            half ** (2 * k) / (2 * k + 1) * (-1) ** k * 4**j / (math.factorial(k - j) * math.factorial(2 * j))
            for k in range(j, terms)
        )
        for j in range(terms)
    ]
    # Horner's rule above wants two terms at least; a zero changes nothing
    return series if terms > 1 else [*series, 0.0]
