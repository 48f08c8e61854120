"""Progress of a run: bars on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from html import escape
from types import TracebackType
from typing import Any, Self

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from tdaflow.printable import counted, printable_lines

# Seconds between two plain lines of one stage.
_LINE_SECONDS = 10.0
_NOTEBOOK_SECONDS = 0.2


class Console(RichConsole):
    """Console on which text does nothing: no markup, no colours for numbers, control characters as escapes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of anything that can be printed."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable_lines(segment.text), segment.style)


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show on a terminal what is done now, such as "writing the report", until it is done; nothing in a pipe."""
    console = Console(stderr=True)
    with console.status(Text(f"{what} …")) if console.is_terminal else nullcontext():
        yield


class PlainLines:
    """Print a line every few seconds, for logs and pipes."""

    def __init__(self) -> None:
        self._total: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._began: dict[str, float] = {}
        self._last = 0.0

    def message(self, text: str) -> None:
        """Print the text."""
        print(printable_lines(text), file=sys.stderr, flush=True)

    def stage_begins(self, stage: str, total: int, reused: int) -> None:
        """Print the stage and its number of volumes or batches."""
        self._total[stage], self._done[stage], self._began[stage] = total, reused, time.monotonic()
        self._last = time.monotonic()
        already = f" ({reused} done already)" if reused else ""
        self.message(f"{stage}: {_counted(stage, total)}{already}")

    def advanced(self, stage: str, volumes: int) -> None:
        """Print progress every few seconds."""
        self._done[stage] += volumes
        if time.monotonic() - self._last >= _LINE_SECONDS:
            self._last = time.monotonic()
            self.message(f"{stage}: {self._done[stage]}/{self._total[stage]}")

    def noticed(self, stage: str, volume: str, text: str) -> None:
        """Show nothing: the run's log has it."""

    def stage_ends(self, stage: str, seconds: float) -> None:
        """Print the time it took."""
        self.message(f"{stage}: done in {seconds:.1f} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Bars:
    """Show one bar a stage, for terminals."""

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
        """Print the text above the bars."""
        self._progress.console.print(text)

    def stage_begins(self, stage: str, total: int, reused: int) -> None:
        """Add a bar."""
        self._tasks[stage] = self._progress.add_task(
            stage, total=total, completed=reused, unit=_counted(stage, total).partition(" ")[2]
        )

    def advanced(self, stage: str, volumes: int) -> None:
        """Advance the bar."""
        self._progress.advance(self._tasks[stage], volumes)

    def noticed(self, stage: str, volume: str, text: str) -> None:
        """Show nothing: the run's log has it."""

    def stage_ends(self, stage: str, seconds: float) -> None:
        """Refresh the bar."""
        self._progress.refresh()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class NotebookBars:
    """One bar a stage and the last messages, in one output of a notebook that is brought up to date."""

    _MESSAGES = 12

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._stages: dict[str, list[int]] = {}
        self._handle: Any = None
        self._last = 0.0

    def message(self, text: str) -> None:
        """Show it above the bars."""
        self._lines = [*self._lines, text][-self._MESSAGES :]
        self._show()

    def stage_begins(self, stage: str, total: int, reused: int) -> None:
        """Add a bar."""
        self._stages[stage] = [reused, total]
        self._show()

    def advanced(self, stage: str, volumes: int) -> None:
        """Move it, a few times a second."""
        self._stages[stage][0] += volumes
        if time.monotonic() - self._last > _NOTEBOOK_SECONDS:
            self._show()

    def noticed(self, stage: str, volume: str, text: str) -> None:
        """Leave it to the run's log."""

    def stage_ends(self, stage: str, seconds: float) -> None:
        """Leave it full."""
        self._show()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._show()

    def _repr_html_(self) -> str:
        lines = "".join(f"<div>{escape(line)}</div>" for line in self._lines)
        bars = "".join(
            f'<div><progress value="{done}" max="{max(total, 1)}"></progress> '
            f"{escape(stage)}: {done} of {_counted(stage, total)}</div>"
            for stage, (done, total) in self._stages.items()
        )
        return f"<div>{lines}{bars}</div>"

    def __repr__(self) -> str:
        return "\n".join([*self._lines, *(f"{s}: {done} of {total}" for s, (done, total) in self._stages.items())])

    def _show(self) -> None:
        from IPython.display import display

        self._last = time.monotonic()
        if self._handle is None:
            self._handle = display(self, display_id=True)
        else:
            self._handle.update(self)


def observer() -> PlainLines | Bars | NotebookBars:
    """Return bars if stderr is a terminal, else plain lines."""
    # A kernel has loaded this; its standard error is no terminal. Other packages may load ipykernel without it.
    kernel = sys.modules.get("ipykernel.kernelapp")
    if kernel is not None and kernel.IPKernelApp.initialized():
        return NotebookBars()
    return Bars() if sys.stderr.isatty() else PlainLines()


def _counted(stage: str, total: int) -> str:
    return counted(total, *{"ranges": ("batch", "batches"), "distances": ("pair",)}.get(stage, ("volume",)))
