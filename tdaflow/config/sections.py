"""Sections of a configuration for filtrations and for execution."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tdaflow.config.options import build, regions_from
from tdaflow.errors import UnknownOption, did_you_mean
from tdaflow.homology import FILTRATIONS, Filtration
from tdaflow.homology.regions import Regions


class Section(BaseModel):
    """Base of the sections: refuses unknown keys, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, given: Any) -> Any:
        """Refuse unknown keys with the nearest known ones; TOML has no word for None, "none" stands for it."""
        if not isinstance(given, dict):
            return given
        unknown = sorted(set(given) - set(cls.model_fields))
        if unknown:
            raise UnknownOption("this table", unknown[0], cls.model_fields)
        optional = {name for name, field in cls.model_fields.items() if field.default is None}
        return {name: None if value == "none" and name in optional else value for name, value in given.items()}


class FiltrationConfig(Section):
    """One filtration of a run: its kind and options, superpixel options of its own, and how its bars are cleaned.

    Several at once: ``each = {sigma = [1, 2]}`` in a table makes one filtration for every combination of the values
    that it lists.

    Attributes
    ----------
    kind : str
        Which filtration it is; by default the one that the table is named after.
    superpixels : table
        Options of the section superpixels for this filtration alone, such as {n_superpixels = 300}; only where it is
        computed on superpixels.
    regions : str or table
        Blocks of the volume with diagrams of their own: "whole", "octants", "2x2x2-overlap", "3x3x3-overlap", or a
        table of blocks, overlap and whole.
    homology_dimensions : list of int
        Dimensions k of H_k: components 0, loops 1, cavities 2; each once.
    min_persistence : float in [0, 1)
        Bars of up to this share of the largest value of their diagram are left out.
    essential : "drop", "cap", float or None
        What becomes of bars that never die: left out, ended at the largest filtration value, or ended at a value; by
        default what the filtration says.
    options : table
        The options of the kind; written beside the other keys.
    """

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
            raise ValueError(f"unknown filtration kind {self.kind!r}; {did_you_mean(self.kind, sorted(FILTRATIONS))}")
        if not self.homology_dimensions or len(set(self.homology_dimensions)) < len(self.homology_dimensions):
            raise ValueError("homology_dimensions must list one or more dimensions, each once")
        if self.filtration().takes != "points" and self.superpixels:
            raise ValueError(f"superpixels have no meaning for kind {self.kind!r}, which is computed on voxels")
        return self

    def filtration(self) -> Filtration:
        """Return the filtration with its options."""
        try:
            return build(FILTRATIONS[self.kind], self.options)
        except UnknownOption as error:
            common = [name for name in type(self).model_fields if name != "options"]
            raise UnknownOption("the filtration", error.option, [*error.known, *common]) from None


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
    BeforeValidator(_tolerance, json_schema_input_type=int | float | str),
]


def tolerates(allowed: int | float, count: int, n: int) -> bool:
    """Return True if a `Tolerance` allows for `count` of `n` volumes."""
    return count <= (allowed if isinstance(allowed, int) else allowed * n)


class ExecutionConfig(Section):
    """Batches, cluster, limits and tolerated failures; nothing here changes a result.

    Attributes
    ----------
    batch : int or "auto", in volumes
        Volumes of one task; "auto" makes tasks of some seconds.
    cluster : str
        Where the work is done: sync, threads, processes, tcp://host:port, or a TOML file as in the folder cluster.
    workers : int, optional
        Tasks at the same time; by default one a core, or what the cluster has.
    allow_quarantined : int, or share such as "5%"
        Volumes that may be unusable in a run that counts as a success.
    allow_failed : int, or share such as "5%"
        Volumes that may fail in a run that goes on to the images.
    volume_seconds : float, optional, in seconds
        Time limit of one volume's diagrams; needs processes or a cluster.
    max_voxels : int, in voxels
        Larger volumes are read block by block.
    locations : bool
        Whether it is stored, beside the diagrams, which voxels or points each bar is born and dies at.
    """

    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    cluster: str = "threads"
    workers: Annotated[int, Field(ge=1)] | None = None
    allow_quarantined: Tolerance = 0
    allow_failed: Tolerance = 0
    volume_seconds: Annotated[float, Field(gt=0)] | None = None
    max_voxels: Annotated[int, Field(ge=1)] = 128**3
    locations: bool = False
