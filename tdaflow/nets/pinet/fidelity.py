"""How near predicted images come to exact ones, channel by channel, beside a prediction that knows no volume."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tdaflow.nets.pinet.channels import channel_name, split_pixels
from tdaflow.store import ChannelAxes


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
        """JSON-able: NaN becomes None."""
        return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(self).items()}


def fidelity(
    predicted: np.ndarray, exact: np.ndarray, mean_image: np.ndarray, channels: Sequence[ChannelAxes]
) -> list[ChannelFidelity]:
    """Compare images.

    Parameters
    ----------
    predicted, exact : arrays (n, pixels)
        All channels side by side, in their own units.
    mean_image : array (pixels,)
        Mean exact image of the training volumes.
    channels : sequence of ChannelAxes
    """
    parts = (split_pixels(np.asarray(a, dtype=np.float64), channels) for a in (predicted, exact, mean_image[None]))
    return [_of_channel(channel_name(c), p, e, m[0]) for c, p, e, m in zip(channels, *parts, strict=True)]


def relative_errors(predicted: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """‖predicted − exact‖ / ‖exact‖ by row, NaN where the exact row is zero; float64 (n,)."""
    sizes = np.linalg.norm(exact, axis=1)
    return np.linalg.norm(predicted - exact, axis=1) / np.where(sizes > 0, sizes, np.nan)


def _of_channel(name: str, predicted: np.ndarray, exact: np.ndarray, mean: np.ndarray) -> ChannelFidelity:
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
