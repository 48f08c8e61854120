"""Bars with counts: what a diagram costs beyond its kernel, and repeated bars from diagram to image.

``python tests/benchmarks/bench_bars.py`` prints CPU times, interleaved on the same volumes: `persistence_diagram`
beside the kernel function, and the way diagram → store → ranges → image of an integer volume at full resolution, with
counts and with every bar written out. It fails if the images differ. ``--volume FILE.npy`` takes a volume of your own.
"""

import argparse
import os
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow import persistence_diagram, superpixel_point_cloud
from tdaflow.diagrams import Bars, RangeRecord, resolve_ranges
from tdaflow.homology.alpha_kernel import alpha_persistence
from tdaflow.homology.cubical_kernel import cubical_persistence
from tdaflow.images import ImageOptions, image_of
from tdaflow.store import DiagramBatch, DiagramStore

DIMENSIONS = (0, 1, 2)
OPTIONS = ImageOptions()


def integer_volume(size: int, seed: int = 0) -> np.ndarray:
    """Smooth noise in 256 grey levels."""
    noise = gaussian_filter(np.random.default_rng(seed).random((size,) * 3), 1)
    return np.rint(255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


def contenders(volume: np.ndarray) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """By filtration: the kernel function and `persistence_diagram` of one volume."""
    points = superpixel_point_cloud(volume, min(600, volume.size // 8), intensity_scale=0.1)
    return {
        "cubical": (
            lambda: cubical_persistence(volume.astype(np.float64), DIMENSIONS, "vertices"),
            lambda: persistence_diagram(volume, filtration="cubical"),
        ),
        "alpha": (lambda: alpha_persistence(points, DIMENSIONS), lambda: persistence_diagram(points)),
    }


def overhead(volumes: list[np.ndarray], repeats: int) -> dict[str, tuple[float, float]]:
    """By filtration: milliseconds of CPU time of the kernel, and the ratio of `persistence_diagram` to it, medians."""
    found: dict[str, list[tuple[float, float]]] = {}
    for volume in volumes:
        for name, (kernel, diagram) in contenders(volume).items():
            kernel(), diagram()
            marks = [time.thread_time()]
            for _ in range(repeats):
                for function in (kernel, diagram):
                    function()
                    marks.append(time.thread_time())
            seconds = np.diff(marks).reshape(repeats, 2)
            found.setdefault(name, []).append((1e3 * float(np.median(seconds[:, 0])), _ratio(seconds)))
    return {name: (statistics.median(m for m, _ in f), statistics.median(r for _, r in f)) for name, f in found.items()}


def _ratio(seconds: np.ndarray) -> float:
    return float(np.median(seconds[:, 1] / seconds[:, 0]))


def written_out(bars: Bars) -> Bars:
    """The same bars, repeated ones as often as they occur: what every step goes through without counts."""
    return Bars(bars.expanded.copy(), np.ones(bars.n_bars, np.int64))


def way(bars: dict[int, Bars], folder: Path) -> tuple[dict[str, float], list[np.ndarray]]:
    """Seconds and bytes of the steps after the diagram, and the images."""
    marks = [time.thread_time()]
    store = DiagramStore.create(folder / "diagrams.zarr", digest="", filtrations=["cubical"])
    store.write(DiagramBatch(0, 1, [{("cubical", k): b for k, b in bars.items()}], [{}]))
    (read,) = store.read(0, 1).diagrams
    marks.append(time.thread_time())
    record = RangeRecord.from_volumes([read], [("cubical", k) for k in bars], OPTIONS.quantiles)
    marks.append(time.thread_time())
    images = []
    for k in bars:
        ranges = resolve_ranges(record, ("cubical", k), resolution=OPTIONS.shape, plane=OPTIONS.plane)
        found = read["cubical", k]
        images.append(image_of(OPTIONS, found.pairs, ranges.birth_range, ranges.death_range, counts=found.counts))
    marks.append(time.thread_time())
    facts = dict(zip(("store s", "ranges s", "images s"), np.diff(marks).tolist(), strict=True))
    facts["stored MB"] = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6
    facts["in memory MB"] = sum(b.pairs.nbytes + b.counts.nbytes for b in bars.values()) / 1e6
    facts["pickled MB"] = len(pickle.dumps(bars)) / 1e6
    return facts, images


def compare(volume: np.ndarray) -> dict[str, dict[str, float]]:
    """The way of one volume with counts and with every bar written out; SystemExit if the images differ."""
    began = time.thread_time()
    diagram = persistence_diagram(volume, filtration="cubical", homology_dimensions=range(volume.ndim))
    seconds = time.thread_time() - began
    found, images = {}, {}
    for name, bars in (("counts", diagram.bars), ("written out", {k: written_out(b) for k, b in diagram.bars.items()})):
        with tempfile.TemporaryDirectory() as folder:
            facts, images[name] = way(dict(bars), Path(folder))
        found[name] = {"bars": sum(len(b.pairs) for b in bars.values()), "diagram s": seconds, **facts}
    for one, other in zip(images["counts"], images["written out"], strict=True):
        if np.abs(one - other).max() > 1e-12 * np.abs(other).max():
            raise SystemExit("the images of counted bars differ from those of all bars")
    return found


@pytest.mark.benchmark
def test_counted_bars_take_the_same_way_in_less_room() -> None:
    """The images are the same; the counted ones are fewer, and smaller in memory and in a pickle."""
    found = compare(integer_volume(24))
    counted, every = found["counts"], found["written out"]
    for what in ("bars", "in memory MB", "pickled MB"):
        assert counted[what] < every[what]
    assert set(overhead([integer_volume(8)], 1)) == {"cubical", "alpha"}


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("TDAFLOW_DATA"))
    parser.add_argument("--volume", type=Path, help="an integer volume; default 128³ in 256 grey levels")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    cases = {f"smooth {n}³": [integer_volume(n)] for n in (28, 64)}
    if arguments.data:
        with np.load(Path(arguments.data) / "medmnist" / "organmnist3d.npz") as archive:
            cases["organ 28³"] = list(archive["val_images"][:6])
    for case, volumes in cases.items():
        for name, (milliseconds, ratio) in overhead(volumes, arguments.repeats).items():
            print(f"{case} {name}: kernel {milliseconds:.2f} ms, persistence_diagram {ratio:.3f}×", flush=True)
    volume = np.load(arguments.volume) if arguments.volume else integer_volume(128)
    print(f"\n{volume.dtype} volume of {volume.shape}")
    for name, facts in compare(volume).items():
        print(f"  {name:11} " + "  ".join(f"{what} {value:,.3g}" for what, value in facts.items()))


if __name__ == "__main__":
    main()
