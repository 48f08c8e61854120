"""The sections of a configuration: superpixels, filtrations, images, execution."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from tdaflow.config.options import build, regions_from
from tdaflow.homology import FILTRATIONS, Filtration
from tdaflow.homology.regions import Regions
from tdaflow.images.weights import parsed_weight


class Section(BaseModel):
    """A table of a configuration: unknown keys are refused, values stay as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SuperpixelConfig(Section):
    """Arguments of `tdaflow.superpixels.superpixels`; ``intensity_scale="range"`` maps the data set's range to 255."""

    n_superpixels: Annotated[int, Field(ge=8)] = 600
    method: Literal["grid", "slic"] = "grid"
    grid: Literal["nearest", "integer-step"] = "nearest"
    intensity: Literal["point", "mean"] = "point"
    smoothing: Literal["step", "none"] | Annotated[float, Field(gt=0)] = "step"
    space_weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    intensity_scale: Literal["range"] | Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    intensity_step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    def arguments(self, intensity_scale: float) -> dict[str, Any]:
        """Keyword arguments of the kernel, with the intensity scale resolved."""
        arguments = self.model_dump()
        arguments["intensity_scale"] = intensity_scale
        if self.smoothing == "none":
            arguments["smoothing"] = None
        return arguments


class FiltrationConfig(Section):
    """One filtration of a run: its kind and options, superpixel options of its own, and how its bars are cleaned."""

    kind: str
    superpixels: dict[str, Any] = {}
    regions: Annotated[Regions, BeforeValidator(regions_from)] = Regions()
    homology_dimensions: tuple[Annotated[int, Field(ge=0)], ...] = (0, 1, 2)
    min_persistence: Annotated[float, Field(ge=0, lt=1)] = 1e-6
    essential: Literal["drop", "cap"] | float | None = None
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, given: Any) -> Any:
        """Take the kind's own options out of the flat table that a TOML file gives."""
        if not isinstance(given, dict) or "options" in given:
            return given
        own = {name: given[name] for name in given if name in cls.model_fields}
        return {**own, "options": {name: given[name] for name in given if name not in cls.model_fields}}

    @model_validator(mode="after")
    def _check(self) -> "FiltrationConfig":
        if self.kind not in FILTRATIONS:
            raise ValueError(f"unknown filtration kind {self.kind!r}; known are {', '.join(sorted(FILTRATIONS))}")
        if not self.homology_dimensions or len(set(self.homology_dimensions)) < len(self.homology_dimensions):
            raise ValueError("homology_dimensions must list one or more dimensions, each once")
        if self.filtration().takes != "points" and self.superpixels:
            raise ValueError(f"superpixels have no meaning for kind {self.kind!r}, which is computed on voxels")
        return self

    def filtration(self) -> Filtration:
        """The filtration itself."""
        return build(FILTRATIONS[self.kind], self.options)


class ImageConfig(Section):
    """How diagrams become persistence images."""

    epsilon: Annotated[float, Field(gt=0, lt=1)] = 0.95
    resolution: Annotated[int, Field(ge=1)] | tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = 50
    plane: Literal["birth-death", "birth-persistence"] = "birth-persistence"
    weight: str = "linear"
    sampling: Literal["centre", "integral"] = "centre"
    normalise: Literal["none", "max", "sum", "dataset-max"] = "none"
    outside: Literal["tails", "clip", "drop"] = "tails"
    ranges_from: Literal["all", "train"] = "all"
    quantiles: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]] | None = None
    constant_birth: Literal["vector", "image"] = "vector"
    dtype: Literal["float32", "float64"] = "float32"

    @field_validator("weight")
    @classmethod
    def _check_weight(cls, weight: str) -> str:
        parsed_weight(weight)
        return weight

    @field_validator("quantiles")
    @classmethod
    def _check_quantiles(cls, quantiles: tuple[float, float] | None) -> tuple[float, float] | None:
        if quantiles is not None and quantiles[0] >= quantiles[1]:
            raise ValueError(f"quantiles must ascend, got {quantiles[0]} and {quantiles[1]}")
        return quantiles

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        return (self.resolution, self.resolution) if isinstance(self.resolution, int) else self.resolution


def _tolerance(value: Any) -> Any:
    """Turn "5%" into the share 0.05, "5" into the count 5, and true and false into all and none."""
    if isinstance(value, bool):
        return 1.0 if value else 0
    if isinstance(value, str):
        return float(value[:-1]) / 100 if value.endswith("%") else int(value)
    return value


# A count (int), or a share of all volumes (float up to 1).
Tolerance = Annotated[
    Annotated[int, Field(ge=0, strict=True)] | Annotated[float, Field(ge=0, le=1, strict=True)],
    BeforeValidator(_tolerance),
]


class ExecutionConfig(Section):
    """How the work is cut and what may go wrong; nothing here changes a result."""

    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    cluster: str = "threads"
    workers: Annotated[int, Field(ge=1)] | None = None
    allow_quarantined: Tolerance = 0
    allow_failed: Tolerance = 0
    volume_seconds: Annotated[float, Field(gt=0)] | None = None
    max_voxels: Annotated[int, Field(ge=1)] = 128**3
