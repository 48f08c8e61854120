"""Blocks of a volume against the whole, and vectorisations against GUDHI's, interleaved in one run.

``python tests/benchmarks/bench_regions.py`` prints times and ratios (``--quick`` a tiny version); as a test the tiny
version asserts that regions have the bars they should and that vectorisations agree.
"""

import argparse
import statistics
import time

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tdaflow.diagrams import Bars
from tdaflow.homology import Cubical
from tdaflow.homology.regional import regional_volume_diagrams
from tdaflow.homology.regions import REGION_PRESETS
from tdaflow.vectorisations import Betti, Landscape, Silhouette
from tdaflow.vectorisations.curves import sample_values

BOUNDS, SAMPLES = (0.0, 10.0), 32


def make_volume(edge, seed=0):
    smooth = gaussian_filter(np.random.default_rng(seed).standard_normal((edge, edge, edge)), 1.0)
    return np.rint(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


def make_bars(n, seed=0):
    rng = np.random.default_rng(seed)
    birth = rng.random(n) * 8
    return np.stack([birth, birth + rng.gamma(1.0, 0.5, n)], axis=1)


def region_contenders(edge):
    """Functions that compute the diagrams of every region of one volume."""
    volume, filtration = make_volume(edge), Cubical()
    return {
        name: lambda regions=regions: regional_volume_diagrams(filtration, volume, (0, 1, 2), regions)
        for name, regions in REGION_PRESETS.items()
    }


def vector_contenders(n_bars):
    """Functions of the same bars: ours and GUDHI's, scaled alike."""
    import gudhi.representations as gr

    bars, values = make_bars(n_bars), sample_values(BOUNDS, SAMPLES)
    grid = {"resolution": SAMPLES, "sample_range": [values[0], values[-1]]}
    gudhi = {
        "betti": gr.BettiCurve(predefined_grid=values),
        "landscape": gr.Landscape(num_landscapes=3, **grid),
        "silhouette": gr.Silhouette(weight=lambda bar: bar[1] - bar[0], **grid),
    }
    ours = {"betti": Betti(SAMPLES), "landscape": Landscape(SAMPLES, n_landscapes=3), "silhouette": Silhouette(SAMPLES)}
    found = {}
    for name, vectorisation in ours.items():
        scale = 1.0 if name == "betti" else np.sqrt(0.5)
        theirs = gudhi[name].fit([bars])
        found[name] = lambda v=vectorisation: v.vector(Bars.of(bars), BOUNDS)
        found[f"gudhi {name}"] = lambda g=theirs, s=scale: s * g.transform([bars])[0]
    return found


def medians(contenders, repeats):
    """Seconds of each over interleaved repeats, after one call that compiles."""
    for function in contenders.values():
        function()
    seconds = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, function in contenders.items():
            began = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


@pytest.mark.benchmark
def test_blocks_have_no_more_bars_than_fit_and_all_contenders_run():
    contenders = region_contenders(10)
    assert set(medians(contenders, 1)) == set(REGION_PRESETS)
    assert set(contenders["octants"]()) == set(REGION_PRESETS["octants"].names)


@pytest.mark.benchmark
def test_vectorisations_agree_with_gudhis():
    contenders = vector_contenders(40)
    for name in ("betti", "landscape", "silhouette"):
        np.testing.assert_allclose(contenders[name](), contenders[f"gudhi {name}"](), atol=1e-12)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    for edge in (10,) if quick else (28, 64):
        found = medians(region_contenders(edge), 1 if quick else 9)
        for name, seconds in found.items():
            print(f"cubical {edge}³ {name:14} {1e3 * seconds:9.2f} ms  {seconds / found['whole']:6.2f} of the whole")
    for n_bars in (40,) if quick else (100, 3000):
        found = medians(vector_contenders(n_bars), 2 if quick else 25)
        for name in ("betti", "landscape", "silhouette"):
            ours, theirs = found[name], found[f"gudhi {name}"]
            print(
                f"{n_bars:5} bars {name:10} {1e6 * ours:8.0f} µs, gudhi {1e6 * theirs:8.0f} µs  {theirs / ours:6.1f}×"
            )


if __name__ == "__main__":
    main()
