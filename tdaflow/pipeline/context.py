"""What every stage of a run is given, and what ends a run at once."""

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tdaflow.config import RunConfig
from tdaflow.errors import RunError
from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.progress import Observer
from tdaflow.pipeline.state import RunState
from tdaflow.store import RunFolder

R = TypeVar("R")

# What to do after a stage that read finished batches has failed.
RESUME = "run again to resume, with --verify if files were damaged"
# No other batch could do better on a disk like that.
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


@dataclass(frozen=True)
class Context:
    """One run: what to do, where, on what, who watches, and how far it has come."""

    config: RunConfig
    folder: RunFolder
    engine: Engine
    observer: Observer
    state: RunState


def reduced(
    context: Context,
    stage: str,
    function: Callable[[Any], R],
    tasks: Sequence[Any],
    merge: Callable[[list[R]], R],
) -> R:
    """Reduce on the engine; whatever ends it is told in one sentence, for a reduce has no batch to leave out."""
    try:
        return context.engine.tree_reduce(stage, function, tasks, merge)
    except Exception as error:
        raise_if_fatal(error)
        raise RunError(f"the stage {stage!r} failed ({error}); {RESUME}") from error


def raise_if_fatal(error: BaseException | None) -> None:
    """Raise RunError if the error would meet every other batch too: a full or read-only disk, a lost scheduler."""
    if isinstance(error, OSError) and error.errno in _FATAL:
        raise RunError(f"cannot write: {error}; make room or rights, then run again to resume") from error
    if isinstance(error, RunError):
        raise error
