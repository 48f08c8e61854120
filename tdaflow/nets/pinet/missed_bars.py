"""Which bars a network misses and which it invents: the mass of images, by persistence."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tdaflow.nets.pinet.channels import channel_name, channel_shape, split_pixels
from tdaflow.store import ChannelAxes

BANDS = ("short", "middle", "long")


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
        """JSON-able."""
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
        band
        for c, p, e in zip(channels, *parts, strict=True)
        for band in _of_channel(c, *(_images(a, c) for a in (p, e)))
    ]


def _images(pixels: np.ndarray, channel: ChannelAxes) -> np.ndarray:
    return pixels.reshape(len(pixels), *channel_shape(channel))


def _of_channel(channel: ChannelAxes, predicted: np.ndarray, exact: np.ndarray) -> list[Band]:
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
