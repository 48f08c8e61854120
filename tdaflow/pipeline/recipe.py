"""From the configuration to what the workers are told."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tdaflow.config import RunConfig
from tdaflow.images import stored_dtype
from tdaflow.pipeline.guards import check_regions
from tdaflow.pipeline.tasks import DiagramRecipe, FiltrationStep, ImageRecipe, SummaryStep
from tdaflow.store import ChannelAxes, VolumeTable
from tdaflow.superpixels import CohortScale, SuperpixelOptions, cohort_scale

# Sizes of filtration values whose squares float32 holds.
_SUMMARY_SIZES = (1e-15, 1e15)


def learnt_scales(config: RunConfig, rows: VolumeTable) -> dict[str, CohortScale]:
    """The intensity scale of every filtration of points that takes it from the cohort, by the filtration's name.

    It is learnt from the volumes that `reference` selects, or is that of the run or the sites that it names.
    """
    frozen = config.frozen
    if frozen is not None:
        return {name: CohortScale.from_dict(told) for name, told in frozen.scales.items()}
    return cohort_scales(config, *edges_and_extents(rows.at(learnt_rows(config, rows))))


def learnt_rows(config: RunConfig, rows: VolumeTable) -> np.ndarray:
    """Positions of the volumes that scales and ranges are learnt from."""
    return np.flatnonzero((rows.split == "train") | (config.learns_from == "all"))


def edges_and_extents(rows: VolumeTable) -> tuple[np.ndarray, np.ndarray]:
    """Longest edge in mm and extent of the grey values of each volume, what `cohort_scales` learns from."""
    return (rows.shape * rows.spacing).max(axis=1), rows.extent[:, 1] - rows.extent[:, 0]


def cohort_scales(config: RunConfig, edges: np.ndarray, extents: np.ndarray) -> dict[str, CohortScale]:
    """The intensity scale of every filtration of points that learns it from these volumes, by its name."""
    found = {}
    for name, f in config.filtrations.items():
        wanted = config.superpixels_of(name).intensity_scale
        if f.filtration().takes == "points" and not isinstance(wanted, float | int):
            found[name] = cohort_scale(edges, extents, wanted)
    return found


def diagram_recipe(config: RunConfig, scales: Mapping[str, Mapping[str, Any]]) -> DiagramRecipe:
    """The recipe of the diagrams.

    Parameters
    ----------
    config : RunConfig
    scales : mapping
        By filtration what `learnt_scales` found, as `CohortScale.as_dict` gives it and run.json holds it.
    """
    return DiagramRecipe(
        superpixels=config.superpixels,
        steps=tuple(
            FiltrationStep(
                name=name,
                filtration=f.filtration(),
                superpixels=resolved_superpixels(config, name, scales),
                regions=f.regions,
                homology_dimensions=tuple(sorted(f.homology_dimensions)),
                min_persistence=f.min_persistence,
                essential=f.essential,
            )
            for name, f in config.filtrations.items()
        ),
        max_voxels=config.run.max_voxels,
        locations=config.run.locations,
    )


def resolved_superpixels(
    config: RunConfig, filtration: str, scales: Mapping[str, Mapping[str, Any]]
) -> SuperpixelOptions:
    """The superpixels of a filtration, with the intensity scale that was learnt for it: a number, or "volume"."""
    options, told = config.superpixels_of(filtration), scales.get(filtration)
    if told is None:
        return options
    return replace(options, intensity_scale=CohortScale.from_dict(told).for_clouds)


def shown_superpixels(config: RunConfig, scales: Mapping[str, Mapping[str, Any]]) -> SuperpixelOptions:
    """The superpixels of the run's first filtration of points; those of the configuration where there is none."""
    names = [name for name, f in config.filtrations.items() if f.filtration().takes == "points"]
    return resolved_superpixels(config, names[0], scales) if names else config.superpixels


def image_recipe(
    config: RunConfig, channels: tuple[ChannelAxes, ...], summaries: tuple[SummaryStep, ...] = ()
) -> ImageRecipe:
    """The recipe of the images, and of the vectorisations beside them."""
    return ImageRecipe(
        channels=channels,
        options=config.images,
        normalise=(None,) * len(channels),
        dtype=resolved_dtype(config, channels, summaries),
        summaries=summaries,
    )


def resolved_dtype(config: RunConfig, channels: tuple[ChannelAxes, ...], summaries: tuple[SummaryStep, ...]) -> str:
    """The type in which all features are stored: ``images.dtype``, or float64 where that would lose them.

    Raises
    ------
    InputError
        If float64 would lose them too.
    """
    images = config.images
    found: set[str] = {images.dtype}
    for c in channels:
        longest = c.death_range[1] - (c.birth_range[0] if images.plane == "birth-death" else 0.0)
        found.add(stored_dtype(images, f"{c.filtration} H{c.homology_dimension}", (0.0, longest), c.sigma))
    # Vectors hold filtration values, and squares of them.
    sizes = [abs(value) for step in summaries for value in step.bounds if value]
    if sizes and not _SUMMARY_SIZES[0] <= max(sizes) <= _SUMMARY_SIZES[1]:
        found.add("float64")
    return max(found)


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
