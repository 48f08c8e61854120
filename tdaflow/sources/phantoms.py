"""Source of generated volumes with known topology, for tests and examples."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.sources.shapes import Solid, solid
from tdaflow.sources.volume import SPLITS, Rejected, SourceInfo, Volume, checked

# Increased when the generated voxels change, so that stores of older phantoms are recognised.
PHANTOM_VERSION = 1
DEFAULT_KINDS = ("ball", "shell", "torus", "linked-rings", "handles-3", "cavities-2")
_MARGIN = 1.5  # voxels of background on every side, so that the background is one component
_MIN_WIDTH = 2.5  # voxels across the thinnest part; found sufficient for every pose by the tests
_SMALLEST = 0.75  # of the largest size that fits


@dataclass(frozen=True, eq=False)
class Phantom:
    """One generated volume.

    Parameters
    ----------
    kind : str
        Name of the solid, see `tdaflow.sources.shapes.solid`.
    betti : tuple of 3 int
        Betti numbers (b0, b1, b2) of the solid.
    voxels : ndarray of uint8, shape (z, y, x)
        Bright solid on dark ground, blurred over one voxel at the surface, with noise.
    mask : ndarray of bool, shape (z, y, x)
        The solid itself; its Betti numbers are ``betti`` both with 6- and with 26-connected voxels.
    """

    kind: str
    betti: tuple[int, int, int]
    voxels: np.ndarray = field(repr=False)
    mask: np.ndarray = field(repr=False)


def phantom(
    kind: str, shape: tuple[int, int, int], rng: np.random.Generator, *, noise: float = 8.0, contrast: float = 1.0
) -> Phantom:
    """Generate one phantom in a random pose.

    Parameters
    ----------
    kind : str
        Name of the solid, see `tdaflow.sources.shapes.solid`.
    shape : tuple of 3 int
        (z, y, x).
    rng : numpy.random.Generator
        Decides rotation (uniform), size (75 % to 100 % of what fits), position, ground level (20–50), contrast
        (100–160 times ``contrast``) and noise.
    noise : float
        Standard deviation of the Gaussian noise in grey levels.
    contrast : float
        Factor in (0, 1] on the difference between solid and ground.

    Returns
    -------
    Phantom

    Raises
    ------
    InputError
        For an unknown kind, or if the shape is too small to show its thinnest part.
    """
    form = solid(kind)
    smallest, largest = _size_range(form, shape)
    radius = rng.uniform(smallest, largest)
    slack = np.asarray(shape) / 2 - _MARGIN - radius
    centre = (np.asarray(shape) - 1) / 2 + rng.uniform(-1, 1, 3) * slack
    positions = np.indices(shape, dtype=float).reshape(3, -1).T
    distance = radius * form.distance((positions - centre) @ _rotation(rng) / radius).reshape(shape)
    ground, difference = rng.uniform(20, 50), contrast * rng.uniform(100, 160)
    grey = ground + difference * np.clip(0.5 - distance, 0, 1)
    grey += noise * rng.standard_normal(shape)
    return Phantom(kind, form.betti, np.rint(grey).clip(0, 255).astype(np.uint8), distance < 0)


@dataclass(frozen=True)
class Phantoms:
    """A labelled data set of phantoms; the class is the kind.

    Parameters
    ----------
    n_volumes : int
        Number of volumes.
    shape : tuple of 3 int, in voxels
        Shape (z, y, x) of every volume.
    kinds : tuple of str
        Names of solids, see `tdaflow.sources.shapes.solid`; volume ``i`` is of kind ``i mod len(kinds)``.
    seed : int
        Non-negative. Volume ``i`` depends on ``seed``, ``i`` and the options, not on the number of volumes.
    noise : float, in grey levels
        Standard deviation of the noise; grey levels are 0–255.
    contrast : float
        Factor in (0, 1] on the contrast between solid and ground, which is 100–160 grey levels.
    splits : tuple of 3 float
        Shares of train, val and test, scaled to sum 1. Every class is divided in these shares as closely as possible.
    name : str
        Name of the data set.

    Raises
    ------
    InputError
        For impossible options, at construction.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, must stay a plain attribute

    n_volumes: int = 120
    shape: tuple[int, int, int] = (28, 28, 28)
    kinds: tuple[str, ...] = DEFAULT_KINDS
    seed: int = 0
    noise: float = 8.0
    contrast: float = 1.0
    splits: tuple[float, float, float] = (0.7, 0.1, 0.2)
    name: str = "phantoms"

    def __post_init__(self) -> None:
        if self.n_volumes < 1:
            raise InputError(f"n_volumes={self.n_volumes} phantoms cannot be generated: ask for at least 1")
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise InputError(f"kinds={self.kinds} must be one or more distinct names of phantoms")
        if self.seed < 0:
            raise InputError(f"seed={self.seed} must not be negative")
        if not (np.isfinite(self.noise) and self.noise >= 0):
            raise InputError(f"noise={self.noise} must be a number of grey levels, 0 or more")
        if not 0 < self.contrast <= 1:
            raise InputError(f"contrast={self.contrast} must lie in (0, 1]")
        if len(self.splits) != 3 or min(self.splits) < 0 or not 0 < sum(self.splits) < np.inf:
            raise InputError(f"splits={self.splits} must be three shares (train, val, test), none negative, not all 0")
        for kind in self.kinds:
            _size_range(solid(kind), self.shape)

    def describe(self) -> SourceInfo:
        """Return the counts; nothing is generated."""
        n_kinds, cycle = len(self.kinds), _splits_of_a_class(self.splits)
        counts: dict[str, list[int]] = {split: [0] * n_kinds for split in SPLITS}
        for kind in range(n_kinds):
            n_cycles, rest = divmod(len(range(kind, self.n_volumes, n_kinds)), len(cycle))
            for split in SPLITS:
                counts[split][kind] = n_cycles * cycle.count(split) + cycle[:rest].count(split)
        class_counts = {split: tuple(of_kinds) for split, of_kinds in counts.items() if sum(of_kinds)}
        splits = {split: sum(of_kinds) for split, of_kinds in class_counts.items()}
        return SourceInfo(
            name=self.name,
            n_volumes=self.n_volumes,
            shape=self.shape,
            dtype="uint8",
            class_names=self.kinds,
            splits=splits,
            class_counts=class_counts,
            licence="CC0-1.0",
            task="multi-class",
            modality="generated",
        )

    def fingerprint(self) -> dict[str, Any]:
        """Return all options and the version of the generator."""
        return {
            "kind": "phantoms",
            "version": PHANTOM_VERSION,
            "name": self.name,
            "n_volumes": self.n_volumes,
            "shape": list(self.shape),
            "kinds": list(self.kinds),
            "seed": self.seed,
            "noise": self.noise,
            "contrast": self.contrast,
            "splits": list(self.splits),
        }

    def volumes(self, start: int = 0) -> Iterator[Volume | Rejected]:
        """Generate volumes one at a time, without the first ``start``."""
        cycle = _splits_of_a_class(self.splits)
        for index in range(start, self.n_volumes):
            voxels = self.phantom(index).voxels
            nth, label = divmod(index, len(self.kinds))
            split = cycle[nth % len(cycle)]
            yield checked(Volume(f"{self.name}/{index:05d}", voxels, label=label, split=split))

    def phantom(self, index: int) -> Phantom:
        """Generate phantom ``index`` with its mask and Betti numbers."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(index,)))
        kind = self.kinds[index % len(self.kinds)]
        return phantom(kind, self.shape, rng, noise=self.noise, contrast=self.contrast)


# Volumes of a class after which the splits begin anew.
_CYCLE = 100_000


@lru_cache(maxsize=8)
def _splits_of_a_class(splits: tuple[float, float, float]) -> tuple[str, ...]:
    """Return the split of the first volumes of each class: each goes to the split that lacks most of its share."""
    total = sum(splits)
    shares, given, names = [share / total for share in splits], [0, 0, 0], []
    for n in range(1, _CYCLE + 1):
        lacks = [share * n - have for share, have in zip(shares, given, strict=True)]
        chosen = lacks.index(max(lacks))
        given[chosen] += 1
        names.append(SPLITS[chosen])
    return tuple(names)


def _size_range(form: Solid, shape: tuple[int, int, int]) -> tuple[float, float]:
    """Return the smallest and largest radius in voxels at which the solid fits and its thinnest part is resolved."""
    if len(shape) != 3:
        raise InputError(f"shape={tuple(shape)} of phantoms must have three lengths (z, y, x)")
    needed = _MIN_WIDTH / form.thinnest
    largest = min(shape) / 2 - _MARGIN
    if largest < needed:
        raise InputError(
            f"a phantom {form.kind!r} needs at least {int(np.ceil(2 * (needed + _MARGIN)))} voxels on each side, "
            f"shape={tuple(shape)} has {min(shape)}: enlarge the shape or choose another kind"
        )
    return max(needed, _SMALLEST * largest), largest


def _rotation(rng: np.random.Generator) -> np.ndarray:
    """Return a uniformly random rotation matrix: a normalised Gaussian quaternion is uniform on the unit 3-sphere."""
    w, x, y, z = (q := rng.standard_normal(4)) / np.sqrt((q**2).sum())
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
