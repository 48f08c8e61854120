"""The cubical kernel against GUDHI and CubicalRipser, interleaved on the same volumes; memory; batches of signals.

``python tests/benchmarks/bench_cubical_kernel.py`` prints medians and ratios for 28³ and 64³ volumes (``--quick`` fewer
of 28³). Times are of one process on one core; run it on an idle machine. Without ``TDAFLOW_DATA`` smooth random
volumes stand in.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from tdaflow import persistence_diagram
from tdaflow.homology import Cubical
from tdaflow.homology.cubical_kernel import cubical_persistence, warmup
from tdaflow.homology.signals import signal_persistence

CONSTRUCTIONS = ("vertices", "top")


def kernel(values, construction, dimensions=(0, 1, 2)):
    return cubical_persistence(values, dimensions, construction)


def public(values, construction):
    """What a user calls, with its checks, its sorting and its record of what was done."""
    diagram = persistence_diagram(values, filtration=Cubical(construction=construction), essential="drop", threads=1)
    return {k: diagram[k] for k in range(3)}


def gudhi(values, construction):
    import gudhi

    cells = {"vertices": "vertices", "top": "top_dimensional_cells"}[construction]
    cubes = gudhi.CubicalComplex(**{cells: values})
    cubes.compute_persistence(homology_coeff_field=2, min_persistence=0)
    intervals = {k: np.asarray(cubes.persistence_intervals_in_dimension(k)).reshape(-1, 2) for k in range(3)}
    return {k: bars[np.isfinite(bars[:, 1])] for k, bars in intervals.items()}


def cubical_ripser(values, construction):
    import cripser

    compute = {"vertices": cripser.computePH, "top": cripser.computePH_T}[construction]
    rows = compute(values, maxdim=2)
    rows = rows[rows[:, 2] < np.finfo(np.float64).max / 2]  # how it writes that a bar never dies
    return {k: rows[rows[:, 0] == k, 1:3] for k in range(3)}


CONTENDERS = {"kernel": kernel, "persistence_diagram": public, "GUDHI": gudhi, "CubicalRipser": cubical_ripser}


def random_volumes(count, size):
    for seed in range(count):
        noise = gaussian_filter(np.random.default_rng(seed).random((size,) * 3), 1)
        yield np.rint(255 * (noise - noise.min()) / np.ptp(noise))


def hippocampus_volumes(data, count):
    import nibabel

    files = sorted((Path(data) / "hippocampus" / "images").glob("*.nii.gz"))[:count]
    return [np.asarray(nibabel.load(file).dataobj, dtype=np.float64) for file in files]


def volumes(data, name, count, size):
    """Volumes of ``size``³ voxels: real ones, interpolated and rounded to whole grey levels if they have another."""
    if data is None or name == "random":
        return list(random_volumes(count, size))
    if name == "hippocampus":
        found = hippocampus_volumes(data, count)
    else:
        with np.load(Path(data) / "medmnist" / f"{name}mnist3d.npz") as archive:
            found = list(archive["val_images"][:count].astype(np.float64))
    return [v if set(v.shape) == {size} else np.rint(zoom(v, size / np.array(v.shape), order=1)) for v in found]


def bars_of(found):
    """Bars of positive length, as sorted bytes."""
    kept = {k: bars[bars[:, 0] < bars[:, 1]] for k, bars in found.items()}
    return {k: np.ascontiguousarray(bars[np.lexsort(bars.T[::-1])]).tobytes() for k, bars in kept.items()}


def interleaved(arrays, construction, repeats, clock):
    """Median milliseconds of each contender over all arrays; each array goes to all of them in turn."""
    times = {name: [] for name in CONTENDERS}
    for _ in range(repeats):
        for values in arrays:
            bars = {}
            for name, contender in CONTENDERS.items():
                start = clock()
                found = contender(values, construction)
                times[name].append(1e3 * (clock() - start))
                bars[name] = bars_of(found)
            if len({tuple(b.values()) for b in bars.values()}) > 1:
                raise SystemExit(f"the bars of {', '.join(bars)} differ")
    return {name: statistics.median(t) for name, t in times.items()}


def ratios(medians):
    ours = medians["persistence_diagram"]
    return "  ".join(f"{k} {v:.1f} ms ({v / ours:.1f}×)" for k, v in medians.items())


def dimensions_alone(arrays, repeats, clock):
    """Median milliseconds of the kernel where only some homology dimensions are wanted."""
    medians = {}
    for dimensions in ((0,), (2,), (0, 2), (0, 1, 2)):
        times = []
        for values in arrays * repeats:
            start = clock()
            kernel(values, "vertices", dimensions)
            times.append(1e3 * (clock() - start))
        medians[dimensions] = statistics.median(times)
    return medians


MEMORY = """
import re, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from bench_cubical_kernel import CONTENDERS, random_volumes, warmup
warmup()
values, = random_volumes(1, {size})
small, = random_volumes(1, 6)
contender = CONTENDERS[{name!r}]
contender(small, "vertices")
def megabytes(field):
    return int(re.search(field + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
before = megabytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
contender(values, "vertices")
print(megabytes("VmHWM") - before)
"""


def memory(sizes):
    """What the peak grows by: a process for each contender and size; from Linux's /proc."""
    if not Path("/proc/self/clear_refs").exists():
        print("no /proc on this system: the memory table is left out")
        return
    for size in sizes:
        line = []
        for name in CONTENDERS:
            code = MEMORY.format(folder=str(Path(__file__).parent), size=size, name=name)
            done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
            line.append(f"{name} {float(re.findall('[0-9.-]+', done.stdout)[-1]):.0f} MB")
        print(f"memory, {size}³ smooth random: {'  '.join(line)}")


def signals(count, length, clock):
    """A batch of noisy signals, one of them at a time with GUDHI."""
    import gudhi

    batch = np.random.default_rng(0).normal(size=(count, length)).cumsum(axis=1)
    signal_persistence(batch[:1])
    start = clock()
    signal_persistence(batch)
    ours = clock() - start
    start = clock()
    for signal in batch:
        cubes = gudhi.CubicalComplex(vertices=signal)
        cubes.compute_persistence(homology_coeff_field=2, min_persistence=0)
        cubes.persistence_intervals_in_dimension(0)
    theirs = clock() - start
    print(
        f"{count} signals of {length}: kernel {1e3 * ours:.1f} ms  GUDHI {1e3 * theirs:.1f} ms ({theirs / ours:.0f}×)"
    )


def shared(size, repeats, *, at_least):
    """Wall time of one volume on one and on two threads, interleaved; fails if two are not so much faster."""
    (values,) = random_volumes(1, size)
    times = {1: [], 2: []}
    for _ in range(repeats):
        found = {}
        for threads, of_threads in times.items():
            start = time.perf_counter()
            found[threads] = cubical_persistence(values, (0, 1, 2), "vertices", threads)
            of_threads.append(time.perf_counter() - start)
        if any(found[1][k].tobytes() != found[2][k].tobytes() for k in range(3)):
            raise SystemExit("the bars of one and of two threads differ")
    one, two = (statistics.median(of_threads) for of_threads in times.values())
    print(f"{size}³ smooth random: one thread {one:.2f} s  two threads {two:.2f} s ({one / two:.2f}×)")
    if one / two < at_least:
        raise SystemExit(f"two threads should be {at_least}× as fast as one")


def report(data, *, cases, repeats, memory_sizes, n_signals, clock=time.perf_counter):
    print(f"warm-up {warmup():.2f} s")
    for name, size, count in cases:
        sublevel = volumes(data, name, count, size)
        for direction, arrays in (("sublevel", sublevel), ("superlevel", [0.0 - v for v in sublevel])):
            for construction in CONSTRUCTIONS:
                medians = interleaved(arrays, construction, repeats, clock)
                print(f"{name} {size}³ {direction} {construction}: {ratios(medians)}")
        alone = dimensions_alone(sublevel, repeats, clock)
        print("   alone: " + "  ".join(f"H{','.join(map(str, k))} {v:.2f} ms" for k, v in alone.items()))
    memory(memory_sizes)
    signals(n_signals, 256, clock)


@pytest.mark.benchmark
def test_the_benchmark_runs(capsys):
    report(None, cases=[("random", 5, 1)], repeats=1, memory_sizes=[6], n_signals=2)
    printed = capsys.readouterr().out
    assert "random 5³ superlevel top: kernel" in printed
    assert "2 signals" in printed
    shared(8, 1, at_least=0.0)
    assert "two threads" in capsys.readouterr().out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("TDAFLOW_DATA"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="CPU time instead of wall time, for a busy machine")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.cpu else time.perf_counter
    sets = ("organ", "nodule", "adrenal", "fracture", "random")
    if arguments.quick:
        report(
            arguments.data, cases=[(n, 28, 2) for n in sets], repeats=1, memory_sizes=[28], n_signals=10, clock=clock
        )
        shared(128, 3, at_least=0.0)
    else:
        shared(256, 3, at_least=1.2)
        cases = [(n, 28, 10) for n in sets] + [(n, 64, 2) for n in (*sets, "hippocampus")]
        report(arguments.data, cases=cases, repeats=3, memory_sizes=[28, 64, 128], n_signals=1000, clock=clock)


if __name__ == "__main__":
    main()
