"""run.log: what happened when, with the id of the volume in every line that is about one."""

import logging
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from tdaflow import __version__
from tdaflow.pipeline.progress import Observer

_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
_DATE = "%Y-%m-%dT%H:%M:%S%z"


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
        self._handler = _Quiet(path, encoding="utf-8", delay=True)
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
            self._observer.message(f"{self._n_noticed} remarks on volumes are in {self._path}")

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
        self._log.log(level, "%s", " ".join(text.split()))


class _Quiet(logging.FileHandler):
    """A full disk ends the run where results are written, not here."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:
            self.close()

    def handleError(self, record: logging.LogRecord) -> None:
        """Go on without the line."""
