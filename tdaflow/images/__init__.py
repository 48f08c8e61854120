"""Persistence diagrams to images: the σ rule, weights, pixel grids and the image itself."""

from tdaflow.images.axes import PixelAxis, pixel_axes
from tdaflow.images.image import ImageMaker, image_of, outside_count, persistence_image
from tdaflow.images.options import ImageOptions
from tdaflow.images.scores import bar_scores
from tdaflow.images.sigma import sigma_from_epsilon
from tdaflow.images.storage import stored_dtype
from tdaflow.images.weights import bar_weights

__all__ = [
    "ImageMaker",
    "ImageOptions",
    "PixelAxis",
    "bar_scores",
    "bar_weights",
    "image_of",
    "outside_count",
    "persistence_image",
    "pixel_axes",
    "sigma_from_epsilon",
    "stored_dtype",
]
