"""The diagrams of every region of a volume."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.homology.filtrations import PointFiltration, VolumeFiltration
from tdaflow.homology.regions import Regions, inside

FEWEST_POINTS = 8
"""Points that a block of a cloud must have: fewer say next to nothing in four dimensions."""

SHORTEST_EDGE = 3
"""Voxels along each edge that a block must have: no void fits into fewer."""


def regional_volume_diagrams(
    filtration: VolumeFiltration,
    volume: ArrayLike,
    homology_dimensions: Sequence[int],
    regions: Regions,
    *,
    spacing: Sequence[float] | None = None,
) -> dict[str, PersistenceDiagram]:
    """Compute a filtration of voxels in every region.

    Parameters
    ----------
    filtration : VolumeFiltration
        Its function is computed of the whole volume and then cut, so that smoothing and distances reach across borders
        of blocks.
    volume : array_like (z, y, x)
    homology_dimensions : sequence of int
    regions : Regions
    spacing : (3,) float, optional
        Voxel size in mm.

    Returns
    -------
    dict of str to PersistenceDiagram
        By region. A block's bars, its ``filtration_range`` and the cap of its essential bar are those of a volume with
        just its values; a block of one value has no bars.

    Raises
    ------
    InputError
        As ``filtration.diagram``.
    """
    if regions.is_whole:
        return {name: filtration.diagram(volume, homology_dimensions, spacing=spacing) for name in regions.names}
    cubes, values = filtration.cubes(volume, spacing=spacing)
    depth, height, width = values.shape
    boxes = regions.boxes((depth, height, width))
    return {name: cubes.diagram(values[box], homology_dimensions) for name, box in boxes.items()}


def regional_cloud_diagrams(
    filtration: PointFiltration,
    points: NDArray[np.float64],
    homology_dimensions: Sequence[int],
    regions: Regions,
    positions: NDArray[Any],
    shape: tuple[int, int, int],
) -> dict[str, PersistenceDiagram]:
    """Compute a filtration of points in every region.

    Parameters
    ----------
    filtration : PointFiltration
    points : float64 (n, d)
    homology_dimensions : sequence of int
    regions : Regions
    positions : array (n, 3)
        z, y, x of the points in voxels.
    shape : (3,) int
        Of the volume, in voxels.

    Returns
    -------
    dict of str to PersistenceDiagram
        By region; without bars where a region holds no point.

    Raises
    ------
    InputError
        As ``filtration.diagram``.
    """
    if regions.is_whole:
        return {name: filtration.diagram(points, homology_dimensions) for name in regions.names}
    found = {}
    for name, box in regions.boxes(shape).items():
        here = points[inside(positions, box)]
        nothing = {k: np.zeros((0, 2)) for k in homology_dimensions}
        found[name] = filtration.diagram(here, homology_dimensions) if len(here) else PersistenceDiagram(nothing)
    return found
