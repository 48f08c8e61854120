"""Steps that change a volume's grid: resampling, cropping, padding. They need the whole volume."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np

from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.preprocessing.robust import extent
from tdaflow.preprocessing.step import Blocks, Shape, Spacing, Step, Voxels, check_choice, check_number, held_range

_INTERPOLATIONS = ("linear", "nearest")
# Voxels of one resampled volume: 64 GiB of float64, beyond any volume that was meant.
_MAX_VOXELS = 1 << 33


@dataclass(frozen=True)
class Resample(Step):
    """Resample a volume to another voxel size, or to a shape.

    Parameters
    ----------
    spacing : float or (3,) float, in mm
        Wanted voxel size; one number is isotropic. The nearest whole number of voxels is taken, and the voxel
        size that then keeps the extent is returned.
    shape : (3,) int, in voxels
        Wanted number of voxels (z, y, x); excludes `spacing`.
    interpolation : "linear" or "nearest"
        "nearest" keeps the values of masks and labels.
    antialias : bool
        First filter an axis that shrinks by a factor f > 1 with a Gaussian of (f − 1)/2 voxels, as
        ``skimage.transform.resize`` does; never with "nearest".

    Notes
    -----
    A voxel is a box, not a point: n voxels of size s cover n·s mm, and they still do after resampling. The centre of
    new voxel j lies at old index (j + ½)·n/n' − ½; beyond the outermost centres the edge is repeated
    (``scipy.ndimage.zoom`` with ``grid_mode=True``, torch's ``align_corners=False``).

    Integers are rounded (halves to even) and stay integers; linear interpolation stays within the grey values it reads,
    so nothing wraps.
    """

    step: str = field(default="resample", init=False)
    spacing: float | tuple[float, float, float] | None = None
    shape: tuple[int, int, int] | None = None
    interpolation: Literal["linear", "nearest"] = "linear"
    antialias: bool = True

    def __post_init__(self) -> None:
        check_choice("resample", "interpolation", self.interpolation, _INTERPOLATIONS)
        if not isinstance(self.antialias, bool):
            raise InputError(f"resample: antialias is {self.antialias!r}; use true or false.")
        if (self.spacing is None) == (self.shape is None):
            raise InputError("resample: give either spacing (mm) or shape (voxels).")
        if self.shape is not None:
            object.__setattr__(self, "shape", _checked_shape("resample", self.shape, 1))
            return
        several = isinstance(self.spacing, list | tuple)
        wanted: tuple[Any, ...] = tuple(self.spacing) if several else (self.spacing,) * 3  # type: ignore[arg-type]
        if len(wanted) != 3:
            raise InputError(f"resample: spacing is {self.spacing!r}; give one number or three (z, y, x), in mm.")
        for value in wanted:
            check_number("resample", "spacing", value)
            if value <= 0:
                raise InputError(f"resample: spacing is {self.spacing!r}; it must be above 0 mm.")
        if several:
            object.__setattr__(self, "spacing", wanted)

    @property
    def pointwise(self) -> bool:
        return False

    def new_shape(self, shape: Shape, spacing: Spacing) -> Shape:
        """Return the voxels (z, y, x) of the result for this shape and spacing; at least one along each axis."""
        if self.shape is not None:
            return self.shape
        wanted = np.broadcast_to(np.asarray(self.spacing, dtype=np.float64), 3)
        counts = [max(1.0, float(np.rint(n * s / w))) for n, s, w in zip(shape, spacing, wanted, strict=True)]
        if np.prod(counts) > _MAX_VOXELS:
            raise InputError(
                f"resample: a spacing of {self.spacing} mm would turn {tuple(shape)} voxels of {tuple(spacing)} mm "
                f"into {np.prod(counts):.3g}, above the limit of {_MAX_VOXELS}; take a larger spacing."
            )
        return tuple(int(n) for n in counts)  # type: ignore[return-value]

    def facts(self, shape: Shape, spacing: Spacing) -> dict[str, Any]:
        target = self.new_shape(shape, spacing)
        return {
            "from_shape": [int(n) for n in shape],
            "to_shape": list(target),
            "from_spacing": [float(s) for s in spacing],
            "to_spacing": list(_same_extent(shape, spacing, target)),
            "zoom": [m / n for n, m in zip(shape, target, strict=True)],
            "antialias_sigma": list(self._sigma(shape, target)),
        }

    def apply(self, voxels: Voxels, spacing: Spacing) -> tuple[Voxels, Spacing]:
        from scipy.ndimage import gaussian_filter, zoom

        shape: Shape = voxels.shape
        target = self.new_shape(shape, spacing)
        after = _same_extent(shape, spacing, target)
        if target == shape:
            return voxels, after
        factors = [m / n for n, m in zip(shape, target, strict=True)]
        options: dict[str, Any] = {"mode": "nearest", "grid_mode": True, "prefilter": False}
        if self.interpolation == "nearest":
            return zoom(voxels, factors, order=0, **options), after
        # float32 holds integers of up to 16 bits; sums are formed in float64 by scipy either way
        small = voxels.dtype.itemsize <= (4 if voxels.dtype.kind == "f" else 2)
        values = voxels.astype(np.float32 if small else np.float64)
        sigma = self._sigma(shape, target)
        if any(sigma):
            gaussian_filter(values, sigma, mode="nearest", output=values)
        result = zoom(values, factors, order=1, **options)
        if voxels.dtype.kind in "iu":
            # rounding in the filter may pass the extremes by a hair
            np.clip(np.rint(result, out=result), voxels.min(), voxels.max(), out=result)
        return result.astype(voxels.dtype, copy=False), after

    def _sigma(self, shape: Shape, target: Shape) -> tuple[float, ...]:
        if not self.antialias or self.interpolation == "nearest":
            return (0.0, 0.0, 0.0)
        return tuple(max(0.0, (n / m - 1) / 2) for n, m in zip(shape, target, strict=True))


@dataclass(frozen=True)
class CropPad(Step):
    """Crop or pad each axis to a length, around the centre.

    Parameters
    ----------
    shape : (3,) int, in voxels
        Wanted number of voxels (z, y, x); 0 leaves an axis as it is.
    value : float or "minimum", in the volume's grey values
        Grey value of padding; "minimum" is the low end of the volume's intensity extent (1 % quantile).

    Notes
    -----
    An odd voxel is cropped or padded at the far end. Spacing stays. ``facts()["start"]`` is the index in the old volume
    of the new first voxel, negative where it was padded: what an affine needs.
    """

    step: str = field(default="crop-pad", init=False)
    shape: tuple[int, int, int] = (0, 0, 0)
    value: float | Literal["minimum"] = "minimum"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _checked_shape("crop-pad", self.shape, 0))
        if not any(self.shape):
            raise InputError("crop-pad: give shape = [z, y, x] in voxels, with 0 for an axis that stays.")
        if self.value != "minimum":
            check_number("crop-pad", "value", self.value)

    @property
    def pointwise(self) -> bool:
        return False

    def fixed(self, blocks: Blocks) -> Self:
        return replace(self, value=extent(blocks)[0]) if self.value == "minimum" else self

    def facts(self, shape: Shape, spacing: Spacing) -> dict[str, Any]:
        target = self._target(shape)
        return {"from_shape": [int(n) for n in shape], "to_shape": list(target), "start": _starts(shape, target)}

    def apply(self, voxels: Voxels, spacing: Spacing) -> tuple[Voxels, Spacing]:
        target = self._target(voxels.shape)
        starts = _starts(voxels.shape, target)
        kept = tuple(slice(max(s, 0), min(s + m, n)) for s, m, n in zip(starts, target, voxels.shape, strict=True))
        if all(m <= n for m, n in zip(target, voxels.shape, strict=True)):
            return voxels[kept].copy(), spacing
        value = intensity_extent(voxels).low if self.value == "minimum" else self.value
        if voxels.dtype.kind in "iu":
            least, most = held_range(voxels.dtype)
            if value != int(value) or not least <= value <= most:
                raise InputError(
                    f"crop-pad: value is {value}, which {voxels.dtype} voxels ({least} to {most}) cannot have; "
                    f"give one that they can."
                )
        result = np.full(target, value, dtype=voxels.dtype)
        place = tuple(slice(max(-s, 0), max(-s, 0) + k.stop - k.start) for s, k in zip(starts, kept, strict=True))
        result[place] = voxels[kept]
        return result, spacing

    def _target(self, shape: Shape) -> Shape:
        return tuple(m or int(n) for m, n in zip(self.shape, shape, strict=True))  # type: ignore[return-value]


def _starts(shape: Shape, target: Shape) -> list[int]:
    # the larger of both gets the odd voxel at its far end
    return [(n - m) // 2 if n >= m else -((m - n) // 2) for n, m in zip(shape, target, strict=True)]


def _same_extent(shape: Shape, spacing: Spacing, target: Shape) -> Spacing:
    # an unchanged axis keeps its bits
    kept = zip(shape, spacing, target, strict=True)
    return tuple(float(s) if n == m else float(n * s / m) for n, s, m in kept)  # type: ignore[return-value]


def _checked_shape(step: str, shape: Any, least: int) -> Shape:
    try:
        sizes = tuple(shape)
        whole = len(sizes) == 3 and all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in sizes)
    except TypeError:
        whole = False
    if not whole or min(sizes) < least or np.prod([float(n) for n in sizes]) > _MAX_VOXELS:
        raise InputError(
            f"{step}: shape is {shape!r}; give three whole numbers (z, y, x) from {least}, "
            f"at most {_MAX_VOXELS} voxels."
        )
    return tuple(map(int, sizes))  # type: ignore[return-value]
