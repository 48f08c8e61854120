"""The alpha filtration of a point cloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology.checks import as_points, check_homology_dimensions
from tdaflow.homology.gudhi_pairs import NOWHERE, tree_pairs
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

    def diagram(
        self, data: ArrayLike, homology_dimensions: Sequence[int], *, locations: bool = False
    ) -> PersistenceDiagram:
        """Compute every bar of positive length, but those that rounding may have made.

        Parameters
        ----------
        data : array_like, shape (n, d)
            Finite points, n ≥ 1, of any real dtype, coordinates at most 1e150 in size.
        homology_dimensions : sequence of int
            Distinct, from 0 to d − 1.
        locations : bool
            If True, the diagram has `locations`: (n, 2, max(d, 4) + 1) rows of `data`, the vertices of the simplex that
            bears each bar and of the one that ends it, then −1; of points in one place it is the first. The simplex's
            value is the bar's end, where need be by way of the simplex of higher dimension that it enters with.

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
        found, survivor, how = _bars(points, dimensions, self.engine, locations=locations)
        end = half_diagonal(points)
        true = true_bars({k: bars for k, (bars, _) in found.items()}, end)
        return PersistenceDiagram(
            {k: bars[true[k]] for k, (bars, _) in found.items()},
            {0: np.zeros(1)} if 0 in dimensions else {},
            {
                "filtration": self.name,
                "filtration_range": (0.0, end),
                **how,
                "rounding": {k: int((~kept).sum()) for k, kept in true.items()},
            },
            locations={k: simplices[true[k]] for k, (_, simplices) in found.items()} if locations else {},
            essential_locations={0: survivor} if locations and 0 in dimensions else {},
        )


Located = dict[int, tuple[FloatArray, NDArray[np.int64]]]


def _bars(
    points: FloatArray, dimensions: tuple[int, ...], engine: str, *, locations: bool
) -> tuple[Located, NDArray[np.int64], dict[str, Any]]:
    """The bars by dimension, each with its simplices if they are asked for, and those of the infinite one."""
    space = points.shape[1]
    if engine == "gudhi":
        return _gudhi_bars(points, dimensions, locations=locations)
    if space > 4:
        return _gudhi_bars(points, dimensions, locations=locations, fallback=f"points in R^{space}, not in R^4")
    # Compiled on import, so imported when it is wanted.
    from tdaflow.homology.alpha_kernel import UnsupportedCloud, alpha_persistence

    try:
        flat = np.pad(points, ((0, 0), (0, 4 - space))) if space < 4 else points
        if locations:
            from tdaflow.homology.alpha_kernel import located_alpha_persistence

            pairs, simplices, first, info = located_alpha_persistence(flat, dimensions)
            found = {k: (pairs[k], simplices[k]) for k in pairs}
            survivor = np.array([[[first, -1, -1, -1, -1], [-1] * 5]])
        else:
            pairs, info = alpha_persistence(flat, dimensions)
            found, survivor = {k: (bars, NOWHERE) for k, bars in pairs.items()}, NOWHERE
    except UnsupportedCloud as reason:
        return _gudhi_bars(points, dimensions, locations=locations, fallback=str(reason))
    return found, survivor, {"engine": "kernel", "n_points": info["n_points"], "kernel": info}


def _gudhi_bars(
    points: FloatArray, dimensions: tuple[int, ...], *, locations: bool, **why: str
) -> tuple[Located, NDArray[np.int64], dict[str, Any]]:
    # GPLv3 (CGAL) and 0.3 s to load.
    import gudhi

    scaled, exponent = to_unit_size(points)
    distinct, first = np.unique(scaled, axis=0, return_index=True)
    tree = gudhi.DelaunayCechComplex(points=distinct).create_simplex_tree()
    # Homology of dimension k needs simplices up to k + 1 and no more.
    tree.prune_above_dimension(max(dimensions) + 1)
    tree.compute_persistence(homology_coeff_field=2, min_persistence=0)
    found, survivor = {}, NOWHERE
    for k, (squared, simplices) in tree_pairs(tree, dimensions, first if locations else None, points.shape[1]).items():
        finite = np.isfinite(squared[:, 1])
        found[k] = np.ldexp(np.sqrt(squared[finite]), exponent), simplices[finite] if locations else NOWHERE
        if locations and k == 0:
            survivor = simplices[~finite]
    return found, survivor, {"engine": "gudhi", "n_points": len(distinct), **why}
