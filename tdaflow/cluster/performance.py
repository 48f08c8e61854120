"""Dask's performance report and task stream of a run, as HTML pages that need no scheduler."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tdaflow import __version__
from tdaflow.cluster.spec import ClusterSpec
from tdaflow.errors import ConfigError
from tdaflow.pipeline import Engine

if TYPE_CHECKING:
    from distributed import Client, performance_report

REPORT = "performance.html"
TASK_STREAM = "task-stream.html"


def refuse_unrecordable(spec: ClusterSpec) -> None:
    """Raise ConfigError for a kind of cluster that has no scheduler."""
    if not spec.uses_dask:
        raise ConfigError(
            f"{spec.kind} has no scheduler and so no performance report; use --performance-report with "
            "--cluster threads, processes or a cluster"
        )


@contextmanager
def performance_recorded(engine: Engine, folder: Path) -> Iterator[None]:
    """Record what scheduler and workers do in the block, and write two HTML pages at its end.

    Parameters
    ----------
    engine : Engine
        With a scheduler.
    folder : Path
        Where ``performance.html`` and ``task-stream.html`` are written, also if the block raises. They open offline.
    """
    from distributed import performance_report

    from tdaflow.cluster.dask_engine import DaskEngine

    assert isinstance(engine, DaskEngine)
    client, began = engine.client, time.time()
    report = performance_report(filename=str(folder / REPORT), mode="inline")
    with client.as_current():  # the report asks for the current client, wherever it is
        report.__enter__()
        try:
            yield
        except BaseException:
            # The scheduler may be what was lost, and the block's error is the one that matters.
            with suppress(Exception):
                _write(client, report, folder, began)
            raise
        _write(client, report, folder, began)


def _write(client: "Client", report: "performance_report", folder: Path, began: float) -> None:
    from bokeh.resources import INLINE

    # Named instead of the lines that called it, which are those of this module.
    client.sync(report.__aexit__, None, None, None, code=f"tdaflow {__version__}: the stages of a run")
    stream = str(folder / TASK_STREAM)
    client.get_task_stream(start=began, plot="save", filename=stream, bokeh_resources=INLINE)
