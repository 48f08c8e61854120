"""The persistence image against GUDHI's and persim's, interleaved in one run.

``python tests/benchmarks/bench_images.py`` prints times and ratios (``--quick`` a tiny version); as a test the tiny
version asserts that all three agree.
"""

import argparse
import statistics
import sys
import time

import numpy as np
import pytest

from tdaflow.images import persistence_image, sigma_from_epsilon

BIRTHS, PERSISTENCES = (0.0, 8.0), (0.0, 8.0)


def make_bars(n, seed=0):
    rng = np.random.default_rng(seed)
    birth = rng.random(n) * 8
    return np.stack([birth, birth + rng.gamma(1.0, 1.2, n)], axis=1)


def contenders(k, sigma):
    """Functions of the bars, each with all set-up done; ours twice, once for each library's sampling."""
    from gudhi.representations import PersistenceImage
    from persim import PersistenceImager

    step = 8 / k
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
    common = {
        "birth_range": BIRTHS,
        "death_range": PERSISTENCES,
        "sigma": sigma,
        "resolution": k,
        "weight": "linear",
        "plane": "birth-persistence",
    }
    return {
        "tdaflow centre": lambda bars: persistence_image(bars, **common, sampling="centre"),
        "tdaflow integral": lambda bars: persistence_image(bars, **common, sampling="integral"),
        "gudhi": lambda bars: gudhi.transform([bars])[0].reshape(k, k),
        "persim": lambda bars: persim.transform(bars, skew=True).T,
    }


def run(n_bars, k, repeats):
    """Medians in seconds over interleaved repeats, and the images."""
    bars, functions = make_bars(n_bars), contenders(k, sigma_from_epsilon(0.95, BIRTHS, PERSISTENCES, k))
    images = {name: function(bars) for name, function in functions.items()}
    seconds = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            # one call of ours is short beside the clock's and the scheduler's noise
            calls = 5 if name.startswith("tdaflow") else 1
            start = time.perf_counter()
            for _ in range(calls):
                function(bars)
            seconds[name].append((time.perf_counter() - start) / calls)
    return {name: statistics.median(times) for name, times in seconds.items()}, images


def agree(images):
    """Ours equals each library's within the digits that it keeps."""
    centre, integral = images["tdaflow centre"], images["tdaflow integral"]
    return np.allclose(centre, images["gudhi"], rtol=1e-12, atol=0) and (
        integral.shape == images["persim"].shape
        and np.allclose(integral, images["persim"], rtol=1e-10, atol=1e-12 * integral.max())
    )


@pytest.mark.benchmark
def test_the_three_agree():
    seconds, images = run(n_bars=60, k=16, repeats=1)
    assert set(seconds) == set(images)
    assert agree(images)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="60 bars, 16×16 pixels, one repeat")
    quick = parser.parse_args(argv).quick
    n_bars, k, repeats = (60, 16, 1) if quick else (2500, 100, 7)
    seconds, images = run(n_bars, k, repeats)
    print(f"{n_bars} bars, {k}×{k} pixels, one image, medians of {repeats} interleaved repeats")
    for name, median in seconds.items():
        print(f"  {name:18s} {1e3 * median:10.3f} ms")
    print(f"  gudhi  / tdaflow centre   = {seconds['gudhi'] / seconds['tdaflow centre']:.1f}×")
    print(f"  persim / tdaflow integral = {seconds['persim'] / seconds['tdaflow integral']:.1f}×")
    print(f"  persim / tdaflow centre   = {seconds['persim'] / seconds['tdaflow centre']:.1f}×")
    print(f"  images agree: {agree(images)}")
    return 0 if agree(images) else 1


if __name__ == "__main__":
    sys.exit(main())
