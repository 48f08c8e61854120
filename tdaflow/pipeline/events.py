"""What a run tells while it runs: to an observer, to run.log, and the warnings that belong to one volume.

Observers receive events; no computing code prints.

``warnings.catch_warnings`` would not do for the volumes: it exchanges the filters of the whole process, so threads that
work on different volumes would get each other's warnings. Here one hook serves all threads, and each has its own list.
"""

import logging
import os
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from tdaflow import __version__
from tdaflow.printable import counted, printable
from tdaflow.remote import RemotePath

_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
_DATE = "%Y-%m-%dT%H:%M:%S%z"
# Between two puts of a log on an object store.
_SEND_SECONDS = 30.0
_collected: ContextVar[dict[str, int] | None] = ContextVar("warnings of the volume at work", default=None)
_lock = threading.Lock()
_n_blocks = 0
_show_before: Any = None
_added = False
# The last of all filters: what no other one names is told for every volume, not once a process. Filters that a user, or
# a test, has set come first.
_FILTER: Any = ("always", None, Warning, None, 0)


class Observer(Protocol):
    """What a run tells while it runs."""

    def message(self, text: str) -> None:
        """One line for the user."""
        ...

    def stage_begins(self, stage: str, total: int, reused: int) -> None:
        """A stage of `total` volumes begins, of which `reused` are done already."""
        ...

    def advanced(self, stage: str, volumes: int) -> None:
        """`volumes` more are done."""
        ...

    def noticed(self, stage: str, volume: str, text: str) -> None:
        """Something about one volume: a warning, a fallback, a quarantine."""
        ...

    def stage_ends(self, stage: str, seconds: float) -> None:
        """The stage is over."""
        ...


class Silent:
    """An observer that tells nothing."""

    def message(self, text: str) -> None:
        """Ignore it."""

    def stage_begins(self, stage: str, total: int, reused: int) -> None:
        """Ignore it."""

    def advanced(self, stage: str, volumes: int) -> None:
        """Ignore it."""

    def noticed(self, stage: str, volume: str, text: str) -> None:
        """Ignore it."""

    def stage_ends(self, stage: str, seconds: float) -> None:
        """Ignore it."""


class RunLog:
    """An observer that appends what it is told to a file, a line each, and passes it on to another observer.

    Parameters
    ----------
    path : Path
        Made with the first line.
    observer : Observer
    engine : str
        What works, for the first line.
    """

    def __init__(self, path: Path, observer: Observer, engine: str) -> None:
        self._path, self._observer, self._engine = path, observer, engine
        self._handler = _Sent(path) if isinstance(path, RemotePath) else _Quiet(path)
        self._handler.setFormatter(logging.Formatter(_FORMAT, _DATE))
        self._log = logging.Logger("tdaflow.run")
        self._log.addHandler(self._handler)
        self._began = False
        self._n_noticed = 0

    def ends(self, state: str, reason: str) -> None:
        """Log how it ended, unless it was refused before it began; tell the user of lines about volumes."""
        if self._began:
            level = logging.INFO if state == "done" else logging.ERROR
            self._line(level, f"{state}: {reason}" if reason else state)
        if self._n_noticed:
            self._observer.message(
                f"{counted(self._n_noticed, 'remark on volumes is', 'remarks on volumes are')} in {self._path}"
            )

    def message(self, text: str) -> None:
        """Log it."""
        self._line(logging.INFO, text)
        self._observer.message(text)

    def stage_begins(self, stage: str, total: int, reused: int) -> None:
        """Log it."""
        self._line(logging.INFO, f"{stage}: begins, {reused} of {total} are done")
        self._observer.stage_begins(stage, total, reused)

    def advanced(self, stage: str, volumes: int) -> None:
        """Pass it on."""
        self._observer.advanced(stage, volumes)

    def noticed(self, stage: str, volume: str, text: str) -> None:
        """Log it with the volume's id."""
        self._n_noticed += 1
        self._line(logging.WARNING, f"{stage}: {volume}: {text}")
        self._observer.noticed(stage, volume, text)

    def stage_ends(self, stage: str, seconds: float) -> None:
        """Log it."""
        self._line(logging.INFO, f"{stage}: done in {seconds:.1f} s")
        self._observer.stage_ends(stage, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handler.close()

    def _line(self, level: int, text: str) -> None:
        if not self._began:
            self._began = True
            host, pid = socket.gethostname(), os.getpid()
            self._log.info("tdaflow %s begins: %s (host %s, pid %s)", __version__, self._engine, host, pid)
        # An id or a warning may hold anything, line ends too.
        self._log.log(level, "%s", printable(" ".join(text.split())))


class _Quiet(logging.FileHandler):
    """A full disk ends the run where results are written, not here."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:
            self.close()

    def handleError(self, record: logging.LogRecord) -> None:
        """Go on without the line."""


class _Sent(_Quiet):
    """A log that is kept on this machine and put as a whole on an object store, now and then and at its end."""

    def __init__(self, path: RemotePath) -> None:
        self._target, self._scratch, self._sent = path, tempfile.TemporaryDirectory(), 0.0
        super().__init__(Path(self._scratch.name) / path.name)

    def emit(self, record: logging.LogRecord) -> None:
        kept = Path(self.baseFilename)
        if not kept.exists():  # what earlier runs said comes first
            with suppress(OSError):
                kept.write_bytes(self._target.read_bytes())
        super().emit(record)
        if time.monotonic() - self._sent > _SEND_SECONDS:
            self._send()

    def close(self) -> None:
        super().close()
        self._send()

    def _send(self) -> None:
        with suppress(OSError):
            self._target.write_bytes(Path(self.baseFilename).read_bytes())
            self._sent = time.monotonic()


@contextmanager
def collected_warnings() -> Iterator[dict[str, int]]:
    """Yield a mapping that fills with the warnings which this thread raises in the block.

    Yields
    ------
    dict
        "Category: message" → how often. Where in the code it was raised is left out, for such paths differ from
        machine to machine.
    """
    found: dict[str, int] = {}
    token = _collected.set(found)
    _enter()
    try:
        yield found
    finally:
        _leave()
        _collected.reset(token)


def as_lines(found: dict[str, int]) -> tuple[str, ...]:
    """One line a warning, with how often it came if that was more than once."""
    return tuple(text if n == 1 else f"{text} ({n} times)" for text, n in found.items())


def _enter() -> None:
    global _n_blocks, _show_before, _added
    with _lock:
        if _n_blocks == 0:
            _show_before = warnings.showwarning
            warnings.showwarning = _show
        # By every block, since an application or a test may have put other filters in place meanwhile.
        if _FILTER not in warnings.filters:
            warnings.simplefilter("always", append=True)
            _added = True
        _n_blocks += 1


def _leave() -> None:
    global _n_blocks, _added
    with _lock:
        _n_blocks -= 1
        if _n_blocks == 0:
            if warnings.showwarning is _show:
                warnings.showwarning = _show_before
            if _added and _FILTER in warnings.filters:
                warnings.filters.remove(_FILTER)  # type: ignore[attr-defined]
            _added = False


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    found = _collected.get()
    if found is None:
        _show_before(message, category, filename, lineno, file, line)
        return
    text = f"{category.__name__}: {' '.join(str(message).split())}"
    found[text] = found.get(text, 0) + 1
