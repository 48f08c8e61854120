"""Functions of a volume, each filtered by cubes: distances, positions, scale spaces."""

from tdaflow.homology.volume_filtrations.distance import Distance
from tdaflow.homology.volume_filtrations.masked import Height, Radial
from tdaflow.homology.volume_filtrations.scale_space import (
    Gaussian,
    GaussianLaplacian,
    GradientMagnitude,
    LaplacianOfGaussian,
)
from tdaflow.homology.volume_filtrations.transformed import TransformedVolume
from tdaflow.homology.volume_filtrations.weighted_height import WeightedHeight

__all__ = [
    "Distance",
    "Gaussian",
    "GaussianLaplacian",
    "GradientMagnitude",
    "Height",
    "LaplacianOfGaussian",
    "Radial",
    "TransformedVolume",
    "WeightedHeight",
]
