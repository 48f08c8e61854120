"""Robust extents of numbers, from which scales, steps, thresholds and ranges are taken instead of extremes."""

from tdaflow.extents.bounds import QUANTILES, robust_bounds
from tdaflow.extents.cohort import cohort_bounds, spread, typical
from tdaflow.extents.edges import on_edges
from tdaflow.extents.intensity import GreyValues, IntensityExtent, extent_known, grey_values, intensity_extent

__all__ = [
    "QUANTILES",
    "GreyValues",
    "IntensityExtent",
    "cohort_bounds",
    "extent_known",
    "grey_values",
    "intensity_extent",
    "on_edges",
    "robust_bounds",
    "spread",
    "typical",
]
