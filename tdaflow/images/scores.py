"""From weights of pixels back to bars: the adjoint of a persistence image."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.images.axes import Range, pixel_axes
from tdaflow.images.blas import one_blas_thread
from tdaflow.images.image import inside_ranges
from tdaflow.images.options import ImageOptions
from tdaflow.images.profiles import AxisProfile
from tdaflow.images.weights import bar_weights

# Bars taken at a time, as for images.
_CHUNK = 250


def bar_scores(
    pixels: NDArray[np.float64],
    pairs: ArrayLike,
    birth_range: Range,
    death_range: Range,
    *,
    options: ImageOptions,
    sigma: float,
) -> NDArray[np.float64]:
    """Add up weights of pixels over the Gaussian of each bar, times the bar's own weight.

    An image is the sum of the images of its bars, so of a function that is linear in its pixels each bar has a share.

    Parameters
    ----------
    pixels : float64 array (rows, columns)
        What a pixel counts.
    pairs : array_like, shape (n, 2)
        Finite birth ≤ death.
    birth_range, death_range, sigma
        As for `tdaflow.persistence_image`.
    options : ImageOptions
        The image's, of which ``resolution`` and ``normalise`` do not matter: a score is that of the image before it is
        divided by anything.

    Returns
    -------
    float64 (n,)
        ``(pixels * persistence_image([bar])).sum()`` of every bar.
    """
    columns, rows = pixel_axes(birth_range, death_range, pixels.shape)
    birth, death = np.ascontiguousarray(np.asarray(pairs, dtype=np.float64).reshape(-1, 2).T)
    x, y = birth, death - birth if options.plane == "birth-persistence" else death
    weights = bar_weights(options.weight, birth, death - birth, sigma)
    if options.outside == "drop":
        weights = np.where(inside_ranges(x, y, birth_range, death_range), weights, 0.0)
    elif options.outside == "clip":
        x, y = np.clip(x, *birth_range), np.clip(y, *death_range)
    scores = np.zeros(len(birth))
    across, along = (AxisProfile(axis, sigma, options.sampling, _CHUNK) for axis in (columns, rows))
    with np.errstate(under="ignore"), one_blas_thread():
        for start in range(0, len(scores), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            scores[chunk] = ((pixels @ across(x[chunk])) * along(y[chunk])).sum(axis=0)
    area = {"centre": 1.0 / sigma**2, "midpoint": (columns.width / sigma) * (rows.width / sigma)}
    return scores * weights * (area[options.sampling] / (2 * math.pi) if options.sampling in area else 1.0)
