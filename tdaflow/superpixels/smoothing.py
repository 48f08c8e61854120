"""Gaussian-filtered intensities at the feature points only.

A Gaussian filter is separable and a regular grid is a product of three axes, so the filtered volume is needed at
n_z × n_y × n_x places only: contract z first (n_z·Y·X numbers left), then y, then x. This equals
``scipy.ndimage.gaussian_filter(mode="nearest", truncate=3)`` there (to rounding) at a fraction of its cost and memory.

Every output is a sum over taps in a fixed order of element-wise products, never a matrix product: its bits depend on
the voxels it reads and on nothing else. A block of the volume with its halo therefore gives the bits that the whole
volume gives (`AxisTaps.span` says which voxels a run of points needs).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tdaflow.superpixels.grid import SuperpixelGrid
from tdaflow.superpixels.options import IntensityKind

TRUNCATE = 3.0
"""The Gaussian is cut at this many standard deviations, as in ``scipy.ndimage``."""


@dataclass(frozen=True, eq=False)
class AxisTaps:
    """The voxels, and their weights, that each point of one axis reads along that axis.

    Attributes
    ----------
    index : int64 (n, taps)
        Voxel indices in the whole volume, already clamped to its faces (mode "nearest").
    weight : float64 (n, taps)
        Weights; each row sums to 1 up to rounding.
    """

    index: NDArray[np.int64]
    weight: NDArray[np.float64]

    @property
    def span(self) -> tuple[int, int]:
        """First voxel read and one past the last."""
        return int(self.index.min()), int(self.index.max()) + 1

    def select(self, points: slice) -> "AxisTaps":
        """The taps of a run of this axis' points."""
        return AxisTaps(self.index[points], self.weight[points])


def filter_widths(grid: SuperpixelGrid, multiple: float) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Standard deviation and radius of the Gaussian on each axis.

    Parameters
    ----------
    grid : SuperpixelGrid
    multiple : float
        Standard deviation over step, ≥ 0.

    Returns
    -------
    sigma : (3,) float
        In voxels; 0 on an axis of one voxel, where a filter changes nothing.
    radius : (3,) int
        Voxels read to either side of a point: the halo of a block.
    """
    sigma = tuple(multiple * step if size > 1 else 0.0 for step, size in zip(grid.step, grid.shape, strict=True))
    return sigma, tuple(int(TRUNCATE * s + 0.5) for s in sigma)


def axis_taps(grid: SuperpixelGrid, multiple: float, intensity: IntensityKind = "point") -> tuple[AxisTaps, ...]:
    """Taps of the three axes: the Gaussian, and for ``intensity="mean"`` its mean over each block.

    Voxels that a block's edge cuts count by their share inside the block.
    """
    taps = []
    for size, index, edges, sigma, radius in zip(
        grid.shape, grid.axis_indices, grid.axis_edges, *filter_widths(grid, multiple), strict=True
    ):
        gaussian = _gaussian(sigma, radius)
        if intensity == "point":
            first, weight = index, np.broadcast_to(gaussian, (len(index), len(gaussian)))
        else:
            first, share = _block_shares(edges)
            weight = np.stack([np.convolve(row, gaussian) for row in share])
        offsets = np.arange(weight.shape[1], dtype=np.int64) - radius
        taps.append(AxisTaps(np.clip(first[:, None] + offsets, 0, size - 1), weight))
    return tuple(taps)


def sample(
    volume: NDArray[np.generic], taps: tuple[AxisTaps, ...], origin: tuple[int, int, int] = (0, 0, 0)
) -> NDArray[np.float64]:
    """Weighted sums of a volume (or of a block of one) over the taps of three axes.

    Parameters
    ----------
    volume : (Z, Y, X) array of any real dtype or bool
        Voxels; taken into float64 before anything is added, so nothing wraps. NaN spreads to the points that read it.
    taps : three AxisTaps
        From `axis_taps`, whole or a run of points of each axis (`AxisTaps.select`).
    origin : (3,) int
        Where ``volume[0, 0, 0]`` lies in the whole volume.

    Returns
    -------
    float64 (n_z, n_y, n_x)

    Raises
    ------
    IndexError
        When the block does not hold a voxel that the taps read.
    """
    result: NDArray[np.generic] = volume
    for axis in range(3):
        start, stop = taps[axis].span
        if start < origin[axis] or stop > origin[axis] + volume.shape[axis]:
            raise IndexError(
                f"axis {axis} of the block covers voxels {origin[axis]}..{origin[axis] + volume.shape[axis] - 1}, "
                f"the points read {start}..{stop - 1}; pass the block with its halo."
            )
        index = taps[axis].index - origin[axis]
        weight = taps[axis].weight.reshape(*(-1 if k == axis else 1 for k in range(3)), index.shape[1])
        total = np.multiply(result.take(index[:, 0], axis=axis), weight[..., 0], dtype=np.float64)
        term = np.empty_like(total)
        for t in range(1, index.shape[1]):
            np.multiply(result.take(index[:, t], axis=axis), weight[..., t], out=term, dtype=np.float64)
            total += term
        result = total
    return result  # type: ignore[return-value]


def _gaussian(sigma: float, radius: int) -> NDArray[np.float64]:
    """Normalised weights at −radius..radius, by the formula of ``scipy.ndimage.gaussian_filter``."""
    if radius == 0:
        return np.ones(1)
    x = np.arange(-radius, radius + 1)
    weight = np.exp(-0.5 / (sigma * sigma) * x**2)
    return weight / weight.sum()


def _block_shares(edges: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """First voxel (n,) of each block and the share (n, widest block) of the block in each voxel from there on."""
    first = np.floor(edges[:, 0]).astype(np.int64)
    widest = int(np.max(np.ceil(edges[:, 1]).astype(np.int64) - first))
    voxel = first[:, None] + np.arange(widest)
    inside = np.minimum(voxel + 1, edges[:, 1:]) - np.maximum(voxel, edges[:, :1])
    return first, np.maximum(inside, 0) / (edges[:, 1:] - edges[:, :1])
