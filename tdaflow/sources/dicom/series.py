"""Build a series: sort its slices, or find the first reason why it is no volume."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tdaflow.printable import counted
from tdaflow.sources.dicom.geometry import Stack, slice_axes, stack_slices
from tdaflow.sources.dicom.header import Image
from tdaflow.sources.dicom.image_checks import mixture, unusable_image
from tdaflow.sources.dicom.problems import Problem
from tdaflow.sources.dicom.spacing_checks import misplaced, uneven
from tdaflow.sources.dicom.stacks import Division, divide


@dataclass(frozen=True)
class Series:
    """Images with the same study and series UID, or one of the stacks among them.

    Parameters
    ----------
    id, group : str
        Keyed ids of the series and of the patient; that of the third stack ends in ``/t0002``.
    files : tuple of Image
        All of its images, by file number and frame.
    images : tuple of Image
        Images of the volume, without localizers; sorted along the normal if ``stack`` is known.
    stack : Stack or None
        Geometry; None if there is a problem before it is known.
    problem : Problem or None
        Reason why the series cannot be used at all.
    unevenness : Problem or None
        Reason why it can be used only after resampling.
    division : Division
        The stacks that were found, and what tells them apart; of one of these, its own images.
    parts : tuple of Series
        The stacks, each a volume of its own; empty if there is one.
    """

    id: str
    group: str
    files: tuple[Image, ...] = field(repr=False)
    images: tuple[Image, ...] = field(repr=False)
    stack: Stack | None = field(default=None, repr=False)
    problem: Problem | None = None
    unevenness: Problem | None = None
    division: Division | None = field(default=None, repr=False)
    parts: tuple["Series", ...] = field(default=(), repr=False)

    @property
    def number(self) -> int:
        """Number of the first file, which gives the series its place in the source."""
        return self.files[0].number

    @property
    def by_file(self) -> dict[int, Image]:
        """One image of each file, by its number."""
        return {image.number: image for image in self.files}

    def obstacle(self, *, allow_uneven: bool) -> Problem | None:
        """Return the reason why the series is not used with this option; None if it is used."""
        return self.problem or (None if allow_uneven else self.unevenness)

    def chosen(self, *, split_time: bool, volume_index: int | None) -> tuple["Series", ...]:
        """Return the volumes of the series with these options of the source, one of them with its problem if none is.

        Parameters
        ----------
        split_time : bool
            Take every stack.
        volume_index : int, optional
            Take this one, under the id of the series.
        """
        if volume_index is None:
            return self.parts if split_time and self.parts else (self,)
        stacks = self.parts or (self,)
        if volume_index < len(stacks):
            return (replace(stacks[volume_index], id=self.id),)
        if self.problem is not None and not self.parts:
            return (self,)
        clause = f"holds {counted(len(stacks), 'stack')}: data.volume_index={volume_index} is not among them"
        return (replace(self, problem=Problem("no such stack", clause)),)


def assemble(images: Sequence[Image]) -> Series:
    """Build a series from its images, given in any order; set its problem if it has one.

    A localizer (scout) among slices is left out; a series of nothing else is refused.
    """
    files = tuple(sorted(images, key=lambda image: (image.number, image.frame)))
    slices = tuple(image for image in files if not image.localizer)
    series = Series(files[0].id, files[0].group, files, slices)
    if not slices:
        return replace(series, problem=_localizer(files))
    division = divide(slices)
    series = replace(series, division=division)
    if len(division.stacks) == 1:
        return _assembled(series)
    told_by = " and ".join(division.tags)
    problem = Problem(
        "several stacks",
        f"holds {len(division.stacks)} stacks of slices that overlap, told apart by {told_by}: take each as a volume "
        "with --set data.split_time=true, or one of them with --set data.volume_index=0"
        + "; or, if it is one interleaved acquisition, number its images by position"
        * division.interleaved,
    )
    parts = []
    for t, stack in enumerate(division.stacks):
        members = {(image.number, image.frame) for image in stack}
        # Localizers go with the first stack, for every file belongs to something.
        own = tuple(i for i in files if (i.number, i.frame) in members or (t == 0 and i.localizer))
        images = tuple(image for image in own if not image.localizer)
        parts.append(_assembled(replace(series, id=f"{series.id}/t{t:04d}", files=own, images=images)))
    return replace(series, problem=problem, parts=tuple(parts))


def _assembled(series: Series) -> Series:
    """Return one stack with its slices sorted, or with the first problem that they have."""
    slices = series.images
    problem = unusable_image(slices) or mixture(slices) or _single(slices)
    axes = slice_axes(slices[0].orientation or ()) if problem is None else None
    if axes is None:
        return replace(series, problem=problem)
    stack = stack_slices(np.array([image.position for image in slices], dtype=np.float64), axes)
    placed = tuple(slices[int(k)] for k in stack.order)
    problem = misplaced(placed, stack)
    return replace(
        series, images=placed, stack=stack, problem=problem, unevenness=None if problem else uneven(placed, stack)
    )


def _localizer(files: Sequence[Image]) -> Problem:
    return Problem("localizer", f"is a localizer of {counted(len(files), 'image')}, which is no volume")


def _single(slices: Sequence[Image]) -> Problem | None:
    if len(slices) > 1:
        return None
    return Problem("single slice", "has a single slice: a volume needs at least two")
