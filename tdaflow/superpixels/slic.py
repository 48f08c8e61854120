"""SLIC supervoxels: centroids that follow the image instead of a regular grid.

R. Achanta et al., "SLIC superpixels compared to state-of-the-art superpixel methods", IEEE TPAMI 34 (2012), computed by
scikit-image. Unlike the grid it needs the whole filtered volume in memory, and it gives *about* the wanted number.
"""

import numpy as np
from numpy.typing import NDArray

from tdaflow.superpixels.grid import SuperpixelGrid
from tdaflow.superpixels.options import IntensityKind
from tdaflow.superpixels.smoothing import TRUNCATE, filter_widths

COMPACTNESS = 0.1
"""Weight of space against intensity (its extent scaled to [0, 1]) in SLIC's distance: supervoxels that bend around
organs without falling to pieces; scikit-image's own default of 10 gives nearly cubes, that is, the grid again."""

CENTROID_FRACTION = 4
"""Centroids are rounded to 1/4 voxel, so that a 28³ volume's lattice keeps its exact arithmetic within 63 bits."""


def slic_points(
    volume: NDArray[np.generic],
    grid: SuperpixelGrid,
    n_superpixels: int,
    spacing: tuple[float, float, float],
    multiple: float,
    intensity: IntensityKind,
    extent: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centroids and intensities of supervoxels.

    Parameters
    ----------
    volume : (Z, Y, X) array
        Finite voxels of any real dtype or bool.
    grid : SuperpixelGrid
        The regular grid with the same number of points: its step sets the width of the filter.
    n_superpixels : int
        Wanted number of supervoxels.
    spacing : (3,) float
        Voxel size (z, y, x).
    multiple : float
        Standard deviation of the Gaussian over the grid's step; 0 for no filter.
    intensity : "point" or "mean"
        Filtered intensity at the voxel nearest to the centroid, or its mean over the supervoxel.
    extent : (low, high) float
        `tdaflow.extents.intensity_extent` of the volume. Supervoxels take intensities beyond it for its ends, so that a
        voxel with a value of its own moves the borders near it only.

    Returns
    -------
    centroids : float64 (n, 3)
        z, y, x in voxels, in the order of SLIC's labels.
    intensities : float64 (n,)
    """
    labels = slic_labels(volume, grid, n_superpixels, spacing, multiple, extent).ravel()
    filtered = _filtered(volume.astype(np.float64), grid, multiple)
    size = np.bincount(labels)
    kept = size > 0
    coordinates = np.indices(volume.shape).reshape(3, -1)
    centroids = np.stack([np.bincount(labels, weights=c)[kept] / size[kept] for c in coordinates], axis=1)
    if intensity == "mean":
        return centroids, np.bincount(labels, weights=filtered.ravel())[kept] / size[kept]
    z, y, x = np.rint(centroids).astype(np.int64).T
    return centroids, filtered[z, y, x]


def slic_labels(
    volume: NDArray[np.generic],
    grid: SuperpixelGrid,
    n_superpixels: int,
    spacing: tuple[float, float, float],
    multiple: float,
    extent: tuple[float, float],
) -> NDArray[np.int64]:
    """The supervoxel of each voxel (Z, Y, X); parameters as for `slic_points`."""
    from skimage.segmentation import slic

    # Limited before the filter: a voxel with a value of its own then has the reach of the filter, and no more.
    shown = _filtered(_within(volume, extent), grid, multiple)
    # scikit-image divides by max − min, whatever single voxels make it; a compactness divided by the same undoes it.
    spread = float(np.ptp(shown))
    # sigma=0: the filter above is the only one; labels count from 0
    labels: NDArray[np.int64] = slic(
        shown,
        n_segments=n_superpixels,
        compactness=COMPACTNESS / spread if spread else COMPACTNESS,
        spacing=np.asarray(spacing, dtype=np.float64),
        sigma=0,
        channel_axis=None,
        start_label=0,
    )
    return labels


def _filtered(values: NDArray[np.float64], grid: SuperpixelGrid, multiple: float) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    sigma, radius = filter_widths(grid, multiple)
    if not any(radius):
        return values
    found: NDArray[np.float64] = gaussian_filter(values, sigma, mode="nearest", truncate=TRUNCATE)
    return found


def _within(volume: NDArray[np.generic], extent: tuple[float, float]) -> NDArray[np.float64]:
    """Intensities scaled so that the extent is [0, 1], and limited to it; 0 where it has no width."""
    low, high = extent
    if low == high:
        return np.zeros(volume.shape)
    with np.errstate(over="ignore"):
        return np.clip((volume.astype(np.float64) - low) / (high - low), 0.0, 1.0)
