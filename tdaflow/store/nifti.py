"""Volumes as NIfTI-1 files, for 3D Slicer, ITK-SNAP and other viewers."""

import gzip
from pathlib import Path

import numpy as np

from tdaflow.atomic import write_whole
from tdaflow.sources.optional import require

Spacing = tuple[float, float, float]


def write_nifti(path: Path, voxels: np.ndarray, spacing: Spacing, affine: np.ndarray | None = None) -> Path:
    """Write a volume with a new header: voxels, their size and place, and no text of the source.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz``.
    voxels : array (z, y, x)
        bool becomes uint8; 64-bit integers, which many viewers do not read, int32 where that holds them, else float64.
    spacing : tuple of 3 float
        In mm along z, y, x.
    affine : array (4, 4), optional
        From index (x, y, z) to RAS+ mm, such as `tdaflow.store.anatomy.Anatomy.affine`. Without it the codes of the
        header say that the orientation is unknown.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If nibabel is not installed.
    OSError
        If the file cannot be written.
    """
    nibabel = require("nibabel", "writing NIfTI")
    data = voxels.T
    if data.dtype == bool:
        data = data.astype(np.uint8)
    elif data.dtype.kind in "iu" and data.dtype.itemsize == 8:
        held = not data.size or (data.min() >= -(2**31) and data.max() < 2**31)
        data = data.astype(np.int32 if held else np.float64)
    elif data.dtype == np.float16:
        data = data.astype(np.float32)
    image = nibabel.Nifti1Image(data, np.diag([*spacing[::-1], 1.0]) if affine is None else affine)
    code = 0 if affine is None else 1
    image.set_sform(image.affine, code)
    image.set_qform(None if affine is None else image.affine, code)
    image.header.set_zooms(spacing[::-1])
    image.header.set_xyzt_units("mm")
    content = image.to_bytes()
    # Without a time in it, the same volume gives the same bytes.
    return write_whole(path, gzip.compress(content, mtime=0) if path.name.endswith(".gz") else content)
