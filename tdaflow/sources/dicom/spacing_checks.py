"""Check the positions of the slices of a series."""

from collections.abc import Sequence

import numpy as np

from tdaflow.printable import counted
from tdaflow.sources.dicom.geometry import SAME_PLACE_MM, Stack
from tdaflow.sources.dicom.header import Image
from tdaflow.sources.dicom.problems import Problem

# Resampling to the usual gap may multiply the number of slices by at most this factor.
MAX_MORE_SLICES = 4
_REMEDY = "give --allow-uneven (--set data.allow_uneven=true) to resample it to an even, upright grid"


def misplaced(images: Sequence[Image], stack: Stack) -> Problem | None:
    """Return what resampling cannot correct (duplicate, missing or scattered slices), or None.

    Parameters
    ----------
    images : sequence of Image
        Sorted along the normal, like the stack.
    stack : Stack
        Geometry of the slices.
    """
    return (
        _unplaced(images, stack)
        or _duplicated(images, stack)
        or _incomplete(images, stack)
        or _scattered(images, stack)
    )


def uneven(images: Sequence[Image], stack: Stack) -> Problem | None:
    """Return what resampling can correct (uneven gaps, gantry tilt), with the remedy, or None."""
    kinds, clauses = [], []
    if not stack.is_upright(images[0].pixel_spacing or (0.0, 0.0)):
        if is_sheared(stack):
            kinds.append("gantry tilt")
            clauses.append(f"is sheared by a gantry tilt of {stack.tilt:.1f} degrees")
        else:
            kinds.append("displaced slices")
            clauses.append(f"has slices displaced sideways by up to {np.abs(stack.shifts).max():.1f} mm")
    if not stack.is_even:
        kinds.append("uneven spacing")
        clauses.append(f"has uneven gaps of {stack.gaps.min():.2f} to {stack.gaps.max():.2f} mm between slices")
    return Problem(" and ".join(kinds), f"{' and '.join(clauses)}: {_REMEDY}") if kinds else None


def is_sheared(stack: Stack) -> bool:
    """Return True if slices are displaced in proportion to their height, as by a tilted gantry, within 0.5 mm."""
    proportional = stack.heights[:, None] / stack.heights[-1] * stack.shifts[-1]
    return bool(np.abs(stack.shifts - proportional).max() <= 0.5)


def repeated_instances(images: Sequence[Image]) -> int:
    """Return the number of images whose InstanceNumber repeats that of another image of the series.

    Scanners restart the numbers with every acquisition, and geometry does not use them, so the series is not refused.
    """
    numbers = [image.order for image in images if image.order is not None]
    return len(numbers) - len(set(numbers))


def _unplaced(images: Sequence[Image], stack: Stack) -> Problem | None:
    """Return the reason why all slices are at one place, or None."""
    if stack.heights[-1] > SAME_PLACE_MM or len({(image.sop, image.frame) for image in images}) < len(images):
        return None
    if len({image.location for image in images}) > 1:
        return Problem(
            "equal positions",
            f"gives all {len(images)} images the same ImagePositionPatient though their SliceLocation differs, so "
            "their places are not known: fetch the original series, whose positions were not overwritten",
        )
    return Problem("one place", f"has {len(images)} images of a single slice, which are no volume")


def _duplicated(images: Sequence[Image], stack: Stack) -> Problem | None:
    pairs = stack.duplicates
    if not pairs:
        return None
    first, second = sorted(images[k].number for k in pairs[0])
    where = f"the first are file {first} and file {second}"
    if len({(image.sop, image.frame) for image in images}) < len(images):
        return Problem("duplicate", f"holds the same image more than once, {where}: delete the copies")
    n_positions = len(images) - len(pairs)
    times, rest = divmod(len(images), n_positions)
    if times > 1 and rest == 0:
        return Problem(
            "4D",
            f"has {times} images at each of {counted(n_positions, 'position')}, and no tag tells its stacks apart: "
            "divide it into one series for each time point, echo or phase",
        )
    return Problem(
        "duplicate",
        f"has {counted(len(pairs), 'slice')} where another one already is, {where}: keep one of them at each place",
    )


def _incomplete(images: Sequence[Image], stack: Stack) -> Problem | None:
    lost = {k: n for k, n in stack.holes.items() if not _numbered_through(images[k], images[k + 1])}
    if not lost:
        return None
    k = min(lost)
    return Problem(
        "missing slices",
        f"lacks {counted(sum(lost.values()), 'slice')}, the first between file {images[k].number} and file "
        f"{images[k + 1].number}, where the gap is {stack.gaps[k]:.2f} mm instead of {stack.usual_gap:.2f} mm: "
        "fetch the whole series from the archive again",
    )


def _numbered_through(one: Image, other: Image) -> bool:
    """Return True if two neighbours have consecutive numbers: then no slice is missing between them."""
    if one.order is None or other.order is None:
        return False
    return abs(one.order[0] - other.order[0]) + abs(one.order[1] - other.order[1]) == 1


def _scattered(images: Sequence[Image], stack: Stack) -> Problem | None:
    if stack.heights[-1] / stack.usual_gap + 1 > MAX_MORE_SLICES * len(images):
        return Problem(
            "scattered slices",
            f"spans {stack.heights[-1]:.0f} mm with {counted(len(images), 'slice')} that mostly are "
            f"{stack.usual_gap:.2f} mm apart: most of an even grid would have to be invented",
        )
    rows, columns = images[0].rows, images[0].columns
    height, width = images[0].pixel_spacing or (0.0, 0.0)
    reach = np.ptp(stack.shifts, axis=0)
    if reach[0] > rows * height or reach[1] > columns * width:
        return Problem(
            "scattered slices",
            f"has slices displaced sideways by {reach.max():.0f} mm, more than an image is wide: "
            "they show no common body",
        )
    return None
