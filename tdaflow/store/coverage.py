"""Which part of a sequence is still to be done."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence


def uncovered(finished: Iterable[tuple[int, int]], n: int) -> list[tuple[int, int]]:
    """Ranges of [0, n) that none of the finished ranges [start, stop), given in ascending order, covers."""
    gaps, reached = [], 0
    for start, stop in [*finished, (n, n)]:
        if start > reached:
            gaps.append((reached, start))
        reached = max(reached, stop)
    return gaps


def overlapping(finished: Sequence[tuple[int, int]], start: int, stop: int) -> tuple[tuple[int, int], ...]:
    """Those of the finished ranges, ascending and disjoint, that share a member with [start, stop)."""
    left = bisect_right(finished, start, key=lambda r: r[1])
    right = bisect_left(finished, stop, key=lambda r: r[0])
    return tuple(finished[left:right])
