"""How a run made the images that a network predicts, kept with the network so that it can fall back on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tdaflow.pipeline.run_recipe import Recipe, recipe_from
from tdaflow.store import ChannelAxes, VolumeTable

# What a recipe is made from, of all that run.json holds.
_KEPT = ("config", "ranges", "image_maximum")


@dataclass(frozen=True)
class ExactRecipe:
    """A run's recipe for some channels, as data.

    Attributes
    ----------
    state : mapping
        JSON-able: configuration, ranges and maxima of the run.
    blocks : tuple of str
        The channels, as features name them.
    longest_edge : float
        Of the volumes that ranges come from, mm; with `intensities` it decides ``intensity_scale = "range"``.
    intensities : (low, high) float
        Of the same volumes.
    """

    state: Mapping[str, Any]
    blocks: tuple[str, ...]
    longest_edge: float
    intensities: tuple[float, float]

    @classmethod
    def of_run(cls, state: Mapping[str, Any], blocks: tuple[str, ...], rows: VolumeTable) -> "ExactRecipe":
        """From what run.json holds and the run's volumes by row."""
        train_only = state["config"]["images"]["ranges_from"] == "train"
        selected = rows.split == "train" if train_only else np.ones(len(rows), dtype=bool)
        return cls(
            {name: state[name] for name in _KEPT},
            blocks,
            float((rows.shape[selected] * rows.spacing[selected]).max()),
            (float(rows.minimum[selected].min()), float(rows.maximum[selected].max())),
        )

    @cached_property
    def recipe(self) -> Recipe:
        """What the pipeline's batch functions take."""
        return recipe_from(self.state, self._stand_in(), self.blocks)

    @property
    def channels(self) -> tuple[ChannelAxes, ...]:
        """Grid and σ of the channels, in the run's order."""
        return self.recipe.images.channels

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "state": dict(self.state), "blocks": list(self.blocks), "longest_edge": self.longest_edge,
            "intensities": list(self.intensities),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "ExactRecipe":
        """From what `to_dict` gave, through JSON."""
        low, high = told["intensities"]
        return cls(told["state"], tuple(told["blocks"]), told["longest_edge"], (low, high))

    def _stand_in(self) -> VolumeTable:
        """One volume that extends as far, in space and intensity, as all those of the run together."""
        text, none = np.array([""], dtype=object), np.array([-1])
        return VolumeTable(
            id=text, label=none, split=np.array(["train"], dtype=object), group=text, row=np.array([0]),
            shape=np.ones((1, 3), dtype=np.int64), spacing=np.full((1, 3), self.longest_edge),
            minimum=np.array([self.intensities[0]]), maximum=np.array([self.intensities[1]]),
            digest=text, facts=text, reason=text,
        )  # fmt: skip
