"""One volume and everything that was made of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from tdaflow.errors import InputError
from tdaflow.pipeline.recipe import shown_superpixels
from tdaflow.report.run_data import RunData
from tdaflow.store.ome_zarr import superpixel_labels
from tdaflow.superpixels import SuperpixelCloud, SuperpixelOptions, superpixels, with_volume_scale


@dataclass(frozen=True)
class Example:
    """One volume of a run.

    Attributes
    ----------
    id, class_name, split : str
        `class_name` is "" where there is no label.
    voxels : array (z, y, x)
    spacing : tuple of 3 float
        In mm along z, y, x.
    slices : tuple of int
        Indices along z that are shown; superpixels have their points in them where there are few enough.
    labels : integer array (z, y, x)
        Superpixel of every voxel, from 1.
    positions : float64 array (n, 3)
        z, y, x of the superpixels in `position_unit`.
    position_unit : str
        "mm", or "voxels" where positions have no weight in the cloud.
    intensities : float64 array (n,)
        Of the superpixels in grey levels, filtered and rounded as in the cloud.
    diagrams : mapping of (filtration, homology dimension) to float64 array (n, 2)
        As stored; empty if none were computed.
    """

    id: str
    class_name: str
    split: str
    voxels: np.ndarray
    spacing: tuple[float, float, float]
    slices: tuple[int, ...]
    labels: np.ndarray
    positions: np.ndarray
    position_unit: str
    intensities: np.ndarray | None
    diagrams: Mapping[tuple[str, int], np.ndarray]


def read_example(run: RunData, row: int, n_slices: int = 8) -> Example:
    """Read a volume, make its superpixels again as the run did, and read its diagrams.

    Parameters
    ----------
    run : RunData
    row : int
        In the volume store.
    n_slices : int

    Raises
    ------
    InputError
        If the volume store is not there, or the volume has fewer voxels than superpixels are wanted.
    """
    if run.volumes is None:
        raise InputError(f"{run.folder.path} has no volume store: run again to make it")
    rows = run.rows
    voxels = next(run.volumes.voxels(row, row + 1))
    z, y, x = (float(s) for s in rows.spacing[row])
    low, high = rows.extent[row]
    options = with_volume_scale(shown_superpixels(run.config, run.state["scales"]), voxels.shape, (z, y, x), high - low)
    cloud = superpixels(voxels, spacing=(z, y, x), **asdict(options))
    positions, unit = _positions(cloud, options, (z, y, x))
    weight = np.sqrt(2 * (1 - options.space_weight)) * float(options.intensity_scale)
    label = int(rows.label[row])
    return Example(
        id=str(rows.id[row]),
        class_name=run.class_names[label] if label >= 0 else "",
        split=str(rows.split[row]),
        voxels=voxels,
        spacing=(z, y, x),
        slices=_slices(cloud, len(voxels), n_slices),
        labels=superpixel_labels(voxels, (z, y, x), options),
        positions=positions,
        position_unit=unit,
        intensities=cloud.points[:, 3] / weight if weight > 0 else None,
        diagrams=run.diagrams(row),
    )


def _positions(
    cloud: SuperpixelCloud, options: SuperpixelOptions, spacing: tuple[float, float, float]
) -> tuple[np.ndarray, str]:
    if options.space_weight > 0:
        return cloud.points[:, :3] / np.sqrt(2 * options.space_weight), "mm"
    if cloud.indices is not None:
        return cloud.indices * np.asarray(spacing), "mm"
    return np.zeros((len(cloud.points), 3)), "no weight"


def _slices(cloud: SuperpixelCloud, n_z: int, wanted: int) -> tuple[int, ...]:
    """Slices through points of the grid where there is one, evenly spread."""
    candidates = np.arange(n_z) if cloud.indices is None else np.unique(cloud.indices[:, 0])
    # The outermost slices of a volume show little: without a grid, take the middles of equal parts.
    at = (np.arange(min(wanted, len(candidates))) + 0.5) * len(candidates) / min(wanted, len(candidates))
    return tuple(int(candidates[int(i)]) for i in at)
