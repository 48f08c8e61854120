"""The diagrams of every region of a volume."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.homology.cubical import middle_of_blocks
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
    locations: bool = False,
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
    locations : bool
        If True, the diagrams have `locations`: voxels of the whole volume, of a block's own bars those in the block.

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
        found = filtration.diagram(volume, homology_dimensions, spacing=spacing, **_asked(locations))
        return dict.fromkeys(regions.names, found)
    cubes, values = filtration.cubes(volume, spacing=spacing)
    depth, height, width = values.shape
    middle = middle_of_blocks(int(getattr(filtration, "downsample", 1)), np.shape(volume))
    diagrams = {}
    for name, box in regions.boxes((depth, height, width)).items():
        first = [side.start for side in box]
        own = cubes.diagram(values[box], homology_dimensions, locations=locations)
        diagrams[name] = own.relocated(partial(np.add, first)).relocated(middle)
    return diagrams


def regional_cloud_diagrams(
    filtration: PointFiltration,
    points: NDArray[np.float64],
    homology_dimensions: Sequence[int],
    regions: Regions,
    positions: NDArray[Any],
    shape: tuple[int, int, int],
    *,
    locations: bool = False,
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
    locations : bool
        If True, the diagrams have `locations`: rows of `points`.

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
        whole = filtration.diagram(points, homology_dimensions, **_asked(locations))
        return dict.fromkeys(regions.names, whole)
    found = {}
    nothing = {k: np.zeros((0, 2)) for k in homology_dimensions}
    nowhere = (
        {k: np.zeros((0, 2, max(points.shape[1], 4) + 1), np.int64) for k in homology_dimensions} if locations else {}
    )
    for name, box in regions.boxes(shape).items():
        (here,) = np.nonzero(inside(positions, box))
        if not len(here):
            found[name] = PersistenceDiagram(nothing, locations=nowhere)
            continue
        own = filtration.diagram(points[here], homology_dimensions, **_asked(locations))
        # −1, which is no point, is the last of the longer list.
        found[name] = own.relocated(np.append(here, -1).__getitem__)
    return found


def _asked(locations: bool) -> dict[str, Any]:
    # A filtration of one's own need not know the argument.
    return {"locations": True} if locations else {}
