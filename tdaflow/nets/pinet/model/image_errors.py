"""Errors of predicted images: by channel, beside the mean training image, and by persistence."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tdaflow.nets.pinet.model.channels import channel_name, channel_shape, split_pixels
from tdaflow.store import ChannelAxes

BANDS = ("short", "middle", "long")


@dataclass(frozen=True)
class ChannelFidelity:
    """One channel over some volumes. Ratios whose denominator is zero are NaN.

    Attributes
    ----------
    channel : str
    relative_l2 : float
        √(Σ‖predicted − exact‖² / Σ‖exact‖²) over all volumes.
    relative_l2_median, relative_l2_p90 : float
        Of ‖predicted − exact‖ / ‖exact‖ by volume, where the exact image is not zero.
    relative_l2_of_mean : float
        As `relative_l2`, of the mean training image: what a prediction reaches that does not look at the volume.
    correlation : float
        Median over volumes of Pearson's coefficient between the pixels of the two images, where both vary.
    correlation_of_deviations : float
        Pearson's coefficient over all volumes and pixels after the mean training image is subtracted from both: what
        a prediction knows beyond it.
    n_volumes, n_empty : int
        Volumes, and those whose exact image is zero.
    """

    channel: str
    relative_l2: float
    relative_l2_median: float
    relative_l2_p90: float
    relative_l2_of_mean: float
    correlation: float
    correlation_of_deviations: float
    n_volumes: int
    n_empty: int

    def to_dict(self) -> dict[str, Any]:
        """Return a dict that JSON can hold; NaN becomes None."""
        return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(self).items()}


def fidelity(
    predicted: np.ndarray, exact: np.ndarray, mean_image: np.ndarray, channels: Sequence[ChannelAxes]
) -> list[ChannelFidelity]:
    """Compare predicted with exact images, channel by channel.

    Parameters
    ----------
    predicted, exact : arrays (n, pixels)
        All channels side by side, in their own units.
    mean_image : array (pixels,)
        Mean exact image of the training volumes.
    channels : sequence of ChannelAxes
    """
    parts = (split_pixels(np.asarray(a, dtype=np.float64), channels) for a in (predicted, exact, mean_image[None]))
    return [channel_fidelity(channel_name(c), p, e, m[0]) for c, p, e, m in zip(channels, *parts, strict=True)]


def relative_errors(predicted: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return ‖predicted − exact‖ / ‖exact‖ of every row, NaN where the exact row is zero; float64 (n,)."""
    sizes = np.linalg.norm(exact, axis=1)
    return np.linalg.norm(predicted - exact, axis=1) / np.where(sizes > 0, sizes, np.nan)


def scaled_errors(
    predicted: np.ndarray, exact: np.ndarray, scale: np.ndarray, channels: tuple[ChannelAxes, ...]
) -> np.ndarray:
    """Return errors relative to the channels' sizes over the training images, float64 (n, channels)."""
    parts = split_pixels((predicted - exact) / scale, channels)
    return np.stack([np.linalg.norm(part.astype(np.float64), axis=1) for part in parts], axis=1)


def channel_fidelity(name: str, predicted: np.ndarray, exact: np.ndarray, mean: np.ndarray) -> ChannelFidelity:
    """Compare the images (n, pixels) of one channel; `mean` (pixels,) is the mean exact image of training."""
    errors = relative_errors(predicted, exact)
    known = errors[np.isfinite(errors)]
    centred = [rows - rows.mean(axis=1, keepdims=True) for rows in (predicted, exact)]
    each = _ratio((centred[0] * centred[1]).sum(axis=1), *(np.linalg.norm(c, axis=1) for c in centred))
    deviations = [(rows - mean).ravel() for rows in (predicted, exact)]
    deviations = [d - d.mean() for d in deviations]
    together = _ratio(deviations[0] @ deviations[1], *(np.linalg.norm(d) for d in deviations))
    total = np.linalg.norm(exact)
    return ChannelFidelity(
        name,
        float(_ratio(np.linalg.norm(predicted - exact), total)),
        float(np.median(known)) if len(known) else np.nan,
        float(np.quantile(known, 0.9)) if len(known) else np.nan,
        float(_ratio(np.linalg.norm(mean - exact), total)),
        float(np.median(each[np.isfinite(each)])) if np.isfinite(each).any() else np.nan,
        float(together),
        len(exact),
        int((np.abs(exact).max(axis=1, initial=0) == 0).sum()),
    )


def _ratio(above: Any, *below: Any) -> np.ndarray:
    product = np.prod([np.asarray(b, dtype=np.float64) for b in below], axis=0)
    return np.asarray(above) / np.where(product > 0, product, np.nan)


@dataclass(frozen=True)
class Band:
    """Neighbouring rows of one channel that hold about a third of its exact images' mass.

    Attributes
    ----------
    channel : str
    band : str
        One of `BANDS`; a channel whose mass lies in fewer rows has fewer.
    low, high : float
        Centres of its first and last row: persistence, or death in the birth–death plane.
    missed : float
        Σ max(exact − predicted, 0) / Σ exact, over pixels and volumes.
    invented : float
        Σ max(predicted − exact, 0) / Σ exact.
    """

    channel: str
    band: str
    low: float
    high: float
    missed: float
    invented: float

    def to_dict(self) -> dict[str, Any]:
        """Return a dict that JSON can hold."""
        return asdict(self)


def missed_bars(predicted: np.ndarray, exact: np.ndarray, channels: Sequence[ChannelAxes]) -> list[Band]:
    """Compare the mass of images by thirds of persistence; channels whose exact images are all zero have no bands.

    Parameters
    ----------
    predicted, exact : arrays (n, pixels)
        All channels side by side, in their own units.
    channels : sequence of ChannelAxes
    """
    parts = (split_pixels(np.asarray(a, dtype=np.float64), channels) for a in (predicted, exact))
    return [
        band for c, p, e in zip(channels, *parts, strict=True) for band in _bands(c, *(_images(a, c) for a in (p, e)))
    ]


def _images(pixels: np.ndarray, channel: ChannelAxes) -> np.ndarray:
    return pixels.reshape(len(pixels), *channel_shape(channel))


def _bands(channel: ChannelAxes, predicted: np.ndarray, exact: np.ndarray) -> list[Band]:
    of_rows = exact.sum(axis=(0, 2))
    if not of_rows.sum() > 0:
        return []
    below = np.cumsum(of_rows) - of_rows / 2
    band_of_row = np.minimum((len(BANDS) * below / of_rows.sum()).astype(int), len(BANDS) - 1)
    found = []
    for number, name in enumerate(BANDS):
        rows = np.flatnonzero(band_of_row == number)
        mass = of_rows[rows].sum()
        if mass > 0:
            difference = predicted[:, rows] - exact[:, rows]
            found.append(
                Band(
                    channel_name(channel), name, float(channel.death[rows[0]]), float(channel.death[rows[-1]]),
                    float(np.maximum(-difference, 0).sum() / mass), float(np.maximum(difference, 0).sum() / mass),
                )
            )  # fmt: skip
    return found
