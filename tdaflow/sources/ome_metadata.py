"""Read one level of an OME-Zarr image from its metadata; no file is opened.

Follows https://ngff.openmicroscopy.org/0.5/ (attributes under ``ome``) and 0.4 (attributes at the top).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tdaflow.errors import InputError

SPATIAL = ("z", "y", "x")
# Axis → option that chooses one of its entries.
CHOSEN_BY = {"c": "channel", "t": "timepoint"}
# Millimetres as a power of ten. The long names are the specification's; writers use the short ones all the same.
_MILLIMETRES = {
    **{"meter": 3, "decimeter": 2, "centimeter": 1, "millimeter": 0, "micrometer": -3, "nanometer": -6},
    **{"angstrom": -7, "picometer": -9, "m": 3, "cm": 1, "mm": 0, "um": -3, "µm": -3, "μm": -3, "micron": -3, "nm": -6},
}


@dataclass(frozen=True)
class LevelMetadata:
    """One level of a multiscale image.

    Parameters
    ----------
    version : str or None
        Version of the format as the image states it.
    path : str
        Path of the level's array inside the image group.
    axes : tuple of str
        Names of the array's axes in lower case, in array order; z, y and x are among them.
    units : tuple of 3 (str or None)
        Units of z, y and x as written; None where there is none and mm is assumed.
    spacing : tuple of 3 float
        Distance between voxel centres along z, y, x in mm.
    translation : tuple of 3 float, or None
        Position of the first voxel's centre along z, y, x in mm; None if the spacing was given instead of read.
    """

    version: str | None
    path: str
    axes: tuple[str, ...]
    units: tuple[str | None, ...]
    spacing: tuple[float, float, float]
    translation: tuple[float, float, float] | None


def ome_attributes(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the OME attributes of a group: under ``ome`` since 0.5, at the top before."""
    ome = attributes.get("ome")
    return ome if isinstance(ome, Mapping) else attributes


def level_metadata(
    attributes: Mapping[str, Any], level: int, spacing: tuple[float, float, float] | None = None
) -> LevelMetadata:
    """Read one level from the attributes of an image group.

    Parameters
    ----------
    attributes : mapping
        The group's attributes, of any content.
    level : int
        Position among the datasets, ≥ 0; 0 is full resolution.
    spacing : tuple of 3 float, optional
        In mm along z, y, x; overrides the metadata.

    Raises
    ------
    InputError
        If something is missing or cannot be used; does not name the image.
    """
    ome = ome_attributes(attributes)
    image = _first_mapping(ome.get("multiscales"))
    if image is None:
        other = next((f", it is a {kind}" for kind in ("plate", "well") if kind in ome), "")
        raise InputError(f"the group has no multiscales{other}: name the group of an OME-Zarr image")
    datasets = image.get("datasets")
    if not isinstance(datasets, list) or not datasets:
        raise InputError("its multiscales list no datasets: write the image again")
    if level >= len(datasets):
        raise InputError(f"level {level} is out of range, the image has the levels 0 to {len(datasets) - 1}")
    names, units = _axes(image)
    dataset = datasets[level] if isinstance(datasets[level], Mapping) else {}
    path = dataset.get("path")
    if not isinstance(path, str) or not path or path.startswith("/") or ".." in path.split("/"):
        raise InputError(f"level {level} has the path {path!r}, which names no array inside the image")
    where = [names.index(axis) for axis in SPATIAL]
    spatial_units = tuple(units[k] for k in where)
    translation = None
    if spacing is None:
        # The level's own transformations come first, then those that all levels share.
        steps = [*_listed(dataset), *_listed(image)]
        scale, shift = _transformation(steps, len(names))
        spacing = _millimetres([scale[k] for k in where], spatial_units)
        translation = _millimetres([shift[k] for k in where], spatial_units)
        if not all(math.isfinite(s) and s > 0 for s in spacing):
            raise InputError(
                f"level {level} has the spacing {spacing} mm (z, y, x), which must be positive: set the spacing option"
            )
    version = ome.get("version", image.get("version"))
    return LevelMetadata(
        version if isinstance(version, str) else None, path, tuple(names), spatial_units, spacing, translation
    )


def chosen_entries(
    axes: Sequence[str], shape: Sequence[int], chosen: Mapping[str, int | None]
) -> tuple[int | slice, ...]:
    """Return the index that selects z, y and x of an array, in array order.

    Parameters
    ----------
    axes, shape : sequences
        Names and lengths of the array's axes.
    chosen : mapping
        Entry of axis ``c`` and ``t``; None where nothing was chosen.

    Raises
    ------
    InputError
        If another axis has several entries and none is chosen, the chosen one is out of range, or the image is 2D.
    """
    if len(axes) != len(shape):
        raise InputError(f"the image has {len(axes)} axes but its array {len(shape)} dimensions: write the image again")
    length = dict(zip(axes, shape, strict=True))
    if flat := [axis for axis in SPATIAL if length[axis] == 1]:
        raise InputError(f"the image has length 1 along {', '.join(flat)}: it is 2D, a volume is 3D")
    for axis, option in CHOSEN_BY.items():
        entry, n = chosen.get(axis), length.get(axis, 1)
        if entry is not None and entry >= n:
            raise InputError(f"{option}={entry} is out of range, the image has {n} along axis {axis!r}")
    index: list[int | slice] = []
    for axis, n in length.items():
        entry = chosen.get(axis)
        if axis in SPATIAL:
            index.append(slice(None))
        elif entry is None and n != 1:
            remedy = f"choose one with {CHOSEN_BY[axis]}=" if axis in CHOSEN_BY else "write one image for each"
            raise InputError(f"axis {axis!r} has {n} entries and a volume is one of them: {remedy}")
        else:
            index.append(entry or 0)
    return tuple(index)


def _axes(image: Mapping[str, Any]) -> tuple[list[str], list[str | None]]:
    """Return names and units of all axes; version 0.3 had names only."""
    axes = image.get("axes")
    if not isinstance(axes, list) or not axes:
        raise InputError("the image names no axes: write it again as OME-Zarr 0.4 or 0.5")
    entries = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in axes]
    names = [str(entry.get("name")).lower() for entry in entries]
    missing = [axis for axis in SPATIAL if axis not in names]
    if missing:
        what = "it is 2D, a volume is 3D" if missing == ["z"] else "a volume has z, y and x"
        raise InputError(f"the axes {', '.join(names)} lack {' and '.join(missing)}: {what}")
    if len(set(names)) < len(names):
        raise InputError(f"the axes {', '.join(names)} have a name twice: write the image again")
    return names, [None if entry.get("unit") is None else str(entry["unit"]) for entry in entries]


def _listed(owner: Mapping[str, Any]) -> list[Any]:
    steps = owner.get("coordinateTransformations")
    return steps if isinstance(steps, list) else []


def _transformation(steps: Sequence[Any], n_axes: int) -> tuple[list[float], list[float]]:
    """Combine a chain of transformations into one scale and one shift per axis."""
    scale, shift, scaled = [1.0] * n_axes, [0.0] * n_axes, False
    for step in steps:
        kind = step.get("type") if isinstance(step, Mapping) else None
        if kind == "identity":
            continue
        if kind not in ("scale", "translation"):
            raise InputError(f"a transformation is of type {kind!r}, only scale and translation can be read")
        values = step.get(kind)
        if not isinstance(values, list) or len(values) != n_axes or not all(_is_finite(v) for v in values):
            raise InputError(
                f"a {kind} is not a list of {n_axes} finite numbers, one for each axis: write the image again"
            )
        if kind == "scale":
            scaled = True
            scale = [s * v for s, v in zip(scale, values, strict=True)]
            shift = [s * v for s, v in zip(shift, values, strict=True)]
        else:
            shift = [s + v for s, v in zip(shift, values, strict=True)]
    if not scaled:
        raise InputError("the image has no scale, so its spacing is unknown: set the spacing option")
    return scale, shift


def _millimetres(values: Sequence[float], units: Sequence[str | None]) -> tuple[float, float, float]:
    converted = []
    for value, unit in zip(values, units, strict=True):
        power = 0 if unit is None else _MILLIMETRES.get(unit)
        if power is None:
            raise InputError(f"the unit {unit!r} is no metric length: set the spacing option, in mm")
        # Dividing by a whole power of ten rounds once; multiplying by 0.001 would round twice.
        converted.append(value * 10**power if power >= 0 else value / 10**-power)
    z, y, x = converted
    return z, y, x


def _is_finite(value: Any) -> bool:
    """Return True for a finite number; in JSON integers may exceed floats, and NaN and Infinity occur."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _first_mapping(value: Any) -> Mapping[str, Any] | None:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], Mapping) else None
