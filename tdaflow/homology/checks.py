"""Checks that every filtration makes of its input."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.errors import InputError


def as_float64(data: ArrayLike, what: str, remedy: str) -> NDArray[np.float64]:
    """Return real, finite, non-empty data as float64; InputError otherwise.

    NaN must stop here: one NaN changes GUDHI's diagrams without a word.
    """
    array = np.asarray(data)
    if array.dtype.kind not in "buif":
        raise InputError(f"{what} of dtype {array.dtype} cannot be used; give real numbers")
    if array.size == 0:
        raise InputError(f"{what} of shape {array.shape} hold no values; {remedy}")
    array = array.astype(np.float64)
    if bad := array.size - int(np.isfinite(array).sum()):
        raise InputError(f"{what} of shape {array.shape} hold {bad} NaN or infinite values; {remedy}")
    return array


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
