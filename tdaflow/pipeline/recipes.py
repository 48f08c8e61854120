"""From the configuration to what the workers are told."""

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.pipeline.tasks import DiagramRecipe, FiltrationStep, ImageRecipe
from tdaflow.store import ChannelAxes, VolumeTable

# The range that "intensity_scale = range" maps a data set's intensities to: that of 8-bit images.
_GREY_LEVELS = 255.0


def diagram_recipe(config: RunConfig, rows: VolumeTable) -> DiagramRecipe:
    """The recipe of the diagrams, with a data-set-wide intensity scale resolved."""
    return DiagramRecipe(
        superpixels=config.superpixels.arguments(intensity_scale(config, rows)),
        steps=tuple(
            FiltrationStep(
                name=name,
                filtration=f.filtration(),
                homology_dimensions=tuple(sorted(f.homology_dimensions)),
                min_persistence=f.min_persistence,
                essential=f.essential,
            )
            for name, f in config.filtrations.items()
        ),
    )


def intensity_scale(config: RunConfig, rows: VolumeTable) -> float:
    """The intensity scale as a number; "range" looks at the volumes that `ranges_from` selects."""
    scale = config.superpixels.intensity_scale
    if scale != "range":
        return scale
    selected = rows.split == "train" if config.images.ranges_from == "train" else np.ones(len(rows), dtype=bool)
    extent = float(rows.maximum[selected].max() - rows.minimum[selected].min())
    return _GREY_LEVELS / extent if extent > 0 else 1.0


def image_recipe(config: RunConfig, channels: tuple[ChannelAxes, ...]) -> ImageRecipe:
    """The recipe of the images."""
    images = config.images
    normalise = images.normalise if images.normalise in ("max", "sum") else None
    return ImageRecipe(
        channels=channels,
        weight=images.weight,
        plane=images.plane,
        sampling=images.sampling,
        outside=images.outside,
        normalise=(normalise,) * len(channels),
        dtype=images.dtype,
    )
