"""The interfaces of filtrations, and the table of all by name."""

from collections.abc import Sequence
from functools import cache
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology.alpha import Alpha
from tdaflow.homology.cubical import Cubical
from tdaflow.homology.dtm import DTM
from tdaflow.homology.volume_filtrations import (
    Distance,
    Gaussian,
    GaussianLaplacian,
    GradientMagnitude,
    Height,
    LaplacianOfGaussian,
    Radial,
    WeightedHeight,
)


class _Described(Protocol):
    default_essential: ClassVar[Literal["drop", "cap"]]
    constant_births: ClassVar[tuple[int, ...]]

    @property
    def name(self) -> str:
        """Name in channels and metadata: diagrams of one name are on one scale and share ranges."""
        ...

    @property
    def unit(self) -> str:
        """Unit of births and deaths."""
        ...

    @property
    def engine(self) -> str:
        """ "kernel" if tdaflow's own kernel computes it, else "gudhi"."""
        ...

    @property
    def in_words(self) -> str:
        """What is filtered and what comes first, for readers who are not topologists."""
        ...


class PointFiltration(_Described, Protocol):
    """Frozen dataclass of options that computes the diagram of a point cloud.

    Attributes
    ----------
    takes : "points"
    default_essential : "drop" or "cap"
        What becomes of bars that never die unless the caller says otherwise.
    constant_births : tuple of int
        Homology dimensions whose bars are all born at one value, so that a birth axis says nothing.
    """

    takes: ClassVar[Literal["points"]]

    def diagram(
        self, data: ArrayLike, homology_dimensions: Sequence[int], *, locations: bool = False
    ) -> PersistenceDiagram:
        """Return every bar of positive length, the births of the essential ones, and on request where they are."""
        ...


class VolumeFiltration(_Described, Protocol):
    """Frozen dataclass of options that computes the diagram of a volume.

    Attributes
    ----------
    takes : "volume"
    default_essential, constant_births
        As for a `PointFiltration`.
    """

    takes: ClassVar[Literal["volume"]]

    def diagram(
        self,
        data: ArrayLike,
        homology_dimensions: Sequence[int],
        *,
        spacing: Sequence[float] | None = None,
        locations: bool = False,
    ) -> PersistenceDiagram:
        """Return every bar of positive length, the births of the essential ones, and on request where they are.

        `spacing` is the voxel size along each axis in mm (1 by default). Clouds have no such argument: the lengths are
        in their coordinates.
        """
        ...

    def cubes(self, data: ArrayLike, *, spacing: Sequence[float] | None = None) -> tuple[Cubical, NDArray[np.float64]]:
        """Return the cubical filtration and the values it is applied to; those of a block are a part of these."""
        ...


Filtration = PointFiltration | VolumeFiltration

FILTRATIONS: dict[str, type[PointFiltration] | type[VolumeFiltration]] = {
    "alpha": Alpha,
    "dtm": DTM,
    "cubical": Cubical,
    "distance": Distance,
    "radial": Radial,
    "height": Height,
    "weighted-height": WeightedHeight,
    "gaussian": Gaussian,
    "log": LaplacianOfGaussian,
    "glog": GaussianLaplacian,
    "gradient": GradientMagnitude,
}
"""Filtrations by the name that a configuration uses; each is a dataclass of its options.

A new one is one more module and one more line here.
"""


def filtration_from(filtration: "str | Filtration") -> Filtration:
    """Return a filtration given by name, with default options, or as it is.

    Raises
    ------
    InputError
        For an unknown name, or an object without a ``diagram`` method.
    """
    if isinstance(filtration, str):
        if filtration not in FILTRATIONS:
            raise InputError(f"filtration={filtration!r} does not exist; use one of {', '.join(FILTRATIONS)}")
        return _with_default_options(filtration)
    if isinstance(filtration, type) or not hasattr(filtration, "diagram"):
        raise InputError(
            f"filtration={filtration!r} is neither a name nor an instance such as Cubical(); pass one of them"
        )
    return filtration


@cache
def _with_default_options(name: str) -> Filtration:
    # Filtrations are frozen; checking the options of one takes as long as a small diagram's bars.
    return FILTRATIONS[name]()
