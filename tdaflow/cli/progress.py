"""What a user sees while a run runs: bars on a terminal, plain lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

# Seconds between two plain lines of one stage.
_LINE_SECONDS = 10.0


class PlainLines:
    """One line now and then, for logs and pipes."""

    def __init__(self) -> None:
        self._total: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._began: dict[str, float] = {}
        self._last = 0.0

    def message(self, text: str) -> None:
        """Print it."""
        print(text, file=sys.stderr, flush=True)

    def stage_begins(self, stage: str, total: int, reused: int) -> None:
        """Name the stage and what is left of it."""
        self._total[stage], self._done[stage], self._began[stage] = total, reused, time.monotonic()
        self._last = time.monotonic()
        already = f" ({reused} done already)" if reused else ""
        self.message(f"{stage}: {total} {_unit(stage)}{already}")

    def advanced(self, stage: str, volumes: int) -> None:
        """Print progress every few seconds."""
        self._done[stage] += volumes
        if time.monotonic() - self._last >= _LINE_SECONDS:
            self._last = time.monotonic()
            self.message(f"{stage}: {self._done[stage]}/{self._total[stage]}")

    def noticed(self, stage: str, volume: str, text: str) -> None:
        """Leave it to the run's log."""

    def stage_ends(self, stage: str, seconds: float) -> None:
        """Print the time it took."""
        self.message(f"{stage}: done in {seconds:.1f} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Bars:
    """One bar a stage, for terminals."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def message(self, text: str) -> None:
        """Print it above the bars."""
        self._progress.console.print(text, highlight=False, markup=False)

    def stage_begins(self, stage: str, total: int, reused: int) -> None:
        """Add a bar."""
        self._tasks[stage] = self._progress.add_task(stage, total=total, completed=reused, unit=_unit(stage))

    def advanced(self, stage: str, volumes: int) -> None:
        """Move it."""
        self._progress.advance(self._tasks[stage], volumes)

    def noticed(self, stage: str, volume: str, text: str) -> None:
        """Leave it to the run's log."""

    def stage_ends(self, stage: str, seconds: float) -> None:
        """Leave it full."""
        self._progress.refresh()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def observer() -> PlainLines | Bars:
    """The observer that fits where stderr goes."""
    return Bars() if sys.stderr.isatty() else PlainLines()


def _unit(stage: str) -> str:
    return {"ranges": "batches", "distances": "pairs"}.get(stage, "volumes")
