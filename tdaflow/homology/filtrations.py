"""What a filtration is, and which there are."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol

from numpy.typing import ArrayLike

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology.alpha import Alpha
from tdaflow.homology.cubical import Cubical


class Filtration(Protocol):
    """A frozen dataclass of options that knows how to compute a diagram.

    Attributes
    ----------
    takes : "points" or "volume"
        Whether it is computed on a point cloud or on voxels.
    default_essential : "drop" or "cap"
        What becomes of bars that never die unless the caller says otherwise.
    constant_births : tuple of int
        Homology dimensions whose bars are all born at one value, so that a birth axis says nothing.
    """

    takes: ClassVar[Literal["points", "volume"]]
    default_essential: ClassVar[Literal["drop", "cap"]]
    constant_births: ClassVar[tuple[int, ...]]

    @property
    def name(self) -> str:
        """Name in channels and metadata: diagrams of one name are on one scale and share ranges."""
        ...

    def diagram(self, data: ArrayLike, homology_dimensions: Sequence[int]) -> PersistenceDiagram:
        """Return every bar of positive length, and the births of the essential ones."""
        ...


FILTRATIONS: dict[str, type[Alpha] | type[Cubical]] = {"alpha": Alpha, "cubical": Cubical}
"""Filtrations by the name that a configuration uses; each is a dataclass of its options."""


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
        return FILTRATIONS[filtration]()
    if isinstance(filtration, type) or not hasattr(filtration, "diagram"):
        raise InputError(
            f"filtration={filtration!r} is neither a name nor an instance such as Cubical(); pass one of them"
        )
    return filtration
