"""What every stage of a run is given, and what ends a run at once."""

import errno
from dataclasses import dataclass

from tdaflow.config import RunConfig
from tdaflow.errors import RunError
from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.progress import Observer
from tdaflow.pipeline.state import RunState
from tdaflow.store import RunFolder

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


def raise_if_fatal(error: BaseException | None) -> None:
    """Raise RunError if the error would meet every other batch too: a full or read-only disk, a lost scheduler."""
    if isinstance(error, OSError) and error.errno in _FATAL:
        raise RunError(f"cannot write: {error}; make room or rights, then run again to resume") from error
    if isinstance(error, RunError):
        raise error
