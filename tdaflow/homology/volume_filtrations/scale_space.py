"""Gaussian scale space and its derivatives.

Derivatives are central differences of the smoothed volume (Lindeberg 1990, "Scale-space for discrete signals"): they
are 0 for constant volumes whatever σ is, and stay sound where σ is shorter than a voxel, as along thick slices. They
are multiplied by the power of σ that makes them grey levels, so that responses of several scales can be compared
(Lindeberg 1998, "Feature detection with automatic scale selection").
"""

import functools
import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.homology.checks import is_count, is_number
from tdaflow.homology.volume_filtrations.shared_work import once
from tdaflow.homology.volume_filtrations.transformed import FloatArray, TransformedVolume


@dataclass(frozen=True, kw_only=True)
class ScaleSpace(TransformedVolume):
    """Cubical filtration of a smoothed volume or of a derivative of it.

    Parameters
    ----------
    sigma : float, in mm
        Standard deviation of the Gaussian; the volume is continued by its outermost voxels, and the Gaussian is
        cut off at 4σ.
    levels : int
        Values are rounded to multiples of the largest power of two ≤ width/levels, with the width of the volume's
        `tdaflow.extents.intensity_extent` (of the block means, with ``downsample``): a single voxel reaches a large
        share of the values, but hardly moves it. 0 rounds nothing. Rounding moves the ends of each bar by half a step
        at most and takes away the many bars that are shorter, whose number would otherwise depend on the last bits of
        the smoothing.
    """

    sigma: float = 1.0
    levels: int = 4096

    quantity: ClassVar[str] = "grey levels"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_number(self.sigma) or self.sigma <= 0:
            raise InputError(f"sigma={self.sigma!r} must be a positive number, in mm")
        if not is_count(self.levels, 0):
            raise InputError(f"levels={self.levels!r} must be an integer from 0 up")

    @property
    def name(self) -> str:
        """Kind, σ and direction, such as "gaussian-2-sublevel"."""
        return f"{self.kind}-{self.sigma:g}-{self.direction}"

    @abstractmethod
    def response(self, smooth: FloatArray, scale: FloatArray) -> FloatArray:
        """Return values from the smoothed volume and σ in voxels along each axis."""

    def values(self, volume: NDArray[Any], spacing: FloatArray) -> FloatArray:
        """Return the rounded values in grey levels."""
        from scipy.ndimage import gaussian_filter

        scale = self.sigma / spacing
        smooth = once(
            volume,
            ("smooth", *scale.tolist()),
            lambda: gaussian_filter(volume.astype(np.float64), scale, mode="nearest", truncate=4.0),
        )
        if not np.isfinite([smooth.min(), smooth.max()]).all():
            raise InputError(
                f"grey values as large as {np.abs(volume).max():.3g} overflow float64 when they are smoothed; "
                "limit them with the preprocessing step clip"
            )
        step = power_of_two(intensity_extent(volume).width / self.levels) if self.levels else 0.0
        return rounded(self.response(smooth, scale), step)


@dataclass(frozen=True, kw_only=True)
class Gaussian(ScaleSpace):
    """Cubical filtration of the grey values at a scale: what is smaller than about σ is smoothed away."""

    kind: ClassVar[str] = "gaussian"

    @property
    def in_words(self) -> str:
        """What is filtered and what comes first."""
        first = "darkest" if self.direction == "sublevel" else "brightest"
        return f"the voxels smoothed with σ = {self.sigma:g} mm, {first} first"

    def response(self, smooth: FloatArray, scale: FloatArray) -> FloatArray:
        """Return the smoothed volume."""
        return smooth


@dataclass(frozen=True, kw_only=True)
class LaplacianOfGaussian(ScaleSpace):
    """Cubical filtration of σ²∇²G: bright blobs of about σ come first in the sublevel sets, dark ones in superlevel."""

    kind: ClassVar[str] = "log"

    @property
    def in_words(self) -> str:
        """What is filtered and what comes first."""
        first = "bright" if self.direction == "sublevel" else "dark"
        return f"{first} blobs of about {self.sigma:g} mm, most marked first"

    def response(self, smooth: FloatArray, scale: FloatArray) -> FloatArray:
        """Return the scale-normalised Laplacian."""
        return laplacian(smooth, scale)


@dataclass(frozen=True, kw_only=True)
class GradientMagnitude(ScaleSpace):
    """Cubical filtration of σ|∇G|: in the superlevel sets edges come first, and closed ones are cavities."""

    kind: ClassVar[str] = "gradient"

    @property
    def in_words(self) -> str:
        """What is filtered and what comes first."""
        first = "flat parts" if self.direction == "sublevel" else "edges"
        return f"the steepness at σ = {self.sigma:g} mm, {first} first"

    def response(self, smooth: FloatArray, scale: FloatArray) -> FloatArray:
        """Return the scale-normalised length of the gradient."""
        from scipy.ndimage import correlate1d

        parts = [np.abs(s * correlate1d(smooth, [-0.5, 0, 0.5], k, mode="nearest")) for k, s in enumerate(scale)]
        # Not the root of a sum of squares, which overflow and underflow in units far from 1.
        return functools.reduce(np.hypot, parts)


@dataclass(frozen=True, kw_only=True)
class GaussianLaplacian(ScaleSpace):
    """Cubical filtration along a line through the bifiltration by G and w·σ²∇²G.

    Parameters
    ----------
    laplacian_weight : float
        w ≠ 0, of either sign.

    Notes
    -----
    Sublevel sets are those of max(G, w·σ²∇²G), superlevel sets those of min(G, w·σ²∇²G): a voxel is in when it is in by
    both. Superlevel with w < 0 is what is bright and inside of edges. The bifiltration is that of Wang et al. (2026),
    "G-LoG bi-filtration for medical image classification"; its restrictions to lines are its fibred barcode.
    """

    laplacian_weight: float = -1.0

    kind: ClassVar[str] = "glog"
    directed_values: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_number(self.laplacian_weight) or self.laplacian_weight == 0:
            raise InputError(f"laplacian_weight={self.laplacian_weight!r} must be a finite number other than 0")

    @property
    def name(self) -> str:
        """Kind, σ, weight and direction."""
        return f"{self.kind}-{self.sigma:g},{self.laplacian_weight:g}-{self.direction}"

    @property
    def in_words(self) -> str:
        """What is filtered and what comes first."""
        first = "darkest" if self.direction == "sublevel" else "brightest"
        return f"the voxels and their curvature at σ = {self.sigma:g} mm, {first} first"

    def response(self, smooth: FloatArray, scale: FloatArray) -> FloatArray:
        """Return the value at which a voxel has entered both filtrations."""
        both = np.maximum if self.direction == "sublevel" else np.minimum
        return both(smooth, self.laplacian_weight * laplacian(smooth, scale))


def laplacian(smooth: FloatArray, scale: FloatArray) -> FloatArray:
    """σ²∇² by central differences, with σ in voxels along each axis."""
    from scipy.ndimage import correlate1d

    second = [s**2 * correlate1d(smooth, [1.0, -2.0, 1.0], k, mode="nearest") for k, s in enumerate(scale)]
    return np.sum(second, axis=0)


def power_of_two(width: float) -> float:
    """Return the largest power of two ≤ a positive number; 0 for 0."""
    return math.ldexp(1.0, math.frexp(width)[1] - 1) if width else 0.0


def rounded(values: FloatArray, step: float) -> FloatArray:
    """Round to multiples of a power of two; halves to even; a step of 0 rounds nothing.

    Rounding is monotone, so the bars of the rounded values are the bars with rounded ends.
    """
    if step == 0:
        return values
    exponent = math.frexp(step)[1] - 1
    with np.errstate(over="ignore"):
        whole = np.rint(np.ldexp(values, -exponent))
        # A value beyond 2^53 steps is a multiple already. 0.0 is added to make -0.0 into 0.0.
        return np.where(np.abs(whole) < 2.0**53, np.ldexp(whole, exponent), values) + 0.0
