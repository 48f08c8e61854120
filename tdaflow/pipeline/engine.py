"""What the runner needs from a scheduler, its queue of tasks, and the simplest one: a loop in this process."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


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


Queue = deque[Any] | Backlog[Any]


class WorkerDied(Exception):
    """A task took its worker along each time it was tried."""


@dataclass(frozen=True)
class Done(Generic[T, R]):
    """A finished task: its result, or the error that ended it."""

    task: T
    result: R | None
    error: BaseException | None = None


class Engine(Protocol):
    """A scheduler as the runner sees it.

    Attributes
    ----------
    name : str
        What a user calls it.
    workers : int
        Tasks that run at the same time.
    threads : int
        Threads of each worker, which share it where nothing else is to do.
    dashboard : str or None
        Address of the dashboard, if there is one.
    isolates : bool
        Whether a task that kills its worker leaves the run alive.
    """

    @property
    def name(self) -> str:
        """See above."""
        ...

    @property
    def workers(self) -> int:
        """See above."""
        ...

    @property
    def threads(self) -> int:
        """See above."""
        ...

    @property
    def dashboard(self) -> str | None:
        """See above."""
        ...

    @property
    def isolates(self) -> bool:
        """See above."""
        ...

    def describe(self) -> dict[str, Any]:
        """JSON-able facts for run.json."""
        ...

    def list_workers(self) -> list[dict[str, Any]]:
        """What the workers said of themselves last; JSON-able, may be asked from another thread.

        Each has ``name``, ``host``, ``threads``, ``tasks`` (at work or waiting there), ``memory`` and ``memory_limit``
        (bytes; a limit of 0 is none), ``cpu`` (per cent of a core) and ``seen`` (seconds since 1970).
        """
        ...

    def show(self, status: Callable[[], dict[str, Any]]) -> None:
        """Show what `status` returns, JSON-able and asked from another thread, if there is a page for it."""
        ...

    def completed(self, stage: str, function: Callable[[Any], R], tasks: Queue) -> Iterator[Done[Any, R]]:
        """Run `function` over `tasks` and yield each as it completes.

        The caller may append to `tasks` while iterating. Tasks have a ``key`` that names them. A failing task is
        yielded with its error; it never ends the iteration.
        """
        ...

    def tree_reduce(
        self, stage: str, function: Callable[[Any], R], tasks: Sequence[Any], merge: Callable[[list[R]], R]
    ) -> R:
        """Run `function` over one or more `tasks` and merge the results in a tree; errors are raised."""
        ...


class InProcess:
    """The ``sync`` engine: one task after the other in this process, no isolation, no dashboard."""

    name = "sync"
    workers = threads = 1
    dashboard = None
    isolates = False

    def describe(self) -> dict[str, Any]:
        """Name and size."""
        return {"name": self.name, "workers": self.workers, "dashboard": self.dashboard}

    def list_workers(self) -> list[dict[str, Any]]:
        """None beside this process."""
        return []

    def show(self, status: Callable[[], dict[str, Any]]) -> None:
        """There is no page."""

    def completed(self, stage: str, function: Callable[[Any], R], tasks: Queue) -> Iterator[Done[Any, R]]:
        """Run the tasks in order."""
        while tasks:
            task = tasks.popleft()
            try:
                result = function(task)
            except Exception as error:  # the runner decides what an error means
                yield Done(task, None, error)
            else:
                yield Done(task, result)

    def tree_reduce(
        self, stage: str, function: Callable[[Any], R], tasks: Sequence[Any], merge: Callable[[list[R]], R]
    ) -> R:
        """Merge one result after the other."""
        return reduce(lambda left, right: merge([left, right]), (function(task) for task in tasks))


class OnDemand:
    """An engine that is started by the first task, or the first question about its workers.

    Parameters
    ----------
    name : str
    start : callable
        Starts it; called at most once, with what tells `say` of the moment.
    say : callable
        Told what a person should know, such as what is waited for; from any thread. May be exchanged.
    """

    def __init__(self, name: str, start: Callable[[Callable[[str], None]], Engine], say: Callable[[str], None]) -> None:
        self.name, self.say = name, say
        self._start = start
        self._status: Callable[[], dict[str, Any]] | None = None

    @cached_property
    def _engine(self) -> Engine:
        engine = self._start(lambda text: self.say(text))
        if self._status is not None:
            engine.show(self._status)
        return engine

    @property
    def _started(self) -> Engine | None:
        started: Engine | None = vars(self).get("_engine")
        return started

    @property
    def workers(self) -> int:
        """See `Engine`."""
        return self._engine.workers

    @property
    def threads(self) -> int:
        """See `Engine`."""
        return self._engine.threads

    @property
    def dashboard(self) -> str | None:
        """See `Engine`."""
        return self._engine.dashboard

    @property
    def isolates(self) -> bool:
        """See `Engine`."""
        return self._engine.isolates

    def describe(self) -> dict[str, Any]:
        """Return what the engine says of itself, its name alone before it is started."""
        return self._started.describe() if self._started else {"name": self.name, "workers": None, "dashboard": None}

    def list_workers(self) -> list[dict[str, Any]]:
        """Return the workers, none before the engine is started."""
        return self._started.list_workers() if self._started else []

    def show(self, status: Callable[[], dict[str, Any]]) -> None:
        """See `Engine`."""
        self._status = status
        if self._started:
            self._started.show(status)

    def completed(self, stage: str, function: Callable[[Any], R], tasks: Queue) -> Iterator[Done[Any, R]]:
        """See `Engine`."""
        return self._engine.completed(stage, function, tasks)

    def tree_reduce(
        self, stage: str, function: Callable[[Any], R], tasks: Sequence[Any], merge: Callable[[list[R]], R]
    ) -> R:
        """See `Engine`."""
        return self._engine.tree_reduce(stage, function, tasks, merge)
