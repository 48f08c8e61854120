"""The typed configuration of a run.

Options of sources and filtrations are the frozen dataclasses of their own rooms; here they are only validated, so
that an option is declared once.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

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
from tdaflow.sources import SOURCES, Source, open_source
from tdaflow.store import options_digest
from tdaflow.superpixels import SuperpixelOptions
from tdaflow.vectorisations import VECTORISATIONS

# Raised when a change of the code changes superpixels or diagrams of the same input.
DIAGRAM_ALGORITHM = 2
# Raised when a change of the code changes the images of the same diagrams.
IMAGE_ALGORITHM = 2


class RunConfig(Section):
    """Everything that a run needs to know.

    Attributes
    ----------
    preset : "default", "zhu2024", "adams" or "wide"
        Starting point that everything else is laid over.
    reference : "all" or "train"
        Volumes that scales and ranges are learnt from: all of them, without their labels, or those of the split train.
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
    reference: Literal["all", "train"] = "all"
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
        """Lay what is given over its preset; say what a key or a value of older configurations is called now."""
        if not isinstance(given, dict):
            return given
        if isinstance(images := given.get("images"), dict) and "ranges_from" in images:
            raise ValueError(
                "images.ranges_from is called reference now, at the top level: write reference = "
                f'"{images["ranges_from"]}"'
            )
        sections = {"": given, **_tables(given.get("filtrations"), "filtrations.")}
        for place, section in sections.items():
            if isinstance(cloud := section.get("superpixels"), dict) and cloud.get("intensity_scale") == "range":
                raise ValueError(
                    f'{place}superpixels.intensity_scale = "range" (max − min) is gone: write "cohort" for one scale '
                    'from the typical extent of all volumes, "volume" for one a volume, or leave it out ("auto")'
                )
        return over_preset(given)

    @field_validator("filtrations", mode="before")
    @classmethod
    def _name_is_kind(cls, given: Any) -> Any:
        """A table [filtrations.alpha] without a kind is of the kind it is named after; then several are written out."""
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
        """An existing volume store to read instead of a source."""
        return Path(self.data["store"]) if "store" in self.data else None

    def source(self) -> Source:
        """The source with its options; nothing is opened yet."""
        return open_source(self.data)

    def preprocessing(self, auto: str | None = None) -> Preprocessing:
        """What is done to every volume when it is read; `auto` is what ``preset = "auto"`` comes to."""
        if self.has_auto_preset and auto is not None:
            return build(Preprocessing, {**self.preprocess, "preset": auto})
        return build(Preprocessing, self.preprocess)

    @property
    def has_auto_preset(self) -> bool:
        """True if the preset of the preprocessing is to be chosen for the cohort."""
        return self.preprocess.get("preset") == AUTO

    def public(self) -> dict[str, Any]:
        """The configuration for run.json; where the data lie is left out, for folders are named after patients."""
        shown = self.model_dump(mode="json")
        if self.store is None:
            source = self.source()
            paths = [name for name in self.data if isinstance(getattr(source, name, None), Path)]
            shown["data"].update(dict.fromkeys(paths, "(a path, not kept)"))
        return shown

    def superpixels_of(self, filtration: str) -> SuperpixelOptions:
        """The superpixels that a filtration is computed on: the run's, with its own options laid over them."""
        own = self.filtrations[filtration].superpixels
        if not own:
            return self.superpixels
        checked: SuperpixelOptions = build(SuperpixelOptions, {**asdict(self.superpixels), **own})
        return checked

    @property
    def learns_scale(self) -> bool:
        """True if a cloud of superpixels takes its intensity scale from the cohort, or may."""
        names = [n for n, f in self.filtrations.items() if f.filtration().takes == "points"]
        return any(self.superpixels_of(name).intensity_scale in ("auto", "cohort") for name in names)

    def vectorisation_options(self) -> dict[str, Any]:
        """The options of every vectorisation, by kind in the order of `VECTORISATIONS`."""
        given = self.vectorisations
        return {kind: build(VECTORISATIONS[kind], given[kind]) for kind in VECTORISATIONS if kind in given}

    @property
    def channels(self) -> list[tuple[str, int]]:
        """(filtration name, homology dimension) of every channel, in order."""
        return [(name, d) for name, f in self.filtrations.items() for d in sorted(f.homology_dimensions)]

    def is_vector(self, channel: tuple[str, int]) -> bool:
        """Whether a channel is stored as one column, because all its bars are born at the same value."""
        constant = self.filtrations[channel[0]].filtration().constant_births
        return self.images.constant_birth == "vector" and channel[1] in constant

    def diagrams_digest(self, volumes_digest: str) -> str:
        """What the diagrams depend on."""
        filtrations = {name: self._filtration_digested(name) for name in self.filtrations}
        clouds = [self.superpixels_of(n) for n, f in self.filtrations.items() if f.filtration().takes == "points"]
        points: dict[str, Any] = {}
        if clouds:
            points = asdict(self.superpixels)
            points["scale_from"] = self.reference if self.learns_scale else ""
            points["kernel"] = kernels.ALPHA.algorithm_version
        return options_digest(volumes_digest, points, filtrations, DIAGRAM_ALGORITHM)

    def _filtration_digested(self, name: str) -> dict[str, Any]:
        """What the diagrams of a filtration depend on; superpixel options only where they differ from the run's."""
        filtration = self.filtrations[name].filtration()
        table, usual = self.filtrations[name], asdict(self.superpixels)
        digested = table.model_dump(
            exclude={"options", "superpixels", *(["regions"] if table.regions.is_whole else [])}
        )
        own = {k: v for k, v in asdict(self.superpixels_of(name)).items() if v != usual[k]}
        if own:
            digested["superpixels"] = own
        # The kernel of points is among what all clouds depend on.
        if kernels.kernel_of(filtration) is kernels.CUBICAL:
            digested["kernel"] = kernels.CUBICAL.algorithm_version
        return {**digested, "options": asdict(filtration)}  # type: ignore[call-overload]

    def images_digest(self, diagrams_digest: str) -> str:
        """What the images depend on."""
        vectors = {kind: asdict(options) for kind, options in self.vectorisation_options().items()}
        return options_digest(
            diagrams_digest, asdict(self.images), self.reference, *([vectors] if vectors else []), IMAGE_ALGORITHM
        )


def _tables(section: Any, prefix: str) -> dict[str, dict[str, Any]]:
    """The tables of a section by what stands before their keys."""
    named = section.items() if isinstance(section, dict) else ()
    return {f"{prefix}{name}.": table for name, table in named if isinstance(table, dict)}
