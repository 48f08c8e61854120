"""All that a finished run does to a volume, read back from its folder: recipe, ranges and σ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.pipeline.ranges_stage import pixel_centres, regional_axes
from tdaflow.pipeline.recipes import diagram_recipe, image_recipe
from tdaflow.pipeline.summaries import range_key, summary_steps
from tdaflow.pipeline.tasks import DiagramRecipe, ImageRecipe
from tdaflow.store import ChannelAxes, RunFolder, VolumeStore
from tdaflow.store.block_names import BlockName


@dataclass(frozen=True)
class Recipe:
    """From voxels to diagrams, and from diagrams to the blocks of the features.

    Attributes
    ----------
    diagrams : DiagramRecipe
    images : ImageRecipe
    blocks : tuple of str
        Names of the blocks: images in the order of ``images.channels``, then vectorisations.
    """

    diagrams: DiagramRecipe
    images: ImageRecipe
    blocks: tuple[str, ...]


def run_recipe(folder: RunFolder, wanted: Iterable[str] | None = None) -> Recipe:
    """The recipe of a finished run.

    Parameters
    ----------
    folder : RunFolder
    wanted : iterable of str, optional
        Only these blocks of the features are made; all by default.

    Raises
    ------
    InputError
        If the run is not finished, or has none of the blocks.
    """
    state = folder.read()
    if state is None or not folder.features.exists():
        raise InputError(f"{folder.path} holds no finished run: run `tdaflow run ... --out {folder.path}` to its end")
    return recipe_from(state, wanted)


def recipe_from(state: Mapping[str, Any], wanted: Iterable[str] | None = None) -> Recipe:
    """The recipe from what run.json holds: ``config``, ``scales``, ``ranges``, ``image_maximum``, ``images_dtype``.

    Parameters
    ----------
    state : mapping
    wanted : iterable of str, optional
        As for `run_recipe`.
    """
    config = RunConfig.model_validate(state["config"])
    axes = run_channels(config, state["ranges"])
    summaries = summary_steps(config, state["ranges"])
    images = replace(image_recipe(config, axes, summaries), dtype=state["images_dtype"])
    if config.images.normalise == "dataset-max":
        maxima = dict(zip(config.channels, state["image_maximum"], strict=True))
        images = replace(images, normalise=tuple(maxima[c.filtration, c.homology_dimension] or None for c in axes))
    whole = Recipe(diagram_recipe(config, state["scales"]), images, _names(images))
    return whole if wanted is None else _part(whole, tuple(wanted))


def run_channels(config: RunConfig, ranges: Mapping[str, Any]) -> tuple[ChannelAxes, ...]:
    """The grid and σ of every channel and region, from the ranges that run.json holds."""
    found: list[ChannelAxes] = []
    for channel in config.channels:
        told = ranges[range_key(channel)]
        rows, columns = told["resolution"]
        birth_range, death_range = tuple(told["birth_range"]), tuple(told["death_range"])
        axes = ChannelAxes(
            *channel, birth_range, death_range, told["sigma"],
            pixel_centres(birth_range, columns), pixel_centres(death_range, rows), vector=config.is_vector(channel),
        )  # fmt: skip
        found += regional_axes(axes, config)
    return tuple(found)


def run_volumes(folder: RunFolder) -> VolumeStore:
    """The volume store of a run, its own or the one it was told to read."""
    state = folder.read()
    elsewhere = None if state is None else state["config"]["data"].get("store")
    return VolumeStore(Path(elsewhere) if elsewhere else folder.volumes)


def _names(images: ImageRecipe) -> tuple[str, ...]:
    channels = [str(BlockName(c.filtration, c.homology_dimension, c.region)) for c in images.channels]
    vectors = [str(BlockName(s.filtration, s.homology_dimension, s.region, s.kind)) for s in images.summaries]
    return (*channels, *vectors)


def _part(whole: Recipe, wanted: tuple[str, ...]) -> Recipe:
    """The recipe of some blocks; filtrations and homology dimensions that none of them needs are left out."""
    lacking = [name for name in wanted if name not in whole.blocks]
    if lacking:
        raise InputError(f"the run has no block {lacking[0]!r}: its blocks are {', '.join(whole.blocks)}")
    n_images = len(whole.images.channels)
    kept = [name in wanted for name in whole.blocks]
    images = replace(
        whole.images,
        channels=tuple(c for c, keep in zip(whole.images.channels, kept[:n_images], strict=True) if keep),
        normalise=tuple(n for n, keep in zip(whole.images.normalise, kept[:n_images], strict=True) if keep),
        summaries=tuple(s for s, keep in zip(whole.images.summaries, kept[n_images:], strict=True) if keep),
    )
    needed = {(c.filtration, c.homology_dimension) for c in images.channels}
    needed |= {(s.filtration, s.homology_dimension) for s in images.summaries}
    steps = []
    for step in whole.diagrams.steps:
        dimensions = tuple(d for d in step.homology_dimensions if (step.name, d) in needed)
        if dimensions:
            steps.append(replace(step, homology_dimensions=dimensions))
    return Recipe(replace(whole.diagrams, steps=tuple(steps)), images, _names(images))
