"""The bars of GUDHI's complexes, and where they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Integers = NDArray[np.int64]

NOWHERE = np.empty((0, 2, 0), np.int64)
"""The locations of bars that were not asked where they are."""


def tree_pairs(
    tree: Any, dimensions: Sequence[int], source: Integers | None, space: int
) -> dict[int, tuple[FloatArray, Integers]]:
    """Return the bars of a simplex tree whose persistence was computed, and the simplices that bear and end each.

    Parameters
    ----------
    tree : gudhi.SimplexTree
    dimensions : sequence of int
    source : int64 (n,), optional
        What each vertex of the tree is called. Without it the simplices are not looked at.
    space : int
        Of the points.

    Returns
    -------
    dict of int to (bars, simplices)
        float64 (m, 2), infinite deaths included; int64 (m, 2, max(space, 4) + 1), with −1 where there is no
        further vertex.
    """
    if source is None:
        intervals = {k: tree.persistence_intervals_in_dimension(k) for k in dimensions}
        return {k: (np.asarray(found, dtype=np.float64).reshape(-1, 2), NOWHERE) for k, found in intervals.items()}
    pairs = [pair for pair in tree.persistence_pairs() if len(pair[0]) - 1 in dimensions]
    bars, simplices = np.full((len(pairs), 2), np.inf), np.full((len(pairs), 2, max(space, 4) + 1), -1)
    for i, pair in enumerate(pairs):
        for end, simplex in enumerate(pair):
            if simplex:
                bars[i, end] = tree.filtration(simplex)
                simplices[i, end, : len(simplex)] = source[sorted(simplex)]
    of_dimension = np.array([len(birth) - 1 for birth, _ in pairs])
    return {k: (bars[of_dimension == k], simplices[of_dimension == k]) for k in dimensions}
