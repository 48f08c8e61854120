"""The persistence image against six lines of numpy, GUDHI and persim, interleaved in one process, by CPU time.

``python tests/benchmarks/bench_images.py`` prints a table of sizes and ε, and of diagrams with many bars, and ends with
1 if a ratio is below its threshold (``--quick``: a tiny version without thresholds, which is also a test).
"""

import argparse
import math
import statistics
import sys
import time
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

BIRTHS, PERSISTENCES = (0.0, 8.0), (0.0, 8.0)
SIZES, EPSILONS = (20, 32, 50, 100, 200, 500), (0.5, 0.9, 0.95, 0.97)
# Of the medians; what was measured less what a busy machine takes.
LEAST_RATIOS = {"midpoint": 1.0, "integral": 1.5}
LEAST_AT_32 = {"midpoint": 1.4, "integral": 2.0}
# Milliseconds of CPU for the image and the ranges of a grey-level diagram of millions of bars.
MOST_MILLISECONDS = 100.0


def make_bars(n, seed=0):
    """Sorted bars, as diagrams have them."""
    rng = np.random.default_rng(seed)
    birth = rng.random(n) * 8
    bars = np.stack([birth, birth + rng.gamma(1.0, 1.2, n)], axis=1)
    return bars[np.argsort(birth)]


def numpy_midpoint(bars, k, sigma):
    """Outer products of exp, and one matrix product."""
    centres = (np.arange(k) + 0.5) * 8 / k
    birth, persistence = bars[:, 0], bars[:, 1] - bars[:, 0]
    across = np.exp(-((centres[:, None] - birth) ** 2) / (2 * sigma**2))
    along = np.exp(-((centres[:, None] - persistence) ** 2) / (2 * sigma**2))
    return along @ across.T * ((8 / k) ** 2 / (2 * np.pi * sigma**2))


def numpy_integral(bars, k, sigma):
    """Outer products of erf, and one matrix product."""
    from scipy.special import erf

    edges = np.arange(k + 1) * 8 / k
    birth, persistence = bars[:, 0], bars[:, 1] - bars[:, 0]
    across = np.diff(erf((edges[:, None] - birth) / (math.sqrt(2) * sigma)), axis=0) / 2
    along = np.diff(erf((edges[:, None] - persistence) / (math.sqrt(2) * sigma)), axis=0) / 2
    return along @ across.T


NUMPY = {"midpoint": numpy_midpoint, "integral": numpy_integral}


def ratios(functions, repeats, seconds=0.02):
    """CPU times (repeat, function) of one call, interleaved; each long enough for the clock."""
    calls = []
    for function in functions:
        function()
        start = time.process_time()
        function()
        function()
        calls.append(max(1, int(seconds / (time.process_time() - start + 1e-7) * 2)))
    times = np.empty((repeats, len(functions)))
    for row in times:
        for column, (function, n) in enumerate(zip(functions, calls, strict=True)):
            start = time.process_time()
            for _ in range(n):
                function()
            row[column] = (time.process_time() - start) / n
    return times


def against_numpy(n_bars, k, epsilon, sampling, repeats):
    """CPU times (repeat, 3) of numpy's lines, one call and a maker that is there already; the largest difference."""
    from tdaflow.images import ImageMaker, ImageOptions, persistence_image, sigma_from_epsilon

    bars = make_bars(n_bars)
    sigma = sigma_from_epsilon(epsilon, BIRTHS, PERSISTENCES, k)
    options = ImageOptions(epsilon=epsilon, resolution=k, sampling=sampling)
    given = {"birth_range": BIRTHS, "death_range": PERSISTENCES, "sigma": sigma, "resolution": k, "sampling": sampling}
    functions = (
        partial(NUMPY[sampling], bars, k, sigma),
        partial(persistence_image, bars, **given),
        partial(ImageMaker(options, BIRTHS, PERSISTENCES), bars),
    )
    expected, *ours = (function() for function in functions)
    error = max(float(np.abs(image - expected).max()) for image in ours) / float(expected.max())
    return ratios(functions, repeats), error


def libraries(k):
    """Images of GUDHI and persim with the same options as ours, each with all set-up done."""
    from gudhi.representations import PersistenceImage
    from persim import PersistenceImager

    from tdaflow.images import persistence_image, sigma_from_epsilon

    step, sigma = 8 / k, sigma_from_epsilon(0.95, BIRTHS, PERSISTENCES, k)
    gudhi = PersistenceImage(
        bandwidth=sigma,
        weight=lambda bp: bp[1],
        resolution=[k, k],
        im_range=[step / 2, 8 - step / 2, step / 2, 8 - step / 2],
    )
    gudhi.fit([make_bars(2)])
    # it truncates range / pixel_size: a hair off the pixel keeps k of them
    persim = PersistenceImager(
        birth_range=BIRTHS,
        pers_range=PERSISTENCES,
        pixel_size=step * (1 - 1e-15),
        weight="persistence",
        weight_params={"n": 1.0},
        kernel_params={"sigma": [[sigma**2, 0.0], [0.0, sigma**2]]},
    )
    given = {"birth_range": BIRTHS, "death_range": PERSISTENCES, "sigma": sigma, "resolution": k, "weight": "linear"}
    return {
        "centre": (
            lambda bars: persistence_image(bars, **given, sampling="centre"),
            lambda bars: gudhi.transform([bars])[0].reshape(k, k),
        ),
        "integral": (
            lambda bars: persistence_image(bars, **given, sampling="integral"),
            lambda bars: persim.transform(bars, skew=True).T,
        ),
    }


def grey_levels(n_bars, seed=0):
    """A diagram of so many bars whose ends are whole grey levels, as those of a full-resolution CT, sorted once."""
    from tdaflow.diagrams import PersistenceDiagram

    rng = np.random.default_rng(seed)
    birth = rng.integers(-1000, 400, n_bars)
    pairs = np.stack([birth, birth + 1 + rng.geometric(0.02, n_bars)], axis=1)
    return pairs, PersistenceDiagram({0: pairs})


def many_bars(n_bars, repeats):
    """CPU seconds (repeat, 3): the image of all bars one by one, of the counted ones, and the counted ones' ranges."""
    from tdaflow.diagrams import RangeRecord
    from tdaflow.images import ImageMaker, ImageOptions

    pairs, diagram = grey_levels(n_bars)
    bars = diagram.bars[0]
    made = ImageMaker(ImageOptions(), (-1000.0, 400.0), (0.0, 300.0))
    shuffled = pairs.astype(np.float64)
    functions = (
        lambda: made(shuffled),
        lambda: made(bars.pairs, bars.counts),
        lambda: RangeRecord.from_volumes([{("ct", 0): bars}], [("ct", 0)]),
    )
    image, counted = functions[0](), functions[1]()
    assert np.abs(image - counted).max() <= 1e-11 * image.max()
    return ratios(functions, repeats, 0.0), len(bars.pairs)


@pytest.mark.benchmark
@pytest.mark.parametrize("sampling", NUMPY)
def test_ours_are_the_images_of_numpys_lines(sampling):
    for k, epsilon in ((16, 0.5), (16, 0.95), (120, 0.97)):
        _, error = against_numpy(60, k, epsilon, sampling, 1)
        assert error <= 5e-14


@pytest.mark.benchmark
def test_ours_are_those_of_the_libraries():
    bars = make_bars(60)
    for ours, theirs in libraries(16).values():
        expected = theirs(bars)
        np.testing.assert_allclose(ours(bars), expected, rtol=1e-10, atol=1e-12 * expected.max())


@pytest.mark.benchmark
def test_counted_bars_have_the_image_of_all():
    _, distinct = many_bars(3000, 1)
    assert distinct < 3000


def spread(ratio):
    """Median and quartiles, in words."""
    low, high = np.quantile(ratio, [0.25, 0.75])
    return f"{statistics.median(ratio):6.2f}× ({low:.2f}–{high:.2f})"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few bars, one size, one repeat, no thresholds")
    quick = parser.parse_args(argv).quick
    n_bars, sizes, epsilons, repeats = (60, (16,), (0.95,), 1) if quick else (700, SIZES, EPSILONS, 9)
    failures = []
    # a second thread of BLAS that waits would be counted, too
    threadpool_limits(1, user_api="blas")
    print(f"{n_bars} bars; CPU time of numpy's lines over ours, medians and quartiles of {repeats} interleaved repeats")
    for sampling in NUMPY:
        for k in sizes:
            for epsilon in epsilons:
                times, error = against_numpy(n_bars, k, epsilon, sampling, repeats)
                call, maker = times[:, 0] / times[:, 1], times[:, 0] / times[:, 2]
                print(
                    f"  {sampling:9s} {k:3d}² ε={epsilon:<4g} numpy {1e6 * np.median(times[:, 0]):7.0f} µs  one call "
                    f"{spread(call)}  ImageMaker {spread(maker)}  difference {error:.0e}"
                )
                least = (LEAST_AT_32 if k == 32 else LEAST_RATIOS)[sampling]
                if not quick and statistics.median(maker) < least:
                    failures.append(f"{sampling} {k}² ε={epsilon:g}: {statistics.median(maker):.2f} < {least}")
    for sampling, functions in libraries(16 if quick else 100).items():
        bars = make_bars(60 if quick else 2500)
        times = ratios([partial(function, bars) for function in functions], 1 if quick else 3)
        name = {"centre": "GUDHI", "integral": "persim"}[sampling]
        print(f"  {name} over ours, {len(bars)} bars, {sampling}: {spread(times[:, 1] / times[:, 0])}")
    n_many = 3000 if quick else 3_000_000
    times, distinct = many_bars(n_many, 1 if quick else 3)
    one_by_one, counted, ranges = 1e3 * np.median(times, axis=0)
    print(f"  {n_many} bars of whole grey levels, {distinct} of them distinct: image {one_by_one:.1f} ms one by one,")
    print(f"  {counted:.2f} ms counted ({one_by_one / counted:.0f}×), ranges {ranges:.2f} ms")
    if counted + ranges > MOST_MILLISECONDS:
        failures.append(f"image and ranges of counted bars: {counted + ranges:.1f} ms > {MOST_MILLISECONDS:g}")
    print("\n".join(f"  BELOW THRESHOLD {failure}" for failure in failures) or "  all above their thresholds")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
