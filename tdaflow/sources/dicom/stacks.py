"""Divide a series into the stacks that it holds: the only place that decides which images make a volume.

Scanners and archives keep phases, echoes, b-values, time points and reconstructions under one SeriesInstanceUID. What
one of `DIVIDERS` divides into stacks that overlap are volumes of their own; stacks side by side are one volume.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tdaflow.sources.dicom.geometry import SAME_PLACE_MM, is_even, slice_axes
from tdaflow.sources.dicom.header import DIVIDERS, Image
from tdaflow.sources.dicom.image_checks import DIRECTION_TOLERANCE

# These also change from slice to slice within one acquisition: multiband slices share a trigger time, and packages of
# interleaved slices an acquisition number.
_OF_SLICES = ("TriggerTime", "AcquisitionNumber")


@dataclass(frozen=True)
class Division:
    """Stacks of a series.

    Parameters
    ----------
    stacks : tuple of tuple of Image
        At least one; in the order of the tags' values, or of acquisition where these are words.
    tags : tuple of str
        What tells the stacks apart; empty for one stack.
    joined : tuple of str
        Tags that alternate between the slices of a stack that InstanceNumber counts through.
    """

    stacks: tuple[tuple[Image, ...], ...]
    tags: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Slice:
    image: Image
    level: int


def divide(images: Sequence[Image]) -> Division:
    """Divide the images of a series into stacks.

    Parameters
    ----------
    images : sequence of Image
        At least one, localizers left out. Without a usable geometry that they share, and where an image is there
        twice, they are one stack, of which the checks of a series say what is wrong.
    """
    whole = Division((tuple(images),))
    axes = slice_axes(images[0].orientation or ())
    if axes is None or any(image.position is None or image.orientation is None for image in images):
        return whole
    if np.ptp([image.orientation or () for image in images], axis=0).max() > 2 * DIRECTION_TOLERANCE:
        return whole
    if len({(image.sop, image.frame) for image in images}) < len(images):
        return whole
    heights = np.array([image.position for image in images]) @ axes[0]
    order = np.argsort(heights, kind="stable")
    levels = np.concatenate([[0], np.cumsum(np.diff(heights[order]) > SAME_PLACE_MM)])
    slices = [_Slice(images[k], int(level)) for k, level in zip(order, levels, strict=True)]
    ladder = heights[order][np.flatnonzero(np.diff(levels, prepend=-1))]
    tags: dict[str, None] = {}
    joined: dict[str, None] = {}
    found = _stacks(slices, ladder, DIVIDERS, tags, joined)
    return Division(tuple(tuple(s.image for s in stack) for stack in found), tuple(tags), tuple(joined))


def _stacks(
    slices: list[_Slice], ladder: np.ndarray, left: Sequence[str], tags: dict[str, None], joined: dict[str, None]
) -> list[list[_Slice]]:
    """Divide slices by the first tag that tells stacks apart, and each stack by the others; note the tags."""
    crowded = len({s.level for s in slices}) < len(slices)
    for name in left:
        groups = _by(slices, name)
        if not _overlap(groups, ladder) or not _are_stacks(groups, ladder, name, crowded):
            continue
        if not crowded and name in _OF_SLICES and _numbered_through(slices):
            joined[name] = None
            continue
        tags[name] = None
        others = [other for other in left if other != name]
        return [stack for group in groups for stack in _stacks(group, ladder, others, tags, joined)]
    if crowded and (groups := _by_number(slices)):
        tags["InstanceNumber"] = None
        return groups
    return [slices]


def _by(slices: list[_Slice], name: str) -> list[list[_Slice]]:
    """Group slices by the value of a tag."""
    position = DIVIDERS.index(name)
    groups: dict[tuple[float, ...] | str | None, list[_Slice]] = {}
    for one in slices:
        groups.setdefault(one.image.marks[position], []).append(one)
    if not any(isinstance(value, str) for value in groups):
        return [groups[value] for value in sorted(groups, key=lambda value: (value is not None, value))]
    # Words say nothing about an order; the file names would be an arbitrary one.
    first = {value: min(s.image.order or (0, 0) for s in group) for value, group in groups.items()}
    return [groups[value] for value in sorted(groups, key=lambda value: (first[value], str(value)))]


def _overlap(groups: Sequence[list[_Slice]], ladder: np.ndarray) -> bool:
    """Return True if there are several groups of at least two levels, and each overlaps with every other."""
    lows, highs = (np.array([of(s.level for s in group) for group in groups]) for of in (min, max))
    return len(groups) > 1 and bool((highs > lows).all()) and ladder[lows.max()] < ladder[highs.min()]


def _are_stacks(groups: Sequence[list[_Slice]], ladder: np.ndarray, name: str, crowded: bool) -> bool:
    """Return False if groups are more likely some of the slices of one stack than stacks of their own."""
    everything = ladder[sorted({s.level for group in groups for s in group})]
    if not is_even(everything):
        return True
    heights = [ladder[sorted({s.level for s in group})] for group in groups]
    if not crowded:
        return all(map(is_even, heights))
    # Where all time points have the trigger times of their slices, a group by them has every time point of few slices.
    return name != "TriggerTime" or min(map(len, heights)) > len(everything) / 2


def _numbered_through(slices: list[_Slice]) -> bool:
    """Return True if InstanceNumber and frame only grow, or only fall, along slices sorted by level."""
    orders = [s.image.order for s in slices]
    if None in orders:
        return False
    return orders in (sorted(set(orders)), sorted(set(orders), reverse=True))  # type: ignore[type-var]


def _by_number(slices: list[_Slice]) -> list[list[_Slice]]:
    """Divide slices at the same levels by InstanceNumber, which counts all slices of a time point, or the other way.

    Empty unless every level has the same number of images, and one of the two holds throughout.
    """
    n_levels = len({s.level for s in slices})
    times, rest = divmod(len(slices), n_levels)
    orders = [s.image.order for s in slices]
    if n_levels < 2 or rest or None in orders or len(set(orders)) < len(orders):
        return []
    counted = sorted(slices, key=lambda s: s.image.order or (0, 0))
    for groups in (
        [counted[t * n_levels : (t + 1) * n_levels] for t in range(times)],
        [counted[t::times] for t in range(times)],
    ):
        if all(len({s.level for s in group}) == n_levels for group in groups):
            return groups
    return []
