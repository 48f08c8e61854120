"""Read the data of a report from a run folder, in which everything but run.json may be missing."""

import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tdaflow.diagrams import NO_BARS
from tdaflow.errors import InputError
from tdaflow.homology.regions import WHOLE, regional_name
from tdaflow.pipeline.opened import Run
from tdaflow.report.figures_images import ImageAxes
from tdaflow.store import DiagramStore
from tdaflow.store.feature_axes import second_axis
from tdaflow.store.run_folder import cohort_name

# Steps of the preprocessing that keep the unit of grey values.
_KEEPING = {"resample", "crop-pad", "clip"}


@dataclass(frozen=True)
class Images:
    """Persistence images of some volumes.

    For a filtration on blocks of the volume: the images of the whole volume if there are some, else the sums over all
    blocks, which are the images of the bars of all blocks.

    Attributes
    ----------
    values : float32 array (volume, channel, y, x)
    channels : tuple of ImageAxes
    vectors : float32 array (volume, vector channel, y)
        Channels of one column.
    vector_channels : tuple of ImageAxes
    vector_centres : float64 array (vector channel, y)
        Persistence at the pixels.
    """

    values: np.ndarray
    channels: tuple[ImageAxes, ...]
    vectors: np.ndarray
    vector_channels: tuple[ImageAxes, ...]
    vector_centres: np.ndarray


class RunData(Run):
    """A run, with the access that reports need.

    Parameters
    ----------
    path : str or Path
        Folder of the run.
    scans : bool
        False if no voxel of a volume may be shown.
    """

    def __init__(self, path: str | Path, *, scans: bool = True) -> None:
        super().__init__(path)
        self.scans = scans

    @property
    def name(self) -> str:
        """What a reader calls these volumes."""
        return cohort_name(self.state, self.folder.path)

    def command(self, verb: str, *arguments: str) -> str:
        """Return a command on this run, as code, that works where the report was made."""
        return f"`{shlex.join(['tdaflow', verb, str(self.folder.path), *arguments])}`"

    def counted(self, split: str) -> str:
        """Say how many volumes and patients with features a split has."""
        groups = self.column("group")[self.column("split") == split]
        known = len(groups) and (groups != "").all()
        return f"{len(groups):,} volumes" + (
            f" of {len(np.unique(groups)):,} patients" if known else ", patients unknown"
        )

    @cached_property
    def grey_unit(self) -> str:
        """Unit of the grey values, after the preprocessing."""
        steps = {str(step.get("step")) for step in (self.state.get("source") or {}).get("preprocessing", [])}
        if steps - _KEEPING:
            return "scaled grey levels"
        units = {json.loads(facts or "{}").get("units") for facts in self.rows.facts} if self.volumes else set()
        return "HU" if units == {"HU"} else "grey levels"

    def unit(self, filtration: str) -> str:
        """Unit of the values of a filtration; names what grey levels are after the preprocessing."""
        unit = super().unit(filtration)
        if filtration in self.scales and "mm and grey levels" in unit:
            return unit.replace("mm and grey levels", f"mm, {self.grey_unit} scaled to mm")
        return unit.replace("grey levels", self.grey_unit)

    def column(self, name: str) -> np.ndarray:
        """Return a column of the volumes with images: id, label, split or group; text as objects."""
        values = self.features[name].values
        return values if values.dtype.kind in "iu" else np.array([str(v) for v in values], dtype=object)

    def images(self, positions: np.ndarray) -> Images:
        """Read the images of some volumes, by their positions in the feature store."""
        data = self.features
        some = data.isel(volume=np.asarray(positions, dtype=np.int64))
        n = len(positions)
        values, vectors, centres = np.zeros((n, 0, 1, 1)), np.zeros((n, 0, 1)), np.zeros((0, 1))
        if "persistence_image" in data:
            values = _over_regions(some["persistence_image"].values, self._channels(""))
        if "persistence_vector" in data:
            channels = self._channels("vector_")
            vectors = _over_regions(some["persistence_vector"].values, channels)
            centres = data[f"vector_{self._second}"].values[[members[0] for members in channels]]
        return Images(values, self._axes(""), vectors, self._axes("vector_"), centres)

    @property
    def _second(self) -> str:
        """What the rows of the images are: "persistence" or "death"."""
        return second_axis(self.state["config"]["images"]["plane"])

    def _channels(self, prefix: str) -> list[list[int]]:
        """Return the positions, along the channel axis, of the whole volume or of all blocks of each channel."""
        data = self.features
        if f"{prefix}filtration" not in data.coords and f"{prefix}filtration" not in data:
            return []
        names = (data[f"{prefix}{name}"].values for name in ("filtration", "homology_dimension", "region"))
        found: dict[tuple[str, int], dict[str, int]] = {}
        for position, (filtration, dimension, region) in enumerate(zip(*names, strict=True)):
            found.setdefault((str(filtration), int(dimension)), {})[str(region)] = position
        return [[regions[WHOLE]] if WHOLE in regions else list(regions.values()) for regions in found.values()]

    def _axes(self, prefix: str) -> tuple[ImageAxes, ...]:
        data = self.features
        first = [members[0] for members in self._channels(prefix)]
        if not first:
            return ()
        names, dimensions = data[f"{prefix}filtration"].values, data[f"{prefix}homology_dimension"].values
        births, seconds = data[f"{prefix}birth_range"].values, data[f"{prefix}{self._second}_range"].values
        return tuple(
            ImageAxes(
                f"{name} H{dimension}",
                (float(birth[0]), float(birth[1])),
                (float(second[0]), float(second[1])),
                self._second.capitalize(),
                self.unit(str(name)),
            )
            for name, dimension, birth, second in zip(
                names[first], dimensions[first], births[first], seconds[first], strict=True
            )
        )

    def diagrams(self, row: int) -> dict[tuple[str, int], np.ndarray]:
        """Return the diagrams of a row of the volume store, joined over blocks; empty if none were computed."""
        try:
            (found,) = DiagramStore(self.folder.diagrams).read_rows([row])
        except InputError:
            return {}
        if not found:
            return {}
        joined = {}
        for name, dimension in sorted(self.config.channels):
            regions = self.config.filtrations[name].regions.names
            shown = [WHOLE] if WHOLE in regions else regions
            parts = [found.get((regional_name(name, region), dimension), NO_BARS) for region in shown]
            joined[name, dimension] = np.concatenate([bars.expanded for bars in parts])
        return joined


def _over_regions(values: np.ndarray, channels: list[list[int]]) -> np.ndarray:
    return np.stack([values[:, members].sum(axis=1) for members in channels], axis=1)
