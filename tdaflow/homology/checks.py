"""Checks that every filtration makes of its input."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.arrays import beyond_float64, refuse_masked, refuse_other_axes
from tdaflow.errors import InputError

# Differences of larger coordinates, and the diagonal of their box, may not be numbers.
_LARGEST_COORDINATE = 1e150


def as_float64(data: ArrayLike, what: str, remedy: str) -> NDArray[np.float64]:
    """Return real, finite, non-empty, unmasked data as float64; InputError otherwise.

    NaN must stop here: one NaN changes GUDHI's diagrams without a word.
    """
    refuse_masked(data, what)
    refuse_other_axes(data)
    array = np.asarray(data)
    if array.dtype.kind not in "buif":
        raise InputError(f"{what} of dtype {array.dtype} cannot be used; give real numbers")
    if array.size == 0:
        raise InputError(f"{what} of shape {array.shape} hold no values; {remedy}")
    if reason := beyond_float64(array):
        raise InputError(reason)
    is_float = array.dtype.kind == "f"
    array = array.astype(np.float64)
    if is_float and not (finite := np.isfinite(array)).all():
        bad = array.size - np.count_nonzero(finite)
        raise InputError(f"{what} of shape {array.shape} hold {bad} NaN or infinite values; {remedy}")
    return array


def as_points(data: ArrayLike, filtration: str) -> NDArray[np.float64]:
    """Return points (n, d) as float64; InputError for another shape, or coordinates not finite or above 1e150."""
    shape = np.shape(data)
    if len(shape) != 2 or shape[1] == 0:
        raise InputError(
            f"the {filtration} filtration takes points of shape (n, d), got {shape}; "
            "make points with superpixel_point_cloud(volume), or use filtration='cubical' for a volume"
        )
    points = as_float64(data, "points", "give at least one point, with finite coordinates")
    if np.abs(points).max() > _LARGEST_COORDINATE:
        raise InputError(f"a point has a coordinate beyond {_LARGEST_COORDINATE:g}; choose a larger unit")
    return points


def is_number(value: Any) -> bool:
    """Return True for a finite real number."""
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return real and math.isfinite(value)


def is_count(value: Any, least: int) -> bool:
    """Return True for an integer from `least` up."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least


def check_spacing(spacing: Sequence[float] | None, n_axes: int) -> NDArray[np.float64]:
    """Return the voxel size along each axis in mm, 1 if none is given; InputError unless positive and finite."""
    if spacing is None:
        return np.ones(n_axes)
    given: list[Any] = list(spacing) if np.iterable(spacing) else [spacing]
    if len(given) != n_axes or not all(is_number(s) and s > 0 for s in given):
        raise InputError(
            f"spacing={spacing!r} must be {n_axes} positive numbers, the size of a voxel along each axis in mm"
        )
    return np.array(given, dtype=np.float64)


def check_homology_dimensions(homology_dimensions: Sequence[int], highest: int, where: str) -> tuple[int, ...]:
    """Return distinct homology dimensions, ascending.

    Parameters
    ----------
    homology_dimensions : sequence of int
    highest : int
        The highest dimension in which there can be homology.
    where : str
        What sets `highest`, for the error.

    Raises
    ------
    InputError
        If empty, not distinct integers, negative, or above `highest`.
    """
    given: list[Any] = list(homology_dimensions) if np.iterable(homology_dimensions) else [homology_dimensions]
    for k in given:
        if isinstance(k, bool | np.bool_) or not isinstance(k, int | np.integer) or k < 0:
            raise InputError(
                f"homology_dimensions={homology_dimensions!r} must be integers from 0 up, such as (0, 1, 2)"
            )
        if k > highest:
            allowed = ", ".join(map(str, range(highest + 1)))
            raise InputError(
                f"homology dimension {k} does not exist for {where}; homology_dimensions may hold {allowed}"
            )
    if not given or len(set(given)) != len(given):
        raise InputError(f"homology_dimensions={homology_dimensions!r} must name at least one dimension, each once")
    return tuple(sorted(int(k) for k in given))
