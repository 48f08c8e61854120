"""Persistence images from 3D medical volumes, at the scale of real archives."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers see of the imports that wait for their first use
    from tdaflow import distances as distances
    from tdaflow.api import Run as Run
    from tdaflow.api import open_run as open_run
    from tdaflow.api import run as run
    from tdaflow.diagrams import PersistenceDiagram as PersistenceDiagram
    from tdaflow.estimators import Persistence as Persistence
    from tdaflow.estimators import PersistenceImage as PersistenceImage
    from tdaflow.estimators import PersistenceVectorisation as PersistenceVectorisation
    from tdaflow.estimators import SuperpixelPointCloud as SuperpixelPointCloud
    from tdaflow.from_scans import analyse as analyse
    from tdaflow.homology import DTM as DTM
    from tdaflow.homology import Alpha as Alpha
    from tdaflow.homology import Cubical as Cubical
    from tdaflow.homology import persistence_diagram as persistence_diagram
    from tdaflow.homology.filtrations import Distance as Distance
    from tdaflow.homology.filtrations import Gaussian as Gaussian
    from tdaflow.homology.filtrations import GaussianLaplacian as GaussianLaplacian
    from tdaflow.homology.filtrations import GradientMagnitude as GradientMagnitude
    from tdaflow.homology.filtrations import Height as Height
    from tdaflow.homology.filtrations import LaplacianOfGaussian as LaplacianOfGaussian
    from tdaflow.homology.filtrations import Radial as Radial
    from tdaflow.homology.filtrations import WeightedHeight as WeightedHeight
    from tdaflow.images import persistence_image as persistence_image
    from tdaflow.images import sigma_from_epsilon as sigma_from_epsilon
    from tdaflow.sources import Volume as Volume
    from tdaflow.sources import open_source as open_source
    from tdaflow.sources import volume_from as volume_from
    from tdaflow.store.feature_dataset import feature_matrix as feature_matrix
    from tdaflow.store.feature_dataset import load_features as load_features
    from tdaflow.superpixels import superpixel_point_cloud as superpixel_point_cloud

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
    "PersistenceVectorisation": "tdaflow.estimators",
    "Alpha": "tdaflow.homology",
    "Cubical": "tdaflow.homology",
    "DTM": "tdaflow.homology",
    "Distance": "tdaflow.homology.filtrations",
    "Gaussian": "tdaflow.homology.filtrations",
    "GaussianLaplacian": "tdaflow.homology.filtrations",
    "GradientMagnitude": "tdaflow.homology.filtrations",
    "Height": "tdaflow.homology.filtrations",
    "LaplacianOfGaussian": "tdaflow.homology.filtrations",
    "Radial": "tdaflow.homology.filtrations",
    "WeightedHeight": "tdaflow.homology.filtrations",
    "Volume": "tdaflow.sources",
    "open_source": "tdaflow.sources",
    "volume_from": "tdaflow.sources",
    "Run": "tdaflow.api",
    "open_run": "tdaflow.api",
    "run": "tdaflow.api",
    "analyse": "tdaflow.from_scans",
    "load_features": "tdaflow.store.feature_dataset",
    "feature_matrix": "tdaflow.store.feature_dataset",
}
_MODULES = ("distances",)
__all__ = ["__version__", *_PUBLIC, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    if name in _MODULES:
        return import_module(f"tdaflow.{name}")
    raise AttributeError(f"module 'tdaflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
