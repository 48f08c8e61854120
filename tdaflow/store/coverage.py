"""Ranges of a sequence: which are missing, and which overlap."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence


def uncovered(finished: Iterable[tuple[int, int]], n: int) -> list[tuple[int, int]]:
    """Return the ranges of [0, n) that none of the finished ranges [start, stop), in ascending order, covers."""
    gaps, reached = [], 0
    for start, stop in [*finished, (n, n)]:
        if start > reached:
            gaps.append((reached, start))
        reached = max(reached, stop)
    return gaps


def overlapping(finished: Sequence[tuple[int, int]], start: int, stop: int) -> tuple[tuple[int, int], ...]:
    """Return the finished ranges, ascending and disjoint, that share a member with [start, stop)."""
    left = bisect_right(finished, start, key=lambda r: r[1])
    right = bisect_left(finished, stop, key=lambda r: r[0])
    return tuple(finished[left:right])
