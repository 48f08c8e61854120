"""From the configuration to what the workers are told."""

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.pipeline.tasks import DiagramRecipe, FiltrationStep, ImageRecipe
from tdaflow.store import ChannelAxes, VolumeTable


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
        max_voxels=config.run.max_voxels,
    )


def intensity_scale(config: RunConfig, rows: VolumeTable) -> float:
    """The intensity scale as a number; "range" looks at the volumes that `ranges_from` selects.

    It gives the range of all their intensities the length of their longest edge in mm, so that intensity and space
    extend equally far and λ alone weighs them, whatever the units.
    """
    scale = config.superpixels.intensity_scale
    if scale != "range":
        return scale
    selected = rows.split == "train" if config.images.ranges_from == "train" else np.ones(len(rows), dtype=bool)
    edge = float((rows.shape[selected] * rows.spacing[selected]).max())
    extent = float(rows.maximum[selected].max() - rows.minimum[selected].min())
    return edge / extent if extent > 0 else 1.0


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


def check_shapes(config: RunConfig, rows: VolumeTable) -> None:
    """Refuse volumes too large for what is asked, before any work.

    Raises
    ------
    ConfigError
        With the remedy.
    """
    largest = int(rows.shape.prod(axis=1).max())
    if largest <= config.run.max_voxels:
        return
    from tdaflow.pipeline.large_volumes import check_large

    filtrations = {name: f.filtration() for name, f in config.filtrations.items()}
    for depth, height, width in {tuple(int(n) for n in shape) for shape in rows.shape}:
        check_large((depth, height, width), filtrations, config.superpixels.method, config.run.max_voxels)
