"""How rows are divided into batches: large ones for most of the work, smaller ones towards its end."""

from collections.abc import Iterable
from typing import Literal

# Of the largest batch, what the last ones are not smaller than: each costs the graph and the file system the same.
_SMALLEST_PART = 4
# Voxels of one batch: about 1–30 s of alpha and cubical persistence.
_BATCH_VOXELS = 32 * 28**3
_LARGEST_BATCH = 128


def volumes_a_batch(voxels: float, n_volumes: int, workers: int) -> int:
    """Size of the largest batches, where volumes have this median number of voxels: 1–30 s, several a worker."""
    by_voxels = int(_BATCH_VOXELS / max(1.0, voxels))
    by_workers = -(-n_volumes // (4 * workers))
    return max(1, min(by_voxels, by_workers, _LARGEST_BATCH))


def smallest_batch(wanted: int | Literal["auto"], size: int) -> int:
    """Rows of the last batches, where the largest have `size`: as many if the user chose the size."""
    return max(1, size // _SMALLEST_PART) if wanted == "auto" else size


def batch_ranges(gaps: Iterable[tuple[int, int]], largest: int, smallest: int, workers: int) -> list[tuple[int, int]]:
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
    """
    gaps = list(gaps)
    left = sum(last - first for first, last in gaps)
    ranges = []
    for first, last in gaps:
        start = first
        while start < last:
            size = min(largest, max(smallest, -(-left // (2 * workers))))
            stop = min(start + size, last)
            ranges.append((start, stop))
            left -= stop - start
            start = stop
    return ranges


def n_batches(n_rows: int, largest: int, smallest: int, workers: int) -> int:
    """Number of the batches that `batch_ranges` makes of rows without a gap; at once, however many rows there are."""
    whole = max(0, (n_rows - 2 * workers * largest) // largest)
    return whole + len(batch_ranges([(0, n_rows - whole * largest)], largest, smallest, workers))
