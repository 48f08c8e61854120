"""What a vectorisation is, and the labels of its numbers."""

import math
from typing import ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tdaflow.diagrams import Bars

FloatArray = NDArray[np.float64]

Bounds = tuple[float, float]
"""Smallest birth and largest death of a channel over the data set: the range that all its diagrams share."""

Scale = Literal["block", "term"]


class Term(NamedTuple):
    """The label of one number: what it is, and at which filtration value (NaN where it is at none)."""

    name: str
    value: float = math.nan


class Vectorisation(Protocol):
    """Turns the bars of one channel into numbers whose count and meaning do not depend on the bars.

    Attributes
    ----------
    scale : "block" or "term"
        Whether its numbers are of one unit, so that they keep their relative sizes, or each of its own.
    """

    scale: ClassVar[Scale]

    def terms(self, bounds: Bounds) -> tuple[Term, ...]:
        """Label every number of `vector`."""
        ...

    def vector(self, bars: Bars, bounds: Bounds) -> FloatArray:
        """Return the numbers of some bars, float64; zeros for no bars."""
        ...
