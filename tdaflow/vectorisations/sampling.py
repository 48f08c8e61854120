"""Random sample of the bars of many diagrams, the same in whatever order and however often parts are merged."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tdaflow.vectorisations.terms import FloatArray


@dataclass(frozen=True, eq=False)
class BarSample:
    """Uniform sample without replacement: the bars with the smallest of random priorities.

    A bar's priority depends on its volume, its channel and its place in the diagram, not on the batch that it was read
    in, so the sample of a data set is one and the same however the work was cut.

    Attributes
    ----------
    size : int
        Bars that are kept at most.
    priorities : uint64 (n,)
        Ascending, distinct.
    bars : float64 (n, 2)
    """

    size: int
    priorities: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    bars: FloatArray = field(default_factory=lambda: np.zeros((0, 2)))

    @classmethod
    def from_pairs(cls, pairs: FloatArray, key: Sequence[int | str], *, size: int, seed: int) -> "BarSample":
        """Sample the bars (n, 2) of one volume and channel.

        Parameters
        ----------
        pairs : float64 (n, 2)
        key : sequence of int or str
            What tells the volume and the channel from all others.
        size, seed : int
        """
        words = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
        generator = np.random.default_rng([seed, *words])
        drawn = generator.integers(0, 2**64, size=len(pairs), dtype=np.uint64)
        return cls(size)._with(drawn, pairs)

    def merge(self, other: "BarSample") -> "BarSample":
        """Unite two samples: associative, commutative and idempotent."""
        return self._with(other.priorities, other.bars)

    def _with(self, priorities: NDArray[np.uint64], bars: FloatArray) -> "BarSample":
        united, first = np.unique(np.concatenate([self.priorities, priorities]), return_index=True)
        kept = first[: self.size]
        return BarSample(self.size, united[: self.size], np.concatenate([self.bars, bars])[kept])


def merge_samples(records: Iterable[Mapping[tuple[str, int], BarSample]]) -> dict[tuple[str, int], BarSample]:
    """Unite samples by channel."""
    united: dict[tuple[str, int], BarSample] = {}
    for record in records:
        for channel, sample in record.items():
            united[channel] = united[channel].merge(sample) if channel in united else sample
    return dict(sorted(united.items()))
