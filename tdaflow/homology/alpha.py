"""The alpha filtration of a point cloud."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology.checks import as_points, check_homology_dimensions
from tdaflow.homology.rounding import half_diagonal, to_unit_size, true_bars
from tdaflow.option_types import check_fields

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Alpha:
    """Alpha filtration: how a union of balls around the points changes as their radius grows.

    Values are radii, in the unit of the coordinates (GUDHI's are squared; they are un-squared here, once).

    Parameters
    ----------
    engine : "kernel" or "gudhi"
        "gudhi" computes the Delaunay–Čech filtration, whose positive bars are those of the alpha complex (Bauer,
        Edelsbrunner 2017: "The Morse theory of Čech and Delaunay complexes") at half the time of GUDHI's AlphaComplex.
        "kernel" is tdaflow's own exact kernel for lattice points in R⁴; clouds beyond its limits are computed by
        "gudhi", which depends on the cloud alone and is recorded in ``metadata["fallback"]``.

    Notes
    -----
    Duplicate points count once. Cospherical and flat clouds and any number of points ≥ 1 are fine. Homology is over Z₂:
    in R⁴ there can be torsion, so the field matters. The only essential bar is one component, born at 0.

    ``metadata["filtration_range"]`` is (0, half the diagonal of the bounding box). At that radius all balls meet, so no
    bar reaches beyond it. It does not depend on the triangulation as the largest circumradius does, which a flat cell
    on the hull can make arbitrarily large.
    """

    engine: Literal["gudhi", "kernel"] = "kernel"

    takes: ClassVar[Literal["points"]] = "points"
    default_essential: ClassVar[Literal["drop", "cap"]] = "drop"
    constant_births: ClassVar[tuple[int, ...]] = (0,)
    name: ClassVar[str] = "alpha"
    unit: ClassVar[str] = "radius in mm and grey levels"
    in_words: ClassVar[str] = "a cloud of superpixels in space and brightness, joined by growing balls"

    def __post_init__(self) -> None:
        check_fields(self)
        if self.engine not in ("gudhi", "kernel"):
            raise InputError(f"engine={self.engine!r} does not exist; use 'gudhi' or 'kernel'")

    def diagram(self, data: ArrayLike, homology_dimensions: Sequence[int]) -> PersistenceDiagram:
        """Compute every bar of positive length, but those that rounding may have made.

        Parameters
        ----------
        data : array_like, shape (n, d)
            Finite points, n ≥ 1, of any real dtype, coordinates at most 1e150 in size.
        homology_dimensions : sequence of int
            Distinct, from 0 to d − 1.

        Returns
        -------
        PersistenceDiagram
            In its metadata: filtration, filtration_range, engine, n_points (distinct), ``"rounding": {k: n}`` (how many
            bars were left out, as they were not longer than 2⁻⁴⁴ of their death or born beyond the range), and fallback
            if there was one.

        Raises
        ------
        InputError
            For another shape, NaN or infinite or too large coordinates, no points, or bad dimensions.
        """
        points = as_points(data, self.name)
        space = points.shape[1]
        dimensions = check_homology_dimensions(homology_dimensions, space - 1, f"points in R^{space}")
        found, how = _bars(points, dimensions, self.engine)
        end = half_diagonal(points)
        pairs, removed = true_bars(found, end)
        return PersistenceDiagram(
            pairs,
            {0: np.zeros(1)} if 0 in dimensions else {},
            {
                "filtration": self.name,
                "filtration_range": (0.0, end),
                **how,
                "rounding": removed,
            },
        )


def _bars(
    points: FloatArray, dimensions: tuple[int, ...], engine: str
) -> tuple[Mapping[int, FloatArray], dict[str, Any]]:
    space = points.shape[1]
    if engine == "gudhi":
        return _gudhi_bars(points, dimensions)
    if space > 4:
        return _gudhi_bars(points, dimensions, fallback=f"points in R^{space}, not in R^4")
    # Compiled on import, so imported when it is wanted.
    from tdaflow.homology.alpha_kernel import UnsupportedCloud, alpha_persistence

    try:
        flat = np.pad(points, ((0, 0), (0, 4 - space))) if space < 4 else points
        pairs, info = alpha_persistence(flat, dimensions)
    except UnsupportedCloud as reason:
        return _gudhi_bars(points, dimensions, fallback=str(reason))
    return pairs, {"engine": "kernel", "n_points": info["n_points"], "kernel": info}


def _gudhi_bars(
    points: FloatArray, dimensions: tuple[int, ...], **why: str
) -> tuple[dict[int, FloatArray], dict[str, Any]]:
    # GPLv3 (CGAL) and 0.3 s to load.
    import gudhi

    scaled, exponent = to_unit_size(points)
    points = np.unique(scaled, axis=0)
    tree = gudhi.DelaunayCechComplex(points=points).create_simplex_tree()
    # Homology of dimension k needs simplices up to k + 1 and no more.
    tree.prune_above_dimension(max(dimensions) + 1)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0)
    pairs = {}
    for k in dimensions:
        squared = np.asarray(tree.persistence_intervals_in_dimension(k), dtype=np.float64).reshape(-1, 2)
        pairs[k] = np.ldexp(np.sqrt(squared[np.isfinite(squared[:, 1])]), exponent)
    return pairs, {"engine": "gudhi", "n_points": len(points), **why}
