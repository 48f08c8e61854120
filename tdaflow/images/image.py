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
from tdaflow.images.axes import PixelAxis, Range, Resolution, checked_range, pixel_axes
from tdaflow.images.blas import one_blas_thread
from tdaflow.images.options import CHOICES, ImageOptions, Normalise, Outside, Plane, check_normalise
from tdaflow.images.profiles import LEAST, AxisProfile, Sampling
from tdaflow.images.weights import Weight, bar_weights

# Bars are taken this many at a time, so that their Gaussians stay in the processor's cache and memory stays constant.
# A constant, because the order of summation decides the last bits; not a power of two, so that rows of a factor do not
# fall on the same cache lines.
_CHUNK = 250

_DEFAULT = ImageOptions()
# exp(−708) is the least normal number. A little beyond it subnormal ones are so few that a cut would cost more.
_NORMAL = 720.0
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
    if not 1e-150 < sigma < 1e150:  # so that σ² is a number
        raise InputError(f"sigma is {sigma!r}; it must be a positive finite number, see sigma_from_epsilon.")
    check_normalise(normalise)
    columns, rows = pixel_axes(birth_range, death_range, resolution)
    bars, repeats = _checked_bars(pairs_of(pairs, dimension), counts)
    birth, death = np.ascontiguousarray(bars.T)
    persistence = death - birth
    weights = bar_weights(weight, birth, persistence, sigma)
    if repeats is not None:
        weights = weights * repeats
    x, y = birth, persistence if plane == "birth-persistence" else death
    if outside == "drop":
        kept = inside_ranges(x, y, birth_range, death_range)
        x, y, weights = x[kept], y[kept], weights[kept]
    elif outside == "clip":
        x, y = np.clip(x, *birth_range), np.clip(y, *death_range)
    # A power of two, which changes no digit, so that small weights leave room for small Gaussians.
    exponent = math.frexp(float(np.abs(weights).max(initial=1e-300)))[1]
    unit = math.ldexp(1.0, min(exponent, 0))
    with np.errstate(under="ignore", over="ignore"):
        image = _sum_of_products(x, y, weights / unit, columns, rows, sigma, sampling)
        image *= unit
        if sampling == "centre":
            image /= 2 * math.pi * sigma * sigma
        elif sampling == "midpoint":
            image *= (columns.width / sigma) * (rows.width / sigma) / (2 * math.pi)
    if not np.isfinite(image).all():
        raise InputError(
            f"the image overflows with sigma {sigma:g} and weights up to {np.abs(weights).max():g}; "
            f"rescale the diagram or the weight."
        )
    return _normalised(image, normalise)


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
    return persistence_image(
        pairs,
        counts=counts,
        birth_range=birth_range,
        death_range=death_range,
        sigma=options.sigma(birth_range, death_range) if sigma is None else sigma,
        resolution=options.resolution,
        weight=options.weight,
        plane=options.plane,
        sampling=options.sampling,
        normalise=normalise if options.normalise == "dataset-max" else options.normalise,
        outside=options.outside,
    )


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
    bars, repeats = _checked_bars(pairs, counts)
    y = bars[:, 1] - bars[:, 0] if plane == "birth-persistence" else bars[:, 1]
    outside = ~inside_ranges(bars[:, 0], y, birth_range, death_range)
    return int(np.count_nonzero(outside) if repeats is None else repeats[outside].sum())


def _checked_bars(pairs: ArrayLike, counts: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.integer] | None]:
    bars = _checked_pairs(pairs)
    if counts is None:
        # Equal bars in a row become one, so that a diagram and its counted bars have the same image to the last bit.
        begins = np.ones(len(bars), np.bool_)
        np.any(bars[1:] != bars[:-1], axis=1, out=begins[1:])
        first = np.flatnonzero(begins)
        return (bars, None) if len(first) == len(bars) else (bars[first], np.diff(first, append=len(bars)))
    repeats = np.asarray(counts)
    if repeats.shape != (len(bars),) or repeats.dtype.kind not in "iu" or (repeats < 0).any():
        raise InputError(
            f"counts of shape {repeats.shape} and dtype {repeats.dtype} must be {len(bars)} whole numbers ≥ 0, one for "
            f"each of the pairs."
        )
    return bars, repeats


def _checked_pairs(pairs: ArrayLike) -> NDArray[np.float64]:
    refuse_masked(pairs, "bars")
    bars = np.asarray(pairs, dtype=np.float64)
    if bars.size == 0:
        return bars.reshape(0, 2)
    if bars.ndim != 2 or bars.shape[1] != 2:
        raise InputError(f"pairs must have shape (n, 2), birth and death, this array has {bars.shape}; reshape it.")
    if not np.isfinite(bars).all():
        raise InputError("pairs hold NaN or infinite values; drop or cap essential bars before making an image.")
    if (bars[:, 1] < bars[:, 0]).any():
        raise InputError("a bar dies before its birth; columns must be (birth, death).")
    return bars


def inside_ranges(
    x: NDArray[np.float64], y: NDArray[np.float64], birth_range: Range, death_range: Range
) -> NDArray[np.bool_]:
    """Return True for the bars, by their coordinates in the image's plane, that lie in the closed ranges."""
    (m, M), (n, N) = checked_range("birth_range", birth_range), checked_range("death_range", death_range)
    return (x >= m) & (x <= M) & (y >= n) & (y <= N)


def _sum_of_products(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    weights: NDArray[np.float64],
    columns: PixelAxis,
    rows: PixelAxis,
    sigma: float,
    sampling: Sampling,
) -> NDArray[np.float64]:
    """Σ over bars of weight · row profile ⊗ column profile, float64 (rows, columns).

    Subnormal numbers cost processors ten times as much as others. Chunks with bars that are so far from a part of the
    image that they would bring them into factors or products are made of Gaussians cut off below `LEAST`, and so are
    weights: three such numbers have a normal product. An image that holds little more than what is cut off is made anew
    without the cut.
    """
    image = np.zeros((rows.count, columns.count))
    if not len(x):
        return image
    product = np.empty_like(image)
    capacity = min(_CHUNK, len(x))
    starts = range(0, len(x), _CHUNK)
    # far tails underflow to 0, far bars overflow to exp(−∞) = 0: both meant; an image that overflows is refused later
    with np.errstate(under="ignore", over="ignore", divide="ignore"), one_blas_thread():
        profile_x = AxisProfile(columns, sigma, sampling, capacity)
        profile_y = AxisProfile(rows, sigma, sampling, capacity)

        def add_all(weights: NDArray[np.float64], cuts: NDArray[np.bool_]) -> None:
            image[:] = 0
            for start, cut in zip(starts, cuts.tolist(), strict=True):
                chunk = slice(start, start + _CHUNK)
                gy = profile_y(y[chunk], cut)
                gy *= weights[chunk]
                np.add(image, np.matmul(gy, profile_x(x[chunk], cut).T, out=product), out=image)

        uncut = np.zeros(len(starts), dtype=bool)
        sizes = np.abs(weights)
        # −log of the least number that can come up
        ends_x, ends_y = np.array([x.min(), x.max()]), np.array([y.min(), y.max()])
        farthest = profile_x.farthest(ends_x).max() + profile_y.farthest(ends_y).max()
        if farthest - np.log(sizes.min()) <= _NORMAL:
            add_all(weights, uncut)
            return image
        # and the same bar by bar; of a bar without weight only its Gaussians come up
        kept = np.where(sizes < LEAST, 0.0, weights)
        least = profile_x.farthest(x) + profile_y.farthest(y) - np.log(np.where(kept == 0, 1.0, sizes))
        add_all(kept, np.maximum.reduceat(least, starts) > _NORMAL)
        if float(np.abs(image).max()) < _DIGITS * LEAST * float(sizes.sum()):
            add_all(weights, uncut)
    return image


def _normalised(image: NDArray[np.float64], normalise: Normalise) -> NDArray[np.float64]:
    if normalise is None:
        return image
    if isinstance(normalise, str):
        size = np.abs(image)
        divisor = float(size.max() if normalise == "max" else size.sum())
        # zeros stay zeros; a divisor that overflowed or is subnormal would lose the image
        return image / divisor if divisor > 0 else image
    return image / normalise
