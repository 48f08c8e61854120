"""From one volume to its diagrams: each distinct cloud of superpixels once, then every filtration."""

import time
from dataclasses import asdict
from typing import Any

import numpy as np
import zarr

from tdaflow.diagrams import Bars, Channel, PersistenceDiagram
from tdaflow.extents import extent_known
from tdaflow.homology.intensity_dependence import FEW_DEATHS, NOISE, change_when_shuffled, distinct_deaths
from tdaflow.homology.regional import regional_cloud_diagrams, regional_volume_diagrams
from tdaflow.homology.regions import WHOLE, regional_name
from tdaflow.pipeline.tasks import DiagramRecipe, FiltrationStep, VolumeFacts
from tdaflow.store import bars_digest
from tdaflow.superpixels import SuperpixelCloud, SuperpixelOptions, superpixels


def volume_diagrams(
    about: VolumeFacts, voxels: np.ndarray | zarr.Array[Any], recipe: DiagramRecipe
) -> tuple[dict[Channel, Bars], dict[str, Any]]:
    """Compute every diagram of one volume.

    Parameters
    ----------
    about : VolumeFacts
        Id, spacing and, for an unread volume, the range of its voxels.
    voxels : array or zarr.Array, shape (z, y, x)
        An unread Zarr array is worked off block by block in bounded memory, with the same result.
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
    if isinstance(voxels, zarr.Array):
        return _all_steps(about, voxels, recipe)
    with extent_known(voxels, about.extent):
        return _all_steps(about, voxels, recipe)


def _all_steps(
    about: VolumeFacts, voxels: np.ndarray | zarr.Array[Any], recipe: DiagramRecipe
) -> tuple[dict[Channel, Bars], dict[str, Any]]:
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
    clouds = {options: _cloud(about, voxels, options) for options in dict.fromkeys(of_points.values())}
    if clouds:
        facts["seconds"]["superpixels"] = time.perf_counter() - began
    for step in recipe.steps:
        began = time.perf_counter()
        cloud = clouds[of_points[step.name]] if step.name in of_points else None
        if cloud is not None:
            facts["n_points"][step.name] = len(cloud.points)
            facts["rounding"][step.name] = cloud.rounding
        for region, diagram in _diagrams(about, step, cloud, voxels).items():
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


def _cloud(about: VolumeFacts, voxels: np.ndarray | zarr.Array[Any], options: SuperpixelOptions) -> SuperpixelCloud:
    if isinstance(voxels, zarr.Array):
        from tdaflow.pipeline.large_volumes import blockwise_superpixels

        return blockwise_superpixels(voxels, options, spacing=about.spacing, extent=about.extent)
    return superpixels(voxels, spacing=about.spacing, **asdict(options))


def _diagrams(
    about: VolumeFacts, step: FiltrationStep, cloud: SuperpixelCloud | None, voxels: np.ndarray | zarr.Array[Any]
) -> dict[str, PersistenceDiagram]:
    """Return the cleaned diagrams of a step by region."""
    filtration, dimensions = step.filtration, step.homology_dimensions
    if filtration.takes == "points":
        assert cloud is not None
        shape = (int(voxels.shape[0]), int(voxels.shape[1]), int(voxels.shape[2]))
        found = regional_cloud_diagrams(filtration, cloud.points, dimensions, step.regions, cloud.positions, shape)
    elif isinstance(voxels, zarr.Array):
        from tdaflow.pipeline.large_volumes import filtration_input

        reduced, data, spacing = filtration_input(voxels, filtration, spacing=about.spacing)
        found = regional_volume_diagrams(reduced, data, dimensions, step.regions, spacing=spacing)
    else:
        found = regional_volume_diagrams(filtration, voxels, dimensions, step.regions, spacing=about.spacing)
    essential = filtration.default_essential if step.essential is None else step.essential
    return {
        region: diagram.with_essential(essential).with_min_persistence(step.min_persistence)
        for region, diagram in found.items()
    }
