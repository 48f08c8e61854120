"""What travels between the client and the workers: small frozen records, never arrays of voxels or bars."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tdaflow.diagrams import Channel, EssentialPolicy, Plane
from tdaflow.homology import Filtration
from tdaflow.images.image import Normalise, Outside
from tdaflow.images.profiles import Sampling
from tdaflow.store.features import ChannelAxes


@dataclass(frozen=True)
class FiltrationStep:
    """One filtration of a recipe and how its bars are cleaned."""

    name: str
    filtration: Filtration
    homology_dimensions: tuple[int, ...]
    min_persistence: float
    essential: EssentialPolicy | None


@dataclass(frozen=True)
class DiagramRecipe:
    """From voxels to diagrams: keyword arguments of the superpixel kernel, then every filtration."""

    superpixels: Mapping[str, Any]
    steps: tuple[FiltrationStep, ...]
    max_voxels: int = 128**3


@dataclass(frozen=True)
class VolumeFacts:
    """What a task needs to know of a volume before it reads it."""

    id: str
    spacing: tuple[float, float, float]
    shape: tuple[int, int, int]
    extremes: tuple[float, float]


@dataclass(frozen=True)
class DiagramTask:
    """Compute the diagrams of the volume rows [start, stop) and write them as one group."""

    volumes: Path
    diagrams: Path
    recipe: DiagramRecipe
    start: int
    stop: int
    digest: str
    volume_seconds: float | None
    about: tuple[VolumeFacts, ...]

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return f"{self.start:08d}-{self.stop:08d}"

    def halves(self) -> tuple["DiagramTask", "DiagramTask"]:
        """Split the batch in two, to find the volume that makes it fail."""
        middle = (self.start + self.stop) // 2
        return self.part(self.start, middle), self.part(middle, self.stop)

    def part(self, start: int, stop: int) -> "DiagramTask":
        """The task for a part of the batch."""
        here = slice(start - self.start, stop - self.start)
        return replace(self, start=start, stop=stop, about=self.about[here])


@dataclass(frozen=True)
class DiagramOutcome:
    """What became of a batch of diagrams."""

    start: int
    stop: int
    records: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class RangeTask:
    """Reduce the ranges of some finished batches over their selected rows."""

    diagrams: Path
    batches: tuple[tuple[int, int], ...]
    rows: tuple[int, ...]
    channels: tuple[Channel, ...]
    histograms: bool

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return f"{self.batches[0][0]:08d}-{self.batches[-1][1]:08d}"


@dataclass(frozen=True)
class ImageRecipe:
    """From diagrams to images: the grid and σ of every channel, and options common to all."""

    channels: tuple[ChannelAxes, ...]
    weight: str
    plane: Plane
    sampling: Sampling
    outside: Outside
    normalise: tuple[Normalise, ...]
    dtype: str


@dataclass(frozen=True)
class ImageTask:
    """Make the images of one chunk: `rows` of the volume store become positions `start`… of the feature store."""

    diagrams: Path
    features: Path
    recipe: ImageRecipe
    start: int
    rows: tuple[int, ...]

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return f"{self.start:08d}"


@dataclass(frozen=True)
class ImageOutcome:
    """What became of a chunk of images."""

    start: int
    n_volumes: int
