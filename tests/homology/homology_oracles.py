"""Independent ways to the same bars, slow and simple, and how to compare bars."""

import itertools

import numpy as np
from scipy.ndimage import gaussian_filter


def cech_complex(points: np.ndarray, largest: int) -> dict[tuple[int, ...], float]:
    """Radius of the smallest enclosing ball of each subset of at most `largest` points."""
    subsets = [s for size in range(1, largest + 1) for s in itertools.combinations(range(len(points)), size)]
    balls = {s: ball for s in subsets if (ball := _circumscribed(points[list(s)])) is not None}
    distances = {s: np.linalg.norm(points - centre, axis=1) for s, (centre, _) in balls.items()}
    radii = {}
    for subset in subsets:
        # The smallest enclosing ball is circumscribed about some of the points and holds them all.
        supports = (s for size in range(1, len(subset) + 1) for s in itertools.combinations(subset, size))
        radii[subset] = min(
            balls[s][1] for s in supports if s in balls and (distances[s][list(subset)] <= balls[s][1] + 1e-9).all()
        )
    # Rounding must not put a face after the simplex it belongs to.
    for subset in subsets:
        radii[subset] = max([radii[subset], *(radii[f] for f in itertools.combinations(subset, len(subset) - 1) if f)])
    return radii


def _circumscribed(points: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Centre (in the points' affine hull) and radius of the sphere through all points; None if they are dependent."""
    edges = points[1:] - points[0]
    gram = edges @ edges.T
    if len(edges) and np.linalg.matrix_rank(edges, tol=1e-9) < len(edges):
        return None
    offset = np.linalg.solve(gram, 0.5 * np.diag(gram)) @ edges if len(edges) else np.zeros(points.shape[1])
    return points[0] + offset, float(np.linalg.norm(offset))


def reduced_bars(values: dict[tuple[int, ...], float], dimensions: tuple[int, ...]) -> dict[int, np.ndarray]:
    """Finite bars of a filtered simplicial complex: the textbook reduction of the boundary matrix over Z₂."""
    order = sorted(values, key=lambda s: (values[s], len(s), s))
    index = {s: i for i, s in enumerate(order)}
    reduced: dict[int, set[int]] = {}
    bars: dict[int, list[tuple[float, float]]] = {k: [] for k in dimensions}
    for simplex in order:
        column = {index[f] for f in itertools.combinations(simplex, len(simplex) - 1) if f}
        while column and max(column) in reduced:
            column ^= reduced[max(column)]
        if not column:
            continue
        lowest = max(column)
        reduced[lowest] = column
        dimension = len(order[lowest]) - 1
        birth, death = values[order[lowest]], values[simplex]
        if dimension in bars and death > birth:
            bars[dimension].append((birth, death))
    return {k: np.array(rows).reshape(-1, 2) for k, rows in bars.items()}


def assert_same_bars(actual: np.ndarray, expected: np.ndarray, *, atol: float = 1e-9) -> None:
    """Compare bars as multisets; those not longer than `atol` are rounding noise and do not count."""
    actual, expected = (np.asarray(bars)[np.ptp(bars, axis=1) > atol] for bars in (actual, expected))
    assert len(actual) == len(expected)
    # Sorting by rounded keys keeps bars whose births differ by rounding from changing places.
    actual, expected = (bars[np.lexsort(np.round(bars, 7).T[::-1])] for bars in (actual, expected))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def in_r4(points: np.ndarray) -> np.ndarray:
    """Points of a space of at most four dimensions, as a flat cloud in R⁴."""
    return np.pad(np.asarray(points, dtype=float), ((0, 0), (0, 4 - np.shape(points)[1])))


def grid_cloud(volume: np.ndarray, per_axis: int = 10) -> np.ndarray:
    """Grid points (z, y, x, I) of a smoothed volume, intensities rounded to whole grey levels."""
    smooth = gaussian_filter(volume.astype(np.float64), 1.5, mode="nearest", truncate=3)
    axes = [np.round((np.arange(per_axis) + 0.5) * n / per_axis - 0.5).astype(int) for n in volume.shape]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.column_stack([index, np.round(smooth[tuple(index.T)])]).astype(np.float64)


def gudhi_alpha(points: np.ndarray, precision: str) -> dict[int, np.ndarray]:
    """Finite bars of dimension 0–3 of GUDHI's own alpha complex, as radii."""
    import gudhi

    tree = gudhi.AlphaComplex(points=points, precision=precision).create_simplex_tree()
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0)
    bars = {k: np.asarray(tree.persistence_intervals_in_dimension(k)).reshape(-1, 2) for k in range(4)}
    return {k: np.sqrt(b[np.isfinite(b[:, 1])]) for k, b in bars.items()}
