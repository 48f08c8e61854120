"""Ground truth of Signal PI-Net and Image PI-Net: persistence images of the sublevel sets of signals.

Som et al. 2019, section 4.1. The bars are those of H₀ of each channel's sublevel sets: a local minimum is
born and dies where it meets a deeper one. Of an image, each colour channel is laid out along its rows as one signal.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tdaflow.errors import InputError
from tdaflow.homology.signals import signal_persistence
from tdaflow.images import persistence_image
from tdaflow.images.blas import one_blas_thread

Grid = Literal["contiguous", "pers-image"]


@dataclass(frozen=True)
class TargetOptions:
    """The plane in which the bars of signals are drawn.

    Attributes
    ----------
    birth_range : (low, high) float
        Covered by the columns.
    lifetime_range : (low, high) float
        Covered by the rows. The paper names the births only; this is what its library, persim's ``PersImage``, takes
        for them: from 0 to the largest birth.
    sigma : float
        Standard deviation of the Gaussian.
    resolution : int
        Rows and columns.
    grid : "contiguous" or "pers-image"
        Pixels that tile the ranges, row 0 the smallest lifetime; or the boxes of persim's ``PersImage``, which made the
        images that the authors published: lower edges from one end of the range to the other, all boxes as wide as the
        largest birth over `resolution`, row 0 the largest lifetime.
    """

    birth_range: tuple[float, float]
    lifetime_range: tuple[float, float]
    sigma: float
    resolution: int = 50
    grid: Grid = "contiguous"

    def __post_init__(self) -> None:
        if self.grid not in get_args(Grid):
            raise InputError(f"grid is {self.grid!r}; use one of {', '.join(map(repr, get_args(Grid)))}")
        if self.grid == "pers-image" and self.birth_range[1] <= 0:
            raise InputError(
                f"boxes of the grid 'pers-image' are as wide as the largest birth over the resolution, and birth_range "
                f"ends at {self.birth_range[1]:g}: let it end above 0, or use grid='contiguous'"
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields; the default grid has no key, so that digests of earlier versions stay."""
        return {name: value for name, value in asdict(self).items() if (name, value) != ("grid", "contiguous")}


SIGNALS = TargetOptions(birth_range=(-10.0, 10.0), lifetime_range=(0.0, 10.0), sigma=0.25)
"""For signals that are zero-centred and have unit variance along each time step."""

IMAGES = TargetOptions(birth_range=(0.0, 1.0), lifetime_range=(0.0, 1.0), sigma=0.05)
"""For images with values in [0, 1]."""


def signal_targets(signals: ArrayLike, options: TargetOptions = SIGNALS) -> NDArray[np.float32]:
    """Make the persistence image of every channel of every signal.

    Parameters
    ----------
    signals : array_like, shape (n, channels, t)
        Finite, prepared as `options` expects (`SignalScaler`).
    options : TargetOptions

    Returns
    -------
    float32 (n, channels, rows, columns)
        Rows are lifetime from small to large (on the grid "pers-image" from large to small), columns birth; each bar
        weighs its lifetime, each image is divided by its maximum. A channel without bars (monotonic) is an image of
        zeros.

    Raises
    ------
    InputError
        For another number of dimensions, no time step, and NaN or infinite values.
    """
    values = np.asarray(signals)
    if values.ndim != 3:
        raise InputError(f"signals must have shape (n, channels, t), got {values.shape}; add an axis for one channel")
    n, channels, t = values.shape
    bars, offsets = signal_persistence(values.reshape(n * channels, t), essential="drop")
    size = options.resolution
    found = np.zeros((n * channels, size, size), dtype=np.float32)
    for row in range(n * channels):
        pairs = bars[offsets[row] : offsets[row + 1]]
        if options.grid == "pers-image":
            found[row] = _pers_image(pairs, options)
            continue
        found[row] = persistence_image(
            pairs,
            birth_range=options.birth_range,
            death_range=options.lifetime_range,
            sigma=options.sigma,
            resolution=size,
            weight="linear",
            plane="birth-persistence",
            sampling="integral",
            normalise="max",
        )
    return found.reshape(n, channels, size, size)


def _pers_image(pairs: NDArray[np.float64], options: TargetOptions) -> NDArray[np.float64]:
    """Return the image of (birth, death) pairs as persim's ``PersImage`` draws it, over its maximum."""
    from scipy.special import ndtr

    birth, lifetime = pairs[:, 0], pairs[:, 1] - pairs[:, 0]
    width = options.birth_range[1] / options.resolution  # of both axes, whatever the range of births
    shares = []
    for values, limits in ((birth, options.birth_range), (lifetime, options.lifetime_range)):
        lower = np.linspace(*limits, options.resolution)[:, None] - values
        shares.append(ndtr((lower + width) / options.sigma) - ndtr(lower / options.sigma))
    with one_blas_thread():
        image = (shares[1] * lifetime) @ shares[0].T
    return image[::-1] / (image.max() or 1.0)


def image_targets(images: ArrayLike, options: TargetOptions = IMAGES) -> NDArray[np.float32]:
    """Make the persistence image of every colour channel of every image, its rows laid end to end as one signal.

    Parameters
    ----------
    images : array_like, shape (n, height, width, channels)
        uint8, which is divided by 255, or floats in [0, 1].
    options : TargetOptions

    Returns
    -------
    float32 (n, channels, rows, columns)
        See `signal_targets`.

    Raises
    ------
    InputError
        For another number of dimensions and for values outside [0, 1].
    """
    values = unit_images(images)
    n, height, width, channels = values.shape
    return signal_targets(np.moveaxis(values, -1, 1).reshape(n, channels, height * width), options)


def unit_images(images: ArrayLike) -> NDArray[np.floating]:
    """Return images (n, height, width, channels) with values in [0, 1]: divide uint8 by 255, check floats."""
    values = np.asarray(images)
    if values.ndim != 4:
        raise InputError(f"images must have shape (n, height, width, channels), got {values.shape}")
    if values.dtype == np.uint8:
        return values / np.float64(255)
    if not (values.size and values.min() >= 0 and values.max() <= 1):  # a NaN fails too
        raise InputError("images must be uint8 or have values in [0, 1]; divide them by their largest possible value")
    return values


class SignalScaler:
    """Zero-centre signals, then give each time step the variance 1 that it has over training signals.

    Section 4.1 of Som et al. 2019: each frame is zero-centred, and train and test are standardised along each time
    step; the scale is learned on the training frames alone.

    Attributes
    ----------
    scale_ : float64 (channels, t)
        Divisor of centred signals; 1 where training signals do not vary.
    """

    scale_: NDArray[np.float64]

    def fit(self, signals: ArrayLike) -> "SignalScaler":
        """Learn the scale of every channel and time step from training signals (n, channels, t)."""
        spread = _centred(signals).std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        return self

    def transform(self, signals: ArrayLike) -> NDArray[np.float64]:
        """Return signals (n, channels, t), centred and divided by the scale; InputError for other channels or t."""
        centred = _centred(signals)
        if centred.shape[1:] != self.scale_.shape:
            raise InputError(
                f"signals have {centred.shape[1]} channels and {centred.shape[2]} time steps, those of training "
                f"{self.scale_.shape[0]} and {self.scale_.shape[1]}: cut frames of the same length"
            )
        return centred / self.scale_


def _centred(signals: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(signals, dtype=np.float64)
    if values.ndim != 3:
        raise InputError(f"signals must have shape (n, channels, t), got {values.shape}; add an axis for one channel")
    return values - values.mean(axis=2, keepdims=True)
