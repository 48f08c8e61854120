"""Persistent homology of point clouds and volumes, behind one interface.

Nothing here imports GUDHI or compiles a kernel until a diagram is asked for.
"""

from tdaflow.homology.alpha import Alpha
from tdaflow.homology.compute import persistence_diagram
from tdaflow.homology.cubical import Cubical
from tdaflow.homology.dtm import DTM
from tdaflow.homology.filtrations import (
    FILTRATIONS,
    Filtration,
    PointFiltration,
    VolumeFiltration,
    filtration_from,
)
from tdaflow.homology.volume_filtrations import TransformedVolume

__all__ = [
    "DTM",
    "FILTRATIONS",
    "Alpha",
    "Cubical",
    "Filtration",
    "PointFiltration",
    "TransformedVolume",
    "VolumeFiltration",
    "filtration_from",
    "persistence_diagram",
]
