"""Preprocessing steps: frozen dataclasses that map (voxels, spacing) to (voxels, spacing), whole or in blocks."""

from tdaflow.preprocessing.geometry import CropPad, Resample
from tdaflow.preprocessing.intensity import Clip, Rescale, Window, ZScore
from tdaflow.preprocessing.pipeline import STEPS, Preprocessing, step_from
from tdaflow.preprocessing.presets import AUTO, PREPROCESSING_PRESETS, resolved_preset
from tdaflow.preprocessing.robust_zscore import RobustZScore
from tdaflow.preprocessing.statistics import VolumeStatistics, extremes, moments, percentiles, statistics
from tdaflow.preprocessing.step import Blocks, Step

__all__ = [
    "AUTO",
    "PREPROCESSING_PRESETS",
    "STEPS",
    "Blocks",
    "Clip",
    "CropPad",
    "Preprocessing",
    "Resample",
    "Rescale",
    "RobustZScore",
    "Step",
    "VolumeStatistics",
    "Window",
    "ZScore",
    "extremes",
    "moments",
    "percentiles",
    "resolved_preset",
    "statistics",
    "step_from",
]
