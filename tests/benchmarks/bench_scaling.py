"""What the graph itself costs, with a kernel that computes nothing, and what follows for 10⁶ volumes.

    python tests/benchmarks/bench_scaling.py [--volumes 1000 10000 100000] [--plot cluster/scaling.png]

Scheduler, workers and client are processes of their own, so that each one's processor time and memory can be read.
The simulation of large clusters uses the measured cost of a batch; it is checked against runs with a sleeping kernel.
"""

import argparse
import heapq
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
import pytest

from tdaflow.cluster import cluster_spec, connect
from tdaflow.cluster.dask_engine import DaskEngine
from tdaflow.cluster.settings import SETTINGS
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError
from tdaflow.pipeline import Backlog
from tdaflow.pipeline.batch_sizes import batch_ranges, smallest_batch
from tdaflow.pipeline.recipe import diagram_recipe
from tdaflow.pipeline.tasks import DiagramOutcome, DiagramTask, VolumeFacts
from tdaflow.superpixels import cohort_scale

BATCH = 32
MEASURED = ("client", "scheduler", "workers")


def null_kernel(task: DiagramTask) -> DiagramOutcome:
    """What `compute_diagrams` returns, without computing it; sleeps ``volume_seconds`` a batch if there are any."""
    if task.volume_seconds:
        time.sleep(task.volume_seconds)
    return DiagramOutcome(task.start, task.stop, {})


def tasks_of(n: int, batch: int, seconds: float = 0.0) -> Iterator[DiagramTask]:
    """Tasks as a run makes them, of volumes that do not exist."""
    config = RunConfig.model_validate({"filtrations": {"alpha": {}, "sublevel": {"kind": "cubical"}}})
    recipe = diagram_recipe(config, {"alpha": cohort_scale([28.0], [224.0]).as_dict()})
    folder = Path("/some/project/folder/runs/a-large-run")
    for start in range(0, n, batch):
        stop = min(start + batch, n)
        about = tuple(
            VolumeFacts(f"cohort/patient-{i:07d}", (1.0, 1.0, 1.0), (28, 28, 28), (0.0, 255.0), (0.0, 250.0))
            for i in range(start, stop)
        )
        volumes, diagrams = folder / "volumes.zarr", folder / "diagrams.zarr"
        yield DiagramTask(volumes, diagrams, recipe, start, stop, "0" * 32, seconds, about)


@dataclass(frozen=True)
class Processes:
    """The three kinds of processes of a cluster on this machine."""

    client: list[psutil.Process]
    scheduler: list[psutil.Process]
    workers: list[psutil.Process]

    def seconds(self) -> dict[str, float]:
        """Processor time so far."""
        times = {name: [p.cpu_times() for p in getattr(self, name)] for name in MEASURED}
        return {name: sum(t.user + t.system for t in listed) for name, listed in times.items()}

    def megabytes(self) -> dict[str, float]:
        """Resident memory; of the workers the largest."""
        return {name: max(p.memory_info().rss for p in getattr(self, name)) / 2**20 for name in MEASURED}


def _variable(setting: str) -> str:
    """The environment variable that Dask reads for a setting."""
    return "DASK_" + setting.replace(".", "__").replace("-", "_").upper()


@contextmanager
def cluster(workers: int) -> Iterator[tuple[DaskEngine, Processes]]:
    """A scheduler and its workers, started as a user would."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler.json"
        here = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # Workers import this file by its name; the settings are those of the clusters that tdaflow starts.
        settings = {_variable(name): str(value) for name, value in SETTINGS.items()}
        quiet["env"] = {**os.environ, **settings, "PYTHONPATH": str(Path(__file__).parent)}
        dask = [sys.executable, "-m", "dask"]
        scheduler = subprocess.Popen([*dask, "scheduler", "--port", "0", *here], **quiet)
        worker = subprocess.Popen([*dask, "worker", "--nworkers", str(workers), "--nthreads", "1", *here], **quiet)
        try:
            while not file.is_file():
                time.sleep(0.05)
            yield from _connected(file, workers, scheduler, worker)
        finally:
            worker.terminate()
            worker.wait()
            scheduler.terminate()
            scheduler.wait()


def _connected(
    file: Path, workers: int, scheduler: subprocess.Popen, worker: subprocess.Popen
) -> Iterator[tuple[DaskEngine, Processes]]:
    while True:
        try:
            with connect(cluster_spec(kind="existing", scheduler_file=str(file))) as engine:
                engine._client.wait_for_workers(workers)
                children = [
                    p for p in psutil.Process(worker.pid).children(recursive=True) if "spawn" in str(p.cmdline())
                ]
                yield engine, Processes([psutil.Process()], [psutil.Process(scheduler.pid)], children)
                return
        except ConfigError as error:
            if "has no workers" not in str(error):
                raise
            time.sleep(0.2)


def measure(
    engine: DaskEngine, processes: Processes, volumes: int, batch: int, seconds: float = 0.0
) -> dict[str, float]:
    """Send so many volumes through; milliseconds of every kind of process a batch, memory, and seconds in all."""
    import bench_scaling  # by its name, or the function would travel with every task

    batches = -(-volumes // batch)
    before, began = processes.seconds(), time.perf_counter()
    done = 0
    for finished in engine.completed(
        "null", bench_scaling.null_kernel, Backlog(tasks_of(volumes, batch, seconds), batches)
    ):
        assert finished.error is None, finished.error
        done += finished.result.stop - finished.result.start
    assert done == volumes
    wall, after = time.perf_counter() - began, processes.seconds()
    return {
        "volumes": volumes,
        "batch": batch,
        "batches": batches,
        "seconds": wall,
        **{f"{name}_ms": 1000 * (after[name] - before[name]) / batches for name in MEASURED},
        **{f"{name}_mb": value for name, value in processes.megabytes().items()},
    }


def batch_seconds(
    volumes: int, workers: int, batch: int, volume_seconds: float, own: float, *, wanted: int | Literal["auto"] = "auto"
) -> np.ndarray:
    """Mean seconds of every batch of a run, with what Dask needs in a worker for each; `wanted` is ``run.batch``."""
    sizes = batch_ranges([(0, volumes)], batch, smallest_batch(wanted, batch), workers)
    return np.array([stop - start for start, stop in sizes]) * volume_seconds + own


def simulate(
    seconds: np.ndarray, workers: int, graph_ms: float, *, spread: float = 0.3, in_flight: int = 4
) -> dict[str, float]:
    """A run as a closed network of queues: one server for client and scheduler, many workers.

    A batch passes the server (half its cost) before it waits for a worker, and again when it is done. At most
    ``in_flight`` batches a worker are on their way. Durations are log-normal about the means in `seconds`, with the
    given relative spread.
    """
    rng, batches = np.random.default_rng(0), len(seconds)
    sigma = np.sqrt(np.log1p(spread**2))
    durations = seconds * rng.lognormal(-(sigma**2) / 2, sigma, batches)
    half = graph_ms / 2000
    server = busy = 0.0
    free = workers
    submitted = 0
    waiting: deque[float] = deque()
    events: list[tuple[float, int, float]] = []  # (time, kind, duration): 0 arrives at a worker, 1 leaves it
    for _ in range(min(batches, in_flight * workers)):
        server += half
        heapq.heappush(events, (server, 0, durations[submitted]))
        submitted += 1
    now = 0.0
    while events:
        now, kind, duration = heapq.heappop(events)
        if kind == 0:
            waiting.append(duration)
        else:
            free += 1
            server = max(server, now) + half
            if submitted < batches:
                server += half
                heapq.heappush(events, (server, 0, durations[submitted]))
                submitted += 1
        while free and waiting:
            length = waiting.popleft()
            free -= 1
            busy += length
            heapq.heappush(events, (now + length, 1, length))
    end = max(now, server)
    return {
        "seconds": end,
        "worker_load": busy / (workers * end),
        "graph_load": batches * graph_ms / 1000 / end,
        "batches_a_second": batches / end,
    }


def main() -> None:
    """Print the figures, and draw the plot if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volumes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--volume-ms", type=float, default=100.0, help="of one core, for the simulation")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    points, checks = [], []
    with cluster(2) as (engine, processes):
        measure(engine, processes, 64, 1)
        for volumes, batch in [(1000, 1), *((n, BATCH) for n in arguments.volumes)]:
            points.append(measure(engine, processes, volumes, batch))
            print(json.dumps(points[-1]), flush=True)
        graph_ms = points[-1]["client_ms"] + points[-1]["scheduler_ms"]
        # What Dask does in a worker is work of that worker.
        own = points[-1]["workers_ms"] / 1000
        for seconds, batches in ((0.02, 200), (0.1, 60)):
            found = measure(engine, processes, batches * BATCH, BATCH, seconds)
            predicted = simulate(np.full(batches, seconds + own), 2, graph_ms, spread=0.0)
            checks.append({"batch_seconds": seconds, "measured": found["seconds"], "simulated": predicted["seconds"]})
            print(json.dumps(checks[-1]), flush=True)
    for workers, batch in itertools.product((100, 1000), (8, BATCH, 64, 128)):
        for wanted in ("auto", batch):
            seconds = batch_seconds(10**6, workers, batch, arguments.volume_ms / 1000, own, wanted=wanted)
            row = {"workers": workers, "largest_batch": batch, "run.batch": wanted, "batches": len(seconds)}
            print(json.dumps({**row, **simulate(seconds, workers, graph_ms)}), flush=True)
    if arguments.plot:
        plot(points, arguments.volume_ms, graph_ms, own, arguments.plot)


def plot(points: list[dict[str, float]], volume_ms: float, graph_ms: float, own: float, path: Path) -> None:
    """Left: what was measured. Right: what the simulation says of 10⁶ volumes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    batched = [p for p in points if p["batch"] == BATCH]
    volumes = [p["volumes"] for p in batched]
    left.loglog(volumes, [p["client_ms"] for p in batched], "o-", label="client, ms a batch")
    left.loglog(volumes, [p["scheduler_ms"] for p in batched], "s-", label="scheduler, ms a batch")
    left.loglog(volumes, [p["scheduler_mb"] for p in batched], "^--", color="grey", label="scheduler, MB")
    left.set(xlabel=f"volumes (batches of {BATCH}, null kernel)", title="measured, 2 workers")
    left.legend(frameon=False)
    counts = np.unique(np.geomspace(4, 4000, 13).astype(int))
    for batch, style in ((8, "o-"), (BATCH, "s-"), (128, "^-")):
        found = [simulate(batch_seconds(10**6, int(w), batch, volume_ms / 1000, own), int(w), graph_ms) for w in counts]
        right.loglog(counts, [f["seconds"] / 3600 for f in found], style, markersize=3, label=f"batches of {batch}")
    right.loglog(counts, 10**6 * volume_ms / 1000 / 3600 / counts, ":", color="black", label="without a graph")
    right.set(xlabel="workers", ylabel="hours", title=f"simulated: 10⁶ volumes of {volume_ms:.0f} ms")
    right.legend(frameon=False)
    figure.savefig(path, dpi=110)


@pytest.mark.benchmark
def test_the_benchmark_runs(monkeypatch) -> None:
    """A handful of batches, and the bounds that the simulation keeps."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    with cluster(1) as (engine, processes):
        found = measure(engine, processes, 200, 20)
    assert found["batches"] == 10
    assert all(found[f"{name}_mb"] > 0 for name in MEASURED)
    bound_by_workers = simulate(np.ones(1000), 4, 1.0, spread=0.0)
    assert bound_by_workers["seconds"] == pytest.approx(250, rel=0.01)
    bound_by_graph = simulate(np.ones(1000), 400, 50.0, spread=0.0)
    assert bound_by_graph["seconds"] == pytest.approx(50, rel=0.05)


if __name__ == "__main__":
    main()
