"""Options of persistence images: one frozen, checked record with the defaults of every entrance."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from tdaflow.errors import InputError
from tdaflow.images.axes import Range, Resolution, rows_and_columns
from tdaflow.images.profiles import Sampling
from tdaflow.images.sigma import sigma_from_epsilon
from tdaflow.images.weights import Weight, parsed_weight
from tdaflow.option_types import check_fields

Plane = Literal["birth-death", "birth-persistence"]
Outside = Literal["tails", "clip", "drop"]
Normalise = Literal["max", "sum"] | float | None

CHOICES = {
    "plane": ("birth-death", "birth-persistence"),
    "sampling": ("midpoint", "integral", "centre"),
    "outside": ("tails", "clip", "drop"),
    "constant_birth": ("vector", "image"),
    "dtype": ("float32", "float64"),
}


@dataclass(frozen=True)
class ImageOptions:
    """Options of persistence images, checked when made.

    Parameters
    ----------
    epsilon : float in (0, 1)
        Ratio of diagonally adjacent pixels, sets σ by `sigma_from_epsilon`.
    resolution : int or (rows, columns), in pixels
        Of an image; one number for both.
    plane : "birth-persistence" or "birth-death"
        What the second axis, that of the rows, is: how long a bar lives, or where it ends.
    weight : "constant", "linear", "gaussian", "arctan" or "power(n)"
        How much a bar counts: alike, by its persistence p, by exp(−p²/2σ²) (Zhu et al. 2024), by arctan(p), by pⁿ. In
        Python also ("power", n) or a callable of (birth, persistence), see `persistence_image`.
    sampling : "midpoint", "integral" or "centre"
        How a pixel sees the Gaussians: their value at its centre times its area, their integral over it, or their value
        at its centre.
    outside : "tails", "clip" or "drop"
        What becomes of bars outside the ranges: their Gaussians reach in, they are moved to the border, or left out.
    normalise : None, "max", "sum" or "dataset-max"
        Divide each image by its largest pixel or by the sum of its pixels, or all images of a channel by the typical
        largest pixel of a reference volume.
    quantiles : (low, high) in [0, 1]
        Between which quantiles of its own bars each volume contributes to the ranges of a cohort, see
        `tdaflow.diagrams.resolve_ranges`; (0, 1) takes the extremes of the cohort, as Zhu et al. 2024 do.
    constant_birth : "vector" or "image"
        A channel whose bars are all born at one value (alpha H0, at 0) becomes one column or a whole image.
    dtype : "float32" or "float64"
        Of stored images.

    Raises
    ------
    InputError
        For a value outside its limits.
    """

    epsilon: float = 0.95
    resolution: Resolution = 32
    plane: Plane = "birth-persistence"
    weight: Weight = "constant"
    sampling: Sampling = "midpoint"
    outside: Outside = "tails"
    normalise: Literal["max", "sum", "dataset-max"] | None = None
    quantiles: tuple[float, float] = (0.02, 0.98)
    constant_birth: Literal["vector", "image"] = "vector"
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        check_fields(self)
        rows_and_columns(self.resolution)
        parsed_weight(self.weight)
        if self.normalise not in (None, "max", "sum", "dataset-max"):
            raise InputError(f"normalise is {self.normalise!r}; use None, 'max', 'sum' or 'dataset-max'.")
        if not 0 < self.epsilon < 1:
            raise InputError(f"epsilon is {self.epsilon!r}, outside (0, 1); use a ratio such as 0.95.")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is {getattr(self, name)!r}; use one of {', '.join(map(repr, allowed))}.")
        low, high = (float(q) for q in self.quantiles)
        if not 0 <= low < high <= 1:
            raise InputError(
                f"quantiles are {self.quantiles!r}; give (low, high) with 0 <= low < high <= 1, (0, 1) for extremes."
            )
        object.__setattr__(self, "quantiles", (low, high))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        return rows_and_columns(self.resolution)

    def sigma(self, birth_range: Range, death_range: Range) -> float:
        """The σ that ``epsilon`` and ``resolution`` give for these ranges."""
        return sigma_from_epsilon(self.epsilon, birth_range, death_range, self.resolution)

    @property
    def pixel_unit(self) -> str:
        """Unit of a pixel's value: a power of the unit of births, or "1" for none."""
        weight = parsed_weight(self.weight)
        power = float(weight[1]) if isinstance(weight, tuple) else float(weight == "linear")
        power -= 2.0 if self.sampling == "centre" else 0.0
        return "1" if self.normalise is not None or power == 0 else f"(unit of birth)^{power:g}"

    def with_shape(self, rows: int, columns: int) -> "ImageOptions":
        """The same options at another resolution."""
        return replace(self, resolution=(rows, columns))


def check_normalise(normalise: Normalise) -> None:
    """Raise InputError unless ``normalise`` is None, "max", "sum" or a positive finite number."""
    if normalise is None or (isinstance(normalise, str) and normalise in ("max", "sum")):
        return
    if isinstance(normalise, str) or not (math.isfinite(normalise) and normalise > 0):
        raise InputError(f"normalise is {normalise!r}; use None, 'max', 'sum' or a positive number to divide by.")
