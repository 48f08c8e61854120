"""The page ``/tdaflow`` on the dashboard of a scheduler in this process: a run as a whole, not the tasks of the moment.

One HTML file that fetches `state.json` every other second. It is there for whoever can reach the dashboard, and can
change nothing.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin
from tornado.web import RequestHandler

_HTML = Path(__file__).with_suffix(".html")
# However many look at it, the answer is made once in so many seconds; a page asks every other second.
_FRESH_SECONDS = 1.0
_WORKERS = 20
_BARS = 60
# All that the page loads is in it, and what others wrote cannot run or fetch anything.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class RunPage(SchedulerPlugin):
    """Watch the tasks of a scheduler in this process, and serve a page about the run that they belong to.

    Parameters
    ----------
    scheduler : distributed.Scheduler
    """

    name = "tdaflow-run-page"

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._status: Callable[[], dict[str, Any]] | None = None
        self._expected: dict[Any, tuple[_Tally, int]] = {}
        self._tallies: dict[str, _Tally] = {}
        self._answer, self._asked = b"", -math.inf
        scheduler.add_plugin(self)
        routes = [(r"/tdaflow", _Page), (r"/tdaflow/state\.json", _State, {"page": self})]
        scheduler.http_application.add_handlers(r".*", routes)

    @staticmethod
    def beside(dashboard: str) -> str:
        """Return the page's address on the server of a dashboard."""
        return urlsplit(dashboard)._replace(path="/tdaflow").geturl()

    def show(self, status: Callable[[], dict[str, Any]]) -> None:
        """Show another run."""
        self._status, self._tallies, self._asked = status, {}, -math.inf

    def expect(self, stage: str, keys: Sequence[str], tasks: Sequence[Any]) -> None:
        """Note how many volumes these tasks have, before they are submitted; what counts otherwise counts as one."""
        if stage not in self._tallies:
            self._tallies = {**self._tallies, stage: _Tally()}
        tally = self._tallies[stage]
        tally.n_at_work += len(tasks)
        sizes = (getattr(task, "n_volumes", 1) for task in tasks)
        self._expected.update(zip(keys, ((tally, size) for size in sizes), strict=True))

    def transition(self, key: Any, start: Any, finish: Any, *args: Any, **kwargs: Any) -> None:
        """Count a task that ends; called by the scheduler for every change of every task."""
        if finish not in ("memory", "erred", "forgotten"):
            return
        tally, size = self._expected.pop(key, (None, 0))
        if tally is None:
            return
        tally.n_at_work -= 1
        if finish != "memory":
            return
        seconds = sum(s["stop"] - s["start"] for s in kwargs.get("startstops") or () if s["action"] == "compute")
        worker = self._scheduler.workers.get(kwargs.get("worker", ""))
        tally.add("gone" if worker is None else str(worker.name), size, seconds)

    def answer(self) -> bytes:
        """What the page shows, as JSON of bounded size."""
        now = time.monotonic()
        if now - self._asked > _FRESH_SECONDS:
            told = {
                "now": time.time(),
                "run": None if self._status is None else self._status(),
                "tasks": {stage: tally.as_dict() for stage, tally in self._tallies.items()},
            }
            self._answer, self._asked = json.dumps(told).encode(), now
        return self._answer


class _Tally:
    """The volumes that tasks of one stage did: by worker, and by time in at most `_BARS` spans of the same length."""

    def __init__(self) -> None:
        self._workers: dict[str, list[float]] = {}
        self._began, self._width = time.monotonic(), 1.0
        self._spans = [0]
        self.n_at_work = 0

    def add(self, worker: str, volumes: int, seconds: float) -> None:
        """Count a task."""
        found = self._workers.setdefault(worker, [0, 0.0])
        found[0] += volumes
        found[1] += seconds
        self._go_on()
        self._spans[-1] += volumes

    def _go_on(self) -> None:
        """Make the last span that of this moment."""
        while (at := int((time.monotonic() - self._began) / self._width)) >= _BARS:
            padded = [*self._spans, 0]
            self._spans = [a + b for a, b in zip(padded[::2], padded[1::2], strict=False)]
            self._width *= 2
        self._spans += [0] * (at + 1 - len(self._spans))

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers: volumes a second over time, and seconds a volume of the slowest workers."""
        if self.n_at_work:
            self._go_on()
        done = {name: (n, seconds / n) for name, (n, seconds) in self._workers.items() if n}
        slowest = sorted(done, key=lambda name: -done[name][1])[:_WORKERS]
        return {
            "span_seconds": self._width,
            "rates": [n / self._width for n in self._spans],
            "n_workers": len(done),
            "median_seconds": median(each for _, each in done.values()) if done else None,
            "workers": [{"name": name, "volumes": done[name][0], "seconds": done[name][1]} for name in slowest],
        }


class _Page(RequestHandler):
    def get(self) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self.finish(_HTML.read_bytes())


class _State(RequestHandler):
    def initialize(self, page: RunPage) -> None:
        self._page = page

    def get(self) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self.set_header("Content-Type", "application/json")
        self.finish(self._page.answer())
