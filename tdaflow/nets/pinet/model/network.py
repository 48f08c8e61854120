"""Volume PI-Net: from a volume to persistence images of several filtrations, and the uncertainty of the prediction.

A persistence image is a sum over bars, and many bars come from small neighbourhoods (a minimum and the saddle beside
it). So the encoder computes local features at four resolutions and passes on the mean of each over the whole volume,
which also makes it independent of the volume's size.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tdaflow.errors import InputError

Decoder = Literal["basis", "paper"]
SMALLEST_SIDE = 16


@dataclass(frozen=True)
class VolumeNetOptions:
    """Size of a Volume PI-Net.

    Attributes
    ----------
    width : int
        Feature maps of the first resolution; each of the three coarser ones has twice as many.
    hidden : int
        Units of the layer after pooling.
    decoder : "basis" or "paper"
        Coefficients of principal components of the training images, or the dense layer and transposed convolution of
        Image PI-Net (Som et al. 2019, section 4.2).
    n_components : int
        Most components a channel, for "basis".
    """

    width: int = 8
    hidden: int = 256
    decoder: Decoder = "basis"
    n_components: int = 24

    def __post_init__(self) -> None:
        for name in ("width", "hidden", "n_components"):
            if getattr(self, name) < 1:
                raise InputError(f"a Volume PI-Net has {name} = {getattr(self, name)}: give at least 1")
        if self.decoder not in ("basis", "paper"):
            raise InputError(f"there is no decoder {self.decoder!r}: use basis or paper")


class VolumeEncoder(nn.Module):
    """Local features at four resolutions, each averaged over the volume.

    Parameters
    ----------
    width : int
        Feature maps of the full resolution.

    Attributes
    ----------
    n_features : int
        Length of what comes out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [width << level for level in range(4)]
        self.n_features = sum(widths)
        # Two layers at full resolution: extrema and saddles are a matter of a voxel and its neighbours.
        self.levels = nn.ModuleList([nn.Sequential(*_block(1, widths[0], 3, 1), *_block(widths[0], widths[0], 1, 1))])
        for before, after in pairwise(widths):
            self.levels.append(nn.Sequential(*_block(before, after, 3, 2)))
        self.final = nn.BatchNorm1d(self.n_features)
        # Several times as fast on a CPU.
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload,unused-ignore]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Encode (n, 1, z, y, x) as (n, n_features)."""
        means = []
        for level in self.levels:
            x = level(x)
            means.append(x.mean(dim=(2, 3, 4)))
        features: torch.Tensor = self.final(torch.cat(means, dim=1))
        return features


class VolumePINet(nn.Module):
    """The network: encoder, decoder and a head for the uncertainty.

    Parameters
    ----------
    encoder : VolumeEncoder
    decoder : Module
        From (n, hidden) to scaled pixels (n, pixels of all channels).
    hidden : int
    intensity_range : (low, high) float
        Of the training volumes; a network sees (value − low)/(high − low), between −1 and 2.
    pixel_scale : tensor (pixels,)
        What scaled pixels are multiplied by.

    Notes
    -----
    The uncertainty comes from a head of its own, trained as a quantile of the logarithm of the error; the head passes
    no gradient to the rest.
    """

    low: torch.Tensor
    per_unit: torch.Tensor
    pixel_scale: torch.Tensor

    def __init__(
        self,
        encoder: VolumeEncoder,
        decoder: nn.Module,
        hidden: int,
        intensity_range: tuple[float, float],
        pixel_scale: torch.Tensor,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.latent = nn.Sequential(nn.Linear(encoder.n_features, hidden), nn.ReLU())
        self.uncertainty = nn.Sequential(nn.Linear(encoder.n_features, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
        low, high = intensity_range
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32))
        self.register_buffer("per_unit", torch.tensor(1 / (high - low), dtype=torch.float32))
        self.register_buffer("pixel_scale", pixel_scale.float())

    def forward(self, voxels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Predict images and their uncertainty.

        Parameters
        ----------
        voxels : float32 (n, 1, z, y, x)
            In the volumes' own units, every side at least 16.

        Returns
        -------
        pixels : (n, pixels)
            All channels one after the other, in the units of the images; none below 0, as in the images themselves.
        uncertainty : (n,)
            Logarithm of a high quantile of the relative error, uncalibrated.
        features : (n, n_features)
            Of the encoder.
        """
        features = self.features(voxels)
        pixels = self.decoder(self.latent(features)) * self.pixel_scale
        return pixels.clamp_min(0), self.uncertainty(features), features

    def scaled(self, voxels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return pixels in units of their channel's size over the training images, and uncertainties, for training."""
        features = self.features(voxels)
        return self.decoder(self.latent(features)), self.uncertainty(features.detach())

    def features(self, voxels: torch.Tensor) -> torch.Tensor:
        """Return the features of the encoder, (n, n_features)."""
        # A voxel with a value of its own would fill the batch's normalisation.
        found: torch.Tensor = self.encoder(((voxels - self.low) * self.per_unit).clamp(-1, 2))
        return found


def for_inference(net: VolumePINet) -> VolumePINet:
    """Return a copy whose normalisations are folded into the convolutions before: faster, equal but for rounding."""
    copied = copy.deepcopy(net).eval()
    for number, level in enumerate(copied.encoder.levels):
        assert isinstance(level, nn.Sequential)
        layers = list(level)
        folded: list[nn.Module] = []
        for convolution, normalisation in zip(layers[0::3], layers[1::3], strict=True):
            assert isinstance(convolution, nn.Conv3d)
            assert isinstance(normalisation, nn.BatchNorm3d)
            folded += [fuse_conv_bn_eval(convolution, normalisation), nn.ReLU(inplace=True)]
        copied.encoder.levels[number] = nn.Sequential(*folded)
    return copied


def _block(before: int, after: int, size: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv3d(before, after, size, stride=stride, padding=size // 2, bias=False)
    return [convolution, nn.BatchNorm3d(after), nn.ReLU()]


BATCH = 32
"""Volumes that a network sees at once: it follows from their rows alone, because it decides the last bits."""

# Feature maps of so many volumes of 28³ stay in memory that the allocator keeps; of more, each layer asks the system
# for fresh pages, which costs more than its arithmetic.
_SLICE = 16


@dataclass(frozen=True)
class Outputs:
    """Outputs of a network for some volumes.

    Attributes
    ----------
    pixels : float32 (n, pixels)
    uncertainty : float64 (n,)
        Logarithm of a high quantile of the relative error, uncalibrated.
    features : float32 (n, features)
        Of the encoder.
    """

    pixels: np.ndarray
    uncertainty: np.ndarray
    features: np.ndarray


def forward(net: torch.nn.Module, voxels: np.ndarray, device: str = "cpu") -> Outputs:
    """Apply a network to volumes of one shape; the same numbers whatever else runs beside.

    Parameters
    ----------
    net : VolumePINet
        For inference, on `device`.
    voxels : array (n, 1, z, y, x)
        Any real dtype, in the volumes' own units.
    device : "cpu" or "cuda"
    """
    parts: list[tuple[np.ndarray, ...]] = []
    with torch.inference_mode(), one_torch_thread():
        for left in range(0, len(voxels), _SLICE):
            x = torch.from_numpy(np.ascontiguousarray(voxels[left : left + _SLICE], dtype=np.float32))
            parts.append(tuple(output.float().cpu().numpy() for output in net(x.to(device))))
    pixels, uncertainty, features = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Outputs(pixels, uncertainty.astype(np.float64), features)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Use one thread of torch, as a worker has: sums of several threads end in other bits."""
    n = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n)
