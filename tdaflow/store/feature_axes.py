"""Labels of the axes of the feature store, and the coordinates that hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr

from tdaflow.store.zarr_layout import write_column
from tdaflow.vectorisations import Term

SUMMARY_LABELS = ("vectorisation", "filtration", "homology_dimension", "region", "term", "value")


@dataclass(frozen=True)
class ChannelAxes:
    """Labels and sampling grid of one channel of the images.

    Attributes
    ----------
    filtration, homology_dimension, region : str, int, str
    birth_range, death_range : tuple of float
        Ranges of the two axes in filtration units; `death_range` is that of persistence in the birth–persistence plane.
    sigma : float
        Standard deviation of the Gaussian, filtration units.
    birth, death : float64 arrays, shapes (columns,), (rows,)
        Pixel centres.
    vector : bool
        True if the channel is stored as one column.
    """

    filtration: str
    homology_dimension: int
    birth_range: tuple[float, float]
    death_range: tuple[float, float]
    sigma: float
    birth: np.ndarray
    death: np.ndarray
    vector: bool = False
    region: str = "whole"


@dataclass(frozen=True)
class SummaryAxes:
    """Labels of one vectorisation of one channel, stored as the coordinates of ``summary``.

    Attributes
    ----------
    vectorisation, filtration, homology_dimension, region : str, str, int, str
    terms : tuple of Term
        One per number of the vectorisation.
    """

    vectorisation: str
    filtration: str
    homology_dimension: int
    region: str
    terms: tuple[Term, ...]


def coordinates(dimensions: Sequence[str]) -> str:
    """Return the CF attribute that makes xarray read label arrays as coordinates."""
    names = ["id", "label", "split", "group"]
    for axis, prefix in (("channel", ""), ("vector_channel", "vector_")):
        if axis in dimensions:
            names += [f"{prefix}{n}" for n in ("filtration", "homology_dimension", "region")]
    if "summary_feature" in dimensions:
        names += [f"summary_{n}" for n in SUMMARY_LABELS]
    return " ".join(names)


def write_axes(group: zarr.Group, prefix: str, channels: Sequence[ChannelAxes]) -> None:
    """Write labels, ranges, σ and pixel centres of channels; `prefix` is "vector_" for those of one column."""
    axis = f"{prefix}channel"
    for name in ("filtration", "region"):
        write_column(group, prefix + name, [getattr(c, name) for c in channels], dimensions=(axis,))
    write_column(
        group,
        f"{prefix}homology_dimension",
        np.array([c.homology_dimension for c in channels], dtype=np.int64),
        dimensions=(axis,),
    )
    write_column(group, f"{prefix}sigma", np.array([c.sigma for c in channels]), dimensions=(axis,))
    for name in ("birth_range", "death_range"):
        values = np.array([getattr(c, name) for c in channels], dtype=np.float64)
        write_column(group, prefix + name, values, dimensions=(axis, "bound"))
    write_column(group, f"{prefix}death", np.stack([c.death for c in channels]), dimensions=(axis, "y"))
    if not prefix:
        write_column(group, "birth", np.stack([c.birth for c in channels]), dimensions=(axis, "x"))


def write_terms(group: zarr.Group, summaries: Sequence[SummaryAxes]) -> None:
    """Write the labels of every number of the vectorisations."""
    rows = [
        (s.vectorisation, s.filtration, s.homology_dimension, s.region, term.name, term.value)
        for s in summaries
        for term in s.terms
    ]
    for name, column in zip(SUMMARY_LABELS, zip(*rows, strict=True), strict=True):
        values: Any = list(column)
        if name == "homology_dimension":
            values = np.array(column, dtype=np.int64)
        elif name == "value":
            values = np.array(column, dtype=np.float64)
        write_column(group, f"summary_{name}", values, dimensions=("summary_feature",))
