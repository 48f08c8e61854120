"""One volume of a run with its superpixels and diagrams."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from tdaflow.errors import InputError
from tdaflow.pipeline.recipe import shown_superpixels
from tdaflow.report.run_data import RunData
from tdaflow.store.anatomy import Anatomy
from tdaflow.store.ome_zarr import superpixel_labels
from tdaflow.superpixels import SuperpixelCloud, SuperpixelOptions, superpixels, with_volume_scale

# Degrees between the axes of voxels and body that a caption mentions.
_TILTED = 5


@dataclass(frozen=True)
class Example:
    """One volume of a run, turned upright (`tdaflow.store.anatomy.Anatomy.upright`) where its orientation is known.

    Attributes
    ----------
    id, class_name, split : str
        `class_name` is "" if the volume has no label.
    anatomy : Anatomy
        Of the voxels as they are here.
    voxels : array (z, y, x)
    spacing : tuple of 3 float
        In mm along z, y, x.
    slices : tuple of int
        Indices along z of the slices to show; on the grid they contain points of superpixels.
    labels : integer array (z, y, x)
        Superpixel of every voxel, from 1.
    positions : float64 array (n, 3)
        z, y, x of the superpixels in `position_unit`.
    grey_unit : str
        Unit of the voxels and intensities.
    position_unit : str
        "mm", or "no weight" if positions do not enter the point cloud.
    intensities : float64 array (n,)
        Intensities of the superpixels in grey levels, filtered and rounded as in the point cloud; None if they do not
        enter it.
    diagrams : mapping of (filtration, homology dimension) to float64 array (n, 2)
        As stored; empty if none were computed.
    """

    id: str
    class_name: str
    split: str
    anatomy: Anatomy
    voxels: np.ndarray
    spacing: tuple[float, float, float]
    slices: tuple[int, ...]
    labels: np.ndarray
    positions: np.ndarray
    grey_unit: str
    position_unit: str
    intensities: np.ndarray | None
    diagrams: Mapping[tuple[str, int], np.ndarray]

    @property
    def convention(self) -> str:
        """Sentence on how the slices are turned, for captions."""
        if self.anatomy.letters is None:
            return "Orientation unknown: slices along z as stored, grey scale 1–99 % of the values."
        tilt = self.anatomy.tilt
        nearest = f"nearest to axial (up to {tilt:.0f}° off)" if tilt >= _TILTED else "axial"
        return (
            f"Slices {nearest}, in radiological convention: the patient's right (R) is at the left, anterior (A) on "
            "top; grey scale 1–99 % of the values."
        )


def read_example(run: RunData, row: int, n_slices: int = 8) -> Example:
    """Read a volume and its diagrams, and compute its superpixels as the run did.

    Parameters
    ----------
    run : RunData
    row : int
        Row of the volume store.
    n_slices : int

    Raises
    ------
    InputError
        If the volume store is missing, or the volume has fewer voxels than `n_superpixels`.
    """
    if run.volumes is None:
        raise InputError(f"{run.folder.path} has no volume store: run again to make it")
    rows = run.rows
    voxels = next(run.volumes.voxels(row, row + 1))
    z, y, x = (float(s) for s in rows.spacing[row])
    low, high = rows.extent[row]
    spacing, shape = (z, y, x), voxels.shape
    options = with_volume_scale(shown_superpixels(run.config, run.state["scales"]), shape, spacing, high - low)
    cloud = superpixels(voxels, spacing=spacing, **asdict(options))
    anatomy = Anatomy.of(str(rows.facts[row]), spacing)
    positions, unit = _positions(cloud, options, spacing)
    upright = anatomy.upright_points(positions, (np.array(shape) - 1) * spacing)
    heights = None if cloud.indices is None else anatomy.upright_points(cloud.indices, np.array(shape) - 1)[:, 0]
    shown = anatomy.upright(voxels)
    weight = np.sqrt(2 * (1 - options.space_weight)) * float(options.intensity_scale)
    label = int(rows.label[row])
    return Example(
        id=str(rows.id[row]),
        class_name=run.class_names[label] if label >= 0 else "",
        split=str(rows.split[row]),
        anatomy=anatomy.turned(shape),
        voxels=shown,
        spacing=anatomy.upright_spacing(spacing),
        slices=_slices(heights, len(shown), n_slices),
        labels=anatomy.upright(superpixel_labels(voxels, spacing, options)),
        positions=upright,
        grey_unit=run.grey_unit,
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


def _slices(points: np.ndarray | None, n_z: int, wanted: int) -> tuple[int, ...]:
    """Choose evenly spread slices, through points of the grid (their indices along z) if there is one."""
    candidates = np.arange(n_z) if points is None else np.unique(points)
    # The outermost slices show little, so take the middles of equal parts.
    at = (np.arange(min(wanted, len(candidates))) + 0.5) * len(candidates) / min(wanted, len(candidates))
    return tuple(int(candidates[int(i)]) for i in at)
