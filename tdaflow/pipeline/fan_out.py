"""Run the tasks of a stage on an engine, count what becomes of them, and decide what a failure means."""

import errno
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from tdaflow.errors import PassingFault, RunError, passing_reason
from tdaflow.pipeline.engine import Backlog, Engine, Queue
from tdaflow.pipeline.events import Observer
from tdaflow.pipeline.state import StageCounts

R = TypeVar("R")
T = TypeVar("T", bound="Task")

RESUME = "run again to resume"
VERIFY = f"{RESUME}, with --verify if files were damaged"
"""What to do after a stage that read finished batches has failed."""
# Failures in a row, with nothing done between them, that are a file system's and not those of volumes.
_IN_A_ROW, _ALONE_IN_A_ROW = 16, 3
# No other batch could do better on a disk like that.
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


class Task(Protocol):
    """What can be fanned out: `key` names it on the dashboard, `n_volumes` is what it adds to the counts."""

    @property
    def key(self) -> str:
        """See above."""
        ...

    @property
    def n_volumes(self) -> int:
        """See above."""
        ...


class RowRange:
    """Mixin of the tasks of the rows [start, stop)."""

    start: int
    stop: int

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return f"{self.start:08d}-{self.stop:08d}"

    @property
    def n_volumes(self) -> int:
        """Rows of the range."""
        return self.stop - self.start


class Chunk:
    """Mixin of the tasks of a chunk, whose first position is `start`."""

    start: int
    rows: tuple[int, ...]

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return f"{self.start:08d}"

    @property
    def n_volumes(self) -> int:
        """Volumes of the chunk."""
        return len(self.rows)


@dataclass(frozen=True)
class Outcome:
    """What a task may tell beside its result: how many of its volumes are not done, and notes on volumes.

    Attributes
    ----------
    n_quarantined, n_failed, n_left : int
        Volumes that cannot be used, that are lost, and that this task did not do.
    notes : tuple of (str, str)
        Id of a volume, and what a reader of the log should know of it.
    """

    n_quarantined: int = field(default=0, kw_only=True)
    n_failed: int = field(default=0, kw_only=True)
    n_left: int = field(default=0, kw_only=True)
    notes: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class Stop:
    """The first failure ends the stage."""


@dataclass(frozen=True)
class Retry:
    """A task is tried `tries` times in all; the last failure ends the stage."""

    tries: int = 2


@dataclass(frozen=True)
class Split:
    """A task that fails is halved until its halves have no halves; what is left is tried once more, by itself.

    A worker that dies takes along the tasks beside it, so the last try has none beside it. Tasks have a method
    ``halves() -> tuple``, empty where they cannot be divided.

    Attributes
    ----------
    give_up : callable
        Given a task that failed then, and its error; may raise. Its volumes are counted as failed.
    """

    give_up: Callable[[Any, BaseException | None], None]


def fan_out(
    engine: Engine,
    stage: str,
    function: Callable[[T], R],
    tasks: Iterable[T] | Backlog[T],
    counts: StageCounts,
    observer: Observer,
    on_failure: Stop | Retry | Split,
    *,
    refusals: type[Exception] | tuple[type[Exception], ...] = (),
    remedy: str = RESUME,
    label: str = "",
) -> Iterator[tuple[T, R]]:
    """Run `function` over `tasks` and yield each with its result as it completes.

    Parameters
    ----------
    engine : Engine
    stage : str
        Its name for the observer and in errors.
    function : callable
        Picklable; safe to run twice or at once. Returns anything but None.
    tasks : iterable of Task
        A `Backlog` makes each when its turn comes.
    counts : StageCounts
        ``total`` and what is reused are there; the rest is counted here.
    observer : Observer
    on_failure : Stop, Retry or Split
    refusals : exception type or tuple of them
        Errors that another try would not change; raised as they are.
    remedy : str
        What to do after a failure, for the error.
    label : str
        Name of the tasks on the dashboard, which cuts those of more than 15 characters; `stage` by default.

    Raises
    ------
    RunError
        If a failure ends the stage, or would meet every other task too (a full disk, a lost scheduler).
    """
    queue: Queue = tasks if isinstance(tasks, Backlog) else deque(tasks)
    counts.begin()
    observer.stage_begins(stage, counts.total, counts.done + counts.quarantined)
    suspects: list[T] = []
    tries: dict[str, int] = {}
    failures = _Outage(stage)
    for done in engine.completed(label or stage, function, queue):
        task: T = done.task
        if done.result is not None:
            _count(task, done.result, stage, counts, observer)
            failures.over()
            yield task, done.result
            continue
        raise_if_fatal(done.error)
        failures.goes_on(done.error, _IN_A_ROW)
        if done.error is not None and isinstance(done.error, refusals):
            raise done.error
        if isinstance(on_failure, Split):
            halves = task.halves()  # type: ignore[attr-defined]
            queue.extend(halves) if halves else suspects.append(task)
            continue
        tries[task.key] = tries.get(task.key, 0) + 1
        if isinstance(on_failure, Stop) or tries[task.key] >= on_failure.tries:
            raise RunError(f"the stage {stage!r} failed at {task.key} ({done.error}); {remedy}") from done.error
        queue.append(task)
    failures.over()
    for suspect in suspects:
        assert isinstance(on_failure, Split)
        for done in engine.completed(label or stage, function, deque([suspect])):
            if done.result is not None:
                _count(suspect, done.result, stage, counts, observer)
                failures.over()
                yield suspect, done.result
                continue
            raise_if_fatal(done.error)
            failures.goes_on(done.error, _ALONE_IN_A_ROW)
            counts.failed += suspect.n_volumes
            counts.batch_finished()
            on_failure.give_up(suspect, done.error)
            observer.advanced(stage, suspect.n_volumes)
    observer.stage_ends(stage, counts.seconds)


def outage(how: str) -> RunError:
    """The error of a disk or a network that fails as a whole; `how` says what of it was seen."""
    return RunError(
        f"the file system of the data or of the run fails ({how}); nothing of what was done is lost: {RESUME} when it "
        "answers"
    )


class _Outage:
    """Tells a disk or a network that fails as a whole from a few files that cannot be read."""

    def __init__(self, stage: str) -> None:
        self._stage, self._n = stage, 0

    def over(self) -> None:
        """Something was done."""
        self._n = 0

    def goes_on(self, error: BaseException | None, most: int) -> None:
        """Count a failure; RunError if it is the last of `most` in a row in which a file system had a part."""
        reason = passing_reason(error)
        self._n = 0 if reason is None else self._n + 1
        if self._n >= most:
            raise outage(f"{self._n} times in a row at the stage {self._stage!r}, the last: {error}") from error


def reduce_over(
    engine: Engine, stage: str, function: Callable[[Any], R], tasks: Sequence[Any], merge: Callable[[list[R]], R]
) -> R:
    """Run `function` over `tasks` and merge the results in a tree; any failure ends the stage, in one sentence."""
    try:
        return engine.tree_reduce(stage, function, tasks, merge)
    except Exception as error:
        raise_if_fatal(error)
        raise RunError(f"the stage {stage!r} failed ({error}); {VERIFY}") from error


def raise_if_fatal(error: BaseException | None) -> None:
    """Raise RunError if the error would meet every other task too: a full or read-only disk, a lost scheduler."""
    if isinstance(error, OSError) and error.errno in _FATAL:
        raise RunError(f"cannot write: {error}; make room or rights, then run again to resume") from error
    if isinstance(error, RunError) and not isinstance(error, PassingFault):
        raise error


def _count(task: Task, result: Any, stage: str, counts: StageCounts, observer: Observer) -> None:
    told = result if isinstance(result, Outcome) else Outcome()
    done = task.n_volumes - told.n_quarantined - told.n_failed - told.n_left
    counts.quarantined += told.n_quarantined
    counts.failed += told.n_failed
    counts.done += done
    counts.computed += done
    counts.batch_finished()
    for volume, text in told.notes:
        observer.noticed(stage, volume, text)
    observer.advanced(stage, task.n_volumes - told.n_left)
