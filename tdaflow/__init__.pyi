from . import distances
from .api import Run, open_run, run
from .diagrams import PersistenceDiagram
from .estimators import Persistence, PersistenceImage, PersistenceVectorisation, SuperpixelPointCloud
from .from_scans import analyse
from .homology import DTM, Alpha, Cubical, persistence_diagram
from .homology.filtrations import (
    Distance,
    Gaussian,
    GaussianLaplacian,
    GradientMagnitude,
    Height,
    LaplacianOfGaussian,
    Radial,
    WeightedHeight,
)
from .images import persistence_image, sigma_from_epsilon
from .sources import Volume, open_source, volume_from
from .store.feature_dataset import feature_matrix, load_features
from .superpixels import superpixel_point_cloud

__version__: str
__all__ = [
    "DTM",
    "Alpha",
    "Cubical",
    "Distance",
    "Gaussian",
    "GaussianLaplacian",
    "GradientMagnitude",
    "Height",
    "LaplacianOfGaussian",
    "Persistence",
    "PersistenceDiagram",
    "PersistenceImage",
    "PersistenceVectorisation",
    "Radial",
    "Run",
    "SuperpixelPointCloud",
    "Volume",
    "WeightedHeight",
    "analyse",
    "distances",
    "feature_matrix",
    "load_features",
    "open_run",
    "open_source",
    "persistence_diagram",
    "persistence_image",
    "run",
    "sigma_from_epsilon",
    "superpixel_point_cloud",
    "volume_from",
]
