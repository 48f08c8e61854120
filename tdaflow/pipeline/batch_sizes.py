"""How rows are divided into batches, by what they cost: the dearest first, smaller ones towards the end."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tdaflow.pipeline.tasks import FiltrationStep

# Of the largest batch, what the last ones are not smaller than: each costs the graph and the file system the same.
_SMALLEST_PART = 8
# Measured: a filtration of the points of some 1000 superpixels takes as long as one of so many voxels, and reading,
# smoothing and averaging a voxel a twentieth as long as a filtration of it.
_POINTS, _READING = 150_000, 0.05
# Of one batch, in voxels of one filtration: about 1–30 s.
_BATCH_COST = 12e6
_LARGEST_BATCH = 128


def volume_costs(voxels: NDArray[np.integer], steps: Sequence[FiltrationStep]) -> NDArray[np.float64]:
    """Estimate how dear the diagrams of volumes are, in voxels of one filtration.

    Parameters
    ----------
    voxels : int (n,)
        Of each volume.
    steps : sequence of FiltrationStep
    """
    n_points = sum(step.filtration.takes == "points" for step in steps)
    return _POINTS * n_points + voxels.astype(np.float64) * (len(steps) - n_points + _READING)


def volumes_a_batch(cost: float, n_volumes: float, workers: int) -> int:
    """Size of the largest batches of volumes of this cost: 1–30 s, several a worker."""
    by_cost = int(_BATCH_COST / max(1.0, cost))
    by_workers = int(np.ceil(n_volumes / (4 * workers)))
    return max(1, min(by_cost, by_workers, _LARGEST_BATCH))


def smallest_batch(wanted: int | Literal["auto"], size: int) -> int:
    """Rows of the last batches, where the largest have `size`: as many if the user chose the size."""
    return max(1, size // _SMALLEST_PART) if wanted == "auto" else size


def balanced_ranges(gaps: Iterable[tuple[int, int]], costs: NDArray[np.float64], workers: int) -> list[tuple[int, int]]:
    """Divide ranges of rows into batches whose costs are alike.

    Rows that are dearer than a small batch stand alone and come first, the dearest before the others, so that no
    worker begins one while the others have nothing to do any more.

    Parameters
    ----------
    gaps : iterable of (start, stop)
        Ranges of rows that are to be done, ascending.
    costs : float64 (n,)
        Of all rows, > 0.
    workers : int
        That work at the same time.
    """
    gaps = list(gaps)
    if not gaps:
        return []
    left = np.concatenate([np.arange(*gap) for gap in gaps])
    typical = float(np.median(costs[left]))
    units = costs / typical
    largest = volumes_a_batch(typical, float(units[left].sum()), workers)
    smallest = smallest_batch("auto", largest)
    alone = left[units[left] > smallest]
    alone = alone[np.argsort(-units[alone], kind="stable")]
    runs = [part for gap in gaps for part in _without(gap, np.sort(alone))]
    return [(row, row + 1) for row in alone.tolist()] + batch_ranges(runs, largest, smallest, workers, units)


def _without(gap: tuple[int, int], rows: NDArray[np.integer]) -> list[tuple[int, int]]:
    """What is left of a range when rows, ascending, are taken out."""
    inside = rows[(rows >= gap[0]) & (rows < gap[1])].tolist()
    parts = zip([gap[0], *(row + 1 for row in inside)], [*inside, gap[1]], strict=True)
    return [(start, stop) for start, stop in parts if start < stop]


def batch_ranges(
    gaps: Iterable[tuple[int, int]],
    largest: int,
    smallest: int,
    workers: int,
    units: NDArray[np.float64] | None = None,
) -> list[tuple[int, int]]:
    """Divide ranges of rows into batches.

    As long as much is left, batches are of the largest size. At the end each is half of one worker's share of what is
    left, so that no worker begins a large batch while the others have nothing to do any more, also where batches take
    longer than others of their size (after factoring; Hummel, Schonberg and Flynn, Communications of the ACM 35, 1992).

    Parameters
    ----------
    gaps : iterable of (start, stop)
        Ranges of rows that are to be done, ascending.
    largest, smallest : int
        Rows a batch; only the last of a gap may have fewer than `smallest`.
    workers : int
        That work at the same time.
    units : float64 (n,), optional
        How many rows each of all rows counts for; 1 by default.
    """
    gaps = list(gaps)
    n_rows = max((last for _, last in gaps), default=0)
    ends = np.arange(n_rows + 1.0) if units is None else np.append(0.0, np.cumsum(units[:n_rows]))
    left = sum(ends[last] - ends[first] for first, last in gaps)
    ranges = []
    for first, last in gaps:
        start = first
        while start < last:
            size = min(largest, max(smallest, int(np.ceil(left / (2 * workers)))))
            reached = int(np.searchsorted(ends, ends[start] + size, side="right")) - 1
            stop = min(max(reached, start + 1), start + max(largest, _LARGEST_BATCH), last)
            ranges.append((start, stop))
            left -= ends[stop] - ends[start]
            start = stop
    return ranges


def n_batches(n_rows: int, largest: int, smallest: int, workers: int) -> int:
    """Number of the batches that `batch_ranges` makes of rows without a gap; at once, however many rows there are."""
    whole = max(0, (n_rows - 2 * workers * largest) // largest)
    return whole + len(batch_ranges([(0, n_rows - whole * largest)], largest, smallest, workers))
