"""A time limit for one volume: the process that exceeds it is ended, so that whoever started it starts another.

Nothing less ends a compiled loop that never returns to Python. The interpreter's own watchdog (`faulthandler`) is a
thread of C that needs no lock of the interpreter; it prints where every thread was and leaves the process at once.
"""

import faulthandler
import functools
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

# Deadlines of the volumes at work in this process by block; there is one interpreter-wide alarm, set to the first.
_deadlines: dict[object, float] = {}
_lock = threading.Lock()


@contextmanager
def limit(seconds: float | None, enabled: bool = True) -> Iterator[None]:
    """End this process (exit status 1) if the block takes longer.

    Several threads may be in such a block at the same time; the first deadline ends them all.

    Parameters
    ----------
    seconds : float or None
        Longest time that the block may take; None for no limit.
    enabled : bool
        False where the process must not be ended: it is the user's own, not a worker that will be started again.
    """
    if seconds is None or not enabled:
        yield
        return
    block = object()
    with _lock:
        _deadlines[block] = time.monotonic() + seconds
        _set_alarm()
    try:
        yield
    finally:
        with _lock:
            del _deadlines[block]
            _set_alarm()


def _set_alarm() -> None:
    if not _deadlines:
        faulthandler.cancel_dump_traceback_later()
        return
    left = min(_deadlines.values()) - time.monotonic()
    faulthandler.dump_traceback_later(max(left, 1e-3), exit=True, file=_error_stream())


@functools.cache
def _error_stream() -> IO[str] | int:
    """Where the traces go: a stream with a file behind it, which `sys.stderr` may not be."""
    stream = sys.__stderr__
    try:
        if stream is not None:
            stream.fileno()
            return stream
    except (OSError, ValueError):
        pass
    return os.open(os.devnull, os.O_WRONLY)
