"""Sections of a configuration for filtrations and for execution."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tdaflow.config.options import build, regions_from
from tdaflow.homology import FILTRATIONS, Filtration
from tdaflow.homology.regions import Regions


class Section(BaseModel):
    """Base of the sections: refuses unknown keys, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FiltrationConfig(Section):
    """One filtration of a run: its kind and options, superpixel options of its own, and how its bars are cleaned."""

    kind: str
    superpixels: dict[str, Any] = {}
    regions: Annotated[Regions, BeforeValidator(regions_from)] = Regions()
    homology_dimensions: tuple[Annotated[int, Field(ge=0)], ...] = (0, 1, 2)
    min_persistence: Annotated[float, Field(ge=0, lt=1)] = 0.0
    essential: Literal["drop", "cap"] | float | None = None
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, given: Any) -> Any:
        """Move the options of the kind out of the flat table that a TOML file gives."""
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
        """Return the filtration with its options."""
        return build(FILTRATIONS[self.kind], self.options)


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
    """Batches, cluster, limits and tolerated failures; nothing here changes a result."""

    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    cluster: str = "threads"
    workers: Annotated[int, Field(ge=1)] | None = None
    allow_quarantined: Tolerance = 0
    allow_failed: Tolerance = 0
    volume_seconds: Annotated[float, Field(gt=0)] | None = None
    max_voxels: Annotated[int, Field(ge=1)] = 128**3
