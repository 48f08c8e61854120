"""What persistence images are made with: one frozen, checked, hashable record, and the two published choices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.errors import InputError
from tdaflow.images.axes import Range, Resolution, rows_and_columns
from tdaflow.images.image import (
    CHOICES,
    Normalise,
    Outside,
    Plane,
    check_normalise,
    persistence_image,
)
from tdaflow.images.profiles import Sampling
from tdaflow.images.sigma import sigma_from_epsilon
from tdaflow.images.weights import Weight, parsed_weight


@dataclass(frozen=True)
class ImageOptions:
    """Options of persistence images, checked when made.

    Parameters
    ----------
    resolution : int or (rows, columns)
        Kept as (rows, columns).
    epsilon : float in (0, 1)
        Ratio of neighbouring pixels, sets σ by `sigma_from_epsilon`.
    weight, plane, sampling, normalise, outside
        As for `persistence_image`.

    Raises
    ------
    InputError
        For a value outside its limits.
    """

    resolution: Resolution = 100
    epsilon: float = 0.95
    weight: Weight = "gaussian"
    plane: Plane = "birth-death"
    sampling: Sampling = "centre"
    normalise: Normalise = None
    outside: Outside = "tails"

    def __post_init__(self) -> None:
        object.__setattr__(self, "resolution", rows_and_columns(self.resolution))
        object.__setattr__(self, "weight", parsed_weight(self.weight))
        if not 0 < self.epsilon < 1:
            raise InputError(f"epsilon is {self.epsilon!r}, outside (0, 1); use a ratio such as 0.95.")
        check_normalise(self.normalise)
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} is {getattr(self, name)!r}; use one of {', '.join(map(repr, allowed))}.")

    def sigma(self, birth_range: Range, death_range: Range) -> float:
        """The σ that ``epsilon`` and ``resolution`` give for these ranges."""
        return sigma_from_epsilon(self.epsilon, birth_range, death_range, self.resolution)

    def image(
        self, pairs: ArrayLike, birth_range: Range, death_range: Range, sigma: float | None = None
    ) -> NDArray[np.float64]:
        """The image of one homology dimension; σ from ``epsilon`` unless given."""
        return persistence_image(
            pairs,
            birth_range=birth_range,
            death_range=death_range,
            sigma=self.sigma(birth_range, death_range) if sigma is None else sigma,
            resolution=self.resolution,
            weight=self.weight,
            plane=self.plane,
            sampling=self.sampling,
            normalise=self.normalise,
            outside=self.outside,
        )


PRESETS = {
    # Definition 1 of the reading report, each image over its maximum
    "report": ImageOptions(epsilon=0.95, weight="gaussian", plane="birth-death", sampling="centre", normalise="max"),
    # Adams et al. 2017
    "adams": ImageOptions(epsilon=0.95, weight="linear", plane="birth-persistence", sampling="integral"),
}
