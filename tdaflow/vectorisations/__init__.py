"""Persistence diagrams to short vectors beside the images: curves, statistics and soft counts.

``VECTORISATIONS`` lists them by the name that a configuration uses; each is a frozen dataclass of its options.
"""

from typing import Any

from tdaflow.errors import InputError
from tdaflow.vectorisations.atol import Atol, FittedAtol, fit_atol, usual_bars
from tdaflow.vectorisations.curves import Betti, Curve, EntropyCurve, Landscape, Silhouette
from tdaflow.vectorisations.sampling import BarSample, merge_samples
from tdaflow.vectorisations.statistics import Statistics
from tdaflow.vectorisations.summary import Summary, betti_maximum, summary_names, summary_numbers
from tdaflow.vectorisations.terms import Bounds, Term, Vectorisation, term_names

VECTORISATIONS: dict[str, type[Curve] | type[Statistics] | type[Atol]] = {
    "betti": Betti,
    "landscape": Landscape,
    "silhouette": Silhouette,
    "entropy": EntropyCurve,
    "statistics": Statistics,
    "atol": Atol,
}

__all__ = [
    "VECTORISATIONS",
    "Atol",
    "BarSample",
    "Betti",
    "Bounds",
    "EntropyCurve",
    "FittedAtol",
    "Landscape",
    "Silhouette",
    "Statistics",
    "Summary",
    "Term",
    "Vectorisation",
    "betti_maximum",
    "fit_atol",
    "merge_samples",
    "summary_names",
    "summary_numbers",
    "term_names",
    "usual_bars",
    "vectorisation_from",
]


def vectorisation_from(vectorisation: Any) -> Any:
    """Return the options of a vectorisation given by name, its defaults, or as they are.

    Raises
    ------
    InputError
        For an unknown name, or an object without a ``terms`` method.
    """
    if isinstance(vectorisation, str):
        if vectorisation not in VECTORISATIONS:
            raise InputError(f"vectorisation={vectorisation!r} does not exist; use one of {', '.join(VECTORISATIONS)}")
        return VECTORISATIONS[vectorisation]()
    if isinstance(vectorisation, type) or not hasattr(vectorisation, "terms"):
        raise InputError(
            f"vectorisation={vectorisation!r} is neither a name nor an instance such as Landscape(n_landscapes=5); "
            "pass one of them"
        )
    return vectorisation
