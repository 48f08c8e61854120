"""The typed configuration of a run.

Every option is declared once, in the frozen dataclass of the package that uses it; here options are only validated.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tdaflow.config.expand import expanded
from tdaflow.config.messages import typed
from tdaflow.config.options import build, built, option_names, vectorisations_from
from tdaflow.config.presets import over_preset
from tdaflow.config.sections import ExecutionConfig, FiltrationConfig, Section
from tdaflow.homology import kernels
from tdaflow.homology.regions import is_regional
from tdaflow.images import ImageOptions
from tdaflow.preprocessing import AUTO, Preprocessing
from tdaflow.remote import place
from tdaflow.sources import SOURCES, Source, open_source
from tdaflow.sources.paths import absolute
from tdaflow.store import options_digest
from tdaflow.store.reference import Reference, read_reference
from tdaflow.superpixels import SuperpixelOptions
from tdaflow.vectorisations import VECTORISATIONS

# Raised when a change of the code changes superpixels or diagrams of the same input.
DIAGRAM_ALGORITHM = 2
# Raised when a change of the code changes the images of the same diagrams.
IMAGE_ALGORITHM = 5
# Raised when a change of the code changes the intensity scales of the same volumes.
SCALE_ALGORITHM = 2


PATH_LEFT_OUT = "(a path, not kept)"
"""What stands in run.json in place of a path of the data."""


class RunConfig(Section):
    """Configuration of a run: one field for each section of its TOML file.

    Attributes
    ----------
    preset : "default", "zhu2024", "adams" or "wide"
        Starting point that everything else is laid over.
    reference : "all", "train" or path
        Volumes that scales and ranges are learnt from: all of them, without their labels, those of the split train,
        those of a finished run, whose folder it is, or those of several sites, whose file `tdaflow reference` wrote.
    data : table
        Where volumes come from: a kind of source and its options, or a volume store.
    preprocess : table
        What is done to every volume when it is read.
    superpixels : table
        How a volume becomes a cloud of points.
    filtrations : table of tables
        What diagrams are computed from, one table [filtrations.NAME] each; those given are all there are.
    images : table
        How diagrams become persistence images.
    vectorisations : table of tables, or list of names
        Short vectors beside the images: betti, landscape, silhouette, entropy, statistics and atol; a list of those
        wanted, or a table [vectorisations.KIND] each.
    run : table
        How the work is cut and what may go wrong.
    """

    preset: str = "default"
    reference: str = "all"
    data: dict[str, Any] = Field(default_factory=lambda: {"kind": "phantoms"})
    preprocess: dict[str, Any] = Field(default_factory=dict)
    superpixels: Annotated[SuperpixelOptions, built(SuperpixelOptions)] = SuperpixelOptions()
    filtrations: Annotated[dict[str, FiltrationConfig], Field(min_length=1)] = Field(
        default_factory=lambda: {"alpha": FiltrationConfig(kind="alpha")}
    )
    images: Annotated[ImageOptions, built(ImageOptions)] = ImageOptions()
    vectorisations: Annotated[dict[str, dict[str, Any]], BeforeValidator(vectorisations_from)] = Field(
        default_factory=dict
    )
    run: ExecutionConfig = ExecutionConfig()

    @model_validator(mode="before")
    @classmethod
    def _over_its_preset(cls, given: Any) -> Any:
        """Merge the given values over their preset; refuse renamed keys and values with the new name."""
        if not isinstance(given, dict):
            return given
        if isinstance(images := given.get("images"), dict) and "ranges_from" in images:
            raise ValueError(
                "images.ranges_from is called reference now, at the top level: write reference = "
                f'"{images["ranges_from"]}"'
            )
        sections = {"": given, **_tables(given.get("filtrations"), "filtrations.")}
        for prefix, section in sections.items():
            if isinstance(cloud := section.get("superpixels"), dict) and cloud.get("intensity_scale") == "range":
                raise ValueError(
                    f'{prefix}superpixels.intensity_scale = "range" (max − min) is gone: write "cohort" for one scale '
                    'from the typical extent of all volumes, "volume" for one a volume, or leave it out ("auto")'
                )
        return over_preset(given)

    @field_validator("reference")
    @classmethod
    def _is_absolute(cls, given: str) -> str:
        """Return "all", "train", or the absolute path of a run or file, whose scales and ranges are used."""
        if given in ("all", "train"):
            return given
        path = absolute(given)
        # A path from run.json may not exist any more; a word without a separator is a mistake.
        if os.sep not in given and not path.is_dir() and not (is_joint(given) and path.is_file()):
            raise ValueError('write "all", "train", the folder of a finished run, or a file of `tdaflow reference`')
        return str(path)

    @field_validator("filtrations", mode="before")
    @classmethod
    def _name_is_kind(cls, given: Any) -> Any:
        """Take a table's name as its kind where none is given, then expand tables that have an ``each``."""
        if not isinstance(given, dict):
            return given
        named = {
            name: {"kind": name, **options} if isinstance(options, dict) else options for name, options in given.items()
        }
        return expanded(named)

    @model_validator(mode="after")
    def _check_data(self) -> "RunConfig":
        if "store" not in self.data:
            kind = SOURCES.get(str(self.data.get("kind")))
            with typed("data", option_names(kind) if kind else ["kind"]):
                self.source()
        elif not isinstance(self.data["store"], str) or len(self.data) > 1:
            raise ValueError("data.store is the path of a volume store and allows no other key beside it")
        with typed("preprocess", option_names(Preprocessing)):
            self.preprocessing()
        return self

    @field_validator("filtrations")
    @classmethod
    def _check_names(cls, filtrations: dict[str, FiltrationConfig]) -> dict[str, FiltrationConfig]:
        for name in filtrations:
            if is_regional(name):
                raise ValueError(f"the filtration {name!r} is named like a block of another one; leave out its end")
        return filtrations

    @model_validator(mode="after")
    def _check_superpixels(self) -> "RunConfig":
        for name in self.filtrations:
            with typed(f"filtrations.{name}.superpixels", option_names(SuperpixelOptions)):
                self.superpixels_of(name)
        return self

    @property
    def store(self) -> Path | None:
        """Path of an existing volume store to read instead of a source; None if there is none."""
        return place(self.data["store"]) if "store" in self.data else None

    def source(self) -> Source:
        """Return the source with its options; no file is opened."""
        return open_source(self.data)

    def preprocessing(self, auto: str | None = None) -> Preprocessing:
        """Return the preprocessing of every volume; `auto` is the preset that replaces ``preset = "auto"``."""
        if self.has_auto_preset and auto is not None:
            return build(Preprocessing, {**self.preprocess, "preset": auto})
        return build(Preprocessing, self.preprocess)

    @property
    def has_auto_preset(self) -> bool:
        """True if the preset of the preprocessing is to be chosen for the cohort."""
        return self.preprocess.get("preset") == AUTO

    def public(self) -> dict[str, Any]:
        """Return the configuration for run.json, without paths of the data: folders may be named after patients."""
        shown = self.model_dump(mode="json")
        if self.store is None:
            source = self.source()
            paths = [name for name in self.data if isinstance(getattr(source, name, None), Path)]
            shown["data"].update(dict.fromkeys(paths, PATH_LEFT_OUT))
        return shown

    def superpixels_of(self, filtration: str) -> SuperpixelOptions:
        """Return the superpixel options of a filtration: those of the run, overridden by its own."""
        own = self.filtrations[filtration].superpixels
        if not own:
            return self.superpixels
        checked: SuperpixelOptions = build(SuperpixelOptions, {**asdict(self.superpixels), **own})
        return checked

    @cached_property
    def frozen(self) -> Reference | None:
        """Scales and ranges of the finished run or the sites that `reference` names; None if it names none.

        Raises
        ------
        ConfigError
            If there is no finished run and no file, or it was made with other settings.
        """
        if self.reference in ("all", "train"):
            return None
        found = read_reference(place(self.reference))
        found.check(self.model_dump(mode="json"))
        return found

    @property
    def learns_from(self) -> str:
        """Volumes that are learnt from, "all" or "train", where anything is learnt."""
        return self.reference if self.frozen is None else self.frozen.learnt_from

    @property
    def learns_scale(self) -> bool:
        """True if any point cloud takes, or may take, its intensity scale from the cohort."""
        names = [n for n, f in self.filtrations.items() if f.filtration().takes == "points"]
        return any(self.superpixels_of(name).intensity_scale in ("auto", "cohort") for name in names)

    def vectorisation_options(self) -> dict[str, Any]:
        """Return the options of every vectorisation, by kind in the order of `VECTORISATIONS`."""
        given = self.vectorisations
        return {kind: build(VECTORISATIONS[kind], given[kind]) for kind in VECTORISATIONS if kind in given}

    @property
    def channels(self) -> list[tuple[str, int]]:
        """(filtration name, homology dimension) of every channel, in order."""
        return [(name, d) for name, f in self.filtrations.items() for d in sorted(f.homology_dimensions)]

    def is_vector(self, channel: tuple[str, int]) -> bool:
        """Return True if a channel is stored as one column, because all its bars are born at the same value."""
        constant = self.filtrations[channel[0]].filtration().constant_births
        return self.images.constant_birth == "vector" and channel[1] in constant

    def diagrams_digest(self, volumes_digest: str) -> str:
        """Return the digest of everything that the diagrams depend on."""
        filtrations = {name: self._filtration_digested(name) for name in self.filtrations}
        clouds = [self.superpixels_of(n) for n, f in self.filtrations.items() if f.filtration().takes == "points"]
        points: dict[str, Any] = {}
        if clouds:
            points = asdict(self.superpixels)
            scale_from = self.reference if self.frozen is None else self.frozen.diagrams_digest
            points["scale_from"] = [scale_from, SCALE_ALGORITHM] if self.learns_scale else ""
            points["kernel"] = kernels.ALPHA.algorithm_version
        # Diagrams with and without locations do not mix in one store.
        kept = ["locations"] if self.run.locations else []
        return options_digest(volumes_digest, points, filtrations, DIAGRAM_ALGORITHM, *kept)

    def _filtration_digested(self, name: str) -> dict[str, Any]:
        """Return what the diagrams of a filtration depend on; of superpixel options only those unlike the run."""
        filtration = self.filtrations[name].filtration()
        table, usual = self.filtrations[name], asdict(self.superpixels)
        digested = table.model_dump(
            exclude={"options", "superpixels", *(["regions"] if table.regions.is_whole else [])}
        )
        own = {k: v for k, v in asdict(self.superpixels_of(name)).items() if v != usual[k]}
        if own:
            digested["superpixels"] = own
        # The version of the alpha kernel is already among what all point clouds depend on.
        if kernels.kernel_of(filtration) is kernels.CUBICAL:
            digested["kernel"] = kernels.CUBICAL.algorithm_version
        return {**digested, "options": asdict(filtration)}  # type: ignore[call-overload]

    def images_digest(self, diagrams_digest: str) -> str:
        """Return the digest of everything that the images depend on."""
        vectors = {kind: asdict(options) for kind, options in self.vectorisation_options().items()}
        return options_digest(
            diagrams_digest,
            asdict(self.images),
            self.reference if self.frozen is None else self.frozen.digest,
            *([vectors] if vectors else []),
            IMAGE_ALGORITHM,
        )


def is_joint(reference: str) -> bool:
    """Return True if scale, ranges and σ were learnt by several sites together."""
    return reference.endswith(".json")


def told_reference(reference: str, learnt_from: Mapping[str, int] | None = None) -> str:
    """Describe in words where scale, ranges and σ come from.

    `learnt_from` is that of run.json: of how many of how many volumes they are, if volumes were added later.
    """
    known = {"all": "all volumes (no labels used)", "train": "the training split"}
    if is_joint(reference):
        known[reference] = f"several sites together, in {reference}"
    told = known.get(reference, f"the run in {reference}")
    if not learnt_from:
        return told
    total, ranges = learnt_from["volumes"], learnt_from["ranges"]
    if ranges < total:
        first = f"the first {ranges} of {total} volumes"
        told = f"{first} (no labels used)" if reference == "all" else f"{told} of {first}"
    scales = learnt_from.get("scales", ranges)
    return told if scales == ranges else f"{told}; the intensity scale from the first {scales} alone"


def _tables(section: Any, prefix: str) -> dict[str, dict[str, Any]]:
    """Return the tables of a section, keyed by the prefix of their keys in messages."""
    named = section.items() if isinstance(section, dict) else ()
    return {f"{prefix}{name}.": table for name, table in named if isinstance(table, dict)}
