"""Divide a series into the stacks that it holds: the only place that decides which images make a volume.

Scanners and archives keep phases, echoes, b-values, time points and reconstructions under one SeriesInstanceUID. What
one of `DIVIDERS` divides into stacks that overlap are volumes of their own; stacks side by side are one volume. Where
no tag does, the order in which images were counted or acquired may show that the body was passed several times.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tdaflow.sources.dicom.geometry import SAME_PLACE_MM, is_even, slice_axes, tolerance
from tdaflow.sources.dicom.header import DIVIDERS, Image
from tdaflow.sources.dicom.image_checks import DIRECTION_TOLERANCE

# These also change from slice to slice within one acquisition: multiband slices share a trigger time, and packages of
# interleaved slices an acquisition number.
_OF_SLICES = ("TriggerTime", "AcquisitionNumber")
# Slices of which some in a random order make no uneven passes by chance, and neighbours of one pass among those of all.
_MANY, _SAME = 8, 0.5


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
    interleaved : bool
        True if nothing but the order of images tells stacks apart whose slices lie between each other, which would be
        the same if they were one interleaved acquisition, counted in its order.
    """

    stacks: tuple[tuple[Image, ...], ...]
    tags: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    interleaved: bool = False


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
    interleaved = len(ladder) == len(slices) and not set(DIVIDERS) & set(tags) and len(found) > 1
    return Division(tuple(tuple(s.image for s in stack) for stack in found), tuple(tags), tuple(joined), interleaved)


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
    # Frames of a file may lie in any order, in which two of three or four go on evenly by chance.
    shortest = 2 if len({s.image.instance for s in slices}) > 1 else 3
    for name, groups in _runs(slices, ladder):
        if min(map(len, groups), default=0) >= shortest and _overlap(groups, ladder) and _alternate(groups):
            tags[name] = None
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


def _runs(slices: list[_Slice], ladder: np.ndarray) -> Iterator[tuple[str, list[list[_Slice]]]]:
    """Yield ways to cut slices, in the order that they were counted or acquired in, into passes along the normal.

    No way if InstanceNumber counts through the slices, whatever the order that they were acquired in.
    """
    if _numbered_through(slices):
        return
    orders, times = [s.image.order for s in slices], [s.image.time for s in slices]
    if None not in orders and len(set(orders)) == len(orders):
        counted, name = sorted(slices, key=lambda s: s.image.order or (0, 0)), "InstanceNumber"
    elif None not in times and len(set(times)) > 1:
        counted, name = sorted(slices, key=lambda s: (s.image.time or 0.0, s.image.order or (0, 0))), "AcquisitionTime"
    else:
        yield "InstanceNumber", _by_repetition(slices)
        return
    heights = [float(ladder[s.level]) for s in counted]
    # Even passes first, for of two in opposite directions the first may seem to go on to where the second begins.
    yield name, _equal(counted, heights, lambda step, first: abs(step - first) <= 2 * tolerance(abs(first)))
    if len(slices) >= _MANY:
        yield name, _cut(counted, heights, lambda step, first: step * first > 0)


def _cut(counted: list[_Slice], heights: list[float], goes_on: Callable[[float, float], bool]) -> list[list[_Slice]]:
    """Begin a new group wherever a step does not go on as the first one of its group."""
    groups: list[list[_Slice]] = [counted[:1]]
    first: float | None = None
    for one, step in zip(counted[1:], np.diff(heights).tolist(), strict=True):
        if first is None or goes_on(step, first):
            groups[-1].append(one)
            first = step if first is None else first
        else:
            groups.append([one])
            first = None
    return groups


def _equal(counted: list[_Slice], heights: list[float], goes_on: Callable[[float, float], bool]) -> list[list[_Slice]]:
    """As `_cut`, but where a pass seems to take the first slice of the next: passes of one length, if all go on."""
    groups = _cut(counted, heights, goes_on)
    size, rest = divmod(len(counted), len(groups))
    # Of two slices any goes on.
    if rest or size < 3 or any(abs(len(group) - size) > 1 for group in groups):
        return groups
    parts = [slice(start, start + size) for start in range(0, len(counted), size)]
    if all(len(_cut(counted[part], heights[part], goes_on)) == 1 for part in parts):
        return [counted[part] for part in parts]
    return groups


def _by_repetition(slices: list[_Slice]) -> list[list[_Slice]]:
    """Divide slices whose numbers all occur equally often, as where each pass was counted anew, in order of level."""
    groups: dict[tuple[int, int] | None, list[_Slice]] = {}
    for one in slices:
        groups.setdefault(one.image.order, []).append(one)
    if None in groups or len({len(group) for group in groups.values()}) > 1:
        return []
    passes = [list(group) for group in zip(*groups.values(), strict=True)]
    return passes if all(_numbered_through(group) for group in passes) else []


def _alternate(groups: Sequence[list[_Slice]]) -> bool:
    """Return True if where all groups lie, neighbours mostly are of different ones; slices numbered anyhow are not."""
    low, high = max(min(s.level for s in g) for g in groups), min(max(s.level for s in g) for g in groups)
    labels = [t for _, t in sorted((s.level, t) for t, g in enumerate(groups) for s in g if low <= s.level <= high)]
    return bool(np.mean(np.diff(labels) == 0) < _SAME)
