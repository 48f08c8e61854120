"""Volumes as OME-Zarr 0.5 images with superpixel labels, for napari and other viewers.

https://ngff.openmicroscopy.org/0.5/: Zarr v3, attributes under ``ome``, an image's labels in its group ``labels``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import zarr

from tdaflow.atomic import remove_leftovers_of, remove_whole, written_whole
from tdaflow.extents import intensity_extent
from tdaflow.store.digests import options_digest
from tdaflow.store.volume_builder import BLOCK, write_blocks
from tdaflow.superpixels import SuperpixelGrid, SuperpixelOptions, superpixel_grid

VERSION = "0.5"
SUFFIX = ".ome.zarr"
# An axis is halved as long as this many voxels remain.
SMALLEST = 32
# Longest escaped id in bytes: file systems allow 255, and the suffix and a temporary prefix are added.
_LONGEST = 170

Strides = tuple[int, int, int]
Spacing = tuple[float, float, float]


def safe_file_name(identity: str) -> str:
    """Return a file name for any id; different ids get different names.

    Parameters
    ----------
    identity : str
        Any text.

    Returns
    -------
    str
        At most 170 characters of ``[A-Za-z0-9._-]`` and ``%``, never empty and never with a leading dot. Other
        characters become the percent escapes of their UTF-8 bytes. A name that would be longer is cut and ends in
        ``%-`` and a digest, which no escape begins with.

    Examples
    --------
    >>> safe_file_name("phantoms/00001"), safe_file_name("../x"), safe_file_name("")
    ('phantoms%2F00001', '%2E.%2Fx', '%')
    """
    # quote() leaves "~" as it is; a lone surrogate has no UTF-8, its escape does.
    name = quote(identity, safe="", errors="surrogatepass").replace("~", "%7E")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _LONGEST:
        digest = options_digest(name)
        name = f"{name[: _LONGEST - 2 - len(digest)]}%-{digest}"
    return name or "%"


def superpixel_labels(voxels: np.ndarray, spacing: Spacing, options: SuperpixelOptions) -> np.ndarray:
    """Label each voxel with its superpixel.

    Parameters
    ----------
    voxels : array (z, y, x)
        For the grid only its shape matters.
    spacing : tuple of 3 float
        In mm along z, y, x.
    options : SuperpixelOptions

    Returns
    -------
    unsigned integer array (z, y, x)
        Label k is row k − 1 of `tdaflow.superpixel_point_cloud`; 0, the background of viewers, does not occur. On the
        grid a voxel has the label of the block that its centre lies in.

    Raises
    ------
    InputError
        If more superpixels are wanted than there are voxels.
    """
    shape = (int(voxels.shape[0]), int(voxels.shape[1]), int(voxels.shape[2]))
    grid = superpixel_grid(shape, options.n_superpixels, spacing, options.grid)
    if options.method == "slic":
        return _slic_labels(voxels, grid, spacing, options)
    dtype = np.min_scalar_type(grid.n_points)
    z, y, x = (
        (np.searchsorted(edges[:, 0], np.arange(size) + 0.5, side="right") - 1).astype(dtype)
        for edges, size in zip(grid.axis_edges, shape, strict=True)
    )
    _, n_y, n_x = (dtype.type(count) for count in grid.counts)
    one = dtype.type(1)
    return one + (z[:, None, None] * n_y + y[:, None]) * n_x + x


def _slic_labels(voxels: np.ndarray, grid: SuperpixelGrid, spacing: Spacing, options: SuperpixelOptions) -> np.ndarray:
    """Label the supervoxels whose centroids `tdaflow.superpixels.slic.slic_points` returns, in its order from 1."""
    from tdaflow.superpixels.slic import slic_labels

    extent = intensity_extent(voxels)
    found = slic_labels(
        voxels, grid, options.n_superpixels, spacing, options.smoothing_multiple, (extent.low, extent.high)
    )
    numbers, labels = np.unique(found, return_inverse=True)
    return (labels.reshape(voxels.shape) + 1).astype(np.min_scalar_type(len(numbers)))


def pyramid_strides(shape: tuple[int, ...]) -> list[Strides]:
    """Return voxels of level 0 per voxel of each level, along z, y, x; axes are halved while 32 voxels remain.

    Examples
    --------
    >>> pyramid_strides((40, 64, 200))
    [(1, 1, 1), (1, 2, 2), (1, 2, 4)]
    """
    strides: list[Strides] = [(1, 1, 1)]
    size = list(shape)
    while any(n >= 2 * SMALLEST for n in size):
        step = [2 if n >= 2 * SMALLEST else 1 for n in size]
        size = [-(-n // s) for n, s in zip(size, step, strict=True)]
        z, y, x = (a * b for a, b in zip(strides[-1], step, strict=True))
        strides.append((z, y, x))
    return strides


def block_mean(values: np.ndarray, step: tuple[int, ...]) -> np.ndarray:
    """Return the mean of each block of `step` voxels, in the same dtype; of a block cut off by the edge, of its rest.

    Means of integers are exact, rounded to nearest, halves up; of bool, True where at least half of the block is.
    """
    padding = [(0, -n % s) for n, s in zip(values.shape, step, strict=True)]
    if any(after for _, after in padding):
        # Repeating the last voxel of a block of two leaves the mean of the rest.
        values = np.pad(values, padding, mode="edge")
    blocks = values.reshape([part for n, s in zip(values.shape, step, strict=True) for part in (n // s, s)])
    axes, n = (1, 3, 5), int(np.prod(step))
    if values.dtype.kind == "f":
        return np.divide(blocks, n, dtype=np.float64).sum(axis=axes).astype(values.dtype)
    if values.dtype.kind == "b":
        return 2 * blocks.sum(axis=axes) >= n
    # Quotients and remainders apart: the sum of 64-bit voxels would not fit into 64 bits.
    whole = (blocks // n).sum(axis=axes, dtype=values.dtype)
    rest = (blocks % n).sum(axis=axes, dtype=np.int64)
    return whole + ((2 * rest + n) // (2 * n)).astype(values.dtype)


def write_ome_zarr(
    path: Path,
    voxels: np.ndarray,
    spacing: Spacing,
    *,
    name: str,
    labels: np.ndarray | None = None,
    label_name: str = "superpixels",
    attributes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a volume as an OME-Zarr image, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the image; its parent must exist.
    voxels : array (z, y, x)
        Bool, integers or floats. Levels of the pyramid after the first are block means.
    spacing : tuple of 3 float
        In mm along z, y, x; the first voxel's centre is the origin.
    name : str
        Shown by viewers.
    labels : unsigned integer array (z, y, x), optional
        Becomes ``labels/LABEL_NAME``; its pyramid keeps the first voxel of each block.
    label_name : str
    attributes : mapping, optional
        JSON-able facts, kept under ``tdaflow``.
    overwrite : bool
        Replace what is at `path`, once the new image is complete.

    Raises
    ------
    FileExistsError
        If there is something at `path` and it is not to be replaced.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(path)
    strides = pyramid_strides(voxels.shape)
    remove_leftovers_of(path)
    with written_whole(path) as temporary:
        about = {"ome": {"version": VERSION, "multiscales": [_multiscales(name, spacing, strides, "mean")]}}
        image = zarr.create_group(temporary, zarr_format=3, attributes={**about, "tdaflow": dict(attributes or {})})
        level = voxels
        for number, stride in enumerate(strides):
            if number:
                before = strides[number - 1]
                level = _halved(level, tuple(a // b for a, b in zip(stride, before, strict=True)))
            write_blocks(image, str(number), level)
        if labels is not None:
            parent = image.create_group("labels", attributes={"ome": {"version": VERSION, "labels": [label_name]}})
            about_labels = {
                "ome": {
                    "version": VERSION,
                    "multiscales": [_multiscales(label_name, spacing, strides, "nearest")],
                    "image-label": {"source": {"image": "../../"}},
                }
            }
            group = parent.create_group(label_name, attributes=about_labels)
            for number, (z, y, x) in enumerate(strides):
                write_blocks(group, str(number), labels[::z, ::y, ::x])
        if overwrite:
            remove_whole(path)


def _halved(values: np.ndarray, step: tuple[int, ...]) -> np.ndarray:
    """Return block means, computed in slabs: temporary arrays are several times as large as their input."""
    depth = BLOCK * step[0]
    return np.concatenate([block_mean(values[z : z + depth], step) for z in range(0, len(values), depth)])


def _multiscales(name: str, spacing: Spacing, strides: list[Strides], method: str) -> dict[str, Any]:
    """Return the metadata of a pyramid; a coarse voxel's centre lies in the middle of the voxels it stands for."""
    return {
        "name": name,
        "type": method,
        "axes": [{"name": axis, "type": "space", "unit": "millimeter"} for axis in "zyx"],
        "datasets": [
            {
                "path": str(number),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [float(s) * k for s, k in zip(spacing, stride, strict=True)]},
                    {
                        "type": "translation",
                        "translation": [float(s) * (k - 1) / 2 for s, k in zip(spacing, stride, strict=True)],
                    },
                ],
            }
            for number, stride in enumerate(strides)
        ],
    }
