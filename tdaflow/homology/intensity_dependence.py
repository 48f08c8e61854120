"""Test of how far the diagram of a point cloud depends on grey values, not only on where the superpixels lie."""

import numpy as np
from numpy.typing import NDArray

from tdaflow.homology.filtrations import PointFiltration

FEW_DEATHS = 20
"""Number of distinct H₀ deaths below which a diagram is tested: the points of a regular grid have few distances."""

NOISE = 0.01
"""Relative change of the H₀ deaths on shuffling all grey values, up to which a diagram hardly depends on them."""


def distinct_deaths(deaths: NDArray[np.float64]) -> int:
    """Count the distinct deaths, rounded to a thousandth of the largest."""
    largest = float(deaths.max(initial=0.0))
    return len(np.unique(np.rint(deaths * (1000 / largest)))) if largest else min(len(deaths), 1)


def change_when_shuffled(
    filtration: PointFiltration, points: NDArray[np.float64], deaths: NDArray[np.float64]
) -> float:
    """Shuffle the grey values among the points of a cloud, and measure how far its H₀ deaths move.

    Parameters
    ----------
    filtration : PointFiltration
    points : float64 (n, 4)
        Superpixels, grey values in the last column.
    deaths : float64 (m,)
        Deaths of the H₀ bars of `points`.

    Returns
    -------
    float
        Mean distance of the sorted deaths from those of the shuffled cloud, over their mean; 0 where there are none.
        The permutation is the same for every cloud of n points.
    """
    shuffled = points.copy()
    shuffled[:, -1] = points[np.random.default_rng(0).permutation(len(points)), -1]
    others = np.sort(filtration.diagram(shuffled, (0,))[0][:, 1])
    deaths = np.sort(deaths)
    # Points that fall on one place count once, so a cloud may have fewer bars than another: the shortest are gone.
    m = min(len(deaths), len(others))
    if m == 0 or not deaths.any():
        return 0.0
    return float(np.abs(deaths[-m:] - others[-m:]).mean() / deaths.mean())
