"""Volumes to 4D superpixel point clouds: grid, filtering at the feature points, rounding to a lattice."""

from tdaflow.superpixels.cloud import (
    SuperpixelCloud,
    SuperpixelPlan,
    superpixel_plan,
    superpixel_point_cloud,
    superpixels,
    superpixels_from_values,
)
from tdaflow.superpixels.grid import SuperpixelGrid, nearest_counts, superpixel_grid
from tdaflow.superpixels.lattice import default_intensity_step, volume_scale
from tdaflow.superpixels.options import SuperpixelOptions
from tdaflow.superpixels.scale import CohortScale, cohort_scale, with_volume_scale
from tdaflow.superpixels.smoothing import AxisTaps, sample

__all__ = [
    "AxisTaps",
    "CohortScale",
    "SuperpixelCloud",
    "SuperpixelGrid",
    "SuperpixelOptions",
    "SuperpixelPlan",
    "cohort_scale",
    "default_intensity_step",
    "nearest_counts",
    "sample",
    "superpixel_grid",
    "superpixel_plan",
    "superpixel_point_cloud",
    "superpixels",
    "superpixels_from_values",
    "volume_scale",
    "with_volume_scale",
]
