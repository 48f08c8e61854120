"""Apply a mask to a volume: crop to its region, blank the rest, or use the mask as the volume."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np

from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.sources.geometry import ImageHeader, sides

MaskMode = Literal["none", "crop", "background", "inside", "volume"]
MaskLabels = Literal["all"] | dict[str, Any]
"""All labels, or values by name; `check_mask_labels` says which."""

BOXED = ("crop", "inside")
"""Modes that cut the image to the box of the region."""

# What R, pandas and SQL leave as it is, for the names begin columns of a table.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


# Software that stores labels as floats, or as integers with a scale, misses whole numbers by rounding.
_ROUNDING, _LARGEST_STEP = 1e-3, 0.1


@dataclass(frozen=True)
class MaskUse:
    """Use of a mask, with its options.

    Parameters
    ----------
    mode : {"none", "crop", "background", "inside", "volume"}
        ``crop``: the smallest box around the labelled region, widened by the margin and cut at the image's border;
        voxels inside it keep their values. ``background``: voxels outside the region take the low end of the volume's
        intensity extent. ``inside``: both, the box of ``crop`` with the ``background`` blank, so that nothing but the
        region counts and superpixels have its size. ``volume``: the region itself, 1 inside and 0 outside (uint8), in
        place of the image. ``none``: masks are not read.
    label : int, optional
        Value of the region in the mask; by default every value but 0.
    margin : float
        Only for ``crop`` and ``inside``, on every side.
    margin_unit : {"mm", "voxels"}
        A margin in mm is rounded up to whole voxels along each axis.
    roi : str
        Name of the region where it is one of several of its mask, which then must hold no negative values.
    """

    mode: MaskMode = "none"
    label: int | None = None
    margin: float = 0.0
    margin_unit: Literal["mm", "voxels"] = "mm"
    roi: str = ""

    def __post_init__(self) -> None:
        if self.mode not in get_args(MaskMode) or self.margin_unit not in ("mm", "voxels"):
            raise InputError(
                f"mask_mode={self.mode!r} must be one of {', '.join(get_args(MaskMode))} "
                f"and margin_unit={self.margin_unit!r} 'mm' or 'voxels'"
            )
        if not (np.isfinite(self.margin) and self.margin >= 0):
            raise InputError(f"margin={self.margin} must be a number from 0 up")
        if self.margin_unit == "voxels" and self.margin != int(self.margin):
            raise InputError(f"margin={self.margin} must be a whole number of voxels, or margin_unit='mm'")
        if self.label == 0:
            raise InputError("mask_label=0 is the background: give the value of a region, or none for all but 0")

    def margins(self, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
        """Return the voxels to add on each side along (z, y, x) of a volume with this spacing in mm."""
        if self.margin_unit == "voxels":
            return (int(self.margin),) * 3
        # 1e-9: 3 mm of 0.3 mm voxels are 10 of them, not 11.
        z, y, x = (int(np.ceil(self.margin / s - 1e-9)) for s in spacing)
        return z, y, x


def check_mask_labels(given: MaskLabels | None, *, names: bool = False) -> None:
    """Raise `InputError` unless these are "all", or distinct whole numbers above 0 by names of letters and digits.

    With `names` also texts, by which a segmentation names its regions.
    """
    if given is None or given == "all":
        return
    if not isinstance(given, Mapping):
        raise InputError(f'mask_labels={given!r} must be "all" or name regions, such as {{tumor = 2, edema = 1}}')
    if not given:
        raise InputError('mask_labels must name a region, such as {tumor = 2, edema = 1}, or be "all"')
    for name, label in given.items():
        if not _NAME.fullmatch(name):
            raise InputError(
                f"mask_labels has the name {name!r}: write letters (a to z), digits and underscores, a letter first"
            )
        is_number = isinstance(label, Integral) and not isinstance(label, bool) and int(label) >= 1
        if not is_number and not (names and isinstance(label, str) and label):
            what = "0 is the background" if label == 0 else "a label is a whole number above 0"
            raise InputError(f"mask_labels gives {name} the value {label!r}, and {what}: give the value of a region")
        twins = [other for other, value in given.items() if value == label]
        if len(twins) > 1:
            raise InputError(f"mask_labels gives {' and '.join(twins)} the same value {label}: leave one out")


def mask_labels(mask: np.ndarray) -> frozenset[int]:
    """Return the values of a mask of several regions, without the background 0.

    Parameters
    ----------
    mask : ndarray, shape (z, y, x)
        Whole numbers from 0 up, of any real type.

    Raises
    ------
    InputError
        If the mask holds NaN, infinities, fractions or negative values.
    """
    mask = whole_labels(mask)[0]
    _check_positive(mask)
    # Plane by plane and without the background, for sorting every voxel would take seconds and gigabytes.
    return frozenset(int(label) for plane in mask for label in np.unique(plane[plane != 0]))


def selected(mask: np.ndarray, label: int | None, roi: str = "") -> np.ndarray:
    """Return the voxels of a mask's region.

    Parameters
    ----------
    mask : ndarray, shape (z, y, x)
        Whole numbers of any real type.
    label : int, optional
        Value of the region; by default all but 0.
    roi : str
        Name of the region where it is one of several, for messages.

    Returns
    -------
    ndarray of bool, shape (z, y, x)

    Raises
    ------
    InputError
        If the mask holds NaN, infinities or fractions (`whole_labels`), or labels nothing.
    """
    mask = whole_labels(mask)[0]
    region = mask != 0 if label is None else mask == label
    if not region.any():
        what = "every voxel is 0" if label is None else f"no voxel is {label}"
        raise InputError(f"the mask {f'has no region {roi}' if roi else 'is empty'}: {what}")
    return region


def _check_positive(mask: np.ndarray) -> None:
    if mask.dtype.kind in "if" and (low := mask.min()) < 0:
        raise InputError(f"the mask holds negative labels, down to {low:g}: save regions as 1, 2, … and 0 around them")


def scaling_step(header: ImageHeader) -> float:
    """Return the distance of neighbouring values in a file, if its numbers are scaled integers; else 0."""
    slope, stored = header.facts.get("slope", 1.0), header.facts.get("dtype", "float64")
    return abs(float(slope)) if np.dtype(stored).kind in "iu" else 0.0


def whole_labels(mask: np.ndarray, step: float = 0.0) -> tuple[np.ndarray, float]:
    """Return a mask with its whole numbers, and how far values were from them.

    Parameters
    ----------
    mask : ndarray
        Of any real type.
    step : float
        Distance of neighbouring values in the file (its slope), if they are scaled integers. Values within half a step
        of a whole number, or 0.001, count as that number; a step beyond 0.1 cannot be told from interpolation.

    Raises
    ------
    InputError
        If the mask holds NaN, infinities or fractions.
    """
    if mask.dtype.kind != "f":
        return mask, 0.0
    if not np.isfinite(mask).all():
        raise InputError("the mask holds NaN or infinity: save it as integers")
    whole = np.rint(mask)
    off = float(np.abs(mask - whole).max(initial=0.0))
    # A hundredth more than half, for the rounding of the product itself.
    if off > max(_ROUNDING, 0.505 * step if step <= _LARGEST_STEP else 0.0):
        raise InputError(
            f"the mask holds fractions (up to {off:.2g} off a whole number), as after interpolation: resample it with "
            "nearest neighbour and save it as integers"
        )
    return whole, off


def use_mask(
    use: MaskUse, header: ImageHeader, voxels: np.ndarray | None, mask: np.ndarray
) -> tuple[ImageHeader, np.ndarray]:
    """Apply a mask on the same grid.

    Parameters
    ----------
    use : MaskUse
        Mode other than ``none``.
    header : ImageHeader
        Of the image.
    voxels : ndarray, shape (z, y, x), or None
        The image, which is not changed; not needed where the mask takes its place.
    mask : ndarray, shape (z, y, x)
        As for `selected`.

    Returns
    -------
    header : ImageHeader
        Shape, affine and facts as they are afterwards.
    voxels : ndarray
    """
    if use.roi:
        _check_positive(mask)
    region = selected(mask, use.label, use.roi)
    facts: dict[str, Any] = {"mode": use.mode, "label": use.label, "voxels": int(region.sum())}
    if use.roi:
        facts["roi"] = use.roi
    if use.mode == "volume":
        voxels = region.astype(np.uint8)
    elif voxels is None:
        raise ValueError(f"mask mode {use.mode!r} needs the image")
    fill = None
    if use.mode in ("background", "inside") and (finite := voxels[np.isfinite(voxels)]).size:
        # Not the minimum, which a single voxel can set.
        fill = finite.dtype.type(intensity_extent(finite).low)
        facts["value"] = fill.item()
        del finite
    if use.mode in BOXED:
        box = _box(region, use.margins(header.spacing))
        region, voxels = region[box], np.ascontiguousarray(voxels[box])
        if min(voxels.shape) == 1:
            raise InputError(f"the labelled region is a slice of {sides(voxels.shape)} voxels (z, y, x): set a margin")
        facts["box"] = [[s.start, s.stop] for s in box]
        facts["shape_before"] = list(header.shape)
        header = _cropped(header, box)
    if fill is not None:
        voxels = np.where(region, voxels, fill)
    shape: Any = voxels.shape
    return replace(header, shape=shape, dtype=voxels.dtype, facts={**header.facts, "mask": facts}), voxels


def _box(region: np.ndarray, margins: tuple[int, int, int]) -> tuple[slice, ...]:
    box = []
    for axis, margin in enumerate(margins):
        hit = np.flatnonzero(region.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(slice(max(0, int(hit[0]) - margin), min(region.shape[axis], int(hit[-1]) + 1 + margin)))
    return tuple(box)


def _cropped(header: ImageHeader, box: tuple[slice, ...]) -> ImageHeader:
    if header.affine is None:
        return header
    affine = header.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [s.start for s in reversed(box)]
    return replace(header, affine=affine, facts={**header.facts, "affine": affine.tolist()})
