"""Processes that a user would start in other terminals."""

import operator
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tdaflow.pipeline import Engine


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def go(*command: object, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield go
    for process in reversed(started):
        process.terminate()
    for process in started:
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture
def wait_for() -> Callable[..., None]:
    """Wait until a condition holds."""

    def wait(ready: Callable[[], Any], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.05)

    return wait


@pytest.fixture
def dask_processes(start, tmp_path, wait_for) -> Callable[..., Path]:
    """Start ``dask scheduler`` and ``dask worker`` with the given options; return the scheduler file."""

    def go(*options: object) -> Path:
        scheduler_file = tmp_path / "scheduler.json"
        dask = (sys.executable, "-m", "dask")
        here = ("--host", "127.0.0.1", "--scheduler-file", scheduler_file, *options)
        start(*dask, "scheduler", "--port", 0, "--no-dashboard", *here)
        wait_for(scheduler_file.is_file)
        start(*dask, "worker", "--nworkers", 2, "--nthreads", 1, "--no-dashboard", *here)
        return scheduler_file

    return go


@pytest.fixture
def squares() -> Callable[[Engine], list[int]]:
    """Send a few tasks of the standard library alone through an engine."""

    def go(engine: Engine) -> list[int]:
        tasks = deque(SimpleNamespace(key=f"{i:08d}", real=i * i) for i in range(6))
        finished = list(engine.completed("squares", operator.attrgetter("real"), tasks))
        assert [done.error for done in finished] == [None] * 6
        return sorted(done.result for done in finished)

    return go
