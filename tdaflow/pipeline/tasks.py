"""What travels between the client and the workers: small frozen records, never arrays of voxels or bars."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tdaflow.diagrams import Channel, EssentialPolicy
from tdaflow.homology import Filtration
from tdaflow.homology.regions import Regions
from tdaflow.images import ImageOptions
from tdaflow.images.options import Normalise
from tdaflow.pipeline.fan_out import Chunk, Outcome, RowRange
from tdaflow.remote import RemotePath
from tdaflow.store import ChannelAxes, VolumeTable
from tdaflow.superpixels import SuperpixelOptions
from tdaflow.vectorisations import Bounds, Vectorisation

EVIDENCE = ".tmp-deadline-"
"""How the names of those files begin that tell of time limits."""


@dataclass(frozen=True)
class FiltrationStep:
    """One filtration of a recipe, its superpixels with the intensity scale resolved, and how its bars are cleaned."""

    name: str
    filtration: Filtration
    superpixels: SuperpixelOptions
    regions: Regions
    homology_dimensions: tuple[int, ...]
    min_persistence: float
    essential: EssentialPolicy | None


@dataclass(frozen=True)
class DiagramRecipe:
    """From voxels to diagrams: every filtration; the superpixels of a step may differ from the data set's.

    With `locations` the bars know where they are born and die: voxels of the volume, or points of the step's cloud.
    """

    superpixels: SuperpixelOptions
    steps: tuple[FiltrationStep, ...]
    max_voxels: int = 128**3
    locations: bool = False


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """What a task needs to know of a volume before it reads it; `extent` is that of `tdaflow.extents`."""

    id: str
    spacing: tuple[float, float, float]
    shape: tuple[int, int, int]
    extremes: tuple[float, float]
    extent: tuple[float, float]


def volume_facts(rows: VolumeTable, row: int) -> VolumeFacts:
    """What a task is told of one row of a volume table."""
    depth, height, width = (int(n) for n in rows.shape[row])
    z, y, x = (float(s) for s in rows.spacing[row])
    extremes = float(rows.minimum[row]), float(rows.maximum[row])
    low, high = (float(bound) for bound in rows.extent[row])
    return VolumeFacts(str(rows.id[row]), (z, y, x), (depth, height, width), extremes, (low, high))


@dataclass(frozen=True)
class DiagramTask(RowRange):
    """Compute the diagrams of the volume rows [start, stop) and write them as one group.

    `threads` are for a volume that is a batch by itself: the others of its worker have nothing to do meanwhile.
    """

    volumes: Path
    diagrams: Path
    recipe: DiagramRecipe
    start: int
    stop: int
    digest: str
    volume_seconds: float | None
    about: tuple[VolumeFacts, ...]
    threads: int = 1

    def halves(self) -> "tuple[DiagramTask, ...]":
        """The batch in two, to find the volume that makes it fail; empty for a single volume."""
        if self.n_volumes == 1:
            return ()
        middle = (self.start + self.stop) // 2
        return self.part(self.start, middle), self.part(middle, self.stop)

    def evidence(self, row: int) -> Path | None:
        """Where it is written that the time limit ended the process at this volume; nowhere on an object store."""
        return None if isinstance(self.diagrams, RemotePath) else self.diagrams / f"{EVIDENCE}{row:08d}"

    def part(self, start: int, stop: int) -> "DiagramTask":
        """The task for a part of the batch."""
        here = slice(start - self.start, stop - self.start)
        return replace(self, start=start, stop=stop, about=self.about[here])


@dataclass(frozen=True)
class DiagramOutcome(Outcome):
    """What became of a batch of diagrams: of each quarantined row its id and the reason; all others are ok.

    `seconds` has those of every row, 0 for one that is quarantined; empty if they are not known.
    """

    start: int
    stop: int
    quarantined: Mapping[int, tuple[str, str]]
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class RangeTask:
    """Record what the selected rows of some finished batches say of the ranges."""

    diagrams: Path
    batches: tuple[tuple[int, int], ...]
    rows: tuple[int, ...]
    channels: tuple[Channel, ...]
    quantiles: tuple[float, float]

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return f"{self.batches[0][0]:08d}-{self.batches[-1][1]:08d}"


@dataclass(frozen=True)
class SampleTask:
    """Draw some of the bars that a range task reduces."""

    ranges: RangeTask
    n_bars: int
    seed: int

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return self.ranges.key


@dataclass(frozen=True)
class SummaryStep:
    """One vectorisation of one channel in one region, and the range of values that all its diagrams share."""

    kind: str
    filtration: str
    homology_dimension: int
    region: str
    vectorisation: Vectorisation
    bounds: Bounds


@dataclass(frozen=True)
class ImageRecipe:
    """From diagrams to features: the grid and σ of every channel, options common to all, and the vectorisations.

    ``normalise`` has the maximum of each channel to divide by, if ``options.normalise`` is "dataset-max".
    """

    channels: tuple[ChannelAxes, ...]
    options: ImageOptions
    normalise: tuple[Normalise, ...]
    dtype: str
    summaries: tuple[SummaryStep, ...] = ()


@dataclass(frozen=True)
class ImageTask(Chunk):
    """Make the images of one chunk: `rows` of the volume store become positions `start`… of the feature store.

    `batches` are the finished batches that hold them, so that a worker need not list a store of many thousands. The
    first `n_made` are copied from the feature store `made`, where they have the same positions.
    """

    diagrams: Path
    features: Path
    recipe: ImageRecipe
    start: int
    rows: tuple[int, ...]
    batches: tuple[tuple[int, int], ...]
    made: Path | None = None
    n_made: int = 0

    @property
    def n_volumes(self) -> int:
        """Volumes of the chunk whose images are to be made."""
        return len(self.rows) - self.n_made
