"""Steps that change grey values voxel by voxel.

A step with given bounds is pointwise. A step that takes its bounds from the volume becomes pointwise once `fixed` has
filled them in. Whole volumes and blocks go through the same fixed step, so both give the same bits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tdaflow.errors import InputError
from tdaflow.preprocessing.robust import extent
from tdaflow.preprocessing.statistics import OVER, Over, moments, percentiles
from tdaflow.preprocessing.step import (
    Blocks,
    Spacing,
    Step,
    Voxels,
    check_choice,
    check_number,
    check_ordered,
    held_range,
)

OutputType = Literal["float32", "uint8", "int16"]
_OUTPUT_TYPES = ("float32", "uint8", "int16")


@dataclass(frozen=True)
class Window(Step):
    """Limit grey values to a window; what lies outside takes the nearer bound. Units and dtype stay.

    Parameters
    ----------
    low, high : float, in the volume's grey values
        Bounds (HU for CT).
    percentiles : (2,) float in [0, 100]
        Percentiles of each volume that become the bounds; exclude `low` and `high`.
    over : "all" or "nonzero"
        Voxels that the percentiles are taken of; "nonzero" leaves out an empty background.

    Notes
    -----
    In an integer volume the bounds are rounded to whole numbers (halves to even), so that it stays one.
    """

    step: str = field(default="window", init=False)
    low: float | None = None
    high: float | None = None
    percentiles: tuple[float, float] | None = None
    over: Over = "all"

    def __post_init__(self) -> None:
        check_choice("window", "over", self.over, OVER)
        if self.percentiles is None:
            if self.low is None or self.high is None:
                raise InputError("window: give both low and high, or percentiles = [1, 99] instead.")
            check_ordered("window", "low", self.low, "high", self.high)
            return
        if self.low is not None or self.high is not None:
            raise InputError("window: low and high exclude percentiles; give one or the other.")
        object.__setattr__(self, "percentiles", _two_percentiles("window", self.percentiles))

    @property
    def pointwise(self) -> bool:
        return self.percentiles is None

    def fixed(self, blocks: Blocks) -> Self:
        if self.percentiles is None:
            return self
        low, high = percentiles(blocks, self.percentiles, self.over)
        if low == high:
            raise InputError(
                f"window: the percentiles {self.percentiles[0]:g} and {self.percentiles[1]:g} of the volume are both "
                f"{low:g}; take wider ones, or over = 'nonzero' if most of it is empty background."
            )
        return replace(self, low=low, high=high, percentiles=None)

    def apply(self, voxels: Voxels, spacing: Spacing) -> tuple[Voxels, Spacing]:
        step = self.fixed(lambda: [voxels])
        return _limited("window", voxels, step.low, step.high), spacing


@dataclass(frozen=True)
class Clip(Step):
    """Limit grey values from below, from above or both. Units and dtype stay.

    Parameters
    ----------
    low, high : float, in the volume's grey values
        Bounds; at least one. Rounded to whole numbers in an integer volume.
    """

    step: str = field(default="clip", init=False)
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise InputError("clip: give low, high or both.")
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                check_number("clip", name, getattr(self, name))
        if self.low is not None and self.high is not None:
            check_ordered("clip", "low", self.low, "high", self.high)

    @property
    def pointwise(self) -> bool:
        return True

    def apply(self, voxels: Voxels, spacing: Spacing) -> tuple[Voxels, Spacing]:
        return _limited("clip", voxels, self.low, self.high), spacing


@dataclass(frozen=True)
class Rescale(Step):
    """Map one range of grey values linearly to another; what lies outside is limited first, so nothing wraps.

    Parameters
    ----------
    low, high : float
        Bounds of the result.
    from_low, from_high : float, in the volume's grey values
        Grey values that become `low` and `high`. By default the extent of the volume's grey values, which single voxels
        do not change: their 1 % and 99 % quantile, a background counted once
        (`low` and `high` of `tdaflow.extents.intensity_extent`).
    dtype : "float32", "uint8" or "int16"
        Of the result; integers are rounded, halves to even. `low` and `high` must fit it.
    percentiles : (2,) float in [0, 100]
        Percentiles of each volume that become `from_low` and `from_high`; [0, 100] are its extremes, which one outlier
        sets.
    """

    step: str = field(default="rescale", init=False)
    low: float = 0.0
    high: float = 255.0
    from_low: float | None = None
    from_high: float | None = None
    dtype: OutputType = "float32"
    percentiles: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_choice("rescale", "dtype", self.dtype, _OUTPUT_TYPES)
        check_ordered("rescale", "low", self.low, "high", self.high)
        if (self.from_low is None) != (self.from_high is None):
            raise InputError("rescale: give both from_low and from_high, or neither for the volume's own range.")
        if self.from_low is not None:
            check_ordered("rescale", "from_low", self.from_low, "from_high", self.from_high)
        if self.percentiles is not None:
            if self.from_low is not None:
                raise InputError("rescale: from_low and from_high exclude percentiles; give one or the other.")
            object.__setattr__(self, "percentiles", _two_percentiles("rescale", self.percentiles))
        most = float(np.finfo(np.float32).max)
        least = -most
        if self.dtype != "float32":
            least, most = held_range(np.dtype(self.dtype))
        if self.low < least or self.high > most:
            raise InputError(
                f"rescale: the range {self.low:g} to {self.high:g} is wider than {self.dtype} holds "
                f"({least:g} to {most:g}); narrow it or choose another dtype."
            )

    @property
    def pointwise(self) -> bool:
        return self.from_low is not None

    def fixed(self, blocks: Blocks) -> Self:
        if self.from_low is not None:
            return self
        low, high = extent(blocks) if self.percentiles is None else percentiles(blocks, self.percentiles)
        if low == high and self.percentiles in (None, (0, 100)):
            raise InputError(f"rescale: every voxel is {low:g}, which has no range; leave the volume out.")
        if low == high and self.percentiles is not None:
            raise InputError(
                f"rescale: the percentiles {self.percentiles[0]:g} and {self.percentiles[1]:g} of the volume are both "
                f"{low:g}; take wider ones, or leave percentiles out for bounds that count a background once."
            )
        return replace(self, from_low=low, from_high=high, percentiles=None)

    def apply(self, voxels: Voxels, spacing: Spacing) -> tuple[Voxels, Spacing]:
        step = self.fixed(lambda: [voxels])
        first, last = float(cast(float, step.from_low)), float(cast(float, step.from_high))
        low, high = float(self.low), float(self.high)
        width = last / 2 - first / 2  # halves: last − first may pass the largest float
        whole = self.dtype != "float32"

        def mapped(plane: NDArray[np.float64]) -> NDArray[np.float64]:
            share = (np.clip(plane, first, last) / 2 - first / 2) / width
            # the outer limits take off what rounding may add
            scaled = np.clip(share * (high - low) + low, low, high)
            return np.rint(scaled) if whole else scaled

        return by_plane(voxels, mapped, self.dtype), spacing


@dataclass(frozen=True)
class ZScore(Step):
    """Subtract the mean and divide by the standard deviation; the result is float32, in standard deviations.

    One outlier can set both, so prefer `RobustZScore`; this step is for comparison with published work.

    Parameters
    ----------
    over : "nonzero" or "all"
        Voxels that mean and standard deviation are taken of; all voxels are mapped. "nonzero" is for volumes with an
        empty background, such as skull-stripped MR.
    mean, std : float, in the volume's grey values
        Used instead of the volume's own; both or neither.

    Notes
    -----
    Grey values of about ±3 are small compared with positions in voxels: point clouds need an ``intensity_scale`` above
    1, which "auto" finds.
    """

    step: str = field(default="zscore", init=False)
    over: Over = "nonzero"
    mean: float | None = None
    std: float | None = None

    def __post_init__(self) -> None:
        check_choice("zscore", "over", self.over, OVER)
        if (self.mean is None) != (self.std is None):
            raise InputError("zscore: give both mean and std, or neither for the volume's own.")
        if self.mean is not None and self.std is not None:
            check_number("zscore", "mean", self.mean)
            check_number("zscore", "std", self.std)
            if self.std <= 0:
                raise InputError(f"zscore: std is {self.std!r}; it must be above 0.")

    @property
    def pointwise(self) -> bool:
        return self.mean is not None

    def fixed(self, blocks: Blocks) -> Self:
        if self.mean is not None:
            return self
        _, mean, std = moments(blocks, self.over)
        if std == 0:
            which = "voxel that is not zero" if self.over == "nonzero" else "voxel"
            raise InputError(f"zscore: every {which} is {mean:g}, which has no spread; leave the volume out.")
        return replace(self, mean=mean, std=std)

    def apply(self, voxels: Voxels, spacing: Spacing) -> tuple[Voxels, Spacing]:
        step = self.fixed(lambda: [voxels])
        mean, std = cast(float, step.mean), cast(float, step.std)
        return by_plane(voxels, lambda plane: (plane - mean) / std, "float32"), spacing


def _two_percentiles(step: str, given: Any) -> tuple[float, float]:
    try:
        first, second = given
    except (TypeError, ValueError):
        raise InputError(f"{step}: percentiles is {given!r}; give two, such as [1, 99].") from None
    check_ordered(step, "percentiles[0]", first, "percentiles[1]", second)
    if first < 0 or second > 100:
        raise InputError(f"{step}: percentiles is {given!r}; both must lie in [0, 100].")
    return first, second


def _limited(step: str, voxels: Voxels, low: float | None, high: float | None) -> Voxels:
    """Return the voxels limited to two bounds, in their own dtype."""
    bounds: list[float | None] = [low, high]
    least: float
    most: float
    if voxels.dtype.kind in "iu":
        least, most = held_range(voxels.dtype)
        bounds = [None if b is None else round(b) for b in bounds]
        if (low is not None and round(low) > most) or (high is not None and round(high) < least):
            raise InputError(
                f"{step}: the bounds {low} and {high} lie outside the {least} to {most} that {voxels.dtype} "
                f"voxels can have; check the volume's units."
            )
    else:
        # a bound beyond a small float's range must not become infinite with a warning
        most = float(np.finfo(voxels.dtype.name).max)
        least = -most
    first, last = (None if b is None else voxels.dtype.type(min(max(b, least), most)) for b in bounds)
    return cast(Voxels, np.clip(voxels, first, last))


def by_plane(
    voxels: Voxels, function: Callable[[NDArray[np.float64]], NDArray[np.float64]], dtype: DTypeLike
) -> Voxels:
    """Map voxels in float64, a plane at a time: float64 of the whole volume would be up to eight times its size."""
    result = np.empty(voxels.shape, dtype=dtype)
    for plane, target in zip(voxels, result, strict=True):
        target[...] = function(plane.astype(np.float64))
    return result
