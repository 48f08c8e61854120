"""Robust z-score: bring grey values without a unit to a common scale that single voxels cannot change."""

from dataclasses import dataclass, field, replace
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray

from tdaflow.errors import InputError
from tdaflow.preprocessing.intensity import by_plane
from tdaflow.preprocessing.robust import bounds, quartiles
from tdaflow.preprocessing.statistics import OVER, Over, extremes
from tdaflow.preprocessing.step import Blocks, Spacing, Step, Voxels, check_choice, check_number

# Standard deviation of normal noise over its interquartile range, and over its 1–99 % range.
_PER_IQR = 0.7413011092528010
_PER_98 = 0.2149291623919966
_MOST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class RobustZScore(Step):
    """Subtract the median and divide by 0.7413 times the interquartile range; float32, values are not limited.

    Parameters
    ----------
    over : "nonzero" or "all"
        Voxels that median and range are taken of; all voxels are mapped. "nonzero" leaves out an empty background.
        A background of noise counts: where it is most of the volume, crop or mask it before.
    centre, scale : float, in the volume's grey values
        Used instead of the volume's own; both or neither.

    Notes
    -----
    The factor makes the result the z-score for normal grey values: ISO 13528 calls the scale normalised interquartile
    range. The median and the quartiles are smoothed (`tdaflow.preprocessing.robust.quartiles`), so that one voxel in
    a thousand, whatever its value, moves neither by more than about 1 % of the scale. Where the quartiles coincide, as
    in a volume of two grey values, the 1 % and 99 % quantiles serve with their own factor.

    It is a step of its own, not an option of `ZScore`, so that ``mean`` and ``std`` in the facts of a volume always are
    mean and standard deviation.
    """

    step: str = field(default="robust-zscore", init=False)
    over: Over = "nonzero"
    centre: float | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        check_choice("robust-zscore", "over", self.over, OVER)
        if (self.centre is None) != (self.scale is None):
            raise InputError("robust-zscore: give both centre and scale, or neither for the volume's own.")
        if self.centre is not None and self.scale is not None:
            check_number("robust-zscore", "centre", self.centre)
            check_number("robust-zscore", "scale", self.scale)
            if self.scale <= 0:
                raise InputError(f"robust-zscore: scale is {self.scale!r}; it must be above 0.")

    @property
    def pointwise(self) -> bool:
        return self.centre is not None

    def fixed(self, blocks: Blocks) -> Self:
        if self.centre is not None:
            return self
        low, centre, high = quartiles(blocks, self.over)
        factor = _PER_IQR
        if low == high:
            low, high = bounds(blocks, over=self.over)
            factor = _PER_98
        if low == high:
            which = "voxels that are not zero" if self.over == "nonzero" else "voxels"
            raise InputError(
                f"robust-zscore: 98 % or more of the {which} are {low:g}, which has no spread; "
                + ("use over = 'all', or leave the volume out." if self.over == "nonzero" else "leave the volume out.")
            )
        # Halves: high − low may pass the largest float.
        step = replace(self, centre=centre, scale=(high / 2 - low / 2) * factor * 2)
        step._mapped(np.array(extremes(blocks)))  # refuses before any block is written
        return step

    def apply(self, voxels: Voxels, spacing: Spacing) -> tuple[Voxels, Spacing]:
        step = self.fixed(lambda: [voxels])
        return by_plane(voxels, step._mapped, "float32"), spacing

    def _mapped(self, plane: NDArray[np.float64]) -> NDArray[np.float64]:
        centre, scale = float(cast(float, self.centre)), float(cast(float, self.scale))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            mapped = (plane / 2 - centre / 2) / (scale / 2)
        for end, at in ((mapped.min(), plane.min()), (mapped.max(), plane.max())):
            if not abs(end) <= _MOST:
                raise InputError(
                    f"robust-zscore: a voxel of {at:g} lies further from the centre {centre:g} than float32 holds in "
                    f"units of {scale:g}; limit the volume with a clip step before, or leave it out."
                )
        return mapped
