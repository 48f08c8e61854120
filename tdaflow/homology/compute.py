"""Persistence diagrams of points and volumes: `persistence_diagram`."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from tdaflow.arrays import HasVoxels, refuse_other_axes, unwrapped
from tdaflow.diagrams import EssentialPolicy, PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology.filtrations import Filtration, filtration_from
from tdaflow.homology.threads import all_cores, kernel_threads


def persistence_diagram(
    points_or_volume: ArrayLike | HasVoxels,
    *,
    filtration: str | Filtration = "alpha",
    homology_dimensions: Sequence[int] = (0, 1, 2),
    spacing: Sequence[float] | None = None,
    min_persistence: float = 0.0,
    essential: EssentialPolicy | None = None,
    locations: bool = False,
    threads: int | None = None,
) -> PersistenceDiagram:
    """Compute a persistence diagram.

    Parameters
    ----------
    points_or_volume : array_like or Volume
        For "alpha" and "dtm" points of shape (n, d), such as `tdaflow.superpixel_point_cloud` returns; for all others a
        volume, an image or a signal (1–3 dimensions), or a `tdaflow.Volume`, which brings its spacing. Any real dtype;
        computed in float64. Not modified.
    filtration : str or Filtration
        A name in `tdaflow.homology.FILTRATIONS` ("alpha", "cubical", "distance", "gaussian", ...), or an instance such
        as ``Cubical(direction="superlevel", downsample=2)``.
    homology_dimensions : sequence of int
        Distinct integers ≥ 0; at most d − 1 for points in R^d or arrays of d dimensions.
    spacing : sequence of float, optional
        Voxel size along each axis in mm, for filtrations of volumes; 1 along each by default.
    min_persistence : float
        In [0, 1]: bars not longer than this fraction of the extent of all births and deaths are removed, see
        `PersistenceDiagram.with_min_persistence`. 0 removes none, as every bar of an exact engine is a true one.
    essential : "drop", "cap", float or None
        What becomes of bars that never die: left out, ended at the largest filtration value, or at the given death.
        ``None`` means "drop" for points and "cap" for volumes.
    locations : bool
        If True, the diagram's ``locations[k]`` say where each bar of ``diagram[k]`` is born and dies: int64 (n, 2,
        ndim) voxel indices for volumes, int64 (n, 2, 5) for points: the rows of the birth and of the death simplex's
        vertices, padded with −1. A capped bar dies at the first voxel of the largest value, a bar ended by a given
        death nowhere: −1. Bars that occur several times stay apart.

    Returns
    -------
    PersistenceDiagram
        Births and deaths un-squared, sorted, over Z₂. ``metadata`` names the filtration, its options, the engine and
        the range of filtration values, and counts the bars that were removed.

    Raises
    ------
    InputError
        For NaN or infinite values, masked arrays, empty input, another number of array dimensions than the filtration
        takes, unknown options, a bad spacing, or one given with points.

    See Also
    --------
    tdaflow.homology.Alpha, tdaflow.homology.Cubical, tdaflow.homology.volume_filtrations : what each computes.

    Examples
    --------
    The corners of a unit square: a loop is born when the sides appear and filled at half the diagonal.

    >>> from tdaflow import persistence_diagram
    >>> persistence_diagram([[0, 0], [0, 1], [1, 0], [1, 1]], homology_dimensions=(1,))[1].round(3).tolist()
    [[0.5, 0.707]]
    """
    chosen = filtration_from(filtration)
    data, size = unwrapped(points_or_volume, spacing)
    refuse_other_axes(data)
    # A filtration of one's own need not know the argument.
    asked: dict[str, Any] = {"locations": True} if locations else {}
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}; give at least 1, or leave it out for all cores")
    with kernel_threads(threads or all_cores()):
        if chosen.takes == "volume":
            diagram = chosen.diagram(data, homology_dimensions, spacing=size, **asked)
        elif spacing is not None:
            raise InputError("points have their lengths in their coordinates; give spacing to superpixel_point_cloud")
        else:
            diagram = chosen.diagram(data, homology_dimensions, **asked)
    policy = chosen.default_essential if essential is None else essential
    return diagram.with_essential(policy).with_min_persistence(min_persistence)
