"""The training record of a Volume PI-Net: facts of its training volumes, and how the run made their images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tdaflow.pipeline.apply import Recipe, recipe_from
from tdaflow.store import ChannelAxes

Bounds = tuple[float, float]

# What a recipe is made from, of all that run.json holds.
_KEPT = ("config", "scales", "ranges", "image_maximum", "images_dtype")
# Slack of intensities, as a share of the training volumes' range, and of spacing, relative.
_INTENSITY_SLACK = 0.01
_SPACING_SLACK = 0.01
# Roughness may leave the range of the training volumes by this factor.
_ROUGHNESS_SLACK = 1.1


@dataclass(frozen=True)
class DataRecord:
    """Facts of the training volumes, so that a model can refuse what it has not seen.

    Attributes
    ----------
    data_set, licence : str
    volumes_digest : str
        Of the volume store.
    n_train, n_val : int
    shapes : tuple of (z, y, x)
        Every shape there was.
    spacing_low, spacing_high : (z, y, x) float
        Millimetres.
    minimum, maximum : (low, high) float
        Between what the smallest and the largest values of the volumes lay, in their own units.
    intensity_range : (low, high) float
        Typical extent of the volumes, in their own units.
    roughness : (low, high) float
        Between what the mean differences of neighbouring voxels lay, in intensity units: noise raises it, blur lowers
        it.
    """

    data_set: str
    licence: str
    volumes_digest: str
    n_train: int
    n_val: int
    shapes: tuple[tuple[int, int, int], ...]
    spacing_low: tuple[float, float, float]
    spacing_high: tuple[float, float, float]
    minimum: Bounds
    maximum: Bounds
    intensity_range: Bounds
    roughness: Bounds

    def outside_by_header(self, shape: Sequence[int], spacing: Sequence[float], extremes: Bounds) -> str | None:
        """Return why a volume is outside the training record by its header, or None if it is inside.

        Parameters
        ----------
        shape : (z, y, x)
        spacing : (z, y, x) mm
        extremes : (smallest, largest) value
        """
        if tuple(shape) not in self.shapes:
            known = " or ".join("×".join(map(str, s)) for s in self.shapes[:3])
            return f"shape {'×'.join(map(str, shape))}, trained on {known}"
        low, high = np.array(self.spacing_low), np.array(self.spacing_high)
        given = np.array(spacing)
        if ((given < low * (1 - _SPACING_SLACK)) | (given > high * (1 + _SPACING_SLACK))).any():
            return f"spacing {_mm(spacing)} mm, trained on {_mm(self.spacing_low)} to {_mm(self.spacing_high)} mm"
        slack = _INTENSITY_SLACK * (self.intensity_range[1] - self.intensity_range[0])
        for name, value, (least, most) in (
            ("smallest", extremes[0], self.minimum),
            ("largest", extremes[1], self.maximum),
        ):
            if not least - slack <= value <= most + slack:
                return f"{name} value {value:g}, trained on {least:g} to {most:g}"
        return None

    def outside_by_voxels(self, voxels: np.ndarray) -> str | None:
        """Return why a volume is outside the training record by its voxels, or None if it is inside."""
        value = roughness(voxels)
        low, high = self.roughness
        if not low / _ROUGHNESS_SLACK <= value <= high * _ROUGHNESS_SLACK:
            return f"mean difference of neighbouring voxels {value:.3g}, trained on {low:.3g} to {high:.3g}"
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return a dict that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> "DataRecord":
        """Make one from what `to_dict` gave, through JSON."""
        shapes = tuple(tuple(int(n) for n in shape) for shape in told["shapes"])
        pairs = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
        return cls(**{**told, **pairs, "shapes": shapes})


def roughness(voxels: np.ndarray) -> float:
    """Return the mean absolute difference of neighbouring voxels along the three axes, in intensity units."""
    values = np.asarray(voxels, dtype=np.float32)
    return float(np.mean([np.abs(np.diff(values, axis=axis)).mean() for axis in range(values.ndim)], dtype=np.float64))


def bounds(values: Iterable[float]) -> Bounds:
    """Return the smallest and the largest of some numbers."""
    array = np.fromiter(values, dtype=np.float64)
    return float(array.min()), float(array.max())


def _mm(values: Sequence[float]) -> str:
    return "×".join(f"{value:g}" for value in values)


@dataclass(frozen=True)
class ExactRecipe:
    """A run's recipe for some channels, as data.

    Attributes
    ----------
    state : mapping
        JSON-able: configuration, ranges and maxima of the run.
    blocks : tuple of str
        The channels, as features name them.
    """

    state: Mapping[str, Any]
    blocks: tuple[str, ...]

    @classmethod
    def of_run(cls, state: Mapping[str, Any], blocks: tuple[str, ...]) -> "ExactRecipe":
        """Keep of run.json what the recipe needs."""
        return cls({name: state[name] for name in _KEPT}, blocks)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe, as the pipeline's batch functions take it."""
        return recipe_from(self.state, self.blocks)

    @property
    def channels(self) -> tuple[ChannelAxes, ...]:
        """Grid and σ of the channels, in the run's order."""
        return self.recipe.images.channels

    def to_dict(self) -> dict[str, Any]:
        """Return a dict that JSON can hold."""
        return {"state": dict(self.state), "blocks": list(self.blocks)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "ExactRecipe":
        """Make one from what `to_dict` gave, through JSON."""
        return cls(told["state"], tuple(told["blocks"]))
