"""The distances between all diagrams of a finished run: a block of pairs a task, on any engine.

    for path in run_distances(RunFolder("runs/mine"), "sliced-wasserstein", engine, observer, dimension=1): ...

Every pair is computed by itself, so neither the number of workers nor the size of a block changes a bit. A block that
is there is not made again, so what was interrupted goes on where it stopped.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.diagrams import NO_BARS
from tdaflow.distances import ALGORITHM_VERSION, Heat, Metric, checked_bars, metric_from
from tdaflow.errors import InputError
from tdaflow.homology.regions import WHOLE, regional_name
from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.events import Observer
from tdaflow.pipeline.fan_out import RESUME, Retry, fan_out
from tdaflow.pipeline.opened import Run
from tdaflow.pipeline.state import StageCounts
from tdaflow.store import DiagramStore, RunFolder, options_digest, overlapping
from tdaflow.store.distances import DistanceStore

STAGE = "distances"
FOLDER = "distances"

_TASK_SECONDS = 5.0
# Volumes along an edge of a block, whose prepared diagrams a task holds twice.
_LARGEST_BLOCK = 64
_TASKS_A_WORKER = 4
_SAMPLE = 5
_ALONE = 60.0


@dataclass(frozen=True)
class DistanceTask:
    """Compute one block of the matrix of a channel: the distances between the volumes of two ranges of positions."""

    diagrams: Path
    target: Path
    metric: Metric
    channel: tuple[str, int]
    block: tuple[int, int]
    rows: tuple[tuple[int, ...], tuple[int, ...]]
    batches: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]

    @property
    def key(self) -> str:
        """Name of the task on the dashboard."""
        return f"{self.target.name}-{self.block[0]:05d}-{self.block[1]:05d}"

    @property
    def n_volumes(self) -> int:
        """Pairs of the block."""
        n, m = map(len, self.rows)
        return n * (n - 1) // 2 if self.block[0] == self.block[1] else n * m


def run_distances(
    folder: RunFolder,
    metric: str | Metric,
    engine: Engine,
    observer: Observer,
    *,
    filtration: str | None = None,
    dimension: int | None = None,
) -> list[Path]:
    """Write the matrices of a run, ``RUN/distances/CHANNEL-METRIC.zarr``, and return where they are.

    Parameters
    ----------
    folder : RunFolder
        Of a finished run.
    metric : str or object
        See `tdaflow.distances.distance`. A heat kernel without σ takes that of the channel's persistence images.
    engine : Engine
    observer : Observer
    filtration : str, optional
        Name in the configuration; all by default.
    dimension : int, optional
        Homology dimension; all by default.

    Raises
    ------
    InputError
        If the run is not finished, or has no such channel.
    ConfigError
        While a run is at work in the folder.
    RunError
        If a block fails twice; finished blocks are kept.
    """
    run = Run(folder.path)
    if not run.has_images:
        raise InputError(f"{folder.path} is not finished: run `tdaflow run ... --out {folder.path}` to its end")
    chosen = metric_from(metric)
    channels = channels_of(run, filtration, dimension)
    with folder.locked():
        rows, store = _rows(run), DiagramStore(folder.diagrams)
        return [_matrix(run, store, rows, channel, chosen, engine, observer) for channel in channels]


def compute_block(task: DistanceTask) -> int:
    """Compute one block, unless it is there; return the number of pairs. What a worker does."""
    target = DistanceStore(task.target)
    i, j = task.block
    if target.is_written(i, j):
        return task.n_volumes
    store = DiagramStore(task.diagrams)
    first = _prepared(store, task.metric, task.channel, task.rows[0], task.batches[0])
    second = first if i == j else _prepared(store, task.metric, task.channel, task.rows[1], task.batches[1])
    distances = np.zeros((len(first), len(second)))
    for a, one in enumerate(first):
        for b in range(a + 1 if i == j else 0, len(second)):
            distances[a, b] = task.metric.between(one, second[b])
    target.write(i, j, distances + distances.T if i == j else distances)
    return task.n_volumes


def _matrix(
    run: Run, store: DiagramStore, rows: np.ndarray, channel: tuple[str, int, str], metric: Metric,
    engine: Engine, observer: Observer,
) -> Path:  # fmt: skip
    filtration, dimension, region = channel
    if isinstance(metric, Heat) and metric.sigma is None:
        # The kernel's Gaussians have a variance of 2σ.
        metric = replace(metric, sigma=run.sigma[filtration, dimension] ** 2 / 2)
    options = asdict(metric)  # type: ignore[call-overload]
    kind = metric.__class__.__name__
    digest = options_digest(
        ALGORITHM_VERSION, run.state["digests"]["diagrams"], rows.tolist(), list(channel), kind, options
    )
    name = "-".join([*_words(kind), filtration, f"h{dimension}", *([] if region == WHOLE else [region])])
    path = run.folder.path / FOLDER / f"{name}.zarr"
    if path.exists() and DistanceStore(path).attributes["digest"] == digest:
        observer.message(f"{path} is there already")
        return path
    DistanceStore.remove(path)
    read = (regional_name(filtration, region), dimension)
    target = _opened(path.with_name(f".{path.name}.in-progress"), digest)
    if target is None:
        block = _block_size(store, rows, read, metric, engine, observer)
        target = DistanceStore.create(
            path.with_name(f".{path.name}.in-progress"), table=run.rows, rows=rows, block=block,
            attributes={
                "digest": digest, "metric": kind, **{f"metric_{k}": v for k, v in options.items() if v is not None},
                "filtration": filtration, "homology_dimension": dimension, "region": region,
                "units": run.unit(filtration) if not isinstance(metric, Heat) else "",
            },
        )  # fmt: skip
    tasks = _tasks(store, target, rows, read, metric)
    missing = [task for task in tasks if not target.is_written(*task.block)]
    done = sum(t.n_volumes for t in tasks) - sum(t.n_volumes for t in missing)
    counts = StageCounts(total=sum(t.n_volumes for t in tasks), done=done, reused=done)
    for _ in fan_out(
        engine, STAGE, compute_block, missing, counts, observer, Retry(), refusals=InputError, remedy=RESUME
    ):
        pass
    target.finish(path)
    return path


def _opened(path: Path, digest: str) -> DistanceStore | None:
    """The unfinished store of the same distances; any other is deleted."""
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        return None
    unfinished = DistanceStore(path)
    if unfinished.attributes["digest"] == digest:
        return unfinished
    DistanceStore.remove(path)
    return None


def _tasks(
    store: DiagramStore, target: DistanceStore, rows: np.ndarray, channel: tuple[str, int], metric: Metric
) -> list[DistanceTask]:
    batches = store.batches()
    n_blocks = -(-len(rows) // target.block)
    here = [tuple(rows[target.positions(i)].tolist()) for i in range(n_blocks)]
    of_rows = [overlapping(batches, part[0], part[-1] + 1) for part in here]
    return [
        DistanceTask(
            store.path.resolve(), target.path.resolve(), metric, channel,
            (i, j), (here[i], here[j]), (of_rows[i], of_rows[j]),
        )
        for i, j in target.blocks()
    ]  # fmt: skip


def _block_size(
    store: DiagramStore, rows: np.ndarray, channel: tuple[str, int], metric: Metric, engine: Engine, observer: Observer
) -> int:
    """Volumes along an edge of a block: some seconds a task, several tasks a worker; says how long it may take."""
    sample = rows[np.unique(np.linspace(0, len(rows) - 1, _SAMPLE).astype(int))]
    prepared = _prepared(store, metric, channel, sample.tolist(), None)
    metric.between(prepared[0], prepared[-1])  # imports and compiles
    pairs = [(a, b) for k, a in enumerate(prepared) for b in prepared[k + 1 :]] or [(prepared[0], prepared[0])]
    began = time.perf_counter()
    for one, other in pairs:
        metric.between(one, other)
    seconds = max(1e-6, (time.perf_counter() - began) / len(pairs))
    expected = seconds * len(rows) ** 2 / 2 / engine.workers
    if expected > _ALONE:
        observer.message(
            f"{len(rows) * (len(rows) - 1) // 2:,} pairs, some {expected / 60:,.0f} minutes on {engine.name}"
        )
    blocks = np.sqrt(2 * _TASKS_A_WORKER * engine.workers)
    return int(np.clip(min(np.sqrt(_TASK_SECONDS / seconds), len(rows) / blocks), 1, _LARGEST_BLOCK))


def _prepared(
    store: DiagramStore, metric: Metric, channel: tuple[str, int], rows: Sequence[int], batches: Any
) -> list[Any]:
    diagrams = store.read_rows(rows, batches)
    return [metric.prepared(checked_bars(diagram.get(channel, NO_BARS).expanded)) for diagram in diagrams]


def _rows(run: Run) -> np.ndarray:
    """Rows of the volume store that have diagrams."""
    store = DiagramStore(run.folder.diagrams)
    good = np.zeros(len(run.rows), dtype=bool)
    for start, stop in store.batches():
        good[start:stop] = True
        good[list(store.quarantined(start, stop))] = False
    return np.flatnonzero(good)


def channels_of(run: Run, filtration: str | None, dimension: int | None) -> list[tuple[str, int, str]]:
    """Filtration, homology dimension and region of the channels of a run; InputError if there is none of these."""
    there = [
        (name, k, region) for name, k in run.config.channels for region in run.config.filtrations[name].regions.names
    ]
    found = [c for c in there if filtration in (None, c[0]) and dimension in (None, c[1])]
    if not found:
        known = ", ".join(dict.fromkeys(f"{name} H{k}" for name, k, _ in there))
        raise InputError(
            f"the run has no channel of {filtration or 'any filtration'}"
            f"{'' if dimension is None else f' in dimension {dimension}'}; its channels are {known}"
        )
    return found


def _words(kind: str) -> list[str]:
    """ "sliced", "wasserstein" of "SlicedWasserstein"."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in kind).split()
