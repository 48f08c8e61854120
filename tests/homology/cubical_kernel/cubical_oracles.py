"""GUDHI's bars of a cubical filtration, and how to compare bars exactly."""

import numpy as np


def gudhi_bars(values, construction="vertices"):
    """Finite bars of positive length of every homology dimension."""
    import gudhi

    values = np.asarray(values, dtype=np.float64)
    cells = {"vertices": "vertices", "top": "top_dimensional_cells"}[construction]
    cubes = gudhi.CubicalComplex(**{cells: values})
    cubes.compute_persistence(homology_coeff_field=2, min_persistence=0)
    intervals = {k: np.asarray(cubes.persistence_intervals_in_dimension(k)).reshape(-1, 2) for k in range(values.ndim)}
    return {k: bars[np.isfinite(bars[:, 1]) & (bars[:, 0] < bars[:, 1])] for k, bars in intervals.items()}


def as_multiset(bars):
    return bars[np.lexsort(bars.T[::-1])]


def assert_same_bars(actual, expected):
    """Equal as multisets, to the last bit, in every homology dimension of either."""
    assert sorted(actual) == sorted(expected)
    for k, bars in actual.items():
        np.testing.assert_array_equal(as_multiset(bars), as_multiset(expected[k]), err_msg=f"H{k}")
