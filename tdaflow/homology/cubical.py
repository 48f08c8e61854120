"""The cubical filtration of a volume by its grey values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.diagrams import PersistenceDiagram
from tdaflow.errors import InputError
from tdaflow.homology.checks import as_float64, check_homology_dimensions
from tdaflow.homology.threads import threads_for
from tdaflow.option_types import check_fields

FloatArray = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Cubical:
    """Cubical filtration: how the voxels below (or above) a grey value connect as it rises (or falls).

    Parameters
    ----------
    direction : "sublevel" or "superlevel"
        Superlevel sets of f are the sublevel sets of −f, and that is how their bars are stored: birth < death, on an
        axis that is −intensity.
    construction : "vertices" or "top"
        A voxel is a vertex (6-connected in 3D, the V-construction) or a top-dimensional cube (26-connected, the
        T-construction).
    downsample : int, in voxels
        k ≥ 1: work on means over blocks of k voxels along each axis; a block cut off by the border is averaged over
        what it holds.
    engine : "kernel" or "gudhi"
        "kernel" is tdaflow's own exact kernel; "gudhi" GUDHI's CubicalComplex, with the same bars. Volumes beyond the
        kernel's limit (some 5·10⁸ voxels) are computed by "gudhi", which is recorded in ``metadata["fallback"]``.

    Notes
    -----
    Values keep the volume's own unit. The essential bar (one component) is born at the smallest filtration value and by
    default capped at the largest one. ``metadata["filtration_range"]`` is the smallest and largest filtration value,
    after downsampling.
    """

    direction: Literal["sublevel", "superlevel"] = "sublevel"
    construction: Literal["vertices", "top"] = "vertices"
    downsample: int = 1
    engine: Literal["gudhi", "kernel"] = "kernel"

    takes: ClassVar[Literal["volume"]] = "volume"
    default_essential: ClassVar[Literal["drop", "cap"]] = "cap"
    constant_births: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if self.direction not in ("sublevel", "superlevel"):
            raise InputError(f"direction={self.direction!r} does not exist; use 'sublevel' or 'superlevel'")
        if self.construction not in ("vertices", "top"):
            raise InputError(f"construction={self.construction!r} does not exist; use 'vertices' or 'top'")
        if self.downsample < 1:
            raise InputError(
                f"downsample={self.downsample!r} must be an integer from 1 up: the side of a block in voxels"
            )
        if self.engine not in ("gudhi", "kernel"):
            raise InputError(f"engine={self.engine!r} does not exist; use 'gudhi' or 'kernel'")

    @property
    def name(self) -> str:
        """ "cubical-sublevel" or "cubical-superlevel": their values are on different axes."""
        return f"cubical-{self.direction}"

    @property
    def unit(self) -> str:
        """Unit of births and deaths, with a minus sign where they are those of −f."""
        return "grey levels" if self.direction == "sublevel" else "−grey levels"

    @property
    def in_words(self) -> str:
        """What is filtered and what comes first, for readers who are not topologists."""
        return f"the voxels, {'darkest' if self.direction == 'sublevel' else 'brightest'} first"

    def diagram(
        self,
        data: ArrayLike,
        homology_dimensions: Sequence[int],
        *,
        spacing: Sequence[float] | None = None,
        locations: bool = False,
    ) -> PersistenceDiagram:
        """Compute every bar of positive length; essential bars are kept apart.

        Parameters
        ----------
        data : array_like, 1–3 dimensions
            Finite values of any real dtype; integers and bool are taken as float64.
        homology_dimensions : sequence of int
            Distinct, from 0 to ndim − 1.
        spacing : sequence of float, optional
            As for every filtration of volumes; grey values do not depend on it.
        locations : bool
            If True, the diagram has `locations`: (n, 2, ndim), the voxel that bears each bar and the one that ends it,
            whose filtration values are its birth and its death. With ``downsample`` it is the middle voxel of a block.

        Returns
        -------
        PersistenceDiagram
            In its metadata: filtration, filtration_range, engine, construction, downsample, shape (as computed), and
            fallback if there was one.

        Raises
        ------
        InputError
            For other shapes, NaN or infinite values, an empty volume, or bad dimensions.
        """
        shape = np.shape(data)
        if not 1 <= len(shape) <= 3:
            raise InputError(
                f"the cubical filtration takes arrays of 1 to 3 dimensions, got shape {shape}; pass one volume"
            )
        dimensions = check_homology_dimensions(
            homology_dimensions, len(shape) - 1, f"an array of {len(shape)} dimensions"
        )
        volume = block_means(as_float64(data, "voxels", "mend or leave out the volume"), int(self.downsample))
        # 0 - f, not -f: that would store -0.0.
        values = volume if self.direction == "sublevel" else 0.0 - volume
        lowest, highest = float(values.min()), float(values.max())
        pairs, voxels, how = _bars(values, self.construction, dimensions, self.engine, locations=locations)
        of_essential = {}
        if locations and 0 in dimensions:
            ends = np.unravel_index([values.argmin(), values.argmax()], values.shape)
            of_essential[0] = np.stack(ends, axis=-1)[None]
        found = PersistenceDiagram(
            pairs,
            # A box is connected and has no holes.
            {0: np.array([lowest])} if 0 in dimensions else {},
            {
                "filtration": self.name,
                "filtration_range": (lowest, highest),
                "construction": self.construction,
                "downsample": int(self.downsample),
                "shape": values.shape,
                **how,
            },
            locations=voxels,
            essential_locations=of_essential,
        )
        return found if self.downsample == 1 else found.relocated(middle_of_blocks(int(self.downsample), shape))

    def cubes(self, data: ArrayLike, *, spacing: Sequence[float] | None = None) -> "tuple[Cubical, FloatArray]":
        """Return the cubical filtration without downsampling, and the means over blocks it is applied to."""
        volume = block_means(as_float64(data, "voxels", "mend or leave out the volume"), int(self.downsample))
        return replace(self, downsample=1), volume


def block_means(volume: FloatArray, size: int) -> FloatArray:
    """Return means over blocks of `size` voxels along each axis; blocks at the far border may be smaller."""
    if size == 1:
        return volume
    total, voxels = volume, np.ones(())
    for axis, length in enumerate(volume.shape):
        starts = np.arange(0, length, size)
        total = np.add.reduceat(total, starts, axis=axis)
        voxels = np.multiply.outer(voxels, np.diff(np.append(starts, length)))
    return total / voxels


def middle_of_blocks(size: int, shape: tuple[int, ...]) -> Callable[[Integers], Integers]:
    """Return what maps indices (…, ndim) of `block_means` to the middle voxel of each block."""

    def moved(blocks: Integers) -> Integers:
        return (blocks * size + np.minimum(blocks * size + size, shape) - 1) // 2

    return moved


def _bars(
    values: FloatArray,
    construction: Literal["vertices", "top"],
    dimensions: tuple[int, ...],
    engine: str,
    *,
    locations: bool,
) -> tuple[dict[int, FloatArray], dict[int, Integers], dict[str, Any]]:
    """The bars, the voxels that bear and end them (none unless locations are asked for), and how they were made."""
    if engine == "gudhi":
        return *_gudhi_bars(values, construction, dimensions, locations=locations), {"engine": "gudhi"}
    # Compiled on import, so imported when it is wanted.
    from tdaflow.homology.cubical_kernel import (
        ALGORITHM_VERSION,
        UnsupportedVolume,
        cubical_persistence,
        located_cubical_persistence,
    )

    threads = threads_for(values.size)
    try:
        if locations:
            pairs, voxels = located_cubical_persistence(values, dimensions, construction, threads)
        else:
            pairs, voxels = cubical_persistence(values, dimensions, construction, threads), {}
    except UnsupportedVolume as reason:
        found = _gudhi_bars(values, construction, dimensions, locations=locations)
        return *found, {"engine": "gudhi", "fallback": str(reason)}
    return pairs, voxels, {"engine": "kernel", "kernel": {"algorithm_version": ALGORITHM_VERSION}}


def _gudhi_bars(
    values: FloatArray, construction: str, dimensions: tuple[int, ...], *, locations: bool
) -> tuple[dict[int, FloatArray], dict[int, Integers]]:
    import gudhi

    cells = {"vertices": "vertices", "top": "top_dimensional_cells"}[construction]
    cubes = gudhi.CubicalComplex(**{cells: values})
    # Subsets of R³ have no torsion: every field gives the same bars, and Z₂ is the fastest.
    cubes.compute_persistence(homology_coeff_field=2, min_persistence=0)
    if not locations:
        intervals = {k: np.asarray(cubes.persistence_intervals_in_dimension(k), dtype=np.float64) for k in dimensions}
        return {k: (bars := given.reshape(-1, 2))[np.isfinite(bars[:, 1])] for k, given in intervals.items()}, {}
    pairs = (
        cubes.vertices_of_persistence_pairs() if construction == "vertices" else cubes.cofaces_of_persistence_pairs()
    )
    found = dict(enumerate(pairs[0]))
    flat = {k: np.asarray(found.get(k, ()), dtype=np.int64).reshape(-1, 2) for k in dimensions}
    voxels = {k: np.stack(np.unravel_index(at, values.shape, order="F"), axis=-1) for k, at in flat.items()}
    return {k: values[tuple(np.moveaxis(at, -1, 0))] + 0.0 for k, at in voxels.items()}, voxels
