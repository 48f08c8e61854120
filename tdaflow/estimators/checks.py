"""Checks of a list of diagrams that are to share ranges."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.estimators.lists import samples_of
from tdaflow.homology.checks import is_count


def diagrams_of(X: Any) -> list[PersistenceDiagram]:
    """Return the samples of `X`; InputError unless they are one or more persistence diagrams."""
    diagrams = samples_of(X)
    for i, diagram in enumerate(diagrams):
        if not isinstance(diagram, PersistenceDiagram):
            raise InputError(
                f"sample {i} of X is a {type(diagram).__name__}, not a PersistenceDiagram; compute diagrams with "
                f"Persistence first"
            )
    return diagrams


def common_filtration(diagrams: Sequence[PersistenceDiagram]) -> str:
    """Return the filtration that all diagrams are of, "" if they name none; InputError if they are of several."""
    names = sorted({str(diagram.metadata.get("filtration", "")) for diagram in diagrams})
    if len(names) > 1:
        raise InputError(
            f"X has diagrams of {' and '.join(map(repr, names))}, which are on different scales; "
            f"use one transformer a filtration"
        )
    return names[0]


def of_filtration(X: Any, filtration: str, homology_dimensions: Sequence[int]) -> list[PersistenceDiagram]:
    """The samples of `X`; InputError unless they are diagrams of this filtration with these homology dimensions."""
    diagrams = diagrams_of(X)
    if (name := common_filtration(diagrams)) != filtration:
        raise InputError(
            f"X has diagrams of {name!r}, this transformer was fitted on {filtration!r}; "
            f"use one transformer a filtration"
        )
    wanted_dimensions(homology_dimensions, diagrams)
    return diagrams


def wanted_dimensions(
    homology_dimensions: Sequence[int] | None, diagrams: Sequence[PersistenceDiagram]
) -> tuple[int, ...]:
    """Return the homology dimensions to use, ascending.

    Parameters
    ----------
    homology_dimensions : sequence of int or None
        None for all that any diagram has.
    diagrams : sequence of PersistenceDiagram

    Raises
    ------
    InputError
        If a diagram lacks one of them, and for none or repeated ones.
    """
    if homology_dimensions is None:
        homology_dimensions = tuple({k for diagram in diagrams for k in diagram.dimensions})
    if not np.iterable(homology_dimensions) or not all(is_count(k, 0) for k in homology_dimensions):
        raise InputError(
            f"homology_dimensions={homology_dimensions!r} must be integers from 0 up, such as (0, 1, 2), "
            f"or None for all"
        )
    wanted = tuple(sorted(homology_dimensions))
    if not wanted or len(set(wanted)) < len(wanted):
        raise InputError(f"homology_dimensions is {homology_dimensions!r}; list one or more dimensions, each once")
    for i, diagram in enumerate(diagrams):
        if lacking := [k for k in wanted if k not in diagram]:
            raise InputError(
                f"sample {i} of X has no homology dimension {lacking[0]}, only {list(diagram.dimensions)}; compute it "
                f"with Persistence or leave it out of homology_dimensions"
            )
    return wanted
