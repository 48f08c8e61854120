"""How long a finished run of many volumes takes to say that there is nothing to do, through the command line.

    python tests/benchmarks/bench_resume.py [--volumes 100000] [--folder DIR]

The volumes (4 × 4 × 4 voxels) go through the stages of any run; only homology and the pixels are left out: the batches
hold random bars and records of the usual size, the images are blank, and both are written through their stores. What is
timed is ``tdaflow run`` as a user would type it again, from the start of its process to its end.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from tdaflow.config import load_config
from tdaflow.diagrams import Bars
from tdaflow.pipeline import InProcess, Silent, run
from tdaflow.pipeline.stages import diagrams as diagrams_stage
from tdaflow.pipeline.stages import images as images_stage
from tdaflow.pipeline.tasks import DiagramOutcome, DiagramTask, ImageRecipe
from tdaflow.store import DiagramBatch, DiagramStore, RunFolder, bars_digest

WORKFLOW = """
[data]
kind = "arrays"
path = "{folder}/stack.npy"
table = "{folder}/table.csv"
[filtrations.alpha]
[filtrations.sublevel]
kind = "cubical"
[images]
resolution = 4
[run]
batch = 32
"""
BARS = 3


def without_homology(task: DiagramTask) -> DiagramOutcome:
    """What `compute_diagrams` writes and returns, with a few random bars a channel."""
    rng = np.random.default_rng(task.start)
    channels = [(step.name, d) for step in task.recipe.steps for d in step.homology_dimensions]
    births = rng.random((len(task.about), len(channels), BARS))
    pairs = np.stack([births, births + rng.random(births.shape)], axis=-1)
    diagrams = [dict(zip(channels, map(Bars.of, of_volume), strict=True)) for of_volume in pairs]
    records = [
        {
            "id": about.id,
            "status": "ok",
            "seconds": {"superpixels": 0.012345678901, "alpha": 0.043210987654, "sublevel": 0.001234567890},
            "engine": {"alpha": {"engine": "kernel"}, "sublevel": {"engine": "gudhi"}},
            "n_points": 600,
            "rounding": 0.25,
            "channels": {
                f"{name}/{d}": {"n_bars": bars.n_bars, "removed": 0, "digest": bars_digest(bars)}
                for (name, d), bars in diagram.items()
            },
        }
        for about, diagram in zip(task.about, diagrams, strict=True)
    ]  # fmt: skip
    DiagramStore(task.diagrams).write(DiagramBatch(task.start, task.stop, diagrams, records))
    return DiagramOutcome(task.start, task.stop, {})


def blank_images(diagrams: Iterable, recipe: ImageRecipe) -> tuple[list[list[np.ndarray]], np.ndarray, np.ndarray]:
    """What `images_of` returns, without looking at a bar."""
    blank = [np.zeros((len(c.death), len(c.birth)), recipe.dtype) for c in recipe.channels]
    images = [blank for _ in diagrams]
    counts = np.full((len(images), len(blank)), BARS, dtype=np.int32)
    return images, counts, np.zeros_like(counts)


def finished_run(folder: Path, volumes: int) -> Path:
    """Make a finished run of so many volumes in ``folder/run``; return its workflow."""
    rng = np.random.default_rng(0)
    np.save(folder / "stack.npy", rng.integers(0, 256, (volumes, 4, 4, 4), dtype=np.uint8))
    rows = [f"cohort/patient-{i:07d},{i % 10},{'test' if i % 5 == 4 else 'train'}" for i in range(volumes)]
    (folder / "table.csv").write_text("\n".join(["id,label,split", *rows]) + "\n")
    workflow = folder / "resume.toml"
    workflow.write_text(WORKFLOW.format(folder=folder))
    with (
        patch.object(diagrams_stage, "compute_diagrams", without_homology),
        patch.object(images_stage, "images_of", blank_images),
    ):
        run(load_config(workflow), RunFolder(folder / "run"), InProcess(), Silent())
    return workflow


def resume(workflow: Path, cluster: str) -> dict[str, float | int | str]:
    """Run a finished run again in a process of its own; what it said last, its seconds and its memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [sys.executable, "-c", "from tdaflow.cli import main; main()", "run", workflow]
    process = subprocess.run(
        [*command, "--out", workflow.parent / "run", "--cluster", cluster],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cluster": cluster,
        "seconds": seconds,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mb": after.ru_maxrss / 1024,
        "exit_code": process.returncode,
        "said": next((line for line in process.stderr.splitlines() if "nothing to do" in line), process.stderr[-500:]),
    }


def main() -> None:
    """Print the figures, one line a kind of cluster."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volumes", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where to make the run, or where it is already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        workflow = folder / "resume.toml"
        if not (folder / "run" / "features.zarr").exists():
            workflow = finished_run(folder, arguments.volumes)
        print(f"made in {time.perf_counter() - began:.0f} s", flush=True)
        for cluster in ("sync", "processes", "processes"):
            print(json.dumps(resume(workflow, cluster)), flush=True)


@pytest.mark.benchmark
def test_the_benchmark_runs(tmp_path) -> None:
    """Two batches; a second run finds all of them."""
    found = resume(finished_run(tmp_path, 64), "sync")
    assert found["exit_code"] == 0
    assert found["said"] == "nothing to do: every volume is done"
    state = RunFolder(tmp_path / "run").read()
    assert state["stages"]["superpixels+persistence"]["reused"] == 64


if __name__ == "__main__":
    main()
