"""The DTM filtration of a point cloud: alpha, weighted by density."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology.checks import as_points, check_homology_dimensions, is_count
from tdaflow.homology.gudhi_pairs import tree_pairs
from tdaflow.homology.rounding import to_unit_size, true_bars

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DTM:
    """DTM filtration: balls around points in sparse regions start late, so that outliers do not fill holes.

    Each point waits until the radius r reaches its distance to measure DTM, the root of the mean squared distance to
    its nearest points; from then on its ball has the radius √(r² − DTM²). That is the DTM filtration with p = 2 (Anai
    et al. 2019, "DTM-based filtrations"), computed as the alpha complex with the weights −DTM².

    Parameters
    ----------
    n_neighbours : int
        Nearest points that DTM is taken over, the point itself among them; 1 is the plain alpha filtration. A cloud of
        fewer points uses all it has.

    Notes
    -----
    Values are r, in the unit of the coordinates. Duplicate points count in DTM, and once as points. The only essential
    bar is one component, born at the smallest DTM. Computed by GUDHI's AlphaComplex with exact predicates, which takes
    several times as long as `tdaflow.homology.Alpha`.

    ``metadata["filtration_range"]`` goes from the smallest DTM to the root of the squared half diagonal of the bounding
    box plus the largest squared DTM, where all balls meet.
    """

    n_neighbours: int = 10

    takes: ClassVar[Literal["points"]] = "points"
    default_essential: ClassVar[Literal["drop", "cap"]] = "drop"
    constant_births: ClassVar[tuple[int, ...]] = ()
    engine: ClassVar[Literal["gudhi"]] = "gudhi"
    unit: ClassVar[str] = "radius in mm and grey levels"
    in_words: ClassVar[str] = (
        "a cloud of superpixels in space and brightness, joined by growing balls, dense parts first"
    )

    def __post_init__(self) -> None:
        if not is_count(self.n_neighbours, 1):
            raise InputError(f"n_neighbours={self.n_neighbours!r} must be an integer from 1 up")

    @property
    def name(self) -> str:
        """ "dtm-" and the number of neighbours, which sets the values."""
        return f"dtm-{self.n_neighbours}"

    def diagram(
        self, data: ArrayLike, homology_dimensions: Sequence[int], *, locations: bool = False
    ) -> PersistenceDiagram:
        """Compute the bars of points (n, d); arguments, metadata and errors are those of `Alpha.diagram`."""
        points = as_points(data, self.name)
        space = points.shape[1]
        dimensions = check_homology_dimensions(homology_dimensions, space - 1, f"points in R^{space}")
        scaled, exponent = to_unit_size(points)
        dtm = distance_to_measure(scaled, int(self.n_neighbours))
        distinct, first = np.unique(scaled, axis=0, return_index=True)
        found = _weighted_bars(distinct, dtm[first], dimensions, first if locations else None)
        half_diagonal = 0.5 * np.linalg.norm(np.ptp(scaled, axis=0))
        ends = np.ldexp([dtm.min(), np.hypot(half_diagonal, dtm.max())], exponent)
        finite = {k: np.isfinite(radii[:, 1]) for k, (radii, _) in found.items()}
        bars = {k: np.ldexp(radii[finite[k]], exponent) for k, (radii, _) in found.items()}
        true = true_bars(bars, float(ends[1]))
        where, of_essential = {}, {}
        if locations:
            where = {k: simplices[finite[k]][true[k]] for k, (_, simplices) in found.items()}
            of_essential = {k: simplices[~finite[k]] for k, (_, simplices) in found.items()}
        return PersistenceDiagram(
            {k: rows[true[k]] for k, rows in bars.items()},
            {k: np.ldexp(radii[~finite[k], 0], exponent) for k, (radii, _) in found.items()},
            {
                "filtration": self.name,
                "filtration_range": (float(ends[0]), float(ends[1])),
                "engine": "gudhi",
                "n_points": len(distinct),
                "rounding": {k: int((~kept).sum()) for k, kept in true.items()},
            },
            locations=where,
            essential_locations=of_essential,
        )


def distance_to_measure(points: FloatArray, n_neighbours: int) -> FloatArray:
    """Return the root of the mean squared distance from each point (n, d) to its nearest ones, itself included."""
    from scipy.spatial import cKDTree

    k = min(n_neighbours, len(points))
    distances = cKDTree(points).query(points, k=k)[0].reshape(len(points), k)
    return np.sqrt((distances**2).mean(axis=1))


def _weighted_bars(
    points: FloatArray, dtm: FloatArray, dimensions: tuple[int, ...], source: NDArray[np.int64] | None
) -> dict[int, tuple[FloatArray, NDArray[np.int64]]]:
    """Radii with infinite deaths by dimension, and the simplices of each bar."""
    # GPLv3 (CGAL) and 0.3 s to load.
    import gudhi

    tree = gudhi.AlphaComplex(points=points, weights=-(dtm**2)).create_simplex_tree()
    tree.prune_above_dimension(max(dimensions) + 1)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0)
    found = tree_pairs(tree, dimensions, source, points.shape[1])
    return {k: (np.sqrt(np.maximum(squared, 0.0)), simplices) for k, (squared, simplices) in found.items()}
