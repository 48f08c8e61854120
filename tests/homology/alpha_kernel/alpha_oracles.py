"""Bars by GUDHI, and how the kernel's are compared with them."""

import numpy as np
from scipy.optimize import linear_sum_assignment

# Bars not longer than this part of the largest value are rounding of an exact tie, in GUDHI's results or in ours.
NOISE = 1e-6


def gudhi_bars(points, dimensions=(0, 1, 2), precision="exact"):
    """Finite bars of GUDHI's alpha complex, un-squared."""
    import gudhi

    tree = gudhi.AlphaComplex(points=np.unique(points, axis=0), precision=precision).create_simplex_tree()
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0)
    bars = {}
    for k in dimensions:
        squared = np.asarray(tree.persistence_intervals_in_dimension(k)).reshape(-1, 2)
        bars[k] = np.sqrt(np.maximum(squared[np.isfinite(squared[:, 1])], 0.0))
    return bars


def difference(actual, expected):
    """Return (largest relative difference, bars compared); infinite if the counts of bars beyond noise differ."""
    largest = max((bars.max() for bars in [*actual.values(), *expected.values()] if len(bars)), default=1.0)
    worst, count = 0.0, 0
    for k, reference in expected.items():
        ours, theirs = (bars[bars[:, 1] - bars[:, 0] > NOISE * largest] for bars in (actual[k], reference))
        if len(ours) != len(theirs):
            return np.inf, count
        if len(ours) == 0:
            continue
        count += len(ours)
        ours, theirs = (bars[np.lexsort(bars.T[::-1])] for bars in (ours, theirs))
        error = np.abs(ours - theirs).max()
        if error > 1e-9 * largest:  # births one rounding apart may sort otherwise
            cost = np.abs(ours[:, None] - theirs[None]).max(axis=2)
            error = cost[linear_sum_assignment(cost)].max()
        worst = max(worst, error / largest)
    return worst, count


def assert_same_bars(actual, expected):
    worst, _ = difference(actual, expected)
    assert worst <= 1e-9, {k: (len(actual[k]), len(expected[k])) for k in expected}
