"""From one volume to its diagrams: each distinct cloud of superpixels once, then every filtration.

A volume is read by a `VoxelReader`: held in memory, or left in its store and worked off block by block in bounded
memory, with the same result.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import zarr

from tdaflow.diagrams import Bars, Channel, PersistenceDiagram
from tdaflow.extents import extent_known
from tdaflow.homology import VolumeFiltration
from tdaflow.homology.cubical import middle_of_blocks
from tdaflow.homology.intensity_dependence import FEW_DEATHS, NOISE, change_when_shuffled, distinct_deaths
from tdaflow.homology.regional import regional_cloud_diagrams, regional_volume_diagrams
from tdaflow.homology.regions import WHOLE, Regions, regional_name
from tdaflow.homology.volume_filtrations.shared_work import SharedWork
from tdaflow.pipeline.tasks import DiagramRecipe, FiltrationStep, VolumeFacts
from tdaflow.store import VolumeStore, bars_digest
from tdaflow.superpixels import SuperpixelCloud, SuperpixelOptions, superpixels


class VoxelReader(Protocol):
    """A volume, and what is computed from its voxels."""

    @property
    def about(self) -> VolumeFacts:
        """Id, shape, spacing and extent."""
        ...

    def cloud(self, options: SuperpixelOptions) -> SuperpixelCloud:
        """Its superpixels."""
        ...

    def diagrams(
        self,
        filtration: VolumeFiltration,
        homology_dimensions: tuple[int, ...],
        regions: Regions,
        *,
        locations: bool = False,
    ) -> dict[str, PersistenceDiagram]:
        """The diagrams of a filtration of voxels, by region."""
        ...


class HeldVolume:
    """A volume in memory; `voxels` has the shape (z, y, x)."""

    def __init__(self, about: VolumeFacts, voxels: np.ndarray) -> None:
        self.about, self.voxels = about, voxels
        self._work = SharedWork()

    def cloud(self, options: SuperpixelOptions) -> SuperpixelCloud:
        """See `VoxelReader`."""
        with extent_known(self.voxels, self.about.extent):
            return superpixels(self.voxels, spacing=self.about.spacing, **asdict(options))

    def diagrams(
        self,
        filtration: VolumeFiltration,
        homology_dimensions: tuple[int, ...],
        regions: Regions,
        *,
        locations: bool = False,
    ) -> dict[str, PersistenceDiagram]:
        """See `VoxelReader`."""
        with extent_known(self.voxels, self.about.extent), self._work.known():
            return regional_volume_diagrams(
                filtration,
                self.voxels,
                homology_dimensions,
                regions,
                spacing=self.about.spacing,
                locations=locations,
            )


class StoredVolume:
    """A volume that stays in its store (z, y, x) and is read block by block."""

    def __init__(self, about: VolumeFacts, array: "zarr.Array[Any]") -> None:
        self.about, self.array = about, array

    def cloud(self, options: SuperpixelOptions) -> SuperpixelCloud:
        """See `VoxelReader`."""
        from tdaflow.pipeline.large_volumes import blockwise_superpixels

        return blockwise_superpixels(self.array, options, spacing=self.about.spacing, extent=self.about.extent)

    def diagrams(
        self,
        filtration: VolumeFiltration,
        homology_dimensions: tuple[int, ...],
        regions: Regions,
        *,
        locations: bool = False,
    ) -> dict[str, PersistenceDiagram]:
        """See `VoxelReader`."""
        from tdaflow.pipeline.large_volumes import filtration_input

        reduced, data, spacing = filtration_input(self.array, filtration, spacing=self.about.spacing)
        found = regional_volume_diagrams(
            reduced, data, homology_dimensions, regions, spacing=spacing, locations=locations
        )
        middle = middle_of_blocks(int(getattr(filtration, "downsample", 1)), self.about.shape)
        return {region: diagram.relocated(middle) for region, diagram in found.items()}


def read_volumes(
    path: Path, rows: Sequence[int], about: Sequence[VolumeFacts], max_voxels: float
) -> Iterator[HeldVolume | StoredVolume]:
    """The volumes of some rows of a volume store, one at a time, in order.

    Parameters
    ----------
    path : Path
        The volume store.
    rows : sequence of int
        Ascending.
    about : sequence of VolumeFacts
        Of these rows.
    max_voxels : float
        Volumes with more are not read; infinity reads all.
    """
    store = VolumeStore(path)
    if store.is_one_array and rows:
        of_row = dict(zip(rows, about, strict=True))
        for row, voxels in enumerate(store.voxels(rows[0], rows[-1] + 1), start=rows[0]):
            if row in of_row:
                yield HeldVolume(of_row[row], voxels)
        return
    for row, facts in zip(rows, about, strict=True):
        array = store.array(row)
        large = math.prod(facts.shape) > max_voxels
        yield StoredVolume(facts, array) if large else HeldVolume(facts, np.asarray(array[...]))


def volume_diagrams(volume: VoxelReader, recipe: DiagramRecipe) -> tuple[dict[Channel, Bars], dict[str, Any]]:
    """Compute every diagram of one volume.

    Parameters
    ----------
    volume : VoxelReader
    recipe : DiagramRecipe

    Returns
    -------
    diagrams : dict
        (filtration name, homology dimension) → bars; a block of the volume stands under a name of its own, see
        `tdaflow.homology.regions.regional_name`.
    facts : dict
        JSON-able: seconds by stage; by filtration number of points, rounding, engine; number of bars of every channel;
        filtrations whose diagrams hardly depend on grey values.

    Raises
    ------
    InputError
        If the volume cannot be used.
    """
    began = time.perf_counter()
    facts: dict[str, Any] = {
        "seconds": {},
        "channels": {},
        "engine": {},
        "n_points": {},
        "rounding": {},
        "insensitive": {},
    }
    diagrams: dict[Channel, Bars] = {}
    of_points = {s.name: s.superpixels for s in recipe.steps if s.filtration.takes == "points"}
    clouds = {options: volume.cloud(options) for options in dict.fromkeys(of_points.values())}
    if clouds:
        facts["seconds"]["superpixels"] = time.perf_counter() - began
    for step in recipe.steps:
        began = time.perf_counter()
        cloud = clouds[of_points[step.name]] if step.name in of_points else None
        if cloud is not None:
            facts["n_points"][step.name] = len(cloud.points)
            facts["rounding"][step.name] = cloud.rounding
        for region, diagram in _diagrams(volume, step, cloud, locations=recipe.locations).items():
            name = regional_name(step.name, region)
            for dimension in step.homology_dimensions:
                bars = diagram.bars[dimension]
                diagrams[name, dimension] = bars
                facts["channels"][f"{name}/{dimension}"] = {
                    "n_bars": bars.n_bars,
                    "removed": diagram.metadata.get("removed", {}).get(dimension, 0),
                    "digest": bars_digest(bars),
                }
            if cloud is not None and region == WHOLE and 0 in diagram and step.superpixels.space_weight < 1:
                facts["insensitive"] |= _insensitive(step, cloud, diagram)
            facts["engine"][name] = {k: diagram.metadata[k] for k in ("engine", "fallback") if k in diagram.metadata}
        facts["seconds"][step.name] = time.perf_counter() - began
    return diagrams, facts


def _insensitive(step: FiltrationStep, cloud: SuperpixelCloud, diagram: PersistenceDiagram) -> dict[str, Any]:
    """What tells that a diagram hardly depends on grey values, by filtration; empty where it does."""
    assert step.filtration.takes == "points"
    deaths = diagram[0][:, 1]
    distinct = distinct_deaths(deaths)
    if distinct >= FEW_DEATHS:
        return {}
    change = change_when_shuffled(step.filtration, cloud.points, deaths)
    return {step.name: {"deaths": distinct, "change": change}} if change <= NOISE else {}


def _diagrams(
    volume: VoxelReader, step: FiltrationStep, cloud: SuperpixelCloud | None, *, locations: bool
) -> dict[str, PersistenceDiagram]:
    """The cleaned diagrams of a step by region."""
    filtration, dimensions = step.filtration, step.homology_dimensions
    if filtration.takes == "points":
        assert cloud is not None
        found = regional_cloud_diagrams(
            filtration,
            cloud.points,
            dimensions,
            step.regions,
            cloud.positions,
            volume.about.shape,
            locations=locations,
        )
    else:
        found = volume.diagrams(filtration, dimensions, step.regions, locations=locations)
    essential = filtration.default_essential if step.essential is None else step.essential
    return {
        region: diagram.with_essential(essential).with_min_persistence(step.min_persistence)
        for region, diagram in found.items()
    }
