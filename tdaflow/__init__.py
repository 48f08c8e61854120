"""Persistence images from 3D medical volumes, at the scale of real archives."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public names are imported on first use, so that `import tdaflow` stays light.
_PUBLIC = {
    "superpixel_point_cloud": "tdaflow.superpixels",
    "persistence_diagram": "tdaflow.homology",
    "PersistenceDiagram": "tdaflow.diagrams",
    "sigma_from_epsilon": "tdaflow.images",
    "persistence_image": "tdaflow.images",
    "SuperpixelPointCloud": "tdaflow.estimators",
    "Persistence": "tdaflow.estimators",
    "PersistenceImage": "tdaflow.estimators",
    "Run": "tdaflow.pipeline.opened",
    "open_run": "tdaflow.pipeline.opened",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'tdaflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
