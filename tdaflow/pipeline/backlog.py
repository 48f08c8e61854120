"""Tasks that are made when their turn comes: those of 10⁶ volumes would hold half a gigabyte in the client."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Backlog(Generic[T]):
    """A queue of tasks, those that are planned before those that are added.

    Parameters
    ----------
    planned : iterator
        Asked for a task when one is taken.
    n : int
        How many it has.
    """

    def __init__(self, planned: Iterator[T], n: int) -> None:
        self._planned, self._n = planned, n
        self._added: deque[T] = deque()

    def __len__(self) -> int:
        return self._n + len(self._added)

    def popleft(self) -> T:
        """Take the next task."""
        if self._n == 0:
            return self._added.popleft()
        self._n -= 1
        return next(self._planned)

    def append(self, task: T) -> None:
        """Add a task."""
        self._added.append(task)

    def extend(self, tasks: Iterable[T]) -> None:
        """Add several."""
        self._added.extend(tasks)
