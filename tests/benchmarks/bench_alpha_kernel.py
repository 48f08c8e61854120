"""The alpha kernel against GUDHI, interleaved on the same volumes; its stages; how it scales.

``python tests/benchmarks/bench_alpha_kernel.py`` prints medians and ratios for 1000 points (``--quick`` a tiny
version). Times are of one process on one core; run it on an idle machine. Without ``TDAFLOW_DATA`` smooth random
volumes stand in.
"""

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.homology.alpha_kernel import alpha_persistence, warmup
from tdaflow.superpixels import superpixel_point_cloud

STAGES = {
    "delaunay": ["triangulate"],
    "faces": ["tetrahedra_of_cells", "triangles_of_tetrahedra", "edges_of_triangles"],
    "values": ["cell_spheres", "tetrahedron_values", "triangle_values", "edge_values"],
    "sorting": ["sort_by_value"],
    "persistence": ["merge_components", "merge_voids", "reduce_columns", "collect_bars"],
}


def kernel(points):
    return alpha_persistence(points, (0, 1, 2))[0]


def gudhi_alpha(points):
    import gudhi

    tree = gudhi.AlphaComplex(points=points, precision="safe").create_simplex_tree()
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0)
    return tree


def gudhi_delaunay_cech(points):
    import gudhi

    tree = gudhi.DelaunayCechComplex(points=points).create_simplex_tree()
    tree.prune_above_dimension(3)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0)
    return tree


CONTENDERS = {"kernel": kernel, "AlphaComplex safe": gudhi_alpha, "DelaunayCech": gudhi_delaunay_cech}


def random_volumes(count, size=28):
    for seed in range(count):
        noise = gaussian_filter(np.random.default_rng(seed).random((size,) * 3), 2)
        yield np.rint(255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


def volumes(data, name, count):
    if data is None:
        return list(random_volumes(count))
    with np.load(Path(data) / "medmnist" / f"{name}mnist3d.npz") as archive:
        return list(archive["val_images"][:count])


def interleaved(clouds, repeats, clock):
    """Median milliseconds of each contender over all clouds; each cloud goes to all of them in turn."""
    times = {name: [] for name in CONTENDERS}
    for _ in range(repeats):
        for points in clouds:
            for name, contender in CONTENDERS.items():
                start = clock()
                contender(points)
                times[name].append(1e3 * (clock() - start))
    return {name: statistics.median(t) for name, t in times.items()}


def stage_times(clouds, repeats, clock):
    """Median milliseconds of each compiled function, and of the Python around them."""
    from tdaflow.homology.alpha_kernel.compiled_cache import stage

    spent = {}

    def timed(function, name):
        def call(*arguments):
            start = clock()
            result = function(*arguments)
            spent[name] = spent.get(name, 0.0) + 1e3 * (clock() - start)
            return result

        return call

    originals = [(stage(m), name, getattr(stage(m), name)) for m, names in STAGES.items() for name in names]
    rows = []
    try:
        for module, name, function in originals:
            setattr(module, name, timed(function, name))
        for _ in range(repeats):
            for points in clouds:
                spent.clear()
                start = clock()
                kernel(points)
                total = 1e3 * (clock() - start)
                rows.append({**spent, "Python": total - sum(spent.values()), "total": total})
    finally:
        for module, name, function in originals:
            setattr(module, name, function)
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def two_threads(clouds, repeats):
    """How much sooner two threads finish the same work."""
    jobs = list(clouds) * repeats

    def seconds(shares):
        threads = [threading.Thread(target=lambda share=share: [kernel(p) for p in share]) for share in shares]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    return seconds([jobs]) / seconds([jobs[::2], jobs[1::2]])


SCALING = """
import re, sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
from bench_alpha_kernel import alpha_persistence, random_volumes, superpixel_point_cloud, warmup
n = {n}
volume = next(random_volumes(1, size=max(28, round(2 * n ** (1 / 3)))))
points = superpixel_point_cloud(volume, n)
warmup()
def megabytes(field):
    return int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
before = megabytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
times = []
for _ in range({repeats}):
    start = time.perf_counter()
    _, info = alpha_persistence(points)
    times.append(time.perf_counter() - start)
grown = megabytes("VmHWM") - before
print(f"{{len(points):6d}} points {{info['n_cells']:8d}} cells {{1e3 * min(times):9.1f}} ms  {{grown:6.0f}} MB")
"""


def scaling(sizes, repeats):
    """A process for each size, so that its peak memory is its own; from Linux's /proc."""
    if not Path("/proc/self/clear_refs").exists():
        print("no /proc on this system: the scaling table is left out")
        return
    for n in sizes:
        code = SCALING.format(folder=str(Path(__file__).parent), n=n, repeats=repeats)
        print(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout, end="")


def report(data, *, count, repeats, n_points, sizes, clock=time.perf_counter):
    print(f"warm-up {warmup():.2f} s")
    for name, options in (("organ", {}), ("adrenal", {}), ("adrenal unsmoothed", {"smoothing": None})):
        clouds = [
            superpixel_point_cloud(volume, n_points, grid="integer-step", **options)
            for volume in volumes(data, name.split()[0], count)
        ]
        kernel(clouds[0])
        medians = interleaved(clouds, repeats, clock)
        ours = medians["kernel"]
        line = "  ".join(f"{k} {v:.1f} ms ({v / ours:.1f}×)" for k, v in medians.items())
        print(f"{name}, {len(clouds[0])} points: {line}")
        print("   " + "  ".join(f"{k} {v:.2f}" for k, v in stage_times(clouds, repeats, clock).items()))
        print(f"   two threads {two_threads(clouds, repeats):.2f}× as fast as one")
    scaling(sizes, repeats)


@pytest.mark.benchmark
def test_the_benchmark_runs(capsys):
    report(None, count=1, repeats=1, n_points=60, sizes=[100])
    printed = capsys.readouterr().out
    assert "triangulate" in printed
    assert "points" in printed


@pytest.mark.realdata
@pytest.mark.benchmark
def test_the_oracle_campaign_runs(data_dir):
    script = Path(__file__).with_name("oracle_alpha.py")
    command = [sys.executable, str(script), "--data", str(data_dir), "--volumes", "4", "--precision", "safe"]
    done = subprocess.run(
        [*command, "--points", "600", "--processes", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 volumes against GUDHI safe" in done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("TDAFLOW_DATA"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="CPU time instead of wall time, for a busy machine")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.cpu else time.perf_counter
    if arguments.quick:
        report(arguments.data, count=1, repeats=2, n_points=300, sizes=[100, 300], clock=clock)
    else:
        sizes = [100, 300, 1000, 3000, 10_000]
        report(arguments.data, count=10, repeats=3, n_points=600, sizes=sizes, clock=clock)


if __name__ == "__main__":
    main()
