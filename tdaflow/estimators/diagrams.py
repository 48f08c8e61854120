"""Point clouds or volumes to persistence diagrams, as a scikit-learn transformer."""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from tdaflow.diagrams import EssentialPolicy, PersistenceDiagram
from tdaflow.estimators.lists import ListTransformer, each, samples_of, volume_of
from tdaflow.estimators.options import NestedOptions
from tdaflow.homology import Filtration, filtration_from, persistence_diagram
from tdaflow.homology.checks import check_spacing
from tdaflow.option_types import check_arguments


class Persistence(ListTransformer, NestedOptions):
    """Compute the persistence diagram of every point cloud or volume; `fit` learns nothing.

    Parameters
    ----------
    filtration : str or Filtration
        A name in `tdaflow.homology.FILTRATIONS`: "alpha" and "dtm" (on point clouds), "cubical", "distance", "gaussian"
        and others (on volumes); or an instance such as ``Cubical(direction="superlevel", downsample=2)``. Its options
        can be set and searched as ``filtration__downsample``.
    homology_dimensions : sequence of int
    spacing : sequence of float or None
        Voxel size along each axis in mm of all volumes that do not bring their own; None is 1 along each. Not for point
        clouds, which have it in their coordinates.
    min_persistence : float in [0, 1]
        Bars not longer than this fraction of the extent of the diagram's births and deaths are removed; 0 keeps all.
    essential : "drop", "cap", float or None
        What becomes of bars that never die; None means "drop" for point clouds and "cap" for volumes.
    n_jobs : int or None
        Diagrams at a time (threads); None is 1 unless in a `joblib.parallel_config`.

    See Also
    --------
    tdaflow.persistence_diagram : the same for one sample.

    Examples
    --------
    >>> from tdaflow import Persistence
    >>> square = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> [diagram] = Persistence(homology_dimensions=(1,)).fit_transform([square])
    >>> diagram[1].round(3).tolist()
    [[0.5, 0.707]]
    """

    output_name = "persistence_diagram"
    nested: ClassVar = {"filtration": filtration_from}

    def __init__(
        self,
        filtration: str | Filtration = "alpha",
        *,
        homology_dimensions: Sequence[int] = (0, 1, 2),
        spacing: Sequence[float] | None = None,
        min_persistence: float = 0.0,
        essential: EssentialPolicy | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.filtration = filtration
        self.homology_dimensions = homology_dimensions
        self.spacing = spacing
        self.min_persistence = min_persistence
        self.essential = essential
        self.n_jobs = n_jobs

    def fit(self, X: Sequence[ArrayLike], y: Any = None) -> "Persistence":
        """Check the parameters.

        Parameters
        ----------
        X : list or array
            As for `transform`; only counted.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        InputError
            For bad parameters or an empty `X`.
        """
        samples_of(X)
        check_arguments(self)
        filtration_from(self.filtration)
        if self.spacing is not None:
            check_spacing(self.spacing, np.size(self.spacing))
        # A diagram without bars refuses what a diagram with bars would refuse.
        nothing = PersistenceDiagram(dict.fromkeys(self.homology_dimensions, np.zeros((0, 2))))
        nothing.with_essential("drop" if self.essential is None else self.essential)
        nothing.with_min_persistence(self.min_persistence)
        return self

    def transform(self, X: Sequence[ArrayLike]) -> list[PersistenceDiagram]:
        """Compute the diagrams.

        Parameters
        ----------
        X : list or array
            One sample an element: points (n_points, d), or for a filtration of volumes an array of 1–3 dimensions
            (z, y, x), a `tdaflow.Volume`, or an image of nibabel or SimpleITK (see `tdaflow.volume_from`). Finite.

        Returns
        -------
        list of PersistenceDiagram
            A Series with the same index where `X` is a pandas Series.

        Raises
        ------
        InputError
            Naming the sample that cannot be used.
        """
        compute = partial(
            _diagram,
            filtration=self.filtration,
            homology_dimensions=self.homology_dimensions,
            spacing=self.spacing,
            min_persistence=self.min_persistence,
            essential=self.essential,
            threads=1,
        )
        return each(compute, X, self.n_jobs)


def _diagram(sample: Any, spacing: Sequence[float] | None, **options: Any) -> PersistenceDiagram:
    volume = volume_of(sample)
    return persistence_diagram(volume, spacing=None if hasattr(volume, "voxels") else spacing, **options)
