"""A time limit for one volume: the process that exceeds it is ended, so that whoever started it starts another.

Nothing less ends a compiled loop that never returns to Python. The interpreter's own watchdog (`faulthandler`) is a
thread of C that needs no lock of the interpreter; it writes where every thread was and leaves the process at once. What
it wrote tells the client, which only sees a dead worker, that the limit was the reason.
"""

import faulthandler
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Deadlines of the volumes at work in this process and where to write what exceeded them, by block; there is one
# interpreter-wide alarm, set to the first.
_deadlines: dict[object, tuple[float, int]] = {}
_lock = threading.Lock()

_STDERR = 2
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
_THREAD = re.compile(r"^(?:Current )?[Tt]hread .*$", re.MULTILINE)
_FRAME = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+) in (?P<function>.+)')


@contextmanager
def limit(seconds: float | None, evidence: Path | None = None) -> Iterator[None]:
    """End this process (exit status 1) if the block takes longer.

    Several threads may be in such a block at the same time; the first deadline ends them all.

    Parameters
    ----------
    seconds : float or None
        Longest time that the block may take; None for no limit.
    evidence : Path or None
        File that is there while the block lasts, and stays, with where every thread was, if the limit ends it; see
        `exceeded`. None for standard error.
    """
    if seconds is None:
        yield
        return
    block = object()
    where = _STDERR if evidence is None else os.open(evidence, _APPEND, 0o644)
    with _lock:
        _deadlines[block] = time.monotonic() + seconds, where
        _set_alarm()
    try:
        yield
    finally:
        with _lock:
            del _deadlines[block]
            _set_alarm()
        if evidence is not None:
            os.close(where)
            evidence.unlink(missing_ok=True)


def exceeded(evidence: Path, function: str) -> str | None:
    """Whether a time limit ended a process.

    Parameters
    ----------
    evidence : Path
        As `limit` was given it.
    function : str
        Name of the function whose thread is asked for, for other threads of the process were at work too.

    Returns
    -------
    str or None
        The innermost line of Python of that thread, such as ``bars (alpha.py:88)``; None if no limit was exceeded.
    """
    try:
        text = evidence.read_text(errors="replace")
    except FileNotFoundError:
        return None
    if "Timeout (" not in text:
        return None
    stacks = [list(_FRAME.finditer(stack)) for stack in _THREAD.split(text)[1:]]
    for frames in stacks:
        if any(frame["function"] == function for frame in frames):
            return f"{frames[0]['function']} ({Path(frames[0]['file']).name}:{frames[0]['line']})"
    return "an unknown place"


def _set_alarm() -> None:
    if not _deadlines:
        faulthandler.cancel_dump_traceback_later()
        return
    deadline, where = min(_deadlines.values())
    faulthandler.dump_traceback_later(max(deadline - time.monotonic(), 1e-3), exit=True, file=where)
