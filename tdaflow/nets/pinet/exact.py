"""How a run made the images that a network predicts, kept with the network so that it can fall back on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tdaflow.pipeline.apply import Recipe, recipe_from
from tdaflow.store import ChannelAxes

# What a recipe is made from, of all that run.json holds.
_KEPT = ("config", "scales", "ranges", "image_maximum", "images_dtype")


@dataclass(frozen=True)
class ExactRecipe:
    """A run's recipe for some channels, as data.

    Attributes
    ----------
    state : mapping
        JSON-able: configuration, ranges and maxima of the run.
    blocks : tuple of str
        The channels, as features name them.
    """

    state: Mapping[str, Any]
    blocks: tuple[str, ...]

    @classmethod
    def of_run(cls, state: Mapping[str, Any], blocks: tuple[str, ...]) -> "ExactRecipe":
        """From what run.json holds."""
        return cls({name: state[name] for name in _KEPT}, blocks)

    @cached_property
    def recipe(self) -> Recipe:
        """What the pipeline's batch functions take."""
        return recipe_from(self.state, self.blocks)

    @property
    def channels(self) -> tuple[ChannelAxes, ...]:
        """Grid and σ of the channels, in the run's order."""
        return self.recipe.images.channels

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"state": dict(self.state), "blocks": list(self.blocks)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "ExactRecipe":
        """From what `to_dict` gave, through JSON."""
        return cls(told["state"], tuple(told["blocks"]))
