"""Build voxels, spacing and facts of a volume from a series."""

from collections.abc import Sequence
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
from tdaflow.sources.dicom.segmentation import read_segmentation
from tdaflow.sources.dicom.series import Series
from tdaflow.sources.dicom.spacing_checks import repeated_instances
from tdaflow.sources.geometry import deliver, delivered_voxels
from tdaflow.sources.mask import MaskUse, use_mask
from tdaflow.sources.volume import check_voxels


def build_volume(
    folder: Path,
    series: Series,
    *,
    allow_uneven: bool,
    canonical: bool,
    use: MaskUse | None = None,
    segmentations: Sequence[OtherFile] = (),
) -> tuple[np.ndarray, tuple[float, float, float], dict[str, Any]] | Problem:
    """Read a series and bring it to an even, upright grid in the orientation of all sources.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the source.
    series : Series
        Its problem, if it has one, is returned.
    allow_uneven : bool
        Resample an uneven or tilted series instead of returning its problem.
    canonical : bool
        Reorder and flip axes to the orientation closest to RAS+; nothing is interpolated.
    use : MaskUse, optional
        What the segmentation of the series is for; None to read none.
    segmentations : sequence of OtherFile
        Those that refer to the series.

    Returns
    -------
    voxels : ndarray, shape (z, y, x)
        As `tdaflow.sources.dicom.pixels.read_voxels` gives them, resampled and reordered if needed; not canonical, z
        is the normal of the slices.
    spacing : tuple of 3 float
        (z, y, x) in mm.
    facts : dict
        JSON-able: format, modality, units, affine from (x, y, z) to RAS+ mm and orientation of x, y and z, number of
        files, tags that told the stack from others, changes of values and grid, and the identifying tags that were
        dropped.
    """
    obstacle = series.obstacle(allow_uneven=allow_uneven)
    if obstacle is not None:
        return obstacle
    stack, first = series.stack, series.images[0]
    assert stack is not None  # a series without a stack has an obstacle
    assert first.pixel_spacing is not None
    mask = None if use is None else read_segmentation(folder, segmentations, series, use.label)
    if isinstance(mask, Problem):
        return mask
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
        voxels = delivered_voxels(voxels.T, header)
        if mask is not None and use is not None:
            header, voxels = use_mask(use, header, voxels, delivered_voxels(mask.T, header))
            if reason := check_voxels(voxels):
                return Problem("unusable voxels", f"cannot be used: {reason}")
    except InputError as error:
        return Problem("unusable grid or mask", f"cannot be used: {error}")
    return voxels, header.spacing, header.facts
