"""Ranges of birth, death and persistence over many diagrams, merged in any order and any number of times."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from tdaflow.diagrams.diagram import PersistenceDiagram
from tdaflow.diagrams.histogram import LogHistogram
from tdaflow.diagrams.keyed import merge_keyed
from tdaflow.errors import InputError

Channel = tuple[str, int]
"""Filtration name and homology dimension, such as ("alpha", 2)."""

Axis = Literal["birth", "death", "persistence"]
AXES: tuple[Axis, ...] = get_args(Axis)

Bounds = tuple[float, float]
_NONE: Bounds = (math.inf, -math.inf)


@dataclass(frozen=True)
class ChannelRange:
    """Smallest and largest birth, death and persistence over the finite bars of one channel.

    Attributes
    ----------
    birth, death, persistence : (float, float)
        Minimum and maximum, in the filtration's unit; (inf, -inf), the neutral element of `merge`, without bars.
    counts : mapping of str to int
        Number of finite bars of each volume id (or block id). A sum alone would grow when a retried task reports twice.
    """

    birth: Bounds = _NONE
    death: Bounds = _NONE
    persistence: Bounds = _NONE
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_pairs(cls, pairs: ArrayLike, key: str) -> "ChannelRange":
        """Record the bars of one volume.

        Parameters
        ----------
        pairs : array_like, shape (n, 2)
            Birth, death. Bars with an infinite value are not counted; NaN is an InputError.
        key : str
            Id of the volume (or block).
        """
        columns = axis_values(pairs)
        bounds = {axis: _bounds(values) for axis, values in columns.items()}
        return cls(**bounds, counts={key: len(columns["birth"])})

    @property
    def count(self) -> int:
        """Number of finite bars."""
        return sum(self.counts.values())

    def merge(self, other: "ChannelRange") -> "ChannelRange":
        """Unite two ranges: associative, commutative, idempotent. InputError if a volume has two different counts."""
        return ChannelRange(
            birth=_hull(self.birth, other.birth),
            death=_hull(self.death, other.death),
            persistence=_hull(self.persistence, other.persistence),
            counts=merge_keyed(self.counts, other.counts, "the number of bars"),
        )

    def pooled(self, key: str) -> "ChannelRange":
        """Count the bars of all volumes as those of one block `key`."""
        return replace(self, counts={key: self.count})

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict; floats survive exactly, ranges without bars become None."""
        bounds: dict[str, Any] = {axis: list(b) if (b := getattr(self, axis)) != _NONE else None for axis in AXES}
        return {**bounds, "counts": dict(self.counts)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ChannelRange":
        """Inverse of `to_dict`."""
        bounds = {axis: (float(data[axis][0]), float(data[axis][1])) if data[axis] else _NONE for axis in AXES}
        return cls(**bounds, counts={str(key): int(n) for key, n in data["counts"].items()})


@dataclass(frozen=True)
class RangeRecord:
    """What a task reports of its diagrams, and what the merged reports say of a data set.

    Attributes
    ----------
    channels : mapping of Channel to ChannelRange
        One range a filtration and homology dimension.
    histograms : mapping of Channel to mapping of Axis to LogHistogram
        Present where quantile ranges may be asked for.

    Notes
    -----
    `merge` is associative, commutative and idempotent, with ``RangeRecord()`` as neutral element, so neither retries
    nor the order in which batches finish can change a range.
    """

    channels: Mapping[Channel, ChannelRange] = field(default_factory=dict)
    histograms: Mapping[Channel, Mapping[Axis, LogHistogram]] = field(default_factory=dict)

    @classmethod
    def from_diagram(
        cls, diagram: PersistenceDiagram, key: str, *, filtration: str | None = None, histograms: bool = False
    ) -> "RangeRecord":
        """Record the diagram of one volume.

        Parameters
        ----------
        diagram : PersistenceDiagram
        key : str
            Id of the volume, unique in the data set.
        filtration : str, optional
            Name of the filtration in the channels; the diagram's ``metadata["filtration"]`` by default.
        histograms : bool
            Whether to keep what quantile ranges need.

        Raises
        ------
        InputError
            If the filtration has no name.
        """
        name = filtration or diagram.metadata.get("filtration")
        if not name:
            raise InputError(f"the diagram of {key!r} does not name its filtration; pass filtration='...'")
        return cls.from_channels({(str(name), k): bars for k, bars in diagram.items()}, key, histograms=histograms)

    @classmethod
    def from_channels(cls, pairs: Mapping[Channel, ArrayLike], key: str, *, histograms: bool = False) -> "RangeRecord":
        """Record the bars (n, 2) of one volume, given by channel."""
        # Sorted here as in merge, so that equal records have equal JSON.
        pairs = dict(sorted(pairs.items()))
        counted = {}
        if histograms:
            for channel, bars in pairs.items():
                columns = axis_values(bars)
                counted[channel] = {axis: LogHistogram.from_values(columns[axis], key) for axis in AXES}
        return cls({channel: ChannelRange.from_pairs(bars, key) for channel, bars in pairs.items()}, counted)

    def merge(self, other: "RangeRecord") -> "RangeRecord":
        """Unite two records; InputError if a volume was reported with different contents."""
        channels = dict(self.channels)
        for channel, theirs in other.channels.items():
            channels[channel] = channels[channel].merge(theirs) if channel in channels else theirs
        histograms = {channel: dict(axes) for channel, axes in self.histograms.items()}
        for channel, axes in other.histograms.items():
            ours = histograms.setdefault(channel, {})
            for axis, histogram in axes.items():
                ours[axis] = ours[axis].merge(histogram) if axis in ours else histogram
        return RangeRecord(dict(sorted(channels.items())), dict(sorted(histograms.items())))

    def pooled(self, key: str) -> "RangeRecord":
        """Report all volumes as one block `key`: the same ranges and quantiles from a record of fixed size.

        A pooled record still merges with others in any order and any number of times, as long as no volume is in two
        blocks.
        """
        histograms = {
            channel: {axis: histogram.pooled(key) for axis, histogram in axes.items()}
            for channel, axes in self.histograms.items()
        }
        return RangeRecord({channel: found.pooled(key) for channel, found in self.channels.items()}, histograms)

    @classmethod
    def merge_all(cls, records: Iterable["RangeRecord"]) -> "RangeRecord":
        """Merge many records in a tree; the neutral record for none."""
        level = list(records)
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            level = [left.merge(right) for left, right in pairs] + (level[-1:] if len(level) % 2 else [])
        return level[0] if level else cls()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict from which `from_dict` makes an equal record."""
        rows = []
        for (name, dimension), channel_range in self.channels.items():
            axes = self.histograms.get((name, dimension), {})
            row = {"filtration": name, "homology_dimension": dimension, **channel_range.to_dict()}
            rows.append({**row, "histograms": {axis: histogram.to_dict() for axis, histogram in axes.items()}})
        return {"channels": rows}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RangeRecord":
        """Inverse of `to_dict`."""
        channels, histograms = {}, {}
        for row in data["channels"]:
            channel = (str(row["filtration"]), int(row["homology_dimension"]))
            channels[channel] = ChannelRange.from_dict(row)
            if row["histograms"]:
                histograms[channel] = {axis: LogHistogram.from_dict(h) for axis, h in row["histograms"].items()}
        return cls(channels, histograms)


def axis_values(pairs: ArrayLike) -> dict[Axis, np.ndarray]:
    """Return birth, death and persistence, each flat, of the finite bars of `pairs` (n, 2); InputError for NaN."""
    array = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
    if np.isnan(array).any():
        raise InputError("a bar has a birth or death that is NaN; check the volume for NaN before its homology")
    # Adding 0.0 makes -0.0 into 0.0: which of the two is the minimum would depend on the order of merging.
    finite = array[np.isfinite(array).all(axis=1)] + 0.0
    return {"birth": finite[:, 0], "death": finite[:, 1], "persistence": finite[:, 1] - finite[:, 0]}


def _bounds(values: np.ndarray) -> Bounds:
    return (float(values.min()), float(values.max())) if values.size else _NONE


def _hull(left: Bounds, right: Bounds) -> Bounds:
    return min(left[0], right[0]), max(left[1], right[1])
