"""Build voxels, spacing and facts of a volume, or of the regions in it, from a series."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.dicom.geometry import affine_ras
from tdaflow.sources.dicom.header import OtherFile
from tdaflow.sources.dicom.pixels import read_voxels
from tdaflow.sources.dicom.privacy import dropped_table
from tdaflow.sources.dicom.problems import Problem
from tdaflow.sources.dicom.resample import to_even_grid
from tdaflow.sources.dicom.segmentation import Segmentation, open_segmentation
from tdaflow.sources.dicom.series import Series
from tdaflow.sources.dicom.spacing_checks import repeated_instances
from tdaflow.sources.geometry import ImageHeader, deliver, delivered_voxels
from tdaflow.sources.mask import MaskUse, use_mask
from tdaflow.sources.volume import check_voxels

Made = tuple[np.ndarray, tuple[float, float, float], dict[str, Any]]
"""Voxels (z, y, x), spacing (z, y, x) in mm, and facts in JSON types."""


def build_volumes(
    folder: Path,
    series: Series,
    *,
    allow_uneven: bool,
    canonical: bool,
    use: MaskUse | None = None,
    segmentations: Sequence[OtherFile] = (),
    regions: Sequence[tuple[str, int | str]] = (),
) -> Iterator[Made | Problem]:
    """Read a series once, and yield it, or its part that is in a mask, or each of its regions.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the source.
    series : Series
        Its problem, if it has one, is yielded.
    allow_uneven, canonical : bool
        As for `_read`.
    use : MaskUse, optional
        What the segmentation of the series is for; None to read none.
    segmentations : sequence of OtherFile
        Those that refer to the series.
    regions : sequence of (str, int or str)
        Name of each region, and its number or name in the segmentation; empty for one volume by the label of `use`.
    """
    rows: Sequence[tuple[str, int | str | None]] = regions or [("", use.label if use is not None else None)]
    opened: Segmentation | Problem | None = series.obstacle(allow_uneven=allow_uneven)
    if opened is None and use is not None:
        opened = open_segmentation(folder, segmentations, series)
    read: tuple[ImageHeader, np.ndarray] | Problem | None = opened if isinstance(opened, Problem) else None
    for k, (name, wanted) in enumerate(rows, start=1):
        mask: np.ndarray | Problem | None = None
        if use is not None and isinstance(opened, Segmentation):
            if name and not opened.numbers_of(wanted):
                yield Problem("no such region", f"cannot be used: its segmentation has no region {name}")
                continue
            mask = opened.mask(wanted)
            if isinstance(mask, Problem):
                yield mask
                continue
        if read is None:
            read = _read(folder, series, canonical=canonical)
        if isinstance(read, Problem):
            yield read
            continue
        header, voxels = read
        if k == len(rows):
            read = None  # else two volumes are in memory when it is stored
        made: Made | Problem = voxels, header.spacing, header.facts
        if use is not None and isinstance(mask, np.ndarray):
            made = _masked(header, voxels, mask, replace(use, roi=name))
        del voxels, mask
        yield made
        del made


def _masked(header: ImageHeader, voxels: np.ndarray, mask: np.ndarray, use: MaskUse) -> Made | Problem:
    label = use.label or 1
    # A region has the label that was asked for, as in a mask of a file.
    labelled = mask * np.min_scalar_type(label).type(label)
    try:
        header, voxels = use_mask(use, header, voxels, delivered_voxels(labelled.T, header))
    except InputError as error:
        return Problem("unusable grid or mask", f"cannot be used: {error}")
    if reason := check_voxels(voxels):
        return Problem("unusable voxels", f"cannot be used: {reason}")
    return voxels, header.spacing, header.facts


def _read(folder: Path, series: Series, *, canonical: bool) -> tuple[ImageHeader, np.ndarray] | Problem:
    """Read a series without an obstacle and bring it to an even, upright grid in the orientation of all sources.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the source.
    series : Series
        Resampled if it is uneven or tilted.
    canonical : bool
        Reorder and flip axes to the orientation closest to RAS+; nothing is interpolated.

    Returns
    -------
    header : ImageHeader
        Spacing (z, y, x) in mm and JSON-able facts: format, modality, units, affine from (x, y, z) to RAS+ mm and
        orientation of x, y and z, number of files, tags that told the stack from others, changes of values and grid,
        and the identifying tags that were dropped.
    voxels : ndarray, shape (z, y, x)
        As `tdaflow.sources.dicom.pixels.read_voxels` gives them, resampled and reordered if needed; not canonical, z
        is the normal of the slices.
    """
    stack, first = series.stack, series.images[0]
    assert stack is not None  # a series without a stack has an obstacle
    assert first.pixel_spacing is not None
    read = read_voxels(folder, series)
    if isinstance(read, Problem):
        return read
    voxels, facts = read
    if reason := check_voxels(voxels):
        return Problem("unusable voxels", f"cannot be used: {reason}")
    pixel_spacing = (first.pixel_spacing[0], first.pixel_spacing[1])
    spacing, origin, resampled = (stack.even_gap, *pixel_spacing), stack.origin, None
    if series.unevenness is not None:
        voxels, spacing, origin, resampled = to_even_grid(voxels, stack, pixel_spacing)
    left_out = sum(image.localizer for image in series.files)
    facts = {
        "format": "DICOM",
        "modality": first.modality,
        **facts,
        "files": len(series.by_file),
        "resampled": resampled,
        "localizers_left_out": left_out,
        "repeated_instance_numbers": repeated_instances(series.images),
        "group_from": "PatientID" if first.has_patient_id else "StudyInstanceUID",
        "dropped": dropped_table(image.dropped for image in series.by_file.values()),
    }
    if series.division is not None and series.division.tags:
        facts["divided_by"] = list(series.division.tags)
    z, y, x = voxels.shape
    try:
        header = deliver(
            (x, y, z),
            voxels.dtype,
            spacing[::-1],
            affine_ras(origin, stack.axes, spacing),
            canonical=canonical,
            n_volumes=1,
            facts=facts,
        )
    except InputError as error:
        return Problem("unusable grid", f"cannot be used: {error}")
    return header, delivered_voxels(voxels.T, header)
