"""Bounds of birth, death and persistence of each volume of a cohort, in records that add up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams.bars import NO_BARS, Bars
from tdaflow.diagrams.diagram import PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.extents import QUANTILES, on_edges, robust_bounds

Channel = tuple[str, int]
"""Filtration name and homology dimension, such as ("alpha", 2)."""

Axis = Literal["birth", "death", "persistence"]
AXES: tuple[Axis, ...] = get_args(Axis)

Bounds = tuple[float, float]


@dataclass(frozen=True)
class ChannelRanges:
    """Bounds of one channel: one row for every volume that has bars in it.

    Attributes
    ----------
    bounds : float64 (n, 3, 2)
        Low and high birth, death and persistence of each volume, in the filtration's unit.
    n_bars : int
        Number of finite bars of all volumes.
    """

    bounds: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, len(AXES), 2)))
    n_bars: int = 0

    def of(self, axis: Axis) -> NDArray[np.float64]:
        """Low and high of one axis, float64 (n, 2)."""
        return self.bounds[:, AXES.index(axis)]


@dataclass(frozen=True)
class RangeRecord:
    """Bounds of the bars of some volumes, by channel; records of different volumes add up.

    Attributes
    ----------
    channels : mapping of Channel to ChannelRanges
    quantiles : (low, high)
        Of the bars of a volume, which its row holds, by `tdaflow.extents.robust_bounds` and on fixed edges
        (`tdaflow.extents.on_edges`): persistences by their own size, births and deaths by how far apart their low and
        high are or, where they coincide, by how far the bars extend. Quantiles of (0, 1) are exact.

    Notes
    -----
    Records add: whoever merges sees to it that each volume is in one of them. The order does not matter to
    `tdaflow.diagrams.resolve_ranges`.
    """

    channels: Mapping[Channel, ChannelRanges] = field(default_factory=dict)
    quantiles: tuple[float, float] = QUANTILES

    @classmethod
    def from_volumes(
        cls,
        volumes: Iterable[Mapping[Channel, Bars | ArrayLike]],
        channels: Iterable[Channel],
        quantiles: tuple[float, float] = QUANTILES,
    ) -> "RangeRecord":
        """Record the bars of some volumes.

        Parameters
        ----------
        volumes : iterable of mappings
            Of each volume its bars by channel, as `Bars` or (n, 2); a channel without bars may be left out. Bars with
            an infinite value are not counted; NaN is an InputError.
        channels : iterable of Channel
            Those to record.
        quantiles : (low, high)
            (0, 1) records the extremes.
        """
        rows: dict[Channel, list[list[Bounds]]] = {channel: [] for channel in channels}
        n_bars = dict.fromkeys(rows, 0)
        for volume in volumes:
            for channel, of_channel in rows.items():
                bars = volume.get(channel, NO_BARS)
                if not isinstance(bars, Bars):
                    bars = Bars.of(_finite(bars))
                if n := bars.n_bars:
                    n_bars[channel] += n
                    births, deaths = bars.pairs.T
                    counts = None if n == len(births) else bars.counts
                    of_channel.append(
                        [robust_bounds(values, quantiles, counts) for values in (births, deaths, deaths - births)]
                    )
        bounds = {c: np.array(r, dtype=np.float64).reshape(-1, len(AXES), 2) for c, r in rows.items()}
        if quantiles != (0, 1):
            bounds = {c: _on_edges(found) for c, found in bounds.items()}
        return cls({c: ChannelRanges(found, n_bars[c]) for c, found in bounds.items()}, quantiles)

    @classmethod
    def from_diagrams(
        cls,
        diagrams: Iterable[PersistenceDiagram],
        homology_dimensions: Iterable[int],
        filtration: str,
        quantiles: tuple[float, float] = QUANTILES,
    ) -> "RangeRecord":
        """Record diagrams, one a volume, as those of one filtration."""
        channels = [(filtration, k) for k in homology_dimensions]
        return cls.from_volumes(
            ({(filtration, k): d.bars[k] for _, k in channels} for d in diagrams), channels, quantiles
        )

    @classmethod
    def merge_all(cls, records: Iterable["RangeRecord"]) -> "RangeRecord":
        """Add records of different volumes; one without channels for none.

        Raises
        ------
        InputError
            If they are of different quantiles.
        """
        parts = list(records)
        if len({part.quantiles for part in parts}) > 1:
            raise InputError("records of different quantiles have no sum; make them with the same")
        channels = dict.fromkeys(channel for part in parts for channel in part.channels)
        merged = {}
        for channel in channels:
            found = [part.channels[channel] for part in parts if channel in part.channels]
            merged[channel] = ChannelRanges(np.concatenate([f.bounds for f in found]), sum(f.n_bars for f in found))
        return cls(merged, parts[0].quantiles if parts else QUANTILES)


def _on_edges(bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round the bounds of volumes, (n, 3, 2), to fixed edges."""
    # In halves: the whole could exceed the largest float.
    half = bounds / 2
    widths = half[:, :2, 1] - half[:, :2, 0]
    scales = np.where(widths > 0, widths, half[:, 1:2, 1] - half[:, :1, 0])
    return on_edges(half, np.concatenate([np.stack([scales, scales], axis=2), half[:, 2:]], axis=1)) * 2


def _finite(pairs: ArrayLike) -> NDArray[np.float64]:
    """The finite bars of `pairs` (n, 2); InputError for NaN."""
    array = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
    if np.isnan(array).any():
        raise InputError("a bar has a birth or death that is NaN; check the volume for NaN before its homology")
    return array[np.isfinite(array).all(axis=1)]
