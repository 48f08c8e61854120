"""The whole path from a volume to its persistence images, on one core, against the plain recipe of the libraries.

    python tests/benchmarks/bench_path.py --data DIR [--volumes 20] [--sets adrenalmnist3d organmnist3d]

The recipes take turns on the same volumes in one process; medians and ratios are printed. *Plain* is what the
libraries' documentation shows: filter the volume, ``AlphaComplex(points).create_simplex_tree().persistence()``, then
``gudhi.representations.PersistenceImage(resolution=[100, 100])`` for H0, H1 and H2, everything else left as it is.
*Library* is tdaflow with the engine "gudhi" (Delaunay–Čech and our images), *kernel* with the engine "kernel". All have
1000 points a volume.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

DIMENSIONS = (0, 1, 2)
RESOLUTION = 100
RANGES = {0: ((-0.5, 0.5), (0.0, 15.0)), 1: ((0.0, 20.0), (0.0, 15.0)), 2: ((0.0, 20.0), (0.0, 10.0))}
SIGMA = {0: 0.5, 1: 0.6, 2: 0.6}


def plain_recipe(volume: np.ndarray) -> list[np.ndarray]:
    """The libraries' own way, with nothing of tdaflow."""
    import gudhi
    from gudhi.representations import PersistenceImage
    from scipy.ndimage import gaussian_filter

    step = int(np.cbrt(volume.size / 600))
    axes = [np.arange(step // 2, n, step)[:10] for n in volume.shape]
    smooth = gaussian_filter(volume.astype(float), step / 2, mode="nearest", truncate=3)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = np.column_stack([grid, np.rint(smooth[tuple(grid.T)])])
    tree = gudhi.AlphaComplex(points=points).create_simplex_tree()
    tree.persistence()
    images = []
    for dimension in DIMENSIONS:
        bars = tree.persistence_intervals_in_dimension(dimension)
        bars = bars[np.isfinite(bars).all(axis=1)]
        image = PersistenceImage(resolution=[RESOLUTION, RESOLUTION]).fit_transform([bars])
        images.append(image[0].reshape(RESOLUTION, RESOLUTION))
    return images


def our_path(engine: str) -> Callable[[np.ndarray], list[np.ndarray]]:
    """The product's path with one of its engines."""
    from tdaflow.homology import Alpha
    from tdaflow.images import persistence_image
    from tdaflow.superpixels import superpixel_point_cloud

    filtration = Alpha(engine=engine)  # type: ignore[arg-type]

    def path(volume: np.ndarray) -> list[np.ndarray]:
        points = superpixel_point_cloud(volume, grid="integer-step")
        diagram = filtration.diagram(points, DIMENSIONS).with_min_persistence(1e-6)
        return [
            persistence_image(
                diagram[d],
                birth_range=RANGES[d][0],
                death_range=RANGES[d][1],
                sigma=SIGMA[d],
                resolution=RESOLUTION,
                weight="linear",
                plane="birth-persistence",
            )
            for d in DIMENSIONS
        ]

    return path


def interleaved(
    recipes: dict[str, Callable[[np.ndarray], object]], volumes: list[np.ndarray]
) -> dict[str, list[float]]:
    """Seconds of every recipe on every volume, the recipes taking turns; each has run once before."""
    for recipe in recipes.values():
        recipe(volumes[0])
    seconds: dict[str, list[float]] = {name: [] for name in recipes}
    for volume in volumes:
        for name, recipe in recipes.items():
            began = time.perf_counter()
            recipe(volume)
            seconds[name].append(time.perf_counter() - began)
    return seconds


def stages(volumes: list[np.ndarray], engine: str) -> dict[str, float]:
    """Median milliseconds of each stage of our path."""
    from tdaflow.homology import Alpha
    from tdaflow.images import persistence_image
    from tdaflow.superpixels import superpixel_point_cloud

    filtration = Alpha(engine=engine)  # type: ignore[arg-type]
    found: dict[str, list[float]] = {"superpixels": [], "persistence": [], "images": []}
    for volume in volumes:
        marks = [time.perf_counter()]
        points = superpixel_point_cloud(volume, grid="integer-step")
        marks.append(time.perf_counter())
        diagram = filtration.diagram(points, DIMENSIONS).with_min_persistence(1e-6)
        marks.append(time.perf_counter())
        for d in DIMENSIONS:
            persistence_image(
                diagram[d], birth_range=RANGES[d][0], death_range=RANGES[d][1], sigma=SIGMA[d],
                resolution=RESOLUTION, weight="linear", plane="birth-persistence",
            )  # fmt: skip
        marks.append(time.perf_counter())
        for name, left, right in zip(found, marks[:-1], marks[1:], strict=True):
            found[name].append(1000 * (right - left))
    return {name: statistics.median(values) for name, values in found.items()}


def real_volumes(data: Path, name: str, n: int) -> list[np.ndarray]:
    """The first volumes of a test split."""
    with np.load(data / f"{name}.npz") as archive:
        return list(archive["test_images"][:n])


def main() -> None:
    """Print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TDAFLOW_DATA", ".")) / "medmnist")
    parser.add_argument("--sets", nargs="+", default=["organmnist3d", "adrenalmnist3d"])
    parser.add_argument("--volumes", type=int, default=20)
    arguments = parser.parse_args()
    recipes = {"plain": plain_recipe, "library": our_path("gudhi"), "kernel": our_path("kernel")}
    for name in arguments.sets:
        volumes = real_volumes(arguments.data, name, arguments.volumes)
        seconds = interleaved(recipes, volumes)
        print(f"\n{name}, {len(volumes)} volumes, 1000 points, H0–H2 at {RESOLUTION}×{RESOLUTION}, one core")
        for recipe, values in seconds.items():
            print(f"  {recipe:8} {1000 * statistics.median(values):8.1f} ms")
        for fast, slow in (("library", "plain"), ("kernel", "plain"), ("kernel", "library")):
            ratios = [s / f for s, f in zip(seconds[slow], seconds[fast], strict=True)]
            print(f"  {fast} is {statistics.median(ratios):.1f}× {slow} (median of the ratios)")
        parts = stages(volumes, "kernel")
        print("  kernel by stage: " + ", ".join(f"{stage} {ms:.1f} ms" for stage, ms in parts.items()))


@pytest.mark.benchmark
def test_every_recipe_makes_three_images() -> None:
    """Both engines make the same images; the plain recipe makes as many, with ranges and σ of its own."""
    from tdaflow.sources import Phantoms

    volume = next(iter(Phantoms(n_volumes=1).volumes())).voxels
    assert [image.shape for image in plain_recipe(volume)] == [(RESOLUTION, RESOLUTION)] * 3
    for library, kernel in zip(our_path("gudhi")(volume), our_path("kernel")(volume), strict=True):
        np.testing.assert_allclose(kernel, library, rtol=0, atol=1e-8 * library.max())
    assert set(stages([volume], "kernel")) == {"superpixels", "persistence", "images"}


if __name__ == "__main__":
    main()
