"""From one volume to its diagrams: superpixels once, then every filtration."""

import time
from typing import Any

import numpy as np
import zarr

from tdaflow.diagrams import Channel, ChannelRange, PersistenceDiagram
from tdaflow.pipeline.tasks import DiagramRecipe, FiltrationStep, VolumeFacts
from tdaflow.store import content_digest
from tdaflow.superpixels import SuperpixelCloud, SuperpixelOptions, superpixels


def volume_diagrams(
    about: VolumeFacts, voxels: np.ndarray | zarr.Array[Any], recipe: DiagramRecipe
) -> tuple[dict[Channel, np.ndarray], dict[str, Any]]:
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
        (filtration name, homology dimension) → float64 array (n, 2) of birth, death.
    facts : dict
        JSON-able: seconds by stage, number of points, rounding, engine, range of every channel.

    Raises
    ------
    InputError
        If the volume cannot be used.
    """
    began = time.perf_counter()
    facts: dict[str, Any] = {"seconds": {}, "channels": {}, "engine": {}}
    diagrams: dict[Channel, np.ndarray] = {}
    cloud = None
    if any(step.filtration.takes == "points" for step in recipe.steps):
        cloud = _cloud(about, voxels, recipe)
        facts["n_points"] = len(cloud.points)
        facts["rounding"] = cloud.rounding
        facts["seconds"]["superpixels"] = time.perf_counter() - began
    for step in recipe.steps:
        began = time.perf_counter()
        diagram = _diagram(step, cloud, voxels)
        for dimension in step.homology_dimensions:
            pairs = diagram[dimension]
            diagrams[step.name, dimension] = pairs
            facts["channels"][f"{step.name}/{dimension}"] = {
                **ChannelRange.from_pairs(pairs, about.id).to_dict(),
                "digest": content_digest(pairs),
            }
        facts["seconds"][step.name] = time.perf_counter() - began
        facts["engine"][step.name] = {
            name: diagram.metadata[name] for name in ("engine", "fallback") if name in diagram.metadata
        }
    return diagrams, facts


def _cloud(about: VolumeFacts, voxels: np.ndarray | zarr.Array[Any], recipe: DiagramRecipe) -> SuperpixelCloud:
    if isinstance(voxels, zarr.Array):
        from tdaflow.pipeline.large_volumes import blockwise_superpixels

        options = SuperpixelOptions(**recipe.superpixels)
        return blockwise_superpixels(voxels, options, spacing=about.spacing, extremes=about.extremes)
    return superpixels(voxels, spacing=about.spacing, **recipe.superpixels)


def _diagram(
    step: FiltrationStep, cloud: SuperpixelCloud | None, voxels: np.ndarray | zarr.Array[Any]
) -> PersistenceDiagram:
    filtration = step.filtration
    if filtration.takes == "points":
        assert cloud is not None
        diagram = filtration.diagram(cloud.points, step.homology_dimensions)
    elif isinstance(voxels, zarr.Array):
        from tdaflow.pipeline.large_volumes import filtration_input

        reduced, data = filtration_input(voxels, filtration)
        diagram = reduced.diagram(data, step.homology_dimensions)
    else:
        diagram = filtration.diagram(voxels, step.homology_dimensions)
    essential = filtration.default_essential if step.essential is None else step.essential
    return diagram.with_essential(essential).with_min_persistence(step.min_persistence)
