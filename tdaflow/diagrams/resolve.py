"""From a merged record to the ranges that the persistence images of a channel share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tdaflow.diagrams.ranges import Axis, Bounds, Channel, RangeRecord
from tdaflow.errors import InputError

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
    plane: Plane = "birth-death",
    quantiles: tuple[float, float] | None = None,
) -> ResolvedRange:
    """Find the ranges of a channel.

    Parameters
    ----------
    record : RangeRecord
        Merged over the volumes that the ranges come from.
    channel : (str, int)
        Filtration name and homology dimension.
    resolution : int or (rows, columns)
        Of the image: rows divide the second axis, columns the birth axis. Matters for a zero-width range only.
    plane : "birth-death" or "birth-persistence"
    quantiles : (low, high), optional
        0 ≤ low < high ≤ 1. Robust ranges: the edges of the histogram buckets of these quantiles, never beyond the
        smallest and largest value. ``None`` takes the smallest and largest value.

    Returns
    -------
    ResolvedRange

    Raises
    ------
    InputError
        For an unknown channel, plane or resolution, bad quantiles, or quantiles of a record without histograms.

    Notes
    -----
    A zero-width range (alpha H0, where every birth is 0) is widened symmetrically until its pixels are as wide as the
    other axis's. If both are of zero width (one bar, or none) pixels are max(1e-6, 1e-3·|value|) wide.
    """
    if plane not in get_args(Plane):
        raise InputError(f"plane={plane!r} does not exist; use 'birth-death' or 'birth-persistence'")
    if channel not in record.channels:
        known = ", ".join(f"{name} H{k}" for name, k in record.channels) or "none"
        raise InputError(f"channel {channel!r} has no range; the record has: {known}")
    rows, columns = _rows_columns(resolution)
    second: Axis = "death" if plane == "birth-death" else "persistence"
    birth = _observed(record, channel, "birth", quantiles)
    death = _observed(record, channel, second, quantiles)
    width_x, width_y = (birth[1] - birth[0]) / columns, (death[1] - death[0]) / rows
    pixel = width_x or width_y or max(1e-6, 1e-3 * max(abs(birth[0]), abs(death[0])))
    return ResolvedRange(
        birth_range=birth if width_x else _widened(birth[0], pixel, columns),
        death_range=death if width_y else _widened(death[0], pixel, rows),
        observed_birth_range=birth,
        observed_death_range=death,
        n_bars=record.channels[channel].count,
    )


def _observed(record: RangeRecord, channel: Channel, axis: Axis, quantiles: tuple[float, float] | None) -> Bounds:
    if quantiles is not None and (len(quantiles) != 2 or not 0 <= quantiles[0] < quantiles[1] <= 1):
        raise InputError(f"quantiles={quantiles!r} must be (low, high) with 0 <= low < high <= 1")
    channel_range = record.channels[channel]
    if channel_range.count == 0:
        return 0.0, 0.0
    bounds: Bounds = getattr(channel_range, axis)
    if quantiles is None:
        return bounds
    histogram = record.histograms.get(channel, {}).get(axis)
    if histogram is None or histogram.parts.keys() != channel_range.counts.keys():
        raise InputError(
            f"quantile ranges of {channel!r} need histograms of all its volumes; make the records with histograms=True"
        )
    low, high = histogram.quantile_range(*quantiles)
    return max(low, bounds[0]), min(high, bounds[1])


def _widened(value: float, pixel: float, pixels: int) -> Bounds:
    # Far from zero a pixel may be narrower than the distance between two floats.
    half = 0.5 * pixels * max(pixel, 4 * float(np.spacing(abs(value))))
    return value - half, value + half


def _rows_columns(resolution: int | Sequence[int]) -> tuple[int, int]:
    pair = (resolution, resolution) if isinstance(resolution, int | np.integer) else tuple(resolution)
    if len(pair) != 2 or not all(isinstance(n, int | np.integer) and n >= 1 for n in pair):
        raise InputError(f"resolution={resolution!r} must be a positive integer or (rows, columns)")
    return int(pair[0]), int(pair[1])
