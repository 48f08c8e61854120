"""A small run, ways to disturb it from outside, and the comparison with an undisturbed one.

Nothing in tdaflow knows of these faults. What happens inside workers is injected by a module that Dask preloads
(``distributed.worker.preload``) and that puts a wrapper around the work on one volume: it writes the volume's id into
a ledger, so that invocations can be counted, and harms the worker at the volume that it was told.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from scipy.ndimage import gaussian_filter

from tdaflow.remote import place
from tdaflow.store import DiagramStore, RunFolder
from tdaflow.store.zarr_layout import open_group

PRELOAD = """
import ctypes, os, re, signal, time
import tdaflow.pipeline.stages.diagrams as diagrams

# Dask may load this module twice.
compute = diagrams.__dict__.setdefault("undisturbed", diagrams.volume_diagrams)


def hog():
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)) * 32)
        time.sleep(0.02)


def slow():
    # What a commit waits for takes a second.
    for name in ("fsync", "rename", "replace"):
        real = getattr(os, name)
        setattr(os, name, lambda *given, real=real, **more: (time.sleep(1), real(*given, **more))[1])


HARM = {{
    "clock": lambda: setattr(time, "time", lambda real=time.time: real() - 86400.0),
    "slow": slow,
    "segfault": lambda: ctypes.string_at(0),
    "hog": hog,
    "sleep": lambda: time.sleep(1e6),
    "spin": lambda: re.match("(a+)+$", "a" * 60 + "b"),  # one call that never lets another thread run
}}


def volume_diagrams(volume, recipe):
    with open({ledger!r}, "a") as ledger:
        ledger.write(volume.about.id + "\\n")
    if volume.about.id == {culprit!r}:
        HARM[{harm!r}]()
    time.sleep({pause})
    return compute(volume, recipe)


diagrams.volume_diagrams = volume_diagrams
if {harm!r} == "eio":
    from tdaflow.sources import stack

    def unreadable(*_):
        raise OSError(5, os.strerror(5))

    stack.ArrayStack.read = unreadable
if {harm!r} in ("sleep", "spin"):
    # A time limit is to meet the culprit, not a worker that still loads compiled code.
    import numpy as np
    from tdaflow import persistence_diagram, superpixel_point_cloud

    volume = np.random.default_rng(0).integers(0, 255, (12, 12, 12)).astype("uint8")
    persistence_diagram(superpixel_point_cloud(volume, 60))
    persistence_diagram(volume, filtration="cubical")
"""
# The command line in a process that preloads the same module. It is killed when a stage ends, or its disk is filled
# when a stage begins.
DRIVER = """
import os, runpy, signal, sys
from contextlib import contextmanager, suppress

runpy.run_path({preload!r})
import tdaflow.cli.run as command
from tdaflow.cli import main
from tdaflow.pipeline import Silent


class Disturbing(Silent):
    def stage_begins(self, stage, total, reused):
        if stage == {fill[0]!r}:
            with suppress(OSError), open({fill[1]!r}, "wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(512))

    def stage_ends(self, stage, seconds):
        if stage == {stage!r}:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def observer():
    yield Disturbing()


if {stage!r} or {fill[0]!r}:
    command.observer = observer
main()
"""
CONFIG = """
[data]
kind = "arrays"
path = "{folder}/stack.npy"
table = "{folder}/table.csv"

[superpixels]
n_superpixels = 60
# A volume that fails has been counted in the scale of a cohort; a run without it would have another.
intensity_scale = "volume"

[filtrations.alpha]
[filtrations.sublevel]
kind = "cubical"

[images]
resolution = 8

[run]
batch = {batch}
"""


@dataclass
class Lab:
    """Where everything lies: volumes, configuration, preloaded module, ledger; runs at an address, if it is given."""

    path: Path
    n: int = 24
    batch: int = 2
    address: str = ""
    counter: int = 0
    killed: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        stack = np.stack([gaussian_filter(rng.standard_normal((12, 12, 12)), 1.2) for _ in range(self.n)])
        self.stack = np.rint(255 * (stack - stack.min()) / np.ptp(stack)).astype(np.uint8)

    def config(self, name: str = "all", without: int | None = None) -> Path:
        """Write the volumes, but for one, with their table and configuration."""
        folder = self.path / name
        path = folder / "run.toml"
        if not path.exists():
            folder.mkdir()
            kept = [i for i in range(self.n) if i != without]
            np.save(folder / "stack.npy", self.stack[kept])
            (folder / "table.csv").write_text("id\n" + "".join(f"v{i:03d}\n" for i in kept))
            path.write_text(CONFIG.format(folder=folder, batch=self.batch))
        return path

    def fresh(self) -> Path:
        """A new folder for a run."""
        self.counter += 1
        return place(self.address or self.path) / f"run-{self.counter}"

    def preload(self, culprit: str = "", harm: str = "", pause: float = 0.0) -> Path:
        """The module that workers load."""
        path = self.path / f"preload_{harm or 'none'}_{int(1000 * pause)}.py"
        path.write_text(PRELOAD.format(ledger=str(self.ledger), culprit=culprit, harm=harm, pause=pause))
        return path

    @property
    def ledger(self) -> Path:
        """One line for every volume that a worker began."""
        return self.path / "ledger"

    def begun(self) -> list[str]:
        """Volumes that were begun since the ledger was last forgotten."""
        return self.ledger.read_text().split() if self.ledger.exists() else []

    def forget(self) -> None:
        """Begin a new ledger."""
        self.ledger.unlink(missing_ok=True)

    def start(
        self, out: Path, *more: object, config: Path | None = None, preload: Path | None = None, stage: str = "",
        fill: tuple[str, str] = ("", ""), environment: dict[str, str] | None = None,
    ):  # fmt: skip
        """Start ``tdaflow run``.

        With `stage` it is killed at the end of that stage. With `fill`, a stage and a file, all that is left of the
        file's disk is written into the file when the stage begins.
        """
        module = preload or self.preload()
        command = [sys.executable, "-c", DRIVER.format(preload=str(module), stage=stage, fill=fill)]
        arguments = ["run", config or self.config(), "--out", out, *more]
        environment = {**os.environ, "DASK_DISTRIBUTED__WORKER__PRELOAD": str(module), **(environment or {})}
        return subprocess.Popen(
            [*command, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=environment,
        )  # fmt: skip

    def run(self, out: Path, *more: object, **options) -> tuple[int, str]:
        """Run to the end; the exit code and what was on stderr."""
        process = self.start(out, *more, **options)
        _, err = process.communicate(timeout=1200)
        return process.returncode, err

    def cluster_file(self, **options: object) -> Path:
        """A file for ``--cluster``."""
        self.counter += 1
        path = self.path / f"cluster-{self.counter}.toml"
        path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items()))
        return path


def local_workers(process: subprocess.Popen) -> list[psutil.Process]:
    """The worker processes below a process."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    found = []
    for child in children:
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def kill_workers(process: subprocess.Popen, times: int, begun: Callable[[], int]) -> int:
    """Kill one worker after the other, each time after some volume was begun; return how often it could be done."""
    done = seen = 0
    while done < times and process.poll() is None:
        if begun() > seen and (workers := local_workers(process)):
            workers[done % len(workers)].kill()
            done, seen = done + 1, begun()
        time.sleep(0.02)
    return done


def finished_volumes(out: Path) -> set[str]:
    """Ids of the volumes in finished batches."""
    if not (out / "diagrams.zarr" / "zarr.json").exists():
        return set()
    store = DiagramStore(out / "diagrams.zarr")
    return {record["id"] for batch in store.batches() for record in store.records(*batch)}


def half_way(lab: Lab, out: Path, process: subprocess.Popen, share: float = 0.4) -> None:
    """Wait until some batches are finished."""
    while process.poll() is None and len(finished_volumes(out)) < share * lab.n:
        time.sleep(0.02)


def leftovers(out: Path) -> list[str]:
    """What killed writers left in a run folder."""
    marks = (".tmp-", ".volumes", ".features", ".zarr.json", ".lease")
    return [str(p.relative_to(out)) for p in out.rglob("*") if p.name.startswith(marks) or p.name.endswith(".partial")]


def same_bits(out: Path, other: Path) -> bool:
    """Whether two finished runs hold the same features, diagrams and σ."""
    ours, theirs = (open_group(p / "features.zarr", "feature store") for p in (out, other))
    if dict(ours.arrays()).keys() != dict(theirs.arrays()).keys():
        return False
    for name, array in ours.arrays():
        left, right = np.asarray(array[...]), np.asarray(theirs[name][...])
        if left.dtype.kind == "f":
            left, right = left.view(f"u{left.itemsize}"), right.view(f"u{right.itemsize}")
        if not np.array_equal(left, right):
            return False
    if RunFolder(out).read()["ranges"] != RunFolder(other).read()["ranges"]:
        return False
    return _diagrams(out) == _diagrams(other)


def _diagrams(out: Path) -> dict[str, dict]:
    store, found = DiagramStore(out / "diagrams.zarr"), {}
    for start, stop in store.batches():
        batch = store.read(start, stop)
        for diagram, record in zip(batch.diagrams, batch.records, strict=True):
            found[record["id"]] = {
                channel: (bars.pairs.tobytes(), bars.counts.tobytes())
                for channel, bars in diagram.items()
                if bars.n_bars
            }
    return found


@contextmanager
def dask_cluster(lab: Lab, preload: Path) -> Iterator[tuple[Path, subprocess.Popen, subprocess.Popen]]:
    """``dask scheduler`` and two workers; the file for ``--cluster`` and the two processes."""
    lab.counter += 1
    file = lab.path / f"scheduler-{lab.counter}.json"
    here = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask: Sequence[str] = [sys.executable, "-m", "dask"]
    scheduler = subprocess.Popen([*dask, "scheduler", "--port", "0", *here], **quiet)
    worker = subprocess.Popen(
        [*dask, "worker", "--nworkers", "2", "--nthreads", "1", "--preload", str(preload), *here], **quiet
    )
    try:
        while not file.is_file() or len(local_workers(worker)) < 2:
            time.sleep(0.05)
        time.sleep(2)
        yield lab.cluster_file(kind="existing", scheduler_file=str(file)), scheduler, worker
    finally:
        for process in (worker, scheduler):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def kill(process: subprocess.Popen) -> None:
    """SIGKILL; wait until it is gone."""
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
