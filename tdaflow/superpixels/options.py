"""Options of superpixels: one frozen, checked, hashable record."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal

from tdaflow.errors import InputError
from tdaflow.option_types import check_fields

GridKind = Literal["nearest", "integer-step"]
IntensityKind = Literal["point", "mean"]
MethodKind = Literal["grid", "slic"]
Smoothing = Literal["step", "none"] | float | None
IntensityScale = Literal["auto", "cohort", "volume"] | float

LEARNT_SCALES = ("auto", "cohort", "volume")
"""Intensity scales that are learnt from grey values, so that intensity and space extend equally far."""

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
        Wanted number of points, at least 8. The grid is that nearest to it and seldom as fine along each axis: 600 on a
        cube are 6 × 10 × 10 points (z, y, x), 512 and 1000 are 8³ and 10³.
    smoothing : "step", "none", float or None, in steps of the grid
        Standard deviation of the Gaussian filter as a multiple of the grid's step on each axis; "step" is 0.5.
        None (or 0) filters nothing; "none" becomes None.
    space_weight : float in [0, 1]
        λ: positions are scaled by √(2λ), intensities by √(2(1−λ)); ½ leaves both as they are.
    intensity_scale : "auto", "cohort", "volume" or float > 0
        Multiplies intensities. "volume" makes a volume's intensities extend as far as its longest edge in mm, see
        `tdaflow.superpixels.volume_scale`; "cohort" takes one number for a data set, which a run learns, and "auto"
        chooses for the cohort. Of a single volume all three are "volume".
    intensity_step : float > 0 or None, in the volume's grey values
        Intensities are rounded to multiples of it (before scaling); None takes the largest power of two ≤ 1/4096 of the
        extent of the volume's grey values (`tdaflow.extents.intensity_extent`).
    grid : "nearest" or "integer-step"
        "nearest" takes the grid whose number of points is nearest to `n_superpixels`, "integer-step" that of Zhu et al.
        2024, a whole number of voxels from point to point; see :mod:`tdaflow.superpixels.grid`.
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
    smoothing: Smoothing = "step"
    space_weight: float = 0.5
    intensity_scale: IntensityScale = "auto"
    intensity_step: float | None = None
    grid: GridKind = "nearest"
    intensity: IntensityKind = "point"
    method: MethodKind = "grid"

    def __post_init__(self) -> None:
        n = self.n_superpixels
        if isinstance(n, bool) or not isinstance(n, Real) or n % 1 != 0:  # also NaN and infinity
            raise InputError(f"n_superpixels is {n!r}; it must be a whole number of 8 or more.")
        object.__setattr__(self, "n_superpixels", int(n))
        check_fields(self)
        if n < 8:
            raise InputError(f"n_superpixels is {n}, below the least grid of 8 (2×2×2); use 8 or more.")
        if not 0 <= self.space_weight <= 1:
            raise InputError(f"space_weight is {self.space_weight!r}, outside [0, 1]; use 0.5 for plain (z, y, x, I).")
        if isinstance(self.intensity_scale, str):
            if self.intensity_scale not in LEARNT_SCALES:
                allowed = ", ".join(map(repr, LEARNT_SCALES))
                told = (
                    ' (the former "range", max − min, is gone; "volume" comes nearest)'
                    if self.intensity_scale == "range"
                    else ""
                )
                raise InputError(
                    f"intensity_scale is {self.intensity_scale!r}; use {allowed} or a positive number{told}."
                )
        elif not _positive(self.intensity_scale):
            raise InputError(f"intensity_scale is {self.intensity_scale!r}; it must be a positive finite number.")
        if self.intensity_step is not None and not _positive(self.intensity_step):
            raise InputError(f"intensity_step is {self.intensity_step!r}; it must be a positive finite number.")
        if self.smoothing == "none":
            object.__setattr__(self, "smoothing", None)
        if isinstance(self.smoothing, str) and self.smoothing != "step":
            raise InputError(f"smoothing is {self.smoothing!r}; use 'step', 'none' or a multiple of the step.")
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


def _positive(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value) and float(value) > 0
