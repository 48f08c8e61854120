"""Filtering at the feature points against filtering the whole volume: time and peak memory.

``python tests/benchmarks/bench_superpixels.py`` prints a table (``--quick`` a tiny version); as a test the tiny version
asserts that both give the same intensities.
"""

import argparse
import statistics
import sys
import time
import tracemalloc

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.superpixels import SuperpixelOptions, sample, superpixel_plan, superpixel_point_cloud


def make_volume(size):
    """Blobs with noise, uint8."""
    rng = np.random.default_rng(size)
    smooth = gaussian_filter(rng.normal(size=(size,) * 3), size / 10, mode="wrap")
    return np.clip(128 + 60 * smooth / smooth.std() + rng.normal(0, 5, smooth.shape), 0, 255).astype(np.uint8)


def at_points(volume, plan):
    return sample(volume, plan.taps)


def whole_volume(volume, plan):
    filtered = gaussian_filter(volume.astype(np.float64), plan.sigma, mode="nearest", truncate=3.0)
    return filtered[np.ix_(*plan.grid.axis_indices)]


def measure(function, repeats):
    """Median seconds and peak bytes."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return statistics.median(seconds), peak


def run(sizes, repeats):
    """Rows of (size, points, cloud seconds, points' seconds, bytes, volume's seconds, bytes, largest difference)."""
    for size in sizes:
        volume = make_volume(size)
        plan = superpixel_plan(volume.shape, SuperpixelOptions(600, grid="integer-step"))
        cloud, _ = measure(lambda v=volume: superpixel_point_cloud(v, 600, grid="integer-step"), repeats)
        ours = measure(lambda v=volume, p=plan: at_points(v, p), repeats)
        theirs = measure(lambda v=volume, p=plan: whole_volume(v, p), repeats)
        difference = np.abs(at_points(volume, plan) - whole_volume(volume, plan)).max()
        yield size, plan.grid.n_points, cloud, *ours, *theirs, difference


@pytest.mark.benchmark
def test_both_give_the_same_intensities():
    for row in run((9, 14), repeats=1):
        assert row[-1] < 255e-12


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="volumes of 9³ and 14³, one repeat")
    quick = parser.parse_args(argv).quick
    print("uint8 volumes, 600 superpixels asked for (integer-step), medians; peak memory beyond the volume")
    print("  size  points   cloud ms   at points ms      MiB   whole volume ms      MiB   ratio   difference")
    worst = 0.0
    for size, points, cloud, s, m, s_all, m_all, difference in run(
        (9, 14) if quick else (28, 64, 128), 1 if quick else 9
    ):
        print(
            f"  {size:4d}  {points:6d}  {1e3 * cloud:9.3f}  {1e3 * s:13.3f}  {m / 2**20:7.2f}  {1e3 * s_all:16.3f}"
            f"  {m_all / 2**20:7.2f}  {s_all / s:5.1f}×  {difference:.1e}"
        )
        worst = max(worst, float(difference))
    return 0 if worst < 255e-12 else 1


if __name__ == "__main__":
    sys.exit(main())
