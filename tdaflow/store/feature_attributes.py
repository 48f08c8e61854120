"""The settings of the images in words, as attributes of the feature store."""

from collections.abc import Mapping, Sequence
from typing import Any

from tdaflow.printable import counted
from tdaflow.store.feature_axes import ChannelAxes, second_axis
from tdaflow.superpixels import CohortScale


def in_words(attributes: Mapping[str, Any], channels: Sequence[ChannelAxes]) -> dict[str, str | float]:
    """Text and numbers that a reader without tdaflow understands; netCDF holds nothing else.

    Parameters
    ----------
    attributes : mapping
        As for `tdaflow.store.FeatureStore.create`. Understood are ``epsilon``, ``plane``, ``reference``,
        ``learnt_from``, ``scales``, ``versions`` and ``options`` (of the images); what is lacking is left out.
    channels : sequence of ChannelAxes
    """
    second = second_axis(str(attributes.get("plane", "birth-persistence")))
    found: dict[str, str | float] = {
        "title": "Persistence images of volumes, made by tdaflow",
        "axes": f"rows (y) are {second}, columns (x) birth, both ascending from pixel 0",
        # Regions of a filtration share ranges and sigma.
        "channels": "; ".join(dict.fromkeys(_channel(c, second) for c in channels)),
    }
    if "epsilon" in attributes:
        found["epsilon"] = float(attributes["epsilon"])
        found["sigma_rule"] = (
            "sigma = sqrt(-(dx^2 + dy^2) / (2 ln epsilon)), dx and dy the width and height of a pixel: epsilon is the "
            "ratio of diagonally adjacent pixels; one sigma for every filtration and homology dimension"
        )
    if "reference" in attributes:
        of = {"all": "all volumes, labels not used", "train": "the training volumes"}
        of_run = of.get(str(attributes["reference"]), "a finished run or several sites")
        told = f"ranges, scales and sigma are learnt from {of_run}"
        if learnt := attributes.get("learnt_from"):
            firsts = [f"{name} those of the first {learnt[name]}" for name in ("ranges", "scales") if name in learnt]
            told += f"; of {counted(learnt['volumes'], 'volume')}, {' and '.join(firsts)}"
        found["reference"] = told
    for name, value in dict(attributes.get("options") or {}).items():
        if name not in found:
            found[f"images_{name}"] = value if isinstance(value, float | int | str) else str(value)
    scales = dict(attributes.get("scales") or {})
    if scales:
        said = [f"{name}: {CohortScale.from_dict(told).in_words}" for name, told in scales.items()]
        found["intensity_scale"] = "; ".join(said)
    if attributes.get("versions"):
        found["versions"] = ", ".join(f"{name} {number}" for name, number in attributes["versions"].items())
    return found


def _channel(channel: ChannelAxes, second: str) -> str:
    ranges = ((name, *bounds) for name, bounds in (("birth", channel.birth_range), (second, channel.death_range)))
    said = ", ".join(f"{name} {low:.6g} to {high:.6g}" for name, low, high in ranges)
    unit = f" ({channel.unit})" if channel.unit else ""
    return f"{channel.filtration} H{channel.homology_dimension}: {said}, sigma {channel.sigma:.6g}{unit}"
