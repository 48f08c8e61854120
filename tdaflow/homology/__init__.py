"""Persistent homology of point clouds and volumes, behind one interface.

Nothing here imports GUDHI or compiles a kernel until a diagram is asked for.
"""

from tdaflow.homology.alpha import Alpha
from tdaflow.homology.cubical import Cubical
from tdaflow.homology.dtm import WeightedAlpha
from tdaflow.homology.filtrations import (
    FILTRATIONS,
    Filtration,
    PointFiltration,
    VolumeFiltration,
    filtration_from,
)
from tdaflow.homology.front import persistence_diagram

__all__ = [
    "FILTRATIONS",
    "Alpha",
    "Cubical",
    "Filtration",
    "PointFiltration",
    "VolumeFiltration",
    "WeightedAlpha",
    "filtration_from",
    "persistence_diagram",
]
