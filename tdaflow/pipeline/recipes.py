"""From the configuration to what the workers are told."""

from typing import Any

import numpy as np

from tdaflow.config import RunConfig, SuperpixelConfig
from tdaflow.pipeline.region_checks import check_regions
from tdaflow.pipeline.tasks import DiagramRecipe, FiltrationStep, ImageRecipe, SummaryStep
from tdaflow.store import ChannelAxes, VolumeTable


def diagram_recipe(config: RunConfig, rows: VolumeTable) -> DiagramRecipe:
    """The recipe of the diagrams, with a data-set-wide intensity scale resolved."""
    return DiagramRecipe(
        superpixels=_arguments(config, rows, config.superpixels),
        steps=tuple(
            FiltrationStep(
                name=name,
                filtration=f.filtration(),
                superpixels=_arguments(config, rows, config.superpixels_of(name)),
                regions=f.regions,
                homology_dimensions=tuple(sorted(f.homology_dimensions)),
                min_persistence=f.min_persistence,
                essential=f.essential,
            )
            for name, f in config.filtrations.items()
        ),
        max_voxels=config.run.max_voxels,
    )


def intensity_scale(config: RunConfig, rows: VolumeTable, superpixels: SuperpixelConfig | None = None) -> float:
    """The intensity scale as a number, of a filtration's own superpixels if they are given.

    "range" looks at the volumes that `ranges_from` selects.

    It gives the range of all their intensities the length of their longest edge in mm, so that intensity and space
    extend equally far and λ alone weighs them, whatever the units.
    """
    scale = (superpixels or config.superpixels).intensity_scale
    if scale != "range":
        return scale
    selected = rows.split == "train" if config.images.ranges_from == "train" else np.ones(len(rows), dtype=bool)
    edge = float((rows.shape[selected] * rows.spacing[selected]).max())
    extent = float(rows.maximum[selected].max() - rows.minimum[selected].min())
    return edge / extent if extent > 0 else 1.0


def _arguments(config: RunConfig, rows: VolumeTable, superpixels: SuperpixelConfig) -> dict[str, Any]:
    return superpixels.arguments(intensity_scale(config, rows, superpixels))


def image_recipe(
    config: RunConfig, channels: tuple[ChannelAxes, ...], summaries: tuple[SummaryStep, ...] = ()
) -> ImageRecipe:
    """The recipe of the images, and of the vectorisations beside them."""
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
        summaries=summaries,
    )


def check_shapes(config: RunConfig, rows: VolumeTable) -> None:
    """Refuse volumes too large, or with regions too small, for what is asked, before any work.

    Raises
    ------
    ConfigError
        With the remedy.
    """
    check_regions(config, rows)
    largest = int(rows.shape.prod(axis=1).max())
    if largest <= config.run.max_voxels:
        return
    from tdaflow.pipeline.large_volumes import check_large

    for name, f in config.filtrations.items():
        method = config.superpixels_of(name).method
        for depth, height, width in {tuple(int(n) for n in shape) for shape in rows.shape}:
            check_large((depth, height, width), {name: f.filtration()}, method, config.run.max_voxels)
