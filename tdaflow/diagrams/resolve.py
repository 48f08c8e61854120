"""Ranges that the persistence images of a channel share, from a merged record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tdaflow.diagrams.ranges import Axis, Bounds, Channel, RangeRecord
from tdaflow.errors import InputError
from tdaflow.extents import cohort_bounds

Plane = Literal["birth-death", "birth-persistence"]


@dataclass(frozen=True)
class ResolvedRange:
    """The ranges of one channel, ready for a persistence image.

    Attributes
    ----------
    birth_range, death_range : (float, float)
        Extent of the image; `death_range` is that of the second axis, persistence in the birth-persistence plane. Both
        have positive width.
    observed_birth_range, observed_death_range : (float, float)
        The ranges before degenerate ones were widened, from which σ follows; (0, 0) without bars.
    n_bars : int
        Number of finite bars in the record; with 0 every image of the channel is all zero.
    """

    birth_range: Bounds
    death_range: Bounds
    observed_birth_range: Bounds
    observed_death_range: Bounds
    n_bars: int


def resolve_ranges(
    record: RangeRecord,
    channel: Channel,
    *,
    resolution: int | tuple[int, int],
    plane: Plane = "birth-persistence",
) -> ResolvedRange:
    """Find the ranges of a channel.

    Parameters
    ----------
    record : RangeRecord
        Of the volumes that the ranges come from.
    channel : (str, int)
        Filtration name and homology dimension.
    resolution : int or (rows, columns)
        Of the image: rows divide the second axis, columns the birth axis. Matters for a zero-width range only.
    plane : "birth-persistence" or "birth-death"

    Returns
    -------
    ResolvedRange

    Raises
    ------
    InputError
        For an unknown channel, plane or resolution.

    Notes
    -----
    The ends are those of most volumes, by `tdaflow.extents.cohort_bounds`: one volume, whatever it holds, moves them
    little. In a record of the quantiles (0, 1) an end is the extreme of all volumes (Zhu et al. 2024).

    A zero-width range (alpha H0, where every birth is 0) is widened symmetrically until its pixels are as wide as the
    other axis's. If both are of zero width (one bar, or none) pixels are max(1e-6, 1e-3·``|value|``) wide.
    """
    if plane not in get_args(Plane):
        raise InputError(f"plane={plane!r} does not exist; use 'birth-death' or 'birth-persistence'")
    if channel not in record.channels:
        known = ", ".join(f"{name} H{k}" for name, k in record.channels) or "none"
        raise InputError(f"channel {channel!r} has no range; the record has: {known}")
    rows, columns = _rows_columns(resolution)
    second: Axis = "death" if plane == "birth-death" else "persistence"
    birth = _observed(record, channel, "birth")
    death = _observed(record, channel, second)
    width_x, width_y = (birth[1] - birth[0]) / columns, (death[1] - death[0]) / rows
    pixel = width_x or width_y or max(1e-6, 1e-3 * max(abs(birth[0]), abs(death[0])))
    return ResolvedRange(
        birth_range=birth if width_x else _widened(birth[0], pixel, columns),
        death_range=death if width_y else _widened(death[0], pixel, rows),
        observed_birth_range=birth,
        observed_death_range=death,
        n_bars=record.channels[channel].n_bars,
    )


def _observed(record: RangeRecord, channel: Channel, axis: Axis) -> Bounds:
    found = record.channels[channel].of(axis)
    if len(found) == 0:
        return 0.0, 0.0
    lows, highs = found.T
    if record.quantiles == (0, 1):
        return float(lows.min()), float(highs.max())
    low, high = cohort_bounds(lows, highs)
    # No bar is shorter than 0, however far the volumes lie apart.
    return (max(low, 0.0), high) if axis == "persistence" else (low, high)


def _widened(value: float, pixel: float, pixels: int) -> Bounds:
    # Far from zero a pixel may be narrower than the distance between two floats.
    half = 0.5 * pixels * max(pixel, 4 * float(np.spacing(abs(value))))
    return value - half, value + half


def _rows_columns(resolution: int | Sequence[int]) -> tuple[int, int]:
    pair = (resolution, resolution) if isinstance(resolution, int | np.integer) else tuple(resolution)
    if len(pair) != 2 or not all(isinstance(n, int | np.integer) and n >= 1 for n in pair):
        raise InputError(f"resolution={resolution!r} must be a positive integer or (rows, columns)")
    return int(pair[0]), int(pair[1])
