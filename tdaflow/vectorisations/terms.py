"""What a vectorisation is, and the labels of its numbers."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

Bounds = tuple[float, float]
"""Smallest birth and largest death of a channel over the data set: the range that all its diagrams share."""

Scale = Literal["block", "term"]


class Term(NamedTuple):
    """The label of one number: what it is, and at which filtration value (NaN where it is at none)."""

    name: str
    value: float = math.nan


def term_names(terms: Sequence[Term]) -> list[str]:
    """Distinct names without spaces, such as "mean_of_birth", or "1_t0" for the first landscape at the first value."""
    seen: Counter[str] = Counter()
    names = []
    for term in terms:
        parts = [term.name.replace(" ", "_")] if term.name else []
        if not math.isnan(term.value):
            parts.append(f"t{seen[term.name]}")
            seen[term.name] += 1
        names.append("_".join(parts))
    return names


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

    def vector(self, pairs: FloatArray, bounds: Bounds) -> FloatArray:
        """Return the numbers of the finite bars (n, 2), float64; zeros for no bars."""
        ...
