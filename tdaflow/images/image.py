"""Persistence images.

Zhu et al. 2024 (Definition 1) sample the weighted sum of Gaussians at pixel centres; Adams et al., "Persistence images:
a stable vector representation of persistent homology", JMLR 18 (2017), integrate it over each pixel. Either way an
isotropic Gaussian is a product of one factor per axis, and an image is one matrix product Gy·diag(w)·Gxᵀ.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.arrays import pairs_of, refuse_masked
from tdaflow.errors import InputError
from tdaflow.images.axes import Range, Resolution, checked_range, pixel_axes
from tdaflow.images.blas import one_blas_thread
from tdaflow.images.image_kernel import compiled
from tdaflow.images.options import CHOICES, ImageOptions, Normalise, Outside, Plane, check_normalise
from tdaflow.images.profiles import CUT, AxisProfile, Sampling
from tdaflow.images.weights import Weight, bar_weights

_DEFAULT = ImageOptions()
# An image whose largest pixel is this many times what can have been cut off has all its digits.
_DIGITS = 1e16


def persistence_image(
    pairs: ArrayLike | Mapping[int, NDArray[np.float64]],
    *,
    counts: ArrayLike | None = None,
    birth_range: Range,
    death_range: Range,
    sigma: float,
    resolution: Resolution,
    dimension: int | None = None,
    weight: Weight = _DEFAULT.weight,
    plane: Plane = _DEFAULT.plane,
    sampling: Sampling = _DEFAULT.sampling,
    normalise: Normalise = None,
    outside: Outside = _DEFAULT.outside,
) -> NDArray[np.float64]:
    """Turn the bars of one homology dimension into an image.

    Parameters
    ----------
    pairs : (n, 2) array, or PersistenceDiagram
        Finite (birth, death) with birth ≤ death; n may be 0. Drop or cap essential bars before.
    counts : (n,) integer array, optional
        How often each bar occurs; once by default. ``diagram.bars[k]`` of a `tdaflow.PersistenceDiagram` has both.
    birth_range, death_range : (low, high) float
        What the columns and the rows cover; ``death_range`` is the range of persistence in the birth-persistence
        plane. For zero width see :mod:`tdaflow.images.axes`.
    sigma : float
        Standard deviation of the Gaussian, > 0, in the diagram's units.
    resolution : int or (rows, columns)
    dimension : int, optional
        Homology dimension to take of a diagram that has several.
    weight : "gaussian", "linear", "power(n)", ("power", n), "arctan", "constant" or callable(birth, persistence)
        See :func:`tdaflow.images.bar_weights`; always of the bar as given, in either plane, clipped or not.
    plane : "birth-death" or "birth-persistence"
        The second coordinate of a bar: its death or its persistence.
    sampling : "midpoint", "integral" or "centre"
        The integral of the density w/(2πσ²)·exp(…) over each pixel, by the midpoint rule (the density at the pixel's
        centre times its area; within .4 % at ε ≥ .9 and half as dear) or exactly; or the density at the centre itself,
        as in Definition 1 of Zhu et al. 2024. The first two do not depend on the diagram's unit, and a bar inside the
        ranges adds its weight to the sum of the pixels.
    normalise : None, "max", "sum" or float
        Divide by the largest ``|pixel|``, by the sum of ``|pixels|``, or by a positive number (a dataset-wide maximum).
        An image of zeros stays one.
    outside : "tails", "clip" or "drop"
        Bars outside the ranges reach into the image with their tails, are moved to the nearest border, or left out.

    Returns
    -------
    float64 (rows, columns)
        Row 0: smallest death (persistence), column 0: smallest birth. All zeros without bars.

    Raises
    ------
    InputError
        (a ValueError) for pairs that are not (n, 2), not finite or die before birth; for counts that are not n whole
        numbers ≥ 0; for options outside their limits.

    Notes
    -----
    The bits depend on the arguments alone, not on threads or batches, for one set of library versions and one family of
    processors: BLAS is held to one thread meanwhile.
    """
    for name, value in (("plane", plane), ("sampling", sampling), ("outside", outside)):
        if value not in CHOICES[name]:
            raise InputError(f"{name} is {value!r}; use one of {', '.join(map(repr, CHOICES[name]))}.")
    check_normalise(normalise)
    grid = _Grid(birth_range, death_range, sigma, resolution, weight, plane, sampling, outside)
    return _normalised(grid.image(pairs_of(pairs, dimension), counts), normalise)


def image_of(
    options: ImageOptions,
    pairs: ArrayLike,
    birth_range: Range,
    death_range: Range,
    *,
    counts: ArrayLike | None = None,
    sigma: float | None = None,
    normalise: Normalise = None,
) -> NDArray[np.float64]:
    """Make the image of one homology dimension with these options.

    Parameters
    ----------
    options : ImageOptions
    pairs, birth_range, death_range, counts
        As for `persistence_image`.
    sigma : float, optional
        From ``options.epsilon`` and the ranges unless given.
    normalise : optional
        The maximum to divide by where ``options.normalise`` is "dataset-max".
    """
    return ImageMaker(options, birth_range, death_range, sigma=sigma, normalise=normalise)(pairs, counts)


class ImageMaker:
    """Make images on one grid: the fastest way to many, since options are checked and memory is taken once.

    Parameters
    ----------
    options, birth_range, death_range, sigma, normalise
        As for `image_of`.

    Notes
    -----
    Not to be shared between threads; making one takes microseconds.
    """

    def __init__(
        self,
        options: ImageOptions,
        birth_range: Range,
        death_range: Range,
        *,
        sigma: float | None = None,
        normalise: Normalise = None,
    ) -> None:
        self._normalise = normalise if options.normalise == "dataset-max" else options.normalise
        check_normalise(self._normalise)
        sigma = options.sigma(birth_range, death_range) if sigma is None else sigma
        self._grid = _Grid(
            birth_range, death_range, sigma, options.resolution, options.weight, options.plane, options.sampling,
            options.outside,
        )  # fmt: skip

    def __call__(self, pairs: ArrayLike, counts: ArrayLike | None = None) -> NDArray[np.float64]:
        """Make the image of some bars, as `persistence_image` does."""
        return _normalised(self._grid.image(pairs, counts), self._normalise)


def outside_count(
    pairs: ArrayLike,
    birth_range: Range,
    death_range: Range,
    plane: Plane = _DEFAULT.plane,
    *,
    counts: ArrayLike | None = None,
) -> int:
    """Count the bars outside the closed ranges, of which `persistence_image` shows the tails, or nothing.

    Parameters
    ----------
    pairs, birth_range, death_range, counts
        As for `persistence_image`; a range of zero width holds only its value.
    plane : "birth-death" or "birth-persistence"

    Returns
    -------
    int
    """
    birth, death, persistence, repeats = _checked_bars(pairs, counts)
    y = persistence if plane == "birth-persistence" else death
    outside = ~inside_ranges(birth, y, birth_range, death_range)
    return int(np.count_nonzero(outside) if repeats is None else repeats[outside].sum())


def _checked_bars(
    pairs: ArrayLike, counts: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.integer] | None]:
    """Births, deaths, persistences and how often each bar occurs, None for once each."""
    refuse_masked(pairs, "bars")
    bars = np.asarray(pairs, dtype=np.float64)
    if bars.size == 0:
        bars = bars.reshape(0, 2)
    if bars.ndim != 2 or bars.shape[1] != 2:
        raise InputError(f"pairs must have shape (n, 2), birth and death, this array has {bars.shape}; reshape it.")
    columns = np.empty((3, len(bars)))
    columns[:2] = bars.T
    finite, ordered, repeated = compiled().inspect(*columns)
    if not finite:
        raise InputError("pairs hold NaN or infinite values; drop or cap essential bars before making an image.")
    if not ordered:
        raise InputError("a bar dies before its birth; columns must be (birth, death).")
    if counts is None:
        if not repeated:
            return *columns, None
        # Equal bars in a row become one, so that a diagram and its counted bars have the same image to the last bit.
        first = np.flatnonzero(np.append(True, (bars[1:] != bars[:-1]).any(axis=1)))
        return *columns[:, first], np.diff(first, append=len(bars))
    repeats = np.asarray(counts)
    if repeats.shape != (len(bars),) or repeats.dtype.kind not in "iu" or (len(repeats) and repeats.min() < 0):
        raise InputError(
            f"counts of shape {repeats.shape} and dtype {repeats.dtype} must be {len(bars)} whole numbers ≥ 0, one for "
            f"each of the pairs."
        )
    return *columns, repeats


def inside_ranges(
    x: NDArray[np.float64], y: NDArray[np.float64], birth_range: Range, death_range: Range
) -> NDArray[np.bool_]:
    """Return True for the bars, by their coordinates in the image's plane, that lie in the closed ranges."""
    (m, M), (n, N) = checked_range("birth_range", birth_range), checked_range("death_range", death_range)
    return (x >= m) & (x <= M) & (y >= n) & (y <= N)


class _Grid:
    """The pixels of an image, the Gaussians of bars along its two axes, and how bars are weighted and placed."""

    def __init__(
        self,
        birth_range: Range,
        death_range: Range,
        sigma: float,
        resolution: Resolution,
        weight: Weight,
        plane: Plane,
        sampling: Sampling,
        outside: Outside,
    ) -> None:
        if not 1e-150 < sigma < 1e150:  # so that σ² is a number
            raise InputError(f"sigma is {sigma!r}; it must be a positive finite number, see sigma_from_epsilon.")
        columns, rows = pixel_axes(birth_range, death_range, resolution)
        self._ranges, self._sigma = (birth_range, death_range), sigma
        self._weight, self._plane, self._outside = weight, plane, outside
        self._shape = rows.count, columns.count
        # Bars are taken so many at a time that their Gaussians stay in the processor's cache: a function of the
        # resolution alone, because the order of summation decides the last bits.
        self._chunk = max(40, 24_000 // max(self._shape))
        self._across, self._along = (AxisProfile(axis, sigma, sampling, self._chunk) for axis in (columns, rows))
        per_area = 1.0 if sampling == "integral" else 1 / (2 * math.pi)
        if sampling == "centre":
            self._scale = per_area / (sigma * sigma)
        else:
            self._scale = per_area * (columns.width / sigma) * (rows.width / sigma) if sampling == "midpoint" else 1.0

    def image(self, pairs: ArrayLike, counts: ArrayLike | None) -> NDArray[np.float64]:
        """The image before it is normalised."""
        birth, death, persistence, repeats = _checked_bars(pairs, counts)
        weights = bar_weights(self._weight, birth, persistence, self._sigma)
        if repeats is not None:
            weights = weights * repeats
        x, y = birth, persistence if self._plane == "birth-persistence" else death
        if self._outside == "drop":
            kept = inside_ranges(x, y, *self._ranges)
            x, y, weights = x[kept], y[kept], weights[kept]
        elif self._outside == "clip":
            x, y = np.clip(x, *self._ranges[0]), np.clip(y, *self._ranges[1])
        if not len(x):
            return np.zeros(self._shape)
        largest, total = compiled().sizes(weights)
        # A power of two, which changes no digit, so that small weights leave room for small Gaussians.
        unit = math.ldexp(1.0, min(math.frexp(largest or 1e-300)[1], 0))
        # far bars may lie an infinite number of pixels away; an image that overflows is refused
        with np.errstate(under="ignore", over="ignore"):
            if unit < 1:
                weights, total = weights / unit, total / unit
            image, sum_of_pixels = self._sum(x, y, weights, total)
            scale = self._scale * unit
            image *= scale
        if not math.isfinite(sum_of_pixels * scale) and not np.isfinite(image).all():
            raise InputError(
                f"the image overflows with sigma {self._sigma:g} and weights up to {largest:g}; "
                f"rescale the diagram or the weight."
            )
        return image

    def _sum(
        self, x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64], total: float
    ) -> tuple[NDArray[np.float64], float]:
        """Σ over bars of weight · row profile ⊗ column profile, float64 (rows, columns), and the sum of its |pixels|.

        Gaussians are cut off where they come to nothing beside an image's largest pixel, and bars next to each other,
        as those of a sorted diagram are, are multiplied on the columns that they reach. An image that holds little
        more than what is cut off is made anew without the cut.
        """
        image = np.zeros(self._shape)
        with one_blas_thread():
            for cut in (True, False):
                for start in range(0, len(x), self._chunk):
                    chunk = slice(start, start + self._chunk)
                    here = x[chunk]
                    first, stop = self._across.window(here) if cut else (0, self._shape[1])
                    if first < stop:
                        gx = self._across(here, cut=cut, window=(first, stop))
                        image[:, first:stop] += self._along(y[chunk], weights[chunk], cut=cut) @ gx.T
                largest, sum_of_pixels = compiled().sizes(image.ravel())
                if not cut or largest >= _DIGITS * CUT * total:
                    break
                image[:] = 0
        return image, sum_of_pixels


def _normalised(image: NDArray[np.float64], normalise: Normalise) -> NDArray[np.float64]:
    if normalise is None:
        return image
    if isinstance(normalise, str):
        size = np.abs(image)
        divisor = float(size.max() if normalise == "max" else size.sum())
        # zeros stay zeros; a divisor that overflowed or is subnormal would lose the image
        return image / divisor if divisor > 0 else image
    return image / normalise
