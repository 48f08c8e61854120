"""What a report reads from a run folder; everything but run.json may be missing."""

import difflib
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.homology.regions import WHOLE, regional_name
from tdaflow.report.figures_images import ImageAxes
from tdaflow.store import DiagramStore, RunFolder, VolumeStore, VolumeTable


@dataclass(frozen=True)
class Images:
    """Persistence images of some volumes.

    Of a filtration in blocks of the volume, the images of the whole volume where there are some, else the sums over all
    blocks: an image is a sum over bars, so that is the image of the bars of all of them.

    Attributes
    ----------
    values : float32 array (volume, channel, y, x)
    channels : tuple of ImageAxes
    vectors : float32 array (volume, vector channel, y)
        Channels that are one column wide.
    vector_channels : tuple of ImageAxes
    vector_centres : float64 array (vector channel, y)
        Persistence at the pixels.
    """

    values: np.ndarray
    channels: tuple[ImageAxes, ...]
    vectors: np.ndarray
    vector_channels: tuple[ImageAxes, ...]
    vector_centres: np.ndarray


class RunData:
    """A run as a report sees it.

    Parameters
    ----------
    path : Path
        Folder of the run.

    Raises
    ------
    InputError
        If there is no run.json in it.
    """

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(Path(path))
        state = self.folder.read()
        if state is None:
            raise InputError(f"{path} holds no run (no run.json); give the folder that `tdaflow run --out` was given")
        self.state: dict[str, Any] = state

    @cached_property
    def config(self) -> RunConfig:
        """The configuration, validated again."""
        try:
            return RunConfig.model_validate(self.state["config"])
        except (pydantic.ValidationError, InputError) as error:
            raise InputError(
                f"the configuration in {self.folder.run_json} is not one of this tdaflow ({type(error).__name__}); "
                "run again with this version"
            ) from None

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; their numbers where the source has no names."""
        named = tuple(str(name) for name in (self.state.get("source") or {}).get("class_names") or ())
        highest = int(self.table.label.max(initial=-1)) if self.volumes is not None else -1
        return named + tuple(str(k) for k in range(len(named), highest + 1))

    @cached_property
    def volumes(self) -> VolumeStore | None:
        """The volume store, the run's own or the one it was told to read; None if it is not there."""
        elsewhere = self.state["config"]["data"].get("store")
        try:
            return VolumeStore(Path(elsewhere) if elsewhere else self.folder.volumes)
        except InputError:
            return None

    @cached_property
    def table(self) -> VolumeTable:
        """One row for every input."""
        if self.volumes is None:
            raise InputError(f"{self.folder.path} has no volume store: run again to make it")
        return self.volumes.table()

    @cached_property
    def rows(self) -> VolumeTable:
        """One row for every volume with voxels."""
        return self.table.of_rows()

    @property
    def has_images(self) -> bool:
        """Whether the run has come to its end."""
        return (self.folder.features / "zarr.json").is_file()

    @cached_property
    def features(self) -> Any:
        """The feature store as an xarray Dataset; open it only if `has_images`."""
        import xarray as xr

        with warnings.catch_warnings():
            # Zarr's notes on a future format say nothing about these data.
            warnings.simplefilter("ignore")
            return xr.open_zarr(self.folder.features)

    def column(self, name: str) -> np.ndarray:
        """A column of the volumes that have images: id, label, split or group; text as objects."""
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
            centres = data["vector_death"].values[[members[0] for members in channels]]
        return Images(values, self._axes(""), vectors, self._axes("vector_"), centres)

    def _channels(self, prefix: str) -> list[list[int]]:
        """Positions along an axis of the features that make up each channel: its whole volume, else its blocks."""
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
        births, seconds = data[f"{prefix}birth_range"].values, data[f"{prefix}death_range"].values
        plane = self.state["config"]["images"]["plane"]
        return tuple(
            ImageAxes(
                f"{name} H{dimension}",
                (float(birth[0]), float(birth[1])),
                (float(second[0]), float(second[1])),
                "Persistence" if plane == "birth-persistence" else "Death",
                self.unit(str(name)),
            )
            for name, dimension, birth, second in zip(
                names[first], dimensions[first], births[first], seconds[first], strict=True
            )
        )

    def unit(self, filtration: str) -> str:
        """Unit of the values of a filtration."""
        return self.config.filtrations[filtration].filtration().unit

    def diagrams(self, row: int) -> dict[tuple[str, int], np.ndarray]:
        """Diagrams of a row of the volume store, those of all blocks joined; empty if none were computed."""
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
            parts = [found.get((regional_name(name, region), dimension), np.zeros((0, 2))) for region in shown]
            joined[name, dimension] = np.concatenate(parts)
        return joined

    def row_of(self, identity: str) -> int:
        """Row of a volume in the volume store.

        Raises
        ------
        InputError
            If there is no such volume (with the nearest ids), or it was quarantined.
        """
        table = self.table
        ids = [str(i) for i in table.id]
        if identity not in ids:
            near = near_matches(identity, ids) or ids[:3]
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "the run has none at all"
            raise InputError(f"there is no volume {identity!r} in {self.folder.path}: {hint}")
        index = ids.index(identity)
        reason = str(table.reason[index]) or self.state.get("quarantined", {}).get(identity, "")
        if table.row[index] < 0:
            raise InputError(f"volume {identity!r} was quarantined, so there is nothing to show: {reason}")
        return int(table.row[index])


def _over_regions(values: np.ndarray, channels: list[list[int]]) -> np.ndarray:
    return np.stack([values[:, members].sum(axis=1) for members in channels], axis=1)


def near_matches(identity: str, ids: list[str]) -> list[str]:
    """Up to three ids like the one given: first those that differ in leading zeros or case only."""

    def plain(text: str) -> str:
        return re.sub(r"0+(?=\d)", "", text).casefold()

    alike = [i for i in ids if plain(i) == plain(identity)]
    return list(dict.fromkeys([*alike, *difflib.get_close_matches(identity, ids, n=3, cutoff=0.5)]))[:3]
