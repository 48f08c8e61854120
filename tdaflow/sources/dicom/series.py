"""Build a series: sort its slices, or find the first reason why it is no volume."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tdaflow.sources.dicom.geometry import Stack, slice_axes, stack_slices
from tdaflow.sources.dicom.header import Image
from tdaflow.sources.dicom.image_checks import mixture, unusable_image
from tdaflow.sources.dicom.problems import Problem, counted
from tdaflow.sources.dicom.spacing_checks import misplaced, uneven


@dataclass(frozen=True)
class Series:
    """Images with the same study and series UID.

    Parameters
    ----------
    id, group : str
        Keyed ids of the series and of the patient.
    files : tuple of Image
        All of its images, by file number.
    images : tuple of Image
        Images of the volume, without localizers; sorted along the normal if ``stack`` is known.
    stack : Stack or None
        Geometry; None if there is a problem before it is known.
    problem : Problem or None
        Reason why the series cannot be used at all.
    unevenness : Problem or None
        Reason why it can be used only after resampling.
    """

    id: str
    group: str
    files: tuple[Image, ...] = field(repr=False)
    images: tuple[Image, ...] = field(repr=False)
    stack: Stack | None = field(default=None, repr=False)
    problem: Problem | None = None
    unevenness: Problem | None = None

    @property
    def number(self) -> int:
        """Number of the first file, which gives the series its place in the source."""
        return self.files[0].number

    def obstacle(self, *, allow_uneven: bool) -> Problem | None:
        """Return the reason why the series is not used with this option; None if it is used."""
        return self.problem or (None if allow_uneven else self.unevenness)


def assemble(images: Sequence[Image]) -> Series:
    """Build a series from its images, given in any order; set its problem if it has one.

    A localizer (scout) among slices is left out; a series of nothing else is refused.
    """
    files = tuple(sorted(images, key=lambda image: image.number))
    slices = tuple(image for image in files if not image.localizer)
    series = Series(files[0].id, files[0].group, files, slices)
    problem = _localizer(files) if not slices else unusable_image(slices) or mixture(slices) or _single(slices)
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
