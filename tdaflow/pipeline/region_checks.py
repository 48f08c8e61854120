"""Refuse regions that are too small for what is computed in them, before any work."""

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError
from tdaflow.homology import VolumeFiltration
from tdaflow.homology.regional import FEWEST_POINTS, SHORTEST_EDGE
from tdaflow.homology.regions import inside
from tdaflow.store import VolumeTable
from tdaflow.superpixels.grid import superpixel_grid

Shape = tuple[int, int, int]


def check_regions(config: RunConfig, rows: VolumeTable) -> None:
    """Look at every distinct shape and spacing of the volumes.

    Raises
    ------
    ConfigError
        With the filtration, the shape, the limit and the remedy. The number of points of SLIC is only known
        approximately; there a block without any point has no bars.
    """
    regional = [name for name, f in config.filtrations.items() if not f.regions.is_whole]
    if not regional:
        return
    table = np.column_stack([rows.shape, rows.spacing])
    for row in np.unique(table, axis=0):
        depth, height, width = (int(n) for n in row[:3])
        for name in regional:
            filtration = config.filtrations[name].filtration()
            if filtration.takes == "points":
                _check_points(config, name, (depth, height, width), (row[3], row[4], row[5]))
            else:
                _check_voxels(config, name, (depth, height, width), filtration)


def _check_points(config: RunConfig, name: str, shape: Shape, spacing: tuple[float, float, float]) -> None:
    options = config.superpixels_of(name)
    positions = superpixel_grid(shape, options.n_superpixels, spacing, options.grid).indices
    for region, box in config.filtrations[name].regions.boxes(shape).items():
        n = int(inside(positions, box).sum())
        if n < FEWEST_POINTS:
            raise ConfigError(
                f"filtrations.{name}: region {region} of a volume of {_sides(shape)} voxels has {n} of about "
                f"{len(positions)} superpixels, fewer than {FEWEST_POINTS}; raise n_superpixels, or set fewer blocks"
            )


def _check_voxels(config: RunConfig, name: str, shape: Shape, filtration: VolumeFiltration) -> None:
    factor = getattr(filtration, "downsample", 1)
    depth, height, width = (-(-n // factor) for n in shape)
    for region, box in config.filtrations[name].regions.boxes((depth, height, width)).items():
        edges = [side.stop - side.start for side in box]
        if min(edges) < SHORTEST_EDGE:
            reduced = f" with downsample = {factor}" if factor > 1 else ""
            raise ConfigError(
                f"filtrations.{name}: region {region} of a volume of {_sides(shape)} voxels{reduced} has "
                f"{_sides(edges)} voxels, below {SHORTEST_EDGE} along an edge; set fewer blocks along that axis, such "
                f"as regions = {{blocks = {_fewer(depth, height, width)}}}"
            )


def _fewer(*edges: int) -> list[int]:
    return [2 if edge >= 2 * SHORTEST_EDGE else 1 for edge in edges]


def _sides(edges: "Shape | list[int]") -> str:
    return " × ".join(map(str, edges))
