"""Perturbations of a volume: pure functions of voxels, severity and a random generator.

Averaging, translation and Gaussian noise are those of Som et al. (PI-Net, CVPR Workshops 2020), extended to three
dimensions; noise models are scikit-image's; the amplitude spectrum is shifted as described at `amplitude_spectrum`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.transform import resize
from skimage.util import random_noise

from tdaflow.errors import InputError
from tdaflow.extents import intensity_extent
from tdaflow.store import options_digest

Function = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
"""From float64 voxels, scaled so that the intensity range of the training volumes is [0, 1]; the shape stays."""


def blurred(voxels: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Mean over a cube of `severity` voxels a side, half a voxel off centre if that is even; edges repeat."""
    return ndimage.uniform_filter(voxels, size=int(severity), mode="nearest")


def translated(voxels: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Move by the share `severity` of every edge in a random direction, rounded to voxels.

    The direction is uniform on the sphere. What leaves is lost; what enters has the low end of the volume's extent.
    """
    direction = rng.standard_normal(3)
    offset = np.rint(severity * np.array(voxels.shape) * direction / np.linalg.norm(direction))
    return ndimage.shift(voxels, offset, order=0, mode="constant", cval=intensity_extent(voxels).low, prefilter=False)


def gaussian_noise(voxels: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Add white noise; `severity` is its standard deviation as a share of the intensity range."""
    return random_noise(voxels, mode="gaussian", var=severity**2, clip=False, rng=rng)


def speckle(voxels: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Multiply by 1 + white noise of standard deviation `severity`."""
    return random_noise(voxels, mode="speckle", var=severity**2, clip=False, rng=rng)


def poisson(voxels: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Replace by counts: at the top of the intensity range `severity`⁻² are expected, so this is their relative SD."""
    peak = severity**-2
    return rng.poisson(np.clip(voxels, 0, None) * peak) / peak


def salt_and_pepper(voxels: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Set the share `severity` of the voxels to either end of the intensity range."""
    struck = rng.random(voxels.shape) < severity
    return np.where(struck, rng.integers(0, 2, voxels.shape), voxels)


def amplitude_spectrum(voxels: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Multiply the amplitude of every frequency by noise of mean 1 and SD αD + β; phases stay.

    D is the squared distance from the centre of the spectrum, 1 in its corners; α is `severity` and β a tenth of it.
    The noise at opposite frequencies is equal, so that the result is real; amplitudes end at 0.
    """
    grids = np.meshgrid(*(np.fft.fftfreq(n) for n in voxels.shape), indexing="ij")
    squared = np.sum(np.square(grids), axis=0)
    noise = 1 + (severity * squared / squared.max() + severity / 10) * rng.standard_normal(voxels.shape)
    # Index −k along every axis; of k and −k the one that comes first in memory gives both their noise.
    opposite = np.roll(np.flip(np.arange(voxels.size).reshape(voxels.shape)), 1, axis=(0, 1, 2))
    noise = noise.ravel()[np.minimum(np.arange(voxels.size).reshape(voxels.shape), opposite)]
    return np.fft.ifftn(np.fft.fftn(voxels) * np.clip(noise, 0, None)).real


def shifted(voxels: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Move by `severity` voxels in a random direction, linearly interpolated; edges repeat."""
    direction = rng.standard_normal(3)
    return ndimage.shift(voxels, severity * direction / np.linalg.norm(direction), order=1, mode="nearest")


def rotated(voxels: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Turn every slice by `severity` degrees, either way, linearly interpolated; edges repeat.

    Only in the plane of the slices, where voxels are as wide as they are high.
    """
    angle = severity * rng.choice((-1, 1))
    return ndimage.rotate(voxels, angle, axes=(1, 2), reshape=False, order=1, mode="nearest")


def resampled(voxels: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Resample to voxels that are `severity` times as wide, smoothed against aliasing, and back, both linearly."""
    coarse = [max(1, round(n / severity)) for n in voxels.shape]
    return resize(resize(voxels, coarse, order=1, mode="edge"), voxels.shape, order=1, mode="edge")


@dataclass(frozen=True)
class Kind:
    """One kind of perturbation.

    Attributes
    ----------
    title : str
        Name in tables.
    unit : str
        Unit of the severity.
    severities : tuple of float
        Ascending, all of them with an effect.
    function : callable
    """

    title: str
    unit: str
    severities: tuple[float, ...]
    function: Function


KINDS: dict[str, Kind] = {
    "blur": Kind("averaging blur", "voxels a side", (2, 3, 4, 5, 6), blurred),
    "translation": Kind("translation", "share of the edge", (0.1, 0.2, 0.3), translated),
    "gaussian": Kind("Gaussian noise", "SD / range", (0.02, 0.04, 0.06, 0.08, 0.1), gaussian_noise),
    "speckle": Kind("speckle", "SD / intensity", (0.05, 0.1, 0.2, 0.4), speckle),
    "poisson": Kind("Poisson noise", "SD / range at its top", (0.02, 0.05, 0.1, 0.2), poisson),
    "salt-pepper": Kind("salt and pepper", "share of voxels", (0.005, 0.01, 0.02, 0.05), salt_and_pepper),
    "spectrum": Kind("amplitude spectrum", "α (β = α/10)", (0.25, 0.5, 1.0, 2.0), amplitude_spectrum),
}


RETESTS: dict[str, Kind] = {
    "noise": Kind("Gaussian noise", "SD / range", (0.02,), gaussian_noise),
    "shift": Kind("shift", "voxel", (1,), shifted),
    "rotation": Kind("rotation in the plane of the slices", "degrees", (5,), rotated),
    "resampling": Kind("resampling and back", "times the voxel", (1.25,), resampled),
}
"""What differs between two scans of one patient, each at one severity."""


def chosen_kinds(names: tuple[str, ...] | None) -> dict[str, Kind]:
    """Return the named kinds, all of them for None; InputError for an unknown name."""
    unknown = [name for name in names or () if name not in KINDS]
    if unknown:
        raise InputError(f"there is no perturbation {unknown[0]!r}: choose from {', '.join(KINDS)}")
    return {name: kind for name, kind in KINDS.items() if names is None or name in names}


@dataclass(frozen=True)
class Perturbation:
    """One kind at one severity, for volumes of one data set.

    Attributes
    ----------
    kind : str
        Key of `KINDS` or `RETESTS`.
    severity : float
    low, high : float
        Intensity range: that of the training volumes for `KINDS`.
    """

    kind: str
    severity: float
    low: float
    high: float

    def __call__(self, voxels: np.ndarray, identity: str) -> np.ndarray:
        """Perturb one volume.

        Parameters
        ----------
        voxels : array, shape (z, y, x)
        identity : str
            The volume's id. With the kind it seeds the generator, so severities share their random numbers and a
            volume is perturbed alike whatever is computed beside it.

        Returns
        -------
        array
            Same shape and dtype; integers are rounded and end where the dtype does.
        """
        seed = int(options_digest("perturbation", self.kind, identity)[:16], 16)
        scaled = (voxels.astype(np.float64) - self.low) / (self.high - self.low)
        changed = {**KINDS, **RETESTS}[self.kind].function(scaled, self.severity, np.random.default_rng(seed))
        return stored_as(changed * (self.high - self.low) + self.low, voxels.dtype)


def stored_as(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert values to a dtype; for integers they are rounded and clipped to its limits."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return values.astype(dtype)
