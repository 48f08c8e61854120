"""Persistence diagrams to short vectors beside the images: curves, statistics and soft counts.

``VECTORISATIONS`` lists them by the name that a configuration uses; each is a frozen dataclass of its options.
"""

from tdaflow.vectorisations.atol import Atol, FittedAtol, fit_atol
from tdaflow.vectorisations.curves import Betti, Curve, EntropyCurve, Landscape, Silhouette
from tdaflow.vectorisations.sampling import BarSample, merge_samples
from tdaflow.vectorisations.statistics import Statistics
from tdaflow.vectorisations.summary import betti_maximum, summary_names, summary_numbers
from tdaflow.vectorisations.terms import Bounds, Term, Vectorisation

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
    "Term",
    "Vectorisation",
    "betti_maximum",
    "fit_atol",
    "merge_samples",
    "summary_names",
    "summary_numbers",
]
