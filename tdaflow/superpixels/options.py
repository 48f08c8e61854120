"""What a superpixel cloud is made with: one frozen, checked, hashable record."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal

from tdaflow.errors import InputError

GridKind = Literal["nearest", "integer-step"]
IntensityKind = Literal["point", "mean"]
MethodKind = Literal["grid", "slic"]

_CHOICES = {"grid": ("nearest", "integer-step"), "intensity": ("point", "mean"), "method": ("grid", "slic")}
_SCALES = ("auto", "cohort", "volume")

STEP_SMOOTHING = 0.5
"""``smoothing="step"``: standard deviation of the Gaussian as a multiple of the grid's step."""


@dataclass(frozen=True)
class SuperpixelOptions:
    """Options of :func:`tdaflow.superpixels.superpixels`, checked when made.

    Parameters
    ----------
    n_superpixels : int
        Wanted number of points, at least 8.
    smoothing : "step", float or None
        Standard deviation of the Gaussian filter as a multiple of the grid's step on each axis; "step" is 0.5.
        None (or 0) filters nothing.
    space_weight : float in [0, 1]
        λ: positions are scaled by √(2λ), intensities by √(2(1−λ)); ½ leaves both as they are.
    intensity_scale : float > 0, "auto", "cohort" or "volume"
        Multiplies intensities. One volume alone gets its own factor, `tdaflow.superpixels.volume_scale`, unless a
        number is given; a run and `tdaflow.SuperpixelPointCloud` learn from a cohort, see
        `tdaflow.superpixels.cohort_scale`.
    intensity_step : float > 0 or None
        Intensities are rounded to multiples of it (before scaling); None takes 1 for integer and bool volumes, and for
        float volumes the largest power of two ≤ (max − min)/4096.
    grid : "nearest" or "integer-step"
        See :mod:`tdaflow.superpixels.grid`.
    intensity : "point" or "mean"
        Filtered intensity at the feature point, or its mean over the superpixel.
    method : "grid" or "slic"
        Regular grid, or centroids of SLIC supervoxels (scikit-image).

    Raises
    ------
    InputError
        For a value outside these limits.
    """

    n_superpixels: int = 600
    smoothing: Literal["step"] | float | None = "step"
    space_weight: float = 0.5
    intensity_scale: float | Literal["auto", "cohort", "volume"] = "auto"
    intensity_step: float | None = None
    grid: GridKind = "nearest"
    intensity: IntensityKind = "point"
    method: MethodKind = "grid"

    def __post_init__(self) -> None:
        n = self.n_superpixels
        if isinstance(n, bool) or not isinstance(n, Real) or n % 1 != 0:  # also NaN and infinity
            raise InputError(f"n_superpixels is {n!r}; it must be a whole number of 8 or more.")
        object.__setattr__(self, "n_superpixels", int(n))
        if n < 8:
            raise InputError(f"n_superpixels is {n}, below the least grid of 8 (2×2×2); use 8 or more.")
        if not 0 <= self.space_weight <= 1:
            raise InputError(f"space_weight is {self.space_weight!r}, outside [0, 1]; use 0.5 for plain (z, y, x, I).")
        if self.smoothing == "none":
            object.__setattr__(self, "smoothing", None)
        scale, step = self.intensity_scale, self.intensity_step
        if not (scale in _SCALES if isinstance(scale, str) else _is_positive(scale)):
            raise InputError(
                f"intensity_scale is {scale!r}; it must be {', '.join(map(repr, _SCALES))} or a positive finite number."
            )
        if step is not None and not _is_positive(step):
            raise InputError(f"intensity_step is {step!r}; it must be a positive finite number.")
        if isinstance(self.smoothing, str) and self.smoothing != "step":
            raise InputError(f"smoothing is {self.smoothing!r}; use 'step', None or a multiple of the step.")
        if not (math.isfinite(self.smoothing_multiple) and self.smoothing_multiple >= 0):
            raise InputError(f"smoothing is {self.smoothing!r}; the multiple of the step must be finite and ≥ 0.")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is {getattr(self, name)!r}; use one of {', '.join(map(repr, allowed))}.")

    @property
    def smoothing_multiple(self) -> float:
        """Standard deviation of the Gaussian over the step; 0 for none."""
        if self.smoothing is None:
            return 0.0
        return STEP_SMOOTHING if isinstance(self.smoothing, str) else float(self.smoothing)


def _is_positive(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value) and float(value) > 0
