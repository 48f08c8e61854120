"""What a run on an object store writes and asks for, beside one on a disk, and what that comes to for 10⁶ volumes.

    python tests/benchmarks/bench_objects.py [--volumes 1000 10000 100000] [--markdown]

The store is moto's server on this machine, in memory, so seconds are those of the library and of moto, without a
network. Volumes are tiny, 8³ voxels. Requests are counted from the log of the server. For 10⁶ volumes they are
extrapolated: a number for the run, one for a batch, one for a chunk of volumes and of images, from the two smallest
measured runs; the largest measured one is predicted likewise and compared.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from object_server import BUCKET, environment, s3_server

from tdaflow.remote import forget_listings, objects_below, place, upload
from tdaflow.store import DiagramStore

CONFIG = """
[data]
kind = "arrays"
path = "{path}"
[filtrations.sublevel]
kind = "cubical"
[images]
resolution = 8
"""
# Of S3 Standard in us-east-1, in dollars a request; transfer inside a region costs nothing.
WRITE, READ = 5e-6, 4e-7
_WRITES = ("PUT", "LIST")
_LINE = re.compile(r'"([A-Z]+) (\S+) HTTP/1\.[01]"')


def requests(log: Path) -> Counter:
    """Requests by kind; LIST is a GET of a bucket, DELETE also one of many objects at once."""
    found: Counter = Counter()
    for method, target in _LINE.findall(re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace"))):
        kind = "LIST" if method == "GET" and "list-type" in target else "DELETE" if method == "POST" else method
        found[kind] += 1
    return found


def measured(n: int, scratch: Path, log: Path, workers: int) -> dict[str, float]:
    """Run once on a disk and once on a server; numbers of objects, requests, seconds and batches."""
    stack = np.random.default_rng(0).integers(0, 255, (n, 8, 8, 8), dtype=np.uint8)
    np.save(scratch / "stack.npy", stack)
    told: dict[str, float] = {"volumes": n}
    upload(scratch / "stack.npy", place(f"{BUCKET}/stack.npy"))
    for where, path, out in (
        ("disk", scratch / "stack.npy", scratch / f"run-{n}"),
        ("s3", place(f"{BUCKET}/stack.npy"), place(f"{BUCKET}/run-{n}")),
    ):
        config = scratch / f"{where}.toml"
        config.write_text(CONFIG.format(path=path))
        before = requests(log)
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "tdaflow", "run", str(config), "--out", str(out), "--cluster", "processes",
             "--workers", str(workers)],
            check=True, capture_output=True,
        )  # fmt: skip
        told[f"seconds {where}"] = time.perf_counter() - began
    told |= requests(log) - before
    forget_listings()
    objects = objects_below(place(f"{BUCKET}/run-{n}"))
    told["objects"], told["MB"] = len(objects), sum(one["size"] for one in objects.values()) / 1e6
    told["batches"] = len(DiagramStore(place(f"{BUCKET}/run-{n}/diagrams.zarr")).batches())
    return told


def predicted(runs: list[dict[str, float]], kind: str, batches: float) -> float:
    """A number for the run and one for a batch, from the two smallest runs."""
    (x0, y0), (x1, y1) = ((run["batches"], run.get(kind, 0)) for run in runs[:2])
    slope = (y1 - y0) / (x1 - x0)
    return y0 + slope * (batches - x0)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volumes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    kinds = ("PUT", "GET", "HEAD", "LIST", "DELETE")
    runs = []
    columns = ("volumes", "batches", "objects", "MB", *kinds, "requests a volume", "dollars", "s on S3", "s on a disk")
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        log = scratch / "requests.log"
        with s3_server(log) as (settings, _), environment(settings):
            for n in arguments.volumes:
                run = measured(n, scratch, log, arguments.workers)
                runs.append(run)
                print(row(run, kinds) + f" | {run['seconds s3']:.0f} | {run['seconds disk']:.0f} |", flush=True)
    if len(runs) > 2:
        last = runs[-1]
        for kind in kinds:
            print(f"{kind}: {last.get(kind, 0):.0f} measured, {predicted(runs, kind, last['batches']):.0f} predicted")
        for batch in (32, 128):
            whole = {kind: predicted(runs, kind, 1e6 / batch) for kind in ("objects", "MB", *kinds)}
            print(row({"volumes": 10**6, "batches": 1e6 / batch, **whole}, kinds) + " | | |")
    return 0


def row(run: dict[str, float], kinds: tuple[str, ...]) -> str:
    """One line of the table, without the seconds."""
    total = sum(run.get(kind, 0) for kind in kinds)
    dollars = sum(run.get(kind, 0) * (WRITE if kind in _WRITES else 0 if kind == "DELETE" else READ) for kind in kinds)
    counts = " | ".join(f"{run.get(kind, 0):,.0f}" for kind in kinds)
    return (
        f"| {run['volumes']:,} | {run['batches']:,.0f} | {run['objects']:,.0f} | {run['MB']:,.1f} | {counts} | "
        f"{total / run['volumes']:.2f} | {dollars:.3f}"
    )


if __name__ == "__main__":
    sys.exit(main())
