"""Preprocessing as data: frozen steps from (voxels, spacing) to (voxels, spacing), in memory or block by block."""

from tdaflow.preprocessing.geometry import CropPad, Resample
from tdaflow.preprocessing.intensity import Clip, Rescale, Window, ZScore
from tdaflow.preprocessing.pipeline import STEPS, Preprocessing, step_from
from tdaflow.preprocessing.presets import PRESETS
from tdaflow.preprocessing.statistics import VolumeStatistics, extremes, moments, percentiles, statistics
from tdaflow.preprocessing.step import Blocks, Step

__all__ = [
    "PRESETS",
    "STEPS",
    "Blocks",
    "Clip",
    "CropPad",
    "Preprocessing",
    "Resample",
    "Rescale",
    "Step",
    "VolumeStatistics",
    "Window",
    "ZScore",
    "extremes",
    "moments",
    "percentiles",
    "statistics",
    "step_from",
]
