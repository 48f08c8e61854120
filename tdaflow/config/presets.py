"""Presets of a configuration; files and overrides give only the differences from one.

``default`` is empty: every option has its default value (validation results in workflows/README.md). ``zhu2024`` is
the method of Zhu et al. 2024 (Persistence Image from 3D Medical Image: Superpixel and Optimized Gaussian Coefficient)
as published: 600 superpixels on the integer-step grid with grey levels as they are, alpha H2, ε = 0.95, the Gaussian
weight of their Definition 1, each image divided by its maximum, ranges from the extremes of the data set. ``adams`` is
the persistence image of Adams et al. (JMLR 18(8), 2017): birth–persistence plane, linear weight, integrated per pixel.
``wide`` adds filtrations of voxels, each cheaper than an alpha complex, at a low image resolution; `tdaflow evaluate`
chooses among their channels on validation.
"""

from collections.abc import Mapping
from typing import Any

from tdaflow.errors import did_you_mean

_BOTH = {"direction": ["sublevel", "superlevel"]}
_AXES = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]]

RENAMED = {"report": "zhu2024"}
"""Old name → new name, of presets and of packaged workflows of the same name."""

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "zhu2024": {
        "superpixels": {"n_superpixels": 600, "grid": "integer-step", "intensity_scale": 1.0},
        "filtrations": {"alpha": {"homology_dimensions": [2]}},
        "images": {
            "epsilon": 0.95,
            "plane": "birth-death",
            "weight": "gaussian",
            "sampling": "centre",
            "resolution": 100,
            "normalise": "max",
            "quantiles": [0, 1],
            "constant_birth": "image",
        },
    },
    "adams": {
        "images": {
            "plane": "birth-persistence",
            "weight": "linear",
            "sampling": "integral",
            "resolution": 50,
            "constant_birth": "image",
        },
    },
    "wide": {
        "filtrations": {
            "alpha": {},
            "cubical": {"each": _BOTH},
            "gradient": {"sigma": 1, "each": _BOTH},
            "log": {"each": {"sigma": [1, 2], **_BOTH}},
            "gaussian": {"sigma": 2, "each": _BOTH},
            "distance": {"each": _BOTH},
            "radial": {"threshold": "otsu", "centre": "volume", "each": _BOTH},
            "weighted-height": {"direction": "superlevel", "each": {"axis": _AXES}},
        },
        "images": {"resolution": 20},
    },
}


def over_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """Merge a configuration over the preset that it names, "default" if it names none.

    Raises
    ------
    ValueError
        For an unknown or renamed preset; the message gives the new name.
    """
    preset = given.get("preset", "default")
    if isinstance(preset, str) and preset in RENAMED:
        raise ValueError(f'the preset {preset!r} is called {RENAMED[preset]!r}; write preset = "{RENAMED[preset]}"')
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}; {did_you_mean(preset, PRESETS)}")
    return _over(PRESETS[preset], given)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge one nested mapping over another; only filtrations that `above` lists stay, each over its namesake."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            over = _over(under, value)
            merged[name] = {key: over[key] for key in value} if name == "filtrations" else over
        else:
            merged[name] = value
    return merged
