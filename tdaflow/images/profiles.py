"""One-dimensional Gaussians of many bars on one axis: the two factors of the separable image.

Bars are first brought to pixels of the axis, 0 where its first pixel begins: subtracting the axis' start keeps digits
that a range far from 0 would cost, and makes images translate with their diagrams.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tdaflow.images.axes import PixelAxis
from tdaflow.images.image_kernel import compiled

Sampling = Literal["midpoint", "integral", "centre"]

LEAST = 1e-100
"""Weight, as a share of the largest, below which a bar is left out, where that is asked for."""

CUT = math.exp(-72.0)
"""Share of its peak below which a Gaussian may be anything as small, where that is asked for: about 1e-31."""

_REACH = math.sqrt(72.0)
# Distances are limited, so that no factor of a group of pixels overflows, and no product of two Gaussians and a weight
# is so small that it costs processors ten times as much as others.
_LIMIT = 14.0
# How many pixels are computed from one exponential, by the largest width of a pixel over √2·σ that this is sound for.
_GROUPS = ((16, 0.3), (8, 0.6), (1, math.inf))
# exp(−708) is the least number with all its digits.
_FULL_LIMIT = math.sqrt(708.0)
_TERMS = 12


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
        self._sharpness = axis.width / (math.sqrt(2) * sigma)
        series = pixel_series(self._sharpness / 2) if sampling == "integral" else None
        self._mode = 0 if sampling != "integral" else 2 if series is None else 1
        self._series = tuple((series or []) + [0.0] * (_TERMS - len(series or [])))
        self._group = next(n for n, sharpest in _GROUPS if self._sharpness <= sharpest)
        self._fill = compiled().fill
        self._out = np.empty(capacity * axis.count)
        self._ones = np.ones(capacity)

    def window(self, values: NDArray[np.float64]) -> tuple[int, int]:
        """Pixels [first, stop) that cut Gaussians of bars reach."""
        axis = self._axis
        far = _REACH / self._sharpness + 0.5
        if far >= axis.count:
            return 0, axis.count
        first = (float(values.min()) - axis.start) / axis.width - far
        stop = (float(values.max()) - axis.start) / axis.width + far
        return int(min(max(first, 0), axis.count)), math.ceil(max(min(stop, axis.count), 0))

    def __call__(
        self,
        values: NDArray[np.float64],
        weights: NDArray[np.float64] | None = None,
        *,
        cut: bool = False,
        window: tuple[int, int] | None = None,
    ) -> NDArray[np.float64]:
        """Profiles of bars; valid until the next call.

        Parameters
        ----------
        values : float64 (n,)
            n ≤ capacity.
        weights : float64 (n,), optional
            What each profile is multiplied by.
        cut : bool
            If True, what is below `CUT` becomes something as small, and weights below `LEAST` become 0.
        window : (first, stop) int, optional
            The pixels; all by default.

        Returns
        -------
        float64 (pixels, n)
        """
        first, stop = window or (0, self._axis.count)
        n, axis = len(values), self._axis
        out = self._out[: n * (stop - first)].reshape(stop - first, n)
        weights = self._ones[:n] if weights is None else weights
        limits = (_LIMIT, LEAST, self._group) if cut else (_FULL_LIMIT, 0.0, 1)
        self._fill(
            values, weights, axis.start, axis.width, self._sharpness, axis.count, first, *limits, self._mode,
            self._series, out,
        )  # fmt: skip
        return out


def pixel_series(half: float) -> list[float] | None:
    """Coefficients c_j with ∫ exp(−s²) ds/√π over [t−a, t+a] = exp(−t²)·Σ_j c_j·(−t²)^j.

    Parameters
    ----------
    half : float
        a, half a pixel over √2·σ.

    Returns
    -------
    list of float or None
        None where more than 12 terms would be needed: for pixels wider than about 1.4 σ.

    Notes
    -----
    Taylor's series of exp(−s²) around t, integrated: (2a/√π)·Σ_k a^2k/(2k+1)!·H_2k(t)·exp(−t²). Cramér's inequality
    |H_n(t)|·exp(−t²/2) ≤ 1.09·√(2ⁿ·n!) bounds its k-th term by 1.09·(2a²)^k/((2k+1)·√(2k)!)·exp(−t²/2) of the peak; it
    is cut where that is below 1e-17. This needs one exponential a pixel, erfc costs twenty times that.
    """
    terms = 1
    while 1.09 * (2 * half * half) ** terms > 1e-17 * (2 * terms + 1) * math.sqrt(math.factorial(2 * terms)):
        terms += 1
        if terms > _TERMS:
            return None
    peak = 2 * half / math.sqrt(math.pi)
    # H_2k(t) = Σ_j (−1)^(k−j)·(2k)!/((k−j)!·(2j)!)·(2t)^2j; the signs (−1)^j go into (−t²)^j
    return [
        peak
        * sum(
            half ** (2 * k) / (2 * k + 1) * (-1) ** k * 4**j / (math.factorial(k - j) * math.factorial(2 * j))
            for k in range(j, terms)
        )
        for j in range(terms)
    ]
