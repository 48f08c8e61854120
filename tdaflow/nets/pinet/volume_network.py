"""Volume PI-Net: from a volume to the persistence images of several filtrations, and to its own doubt.

A persistence image is a sum over bars, and many bars come from small neighbourhoods (a minimum and the saddle beside
it). So the encoder computes local features at four resolutions and passes on the mean of each over the whole volume,
which also makes it independent of the volume's size.
"""

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tdaflow.errors import InputError

Decoder = Literal["basis", "seed"]
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
    decoder : "basis" or "seed"
        Coefficients of principal components of the training images, or Image PI-Net's dense layer and transposed
        convolution.
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
        if self.decoder not in ("basis", "seed"):
            raise InputError(f"there is no decoder {self.decoder!r}: use basis or seed")


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
        """From (n, 1, z, y, x) to (n, n_features)."""
        means = []
        for level in self.levels:
            x = level(x)
            means.append(x.mean(dim=(2, 3, 4)))
        features: torch.Tensor = self.final(torch.cat(means, dim=1))
        return features


class VolumePINet(nn.Module):
    """The network.

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
    The doubt is a number of its own head, trained as a quantile of the logarithm of the error; the head passes no
    gradient to the rest.
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
        self.doubt = nn.Sequential(nn.Linear(encoder.n_features, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
        low, high = intensity_range
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32))
        self.register_buffer("per_unit", torch.tensor(1 / (high - low), dtype=torch.float32))
        self.register_buffer("pixel_scale", pixel_scale.float())

    def forward(self, voxels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Predict.

        Parameters
        ----------
        voxels : float32 (n, 1, z, y, x)
            In the volumes' own units, every side at least 16.

        Returns
        -------
        pixels : (n, pixels)
            All channels one after the other, in the units of the images; none below 0, as in the images themselves.
        doubt : (n,)
            Logarithm of a high quantile of the relative error, uncalibrated.
        features : (n, n_features)
            Of the encoder.
        """
        features = self.features(voxels)
        pixels = self.decoder(self.latent(features)) * self.pixel_scale
        return pixels.clamp_min(0), self.doubt(features), features

    def scaled(self, voxels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels in units of their channel's size over the training images, and doubts, for training."""
        features = self.features(voxels)
        return self.decoder(self.latent(features)), self.doubt(features.detach())

    def features(self, voxels: torch.Tensor) -> torch.Tensor:
        """Of the encoder, (n, n_features)."""
        # A voxel with a value of its own would fill the batch's normalisation.
        found: torch.Tensor = self.encoder(((voxels - self.low) * self.per_unit).clamp(-1, 2))
        return found


def for_inference(net: VolumePINet) -> VolumePINet:
    """A copy whose normalisations are part of the convolutions before them; equal but for rounding, and faster."""
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
