"""How grey values are scaled beside positions, so that intensity and space extend equally far in a cloud."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from tdaflow.errors import InputError
from tdaflow.extents import on_edges, typical
from tdaflow.printable import counted
from tdaflow.superpixels.lattice import volume_scale
from tdaflow.superpixels.options import SuperpixelOptions

AGREEMENT = 4.0
"""Factor within which the middle 80 % of the extents of a cohort must lie for one scale to fit all its volumes."""


@dataclass(frozen=True)
class CohortScale:
    """The intensity scale of a cohort, and what it was found from.

    Attributes
    ----------
    mode : "cohort" or "volume"
        One number for all volumes, or the number of each volume by itself.
    number : float
        Typical longest edge in mm over typical extent of the grey values; what all volumes get in the mode "cohort".
    edge, extent : float
        These two, in mm and in the volumes' units.
    middle : (float, float)
        The extents that bound the middle 80 % of the volumes.
    n_volumes : int
        Volumes that it was learnt from; those that are constant but for a few voxels do not count.
    """

    mode: Literal["cohort", "volume"]
    number: float
    edge: float
    extent: float
    middle: tuple[float, float]
    n_volumes: int

    @property
    def for_clouds(self) -> float | Literal["volume"]:
        """The value of ``intensity_scale`` that makes the clouds."""
        return self.number if self.mode == "cohort" else "volume"

    @property
    def in_words(self) -> str:
        """One sentence: what was chosen, why, and how to choose otherwise."""
        low, high = self.middle
        spread = (
            f"the middle 80 % of {counted(self.n_volumes, 'volume')} extend over {low:.4g} to {high:.4g} grey levels"
        )
        if self.mode == "cohort":
            return f"{self.number:.4g} mm a grey level for all volumes ({spread})"
        return f"each volume by its own extent ({spread})"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a dict, for JSON."""
        return {**vars(self), "middle": list(self.middle)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "CohortScale":
        """Make what `as_dict` was called on, also after JSON."""
        return cls(**{**told, "middle": tuple(told["middle"])})


def with_volume_scale(
    options: SuperpixelOptions, shape: tuple[int, int, int], spacing: tuple[float, float, float], extent: float
) -> SuperpixelOptions:
    """Return the options for one volume: a scale that is not a number becomes the volume's own `volume_scale`."""
    if not isinstance(options.intensity_scale, str):
        return options
    return replace(options, intensity_scale=volume_scale(shape, spacing, extent))


def cohort_scale(
    edges: ArrayLike, extents: ArrayLike, wanted: Literal["auto", "cohort", "volume"] = "auto"
) -> CohortScale:
    """Find the intensity scale of a cohort.

    Parameters
    ----------
    edges : array_like (n,)
        Longest edge of each reference volume in mm.
    extents : array_like (n,)
        Width of its `tdaflow.extents.intensity_extent`.
    wanted : "auto", "cohort" or "volume"
        "auto" is "cohort" where the middle 80 % of the extents agree within a factor of four, else "volume".

    Raises
    ------
    InputError
        If there are no volumes.

    Notes
    -----
    Both are rounded to fixed edges (`tdaflow.extents.on_edges`), so that it is a function of counts on them.
    """
    edge, extent = on_edges(edges, edges), on_edges(extents, extents)
    if edge.size == 0:
        raise InputError("there are no volumes to learn an intensity scale from; give at least one")
    extent = np.sort(extent[extent > 0])
    if extent.size == 0:
        return CohortScale("cohort" if wanted == "auto" else wanted, 1.0, typical(edge), 0.0, (0.0, 0.0), 0)
    # Of three volumes and more the outermost never decides.
    outer = max(extent.size // 10, min(1, (extent.size - 1) // 2))
    low, high = float(extent[outer]), float(extent[-1 - outer])
    mode = wanted if wanted != "auto" else "cohort" if high <= AGREEMENT * low else "volume"
    width, longest = typical(extent), typical(edge)
    number = longest / width
    # Of extents so small that there is no such number the grey values are left as they are.
    return CohortScale(mode, number if math.isfinite(number) else 1.0, longest, width, (low, high), int(extent.size))
