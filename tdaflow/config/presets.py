"""Named starting points; a file or an override only says what differs from one.

``report`` is the method as published: 600 superpixels on the integer-step grid, alpha H2, ε = 0.95, Definition 1, each
image divided by its maximum. ``adams`` is the persistence image of Adams et al. (JMLR 18(8), 2017): birth–persistence
plane, linear weight, integrated per pixel. ``default`` is argued in the README from validation figures. ``wide`` has
the filtrations that were tried and cost less than an alpha complex each, on small images: what each of them says
is weighed by `tdaflow evaluate`, not by hand.
"""

from typing import Any

_BOTH = {"direction": ["sublevel", "superlevel"]}
_AXES = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]]

PRESETS: dict[str, dict[str, Any]] = {
    "default": {
        "superpixels": {"intensity_scale": "range"},
        "images": {
            "plane": "birth-persistence",
            "weight": "constant",
            "sampling": "centre",
            "resolution": 32,
        },
    },
    "report": {
        "superpixels": {"n_superpixels": 600, "grid": "integer-step"},
        "filtrations": {"alpha": {"homology_dimensions": [2]}},
        "images": {
            "epsilon": 0.95,
            "plane": "birth-death",
            "weight": "gaussian",
            "sampling": "centre",
            "resolution": 100,
            "normalise": "max",
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
        "superpixels": {"intensity_scale": "range"},
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
        "images": {
            "plane": "birth-persistence",
            "weight": "constant",
            "sampling": "centre",
            "resolution": 20,
        },
    },
}
