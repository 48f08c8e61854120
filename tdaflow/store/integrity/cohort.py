"""Summary of a cohort: its typical values, and the volumes that deviate from them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tdaflow.extents import spread, typical
from tdaflow.printable import counted
from tdaflow.store.integrity.problem import Problem, warning
from tdaflow.store.volumes import VolumeTable

# Largest accepted factor between extents, and of voxel size and field of view to their typical values.
_EXTENT, _SPACING, _FIELD = 10.0, 1.5, 1.5
# About the largest float32, which some software writes for missing values.
_NEARLY_LARGEST, _LARGEST_FLOAT32 = 1e37, 3.5e38
# Voxels further than this many extents outside the extent are outliers, not tissue or metal.
_FAR = 100.0
# A background this far from all other values, in extents of those, is padding, not tissue; and its least share.
_GAP, _PADDED = 0.25, 0.02
# A segmentation has few whole numbers; scans have many values.
_FEW, _MANY = 16, 64
_NAMED = 3
_UNKNOWN = "unknown"
# Largest accepted factor between extents and those of the reference volumes.
_AGAINST = 4.0
# A volume has an offset beyond this many standard deviations between volumes and this share of an extent.
_DEVIATIONS, _SHIFT = 6.0, 0.25
_PREPROCESS = "preprocess."
_STEPS = f"--set '{_PREPROCESS}steps="
_OPTION = re.compile(rf"--set (?:'{re.escape(_PREPROCESS)}[^']*'|{re.escape(_PREPROCESS)}\S+)")


@dataclass(frozen=True)
class Row:
    """One line of the summary of a cohort: lowest, typical and highest value of a quantity, as text."""

    name: str
    lowest: str
    typical: str
    highest: str


def cohort_rows(ok: VolumeTable) -> list[Row]:
    """Summarise grey values, extents, voxel sizes, shapes and types of the volumes."""
    if len(ok) == 0:
        return []
    field = ok.shape * ok.spacing
    numbers = [
        ("grey values, 1 %", ok.quantiles[:, 0]),
        ("grey values, median", ok.quantiles[:, 1]),
        ("grey values, 99 %", ok.quantiles[:, 2]),
        ("extent of grey values", ok.extent[:, 1] - ok.extent[:, 0]),
        *((f"voxel size {axis} (mm)", ok.spacing[:, i]) for i, axis in enumerate("zyx")),
        *((f"voxels {axis}", ok.shape[:, i]) for i, axis in enumerate("zyx")),
        ("longest edge (mm)", field.max(axis=1)),
    ]
    rows = [Row(name, *(f"{v:.5g}" for v in (x.min(), typical(x), x.max()))) for name, x in numbers]
    types, counts = np.unique(ok.dtype.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    listed = ", ".join(f"{types[i]} {counts[i]}" for i in order)
    rows.append(Row("voxel type", listed, "", ""))
    if orientations := _orientations(ok):
        rows.append(
            Row("orientation (x, y, z)", ", ".join(f"{name} {len(of)}" for name, of in orientations.items()), "", "")
        )
    return rows


def cohort_line(ok: VolumeTable) -> str:
    """Return the summary of a cohort in one line."""
    extent = ok.extent[:, 1] - ok.extent[:, 0]
    shapes = " × ".join(
        f"{a}" if a == b else f"{a}–{b}" for a, b in zip(ok.shape.min(axis=0), ok.shape.max(axis=0), strict=True)
    )
    return (
        f"{counted(len(ok), 'volume')} of {shapes} voxels, voxel size typically "
        f"{_sizes(np.array([typical(ok.spacing[:, axis]) for axis in range(3)]))} mm; grey values typically "
        f"{typical(ok.quantiles[:, 0]):.4g} to {typical(ok.quantiles[:, 2]):.4g} (1–99 %), extents from "
        f"{extent.min():.4g} to {extent.max():.4g}, typically {typical(extent):.4g}"
    )


def cohort_summary(ok: VolumeTable) -> dict[str, Any]:
    """Return the lowest and highest values of the volumes, JSON-able, without ids, for `check_against`."""
    field = ok.shape * ok.spacing
    found = {
        "extent": ok.extent[:, 1] - ok.extent[:, 0],
        "median": ok.quantiles[:, 1],
        "low": ok.extent[:, 0],
        "high": ok.extent[:, 1],
        **{f"{name} {axis}": values[:, i] for name, values in (("voxel", ok.spacing), ("edge", field))
           for i, axis in enumerate("zyx")},
    }  # fmt: skip
    bounds = {name: [float(values.min()), float(values.max())] for name, values in found.items()}
    return {
        "n_volumes": len(ok),
        "bounds": bounds,
        "dtypes": sorted(set(ok.dtype.astype(str))),
        "orientations": sorted(_orientations(ok)),
    }


def check_against(ok: VolumeTable, summary: Mapping[str, Any], name: str) -> Iterator[Problem]:
    """Yield warnings about volumes that differ from those of a reference, whose scales and ranges are used for them.

    Parameters
    ----------
    ok : VolumeTable
        The volumes with voxels.
    summary : mapping
        `cohort_summary` of the reference volumes.
    name : str
        Name of the reference, for messages.
    """
    bounds = summary["bounds"]
    as_there, remedy = f"those of {name}", "bring them to the same units, with the same preprocessing"
    extent, median = ok.extent[:, 1] - ok.extent[:, 0], ok.quantiles[:, 1]
    low, high = bounds["extent"]
    found = np.flatnonzero((extent * _AGAINST < low) | (extent > _AGAINST * high))
    if len(found):
        what = f"grey values extend over {_range(extent[found])}, {as_there} over {_range(bounds['extent'])}"
        yield warning("extent", _names(ok, found), what, remedy)
    low, high = bounds["low"][0], bounds["high"][1]
    found = np.flatnonzero((median < low - (high - low) / 2) | (median > high + (high - low) / 2))
    if len(found):
        what = f"grey values lie about {_range(median[found])}, {as_there} between {low:.4g} and {high:.4g}"
        yield warning("offset", _names(ok, found), what, remedy)
    for kind, factor, sizes, remedy in (
        ("voxel", _SPACING, ok.spacing, "resample them to the voxel size there"),
        ("edge", _FIELD, ok.shape * ok.spacing, "cut them as the volumes there were cut"),
    ):
        ends = np.array([bounds[f"{kind} {axis}"] for axis in "zyx"])
        found = np.flatnonzero(((sizes * factor < ends[:, 0]) | (sizes > factor * ends[:, 1])).any(axis=1))
        if len(found):
            said = "voxels" if kind == "voxel" else "a field of view"
            there = f"{_sizes(ends[:, 0])} to {_sizes(ends[:, 1])} mm"
            yield warning(
                "spacing" if kind == "voxel" else "field of view", _names(ok, found),
                f"{said} of {_sizes(sizes[found[0]])} mm, {as_there} are of {there}", remedy,
            )  # fmt: skip
    theirs = summary.get("orientations", [])  # older runs did not keep them
    for orientation, found in _orientations(ok).items():
        if theirs and orientation not in theirs:
            what = f"axes (x, y, z) of orientation {orientation}, {as_there} of {', '.join(theirs)}"
            yield warning("orientation", _names(ok, found), what, "read all with the same data.canonical")


def check_cohort(ok: VolumeTable, *, modality: str | None = None, ingested: bool = True) -> Iterator[Problem]:
    """Yield warnings about grey values and geometry that make the features of volumes incomparable.

    Parameters
    ----------
    ok : VolumeTable
        The volumes with voxels.
    modality : str, optional
        Of the whole cohort, if known; changes the remedies.
    ingested : bool, default True
        True if a run has stored these volumes, so that a changed preprocessing must ingest them again.
    """
    if len(ok) == 0:
        return
    checks = (
        _padding(ok),
        _far_values(ok),
        _segmentations(ok),
        _grey_values(ok, modality),
        _geometry(ok),
        _voxel_axes(ok),
        _unlike_orientations(ok),
    )
    problems = [problem for check in checks for problem in check]
    several = sum(_STEPS in problem.remedy for problem in problems) > 1
    for problem in problems:
        remedy = problem.remedy
        if ingested:
            remedy = _OPTION.sub(r"\g<0> --restart-from volumes", remedy)
        if _STEPS in remedy and several:
            remedy += " (all steps go into one list, in this order)"
        yield replace(problem, remedy=remedy)


def _padding(ok: VolumeTable) -> Iterator[Problem]:
    value, share = ok.background.T
    low, high = ok.others.T
    width = np.maximum(high - low, np.abs(high) * 1e-12)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.maximum(low - value, value - high) > _GAP * width
    # In a mask, or a small organ on an empty background, most voxels are background; that is the image, not padding.
    found = np.flatnonzero(apart & (share >= _PADDED) & (share < 0.5) & (ok.n_values > _FEW))
    if len(found):
        worst = found[np.argmax(share[found])]
        what = (
            f"up to {share[worst]:.0%} of the voxels are {value[worst]:.6g}, far from all others "
            f"({low[worst]:.5g} to {high[worst]:.5g}): padding outside the field of view"
        )
        ends = _held_by_others(ok, found)
        if float(ends[0]) <= value[worst] <= float(ends[1]):
            remedy = "other volumes have such grey values too: look at it, and leave it out if it is padding"
        else:
            bound = f"low = {ends[0]}" if value[worst] < low[worst] else f"high = {ends[1]}"
            remedy = f"bring it to the edge of the others with {_step('clip', bound)}"
        yield warning("padding", _names(ok, found), what, remedy)


def _far_values(ok: VolumeTable) -> Iterator[Problem]:
    largest = np.maximum(np.abs(ok.minimum), np.abs(ok.maximum))
    low, high = ok.extent.T
    with np.errstate(over="ignore", invalid="ignore"):
        beyond = np.maximum(low - ok.minimum, ok.maximum - high) > _FAR * (high - low)
    marks = (largest >= _NEARLY_LARGEST) & (largest <= _LARGEST_FLOAT32)
    found = np.flatnonzero(marks | (beyond & (high > low)))
    if len(found):
        first = found[np.argmax(largest[found])]
        low, high = ok.extent[first]
        reason = "nearly the largest float32: a mark for missing values" if marks[first] else "single outliers"
        what = f"voxels as large as {largest[first]:.3g} beside grey values from {low:.5g} to {high:.5g}, {reason}"
        ends = _held_by_others(ok, found)
        step = _step("clip", f"low = {ends[0]}, high = {ends[1]}")
        yield warning("values", _names(ok, found), what, f"write a grey value there, or limit all with {step}")


def _held_by_others(ok: VolumeTable, found: np.ndarray) -> tuple[str, str]:
    """Return bounds, rounded outwards, that clip nothing of the other volumes or within the extents of `found`."""
    low, high = ok.minimum.copy(), ok.maximum.copy()
    # The extent may include padding.
    common, (least, most), (first, last) = ok.background[found, 0], ok.others[found].T, ok.extent[found].T
    low[found] = np.where(common < least, np.maximum(first, least), first)
    high[found] = np.where(common > most, np.minimum(last, most), last)
    return _outwards(low.min(), down=True), _outwards(high.max(), down=False)


def _outwards(value: float, *, down: bool) -> str:
    """Format a bound with five digits, rounded outwards."""
    text = f"{value:.5g}"
    if (float(text) > value) if down else (float(text) < value):
        step = 10.0 ** (np.floor(np.log10(abs(value))) - 4)
        text = f"{value + (-step if down else step):.5g}"
    return text


def _step(kind: str, options: str) -> str:
    """Format a preprocessing step as it is typed on the command line."""
    return f'{_STEPS}[{{step = "{kind}", {options}}}]\''


def _segmentations(ok: VolumeTable) -> Iterator[Problem]:
    few = (ok.n_values <= _FEW) & (ok.minimum == np.rint(ok.minimum)) & (ok.maximum == np.rint(ok.maximum))
    found = np.flatnonzero(few)
    if len(found) and np.median(ok.n_values) > _MANY and len(found) < len(ok):
        most = int(ok.n_values[found].max())
        what = f"at most {most} whole numbers, where the others have grey values: a segmentation among scans"
        remedy = "keep segmentations in a folder of their own and name it with --set data.mask_dir=FOLDER"
        yield warning("segmentation", _names(ok, found), what, remedy)


def _grey_values(ok: VolumeTable, modality: str | None) -> Iterator[Problem]:
    extent = ok.extent[:, 1] - ok.extent[:, 0]
    if not (extent > 0).any():
        return
    usual = typical(extent[extent > 0])
    with np.errstate(divide="ignore"):
        factor = np.maximum(extent / usual, usual / extent)
    odd = factor > _EXTENT
    # Where two volumes are tenfold apart, one of them is at least this far from the typical one.
    if _ratio(extent[~odd]) > _EXTENT:
        odd |= factor > np.sqrt(_EXTENT)
    found = np.flatnonzero(odd)
    remedy = "correct them or leave them out"
    if modality in (None, "MR"):
        remedy += f"; MR has no unit, --set {_PREPROCESS}preset=mr gives all volumes one"
    if len(found):
        worst = found[np.argmax(factor[found])]
        what = (
            f"grey values extend over {extent[worst]:.5g} (the farthest), typically over {usual:.5g}: another unit or "
            "scale, or another kind of image"
        )
        yield warning("extent", _names(ok, found), what, remedy)
    middle = ok.quantiles[:, 1]
    apart = np.full(len(ok), np.inf)
    # In a volume that is half background, median and 1 % quantile are the background, so both must deviate.
    for values in (ok.quantiles[:, 0], middle):
        away = np.abs(values - typical(values))
        apart = np.minimum(apart, away / max(_DEVIATIONS * spread(values), _SHIFT * usual))
    found = np.flatnonzero((apart > 1) & ~odd & (ok.n_values > _FEW))
    if len(found):
        worst = found[np.argmax(apart[found])]
        what = (
            f"grey values about {middle[worst]:.5g} (the farthest), typically about {typical(middle):.5g}, over an "
            "extent like the others': an offset that was added or left out, or another kind of image"
        )
        yield warning("offset", _names(ok, found), what, remedy)


def _voxel_axes(ok: VolumeTable) -> Iterator[Problem]:
    """Yield warnings about files that state two voxel sizes, or axes that are not perpendicular."""
    facts = [_stated(text) for text in ok.facts.tolist()]
    found = np.array([i for i, stated in enumerate(facts) if "spacing_of_affine" in stated], int)
    if len(found):
        of_affine = np.array(facts[found[0]]["spacing_of_affine"])
        what = (
            f"the file states two voxel sizes, {_sizes(ok.spacing[found[0]])} mm (used) and {_sizes(of_affine)} mm "
            "(z × y × x as stored, in its affine)"
        )
        yield warning("voxel size", _names(ok, found), what, "correct the header, or give spacings in a manifest")
    found = np.array([i for i, stated in enumerate(facts) if "shear_degrees" in stated], int)
    if len(found):
        most = max(float(facts[i]["shear_degrees"]) for i in found)
        what = f"the axes of the voxels are up to {most:.3g}° from perpendicular, and are taken as perpendicular"
        yield warning("shear", _names(ok, found), what, "resample to an upright grid if distances matter")


def _stated(facts: str) -> dict[str, Any]:
    try:
        stated = json.loads(facts)
    except ValueError:  # empty, or damaged, which is a problem of its own
        return {}
    return stated if isinstance(stated, dict) else {}


def _ratio(extent: np.ndarray) -> float:
    """Return the largest over the smallest extent; infinite if that is 0, 1 if there are none."""
    if len(extent) == 0:
        return 1.0
    return float(extent.max() / extent.min()) if extent.min() > 0 else np.inf


def _geometry(ok: VolumeTable) -> Iterator[Problem]:
    # Invalid sizes have their own problem.
    sized = (ok.shape > 0) & np.isfinite(ok.spacing) & (ok.spacing > 0)
    ok = ok.at(np.flatnonzero(sized.all(axis=1)))
    if len(ok) == 0:
        return
    usual = np.array([typical(ok.spacing[:, axis]) for axis in range(3)])
    factor = np.maximum(ok.spacing / usual, usual / ok.spacing).max(axis=1)
    found = np.flatnonzero(factor > _SPACING)
    if len(found):
        worst = ok.spacing[found[np.argmax(factor[found])]]
        what = f"voxels of {_sizes(worst)} mm (the farthest) beside typical ones of {_sizes(usual)} mm"
        edge = f"{float(np.min(usual)):.3g}"
        yield warning(
            "spacing", _names(ok, found), what,
            f"give all volumes one size with {_step('resample', f'spacing = {edge}')}",
        )  # fmt: skip
        voxel = np.full(3, float(edge))
    else:
        voxel = usual
    field = ok.shape * ok.spacing
    usual = np.array([typical(field[:, axis]) for axis in range(3)])
    factor = np.maximum(field / usual, usual / field).max(axis=1)
    found = np.flatnonzero(factor > _FIELD)
    if len(found):
        worst = field[found[np.argmax(factor[found])]]
        what = f"a field of view of {_sizes(worst)} mm (the farthest) beside a typical one of {_sizes(usual)} mm"
        target = [max(1, round(size)) for size in usual / voxel]
        yield warning(
            "field of view", _names(ok, found), what,
            f"features then tell the crop apart: cut all alike with {_step('crop-pad', f'shape = {target}')}",
        )  # fmt: skip


def _orientations(ok: VolumeTable) -> dict[str, np.ndarray]:
    """Return the volumes of each orientation of (x, y, z), the most frequent first; empty if none is known."""
    codes = np.array([_orientation(facts) for facts in ok.facts], dtype=object)
    if set(codes.tolist()) <= {_UNKNOWN}:
        return {}
    names, counts = np.unique(codes.astype(str), return_counts=True)
    return {str(names[i]): np.flatnonzero(codes == names[i]) for i in np.argsort(-counts, kind="stable")}


def _orientation(facts: str) -> str:
    try:
        return json.loads(facts or "{}").get("orientation") or _UNKNOWN
    except (ValueError, AttributeError):  # facts that are no JSON have their own problem
        return _UNKNOWN


def _unlike_orientations(ok: VolumeTable) -> Iterator[Problem]:
    orientations = _orientations(ok)
    if len(orientations) < 2:
        return
    unknown = orientations.pop(_UNKNOWN, None)
    if unknown is not None:
        what = f"the file does not say how its axes are oriented, those of the others are {', '.join(orientations)}"
        yield warning("orientation", _names(ok, unknown), what, "save them in a format that does, or leave them out")
    if len(orientations) > 1:
        usual, *others = orientations
        found = np.sort(np.concatenate([orientations[name] for name in others]))
        what = f"axes (x, y, z) of orientation {', '.join(others)}, where most are {usual}"
        yield warning("orientation", _names(ok, found), what, "bring all to RAS with --set data.canonical=true")


def _names(ok: VolumeTable, found: Sequence[Any] | np.ndarray) -> str:
    listed = [str(ok.id[i]) for i in found[:_NAMED]]
    more = len(found) - len(listed)
    of = f" of {len(ok)}" if len(found) > 1 else ""
    how_many = f"{len(found)}{of} volumes: " if len(found) > 1 else ""
    return how_many + ", ".join(listed) + (f" and {more} more" if more else "")


def _range(values: np.ndarray | Sequence[float]) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _sizes(values: np.ndarray) -> str:
    return " × ".join(f"{v:.3g}" for v in values)
