"""Interface of vectorisations, and the labels of their numbers."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tdaflow.diagrams import Bars

FloatArray = NDArray[np.float64]

Bounds = tuple[float, float]
"""Smallest birth and largest death of a channel over the data set: the range that all its diagrams share."""

Scale = Literal["block", "term"]


class Term(NamedTuple):
    """Label of one number: its name and its filtration value, NaN if it has none."""

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
    """Turns the bars of one channel into a vector whose length and meaning do not depend on the bars.

    Attributes
    ----------
    scale : "block" or "term"
        "block" if its numbers share a unit and keep their relative sizes, "term" if each has its own.
    """

    scale: ClassVar[Scale]

    def terms(self, bounds: Bounds) -> tuple[Term, ...]:
        """Label every number of `vector`."""
        ...

    def vector(self, bars: Bars, bounds: Bounds) -> FloatArray:
        """Return the numbers of some bars, float64; zeros for no bars."""
        ...
