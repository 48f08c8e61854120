"""Build voxels, spacing and facts of a volume from a series."""

from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.dicom.geometry import affine_ras
from tdaflow.sources.dicom.pixels import read_voxels
from tdaflow.sources.dicom.privacy import dropped_table
from tdaflow.sources.dicom.problems import Problem
from tdaflow.sources.dicom.resample import to_even_grid
from tdaflow.sources.dicom.series import Series
from tdaflow.sources.dicom.spacing_checks import repeated_instances
from tdaflow.sources.geometry import deliver, delivered_voxels
from tdaflow.sources.volume import check_voxels


def build_volume(
    folder: Path, series: Series, *, allow_uneven: bool, canonical: bool
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
    return delivered_voxels(voxels.T, header), header.spacing, header.facts
