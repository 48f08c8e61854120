"""Labels of the axes of the feature store, and the coordinates that hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr

from tdaflow.store.block_names import BlockName
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
    region : str
        "whole", or a block such as "z0y1x0".
    unit : str
        Of births, deaths and `sigma`.
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
    unit: str = ""

    @property
    def name(self) -> str:
        """Label of the channel, such as "alpha H2" or "alpha H2 @z0y1x0"."""
        return str(BlockName(self.filtration, self.homology_dimension, self.region))


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


def second_axis(plane: str) -> str:
    """What the rows of an image are in a plane, and so the name of their coordinate: "persistence" or "death"."""
    return "death" if plane == "birth-death" else "persistence"


def coordinates(dimensions: Sequence[str], plane: str, *, rois: bool = False) -> str:
    """Return the CF attribute that makes xarray read label arrays as coordinates."""
    names = ["id", *(["subject", "roi"] if rois else []), "label", "class_name", "split", "group"]
    for axis, prefix in (("channel", ""), ("vector_channel", "vector_")):
        if axis in dimensions:
            names += [f"{prefix}{n}" for n in ("filtration", "homology_dimension", "region", "unit")]
            if "y" in dimensions:
                names.append(prefix + second_axis(plane))
    if "x" in dimensions:
        names.append("birth")
    if "summary_feature" in dimensions:
        names += [f"summary_{n}" for n in SUMMARY_LABELS]
    return " ".join(names)


def write_axes(group: zarr.Group, prefix: str, channels: Sequence[ChannelAxes], plane: str) -> None:
    """Write labels, ranges, σ and pixel centres of channels; `prefix` is "vector_" for those of one column."""
    axis, second = f"{prefix}channel", second_axis(plane)
    units = {c.unit for c in channels}
    unit = units.pop() if len(units) == 1 else f"see the coordinate {prefix}unit"

    def write(name: str, values: Any, dimensions: tuple[str, ...], about: str, units: str = "") -> None:
        attributes = {"long_name": about, "units": units}
        write_column(group, name, values, dimensions=dimensions, attributes=attributes)

    write(axis, [c.name for c in channels], (axis,), "filtration, homology dimension and, of a block, region")
    write(f"{prefix}filtration", [c.filtration for c in channels], (axis,), "filtration by its name in the run")
    write(f"{prefix}region", [c.region for c in channels], (axis,), "region of the volume")
    write(f"{prefix}unit", [c.unit for c in channels], (axis,), "unit of births, deaths and sigma")
    dimensions = np.array([c.homology_dimension for c in channels], dtype=np.int64)
    about = "homology dimension: 0 components, 1 loops, 2 cavities"
    write(f"{prefix}homology_dimension", dimensions, (axis,), about, "1")
    sigmas = np.array([c.sigma for c in channels])
    write(f"{prefix}sigma", sigmas, (axis,), "standard deviation of the Gaussian", unit)
    for name, found, sides in (("birth", "birth_range", "columns"), (second, "death_range", "rows")):
        bounds = np.array([getattr(c, found) for c in channels], dtype=np.float64)
        write(f"{prefix}{name}_range", bounds, (axis, "bound"), f"range of {name} that the {sides} cover", unit)
    about = f"{second} at the centres of the rows"
    write(f"{prefix}{second}", np.stack([c.death for c in channels]), (axis, "y"), about, unit)
    if not prefix:
        about = "birth at the centres of the columns"
        write("birth", np.stack([c.birth for c in channels]), (axis, "x"), about, unit)


_TERMS = {
    "vectorisation": "kind of vectorisation",
    "filtration": "filtration by its name in the run",
    "homology_dimension": "homology dimension: 0 components, 1 loops, 2 cavities",
    "region": "region of the volume",
    "term": "which number of the vectorisation it is",
    "value": "filtration value that the number belongs to, NaN for none",
}


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
        attributes = {
            "long_name": _TERMS[name],
            "units": {"homology_dimension": "1", "value": "of the filtration"}.get(name, ""),
        }
        write_column(group, f"summary_{name}", values, dimensions=("summary_feature",), attributes=attributes)
