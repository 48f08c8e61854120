"""Maps over the birth–persistence plane, and the file that holds them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.pipeline.apply import run_recipe
from tdaflow.pipeline.stages.ranges import pixel_centres
from tdaflow.store import ChannelAxes, RunFolder
from tdaflow.store.block_names import BlockName


@dataclass(frozen=True)
class Maps:
    """Maps of one model over several channels.

    Attributes
    ----------
    classes : tuple of str
        One map each: of two classes the second one only.
    mean, sd : mapping of str to array, shape (class, y, x)
        By channel; the SD is over seeds (n − 1).
    axes : mapping of str to ChannelAxes
    about : mapping
        JSON-able: ``model``, ``seeds``, ``val_auc``, ``notes``.
    """

    classes: tuple[str, ...]
    mean: Mapping[str, np.ndarray]
    sd: Mapping[str, np.ndarray]
    axes: Mapping[str, ChannelAxes]
    about: Mapping[str, Any]


def image_axes(run: Path, blocks: Sequence[str]) -> dict[str, ChannelAxes]:
    """Find the axes of those of some blocks that are images; InputError if none is."""
    channels = {
        str(BlockName(c.filtration, c.homology_dimension, c.region)): c
        for c in run_recipe(RunFolder(run)).images.channels
    }
    found = {name: channels[name] for name in blocks if name in channels}
    if not found:
        raise InputError(
            "the recorded choice uses no persistence image, so there is no plane to map: evaluate channels with images"
        )
    return found


def write_maps(found: Maps, folder: EvaluationFolder, stem: str) -> Path:
    """Write maps, axes and facts about them as ``STEM.npz``."""
    arrays: dict[str, np.ndarray] = {"channels": np.array(list(found.mean))}
    for i, name in enumerate(found.mean):
        axes = found.axes[name]
        arrays |= {f"mean_{i}": found.mean[name], f"sd_{i}": found.sd[name]}
        arrays[f"ranges_{i}"] = np.array([axes.birth_range, axes.death_range])
    arrays["about"] = np.array(json.dumps({**found.about, "classes": list(found.classes)}))
    return folder.write_arrays(stem, arrays)


def read_maps(folder: EvaluationFolder, stem: str) -> Maps | None:
    """Read what `write_maps` wrote, with axes of unknown σ; None if there is none, InputError if it is damaged."""
    arrays = folder.read_arrays(stem)
    if arrays is None:
        return None
    try:
        names = [str(name) for name in arrays["channels"]]
        axes = {}
        for i, name in enumerate(names):
            label = BlockName.parsed(name)
            if label is None:
                raise ValueError(name)
            (low, high), (first, last) = arrays[f"ranges_{i}"].tolist()
            rows, columns = arrays[f"mean_{i}"].shape[1:]
            axes[name] = ChannelAxes(
                label.filtration, label.homology_dimension, (low, high), (first, last), float("nan"),
                pixel_centres((low, high), columns), pixel_centres((first, last), rows), columns == 1, label.region,
            )  # fmt: skip
        about = json.loads(str(arrays["about"]))
        mean, sd = ({name: arrays[f"{what}_{i}"] for i, name in enumerate(names)} for what in ("mean", "sd"))
        classes = tuple(about.pop("classes"))
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"the maps {stem} in {folder.path} cannot be read ({type(error).__name__}): explain the run again"
        ) from None
    return Maps(classes, mean, sd, axes, about)
