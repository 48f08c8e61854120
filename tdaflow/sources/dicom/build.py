"""Build voxels, spacing and facts of a volume from a series."""

from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.sources.dicom.geometry import affine_ras, axis_codes
from tdaflow.sources.dicom.pixels import read_voxels
from tdaflow.sources.dicom.privacy import dropped_table
from tdaflow.sources.dicom.problems import Problem
from tdaflow.sources.dicom.resample import to_even_grid
from tdaflow.sources.dicom.series import Series
from tdaflow.sources.dicom.spacing_checks import repeated_instances
from tdaflow.sources.volume import check_voxels


def build_volume(
    folder: Path, series: Series, *, allow_uneven: bool
) -> tuple[np.ndarray, tuple[float, float, float], dict[str, Any]] | Problem:
    """Read a series and bring it to an even, upright grid.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the source.
    series : Series
        Its problem, if it has one, is returned.
    allow_uneven : bool
        Resample an uneven or tilted series instead of returning its problem.

    Returns
    -------
    voxels : ndarray, shape (z, y, x)
        As `tdaflow.sources.dicom.pixels.read_voxels` gives them, resampled if needed.
    spacing : tuple of 3 float
        (z, y, x) in mm, z along the normal of the slices.
    facts : dict
        JSON-able: format, modality, units, affine from (x, y, z) to RAS+ mm and orientation of x, y and z, number of
        files, changes of values and grid, and the identifying tags that were dropped.
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
    affine = affine_ras(origin, stack.axes, spacing)
    left_out = len(series.files) - len(series.images)
    repeated = repeated_instances(series.images)
    return (
        voxels,
        spacing,
        {
            "format": "DICOM",
            "modality": first.modality,
            **facts,
            "affine": affine.tolist(),
            "orientation": axis_codes(affine),
            "files": len(series.files),
            "resampled": resampled,
            "localizers_left_out": left_out,
            "repeated_instance_numbers": repeated,
            "group_from": "PatientID" if first.has_patient_id else "StudyInstanceUID",
            "dropped": dropped_table(image.dropped for image in series.files),
        },
    )
