"""Which part of a sequence is still to be done."""

from collections.abc import Iterable


def uncovered(finished: Iterable[tuple[int, int]], n: int) -> list[tuple[int, int]]:
    """Ranges of [0, n) that none of the finished ranges [start, stop), given in ascending order, covers."""
    gaps, reached = [], 0
    for start, stop in [*finished, (n, n)]:
        if start > reached:
            gaps.append((reached, start))
        reached = max(reached, stop)
    return gaps
