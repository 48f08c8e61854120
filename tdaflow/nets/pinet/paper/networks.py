"""Signal PI-Net and Image PI-Net (Som et al. 2019, section 4.2), and their fine-tuning (Figure 4).

Where the text is silent the published code decides: pooling is padded so that a length is halved and rounded up, and
the latent layer of Image PI-Net has a ReLU.
"""

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tdaflow.nets.pinet.model.decoders import DeconvolutionDecoder

WIDTHS = (128, 256, 512, 1024)
SIDE = 50


class _HalvingMaxPool(nn.Module):
    """Max pooling of size 3 and stride 2 to ⌈size/2⌉, after a ReLU: there padding with zeros changes no maximum."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.pool: nn.Module = {1: nn.MaxPool1d, 2: nn.MaxPool2d}[dimensions](3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padding: list[int] = []
        for size in reversed(x.shape[2:]):
            total = max(0, 2 * (math.ceil(size / 2) - 1) + 3 - size)
            padding += [total // 2, total - total // 2]
        pooled: torch.Tensor = self.pool(functional.pad(x, padding))
        return pooled


class Encoder(nn.Sequential):
    """Four convolutions of size 3 with batch normalisation and ReLU, pooled between, averaged at the end.

    Parameters
    ----------
    dimensions : 1 or 2
        Of the input beside its channels.
    n_channels : int
    widths : sequence of int
        Filters of the convolutions.

    Notes
    -----
    ``conv4`` is where fine-tuning begins (Figure 4 of the paper).
    """

    def __init__(self, dimensions: int, n_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        convolution = {1: nn.Conv1d, 2: nn.Conv2d}[dimensions]
        normalisation = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}[dimensions]
        average = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d}[dimensions]
        before = n_channels
        for number, width in enumerate(widths, start=1):
            block = nn.Sequential(convolution(before, width, 3, padding=1), normalisation(width), nn.ReLU())
            block.append(_HalvingMaxPool(dimensions) if number < len(widths) else average(1))
            self.add_module(f"conv{number}", block)
            before = width
        self.add_module("flatten", nn.Flatten())


class SignalPINet(nn.Module):
    """From signals (n, channels, t) to persistence images (n, channels, 50, 50), any t ≥ 8.

    Parameters
    ----------
    n_channels : int
    widths : sequence of int
        Filters of the four convolutions, those of the paper by default.
    """

    def __init__(self, n_channels: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.encoder = Encoder(1, n_channels, widths)
        self.decoder = nn.Sequential(
            nn.Linear(widths[-1], SIDE * SIDE * n_channels), nn.ReLU(), nn.Unflatten(1, (n_channels, SIDE, SIDE))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict; all pixels are ≥ 0."""
        images: torch.Tensor = self.decoder(self.encoder(x))
        return images


class FourierDecoder(DeconvolutionDecoder):
    """`DeconvolutionDecoder` with its transposed convolution in Fourier space; equal but for rounding.

    A kernel as large as its image takes a CPU 3.5 s for a batch of 32, forth and back; this takes a hundredth.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict; all pixels are ≥ 0."""
        values, kernel = self.latent(x), self.deconvolution.weight
        size = [a + b - 1 for a, b in zip(values.shape[2:], kernel.shape[2:], strict=True)]
        product = torch.fft.rfft2(values.float(), s=size) * torch.fft.rfft2(kernel.float(), s=size)
        rows, columns = self.middle
        found = torch.fft.irfft2(product, s=size)[..., rows, columns]
        assert self.deconvolution.bias is not None
        images: torch.Tensor = self.final(found + self.deconvolution.bias.view(1, -1, 1, 1))
        return images


class ImagePINet(nn.Module):
    """From images (n, channels, height, width) in [0, 1] to persistence images (n, channels, 50, 50).

    Parameters
    ----------
    n_channels : int
    widths : sequence of int
        Filters of the four convolutions, those of the paper by default.
    """

    def __init__(self, n_channels: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.encoder = Encoder(2, n_channels, widths)
        self.decoder = FourierDecoder(widths[-1], n_channels, (SIDE, SIDE))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict; all pixels are ≥ 0."""
        images: torch.Tensor = self.decoder(self.encoder(x))
        return images


FROZEN = ("conv1", "conv2", "conv3")


def to_fine_tune(source: SignalPINet | ImagePINet) -> nn.Module:
    """Copy a trained network for fine-tuning: only what follows its third convolution is trained (Figure 4).

    With all samples of the target set (FA) or a subset of each class (FS, 500 in the paper).
    """
    net = copy.deepcopy(source)
    for name in FROZEN:
        net.encoder.get_submodule(name).requires_grad_(False)
    return net


def subset_per_class(labels: np.ndarray, n_per_class: int, seed: int) -> np.ndarray:
    """Choose the rows of a random subset, ascending: `n_per_class` of every class, or all of a smaller one."""
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(labels == label))[:n_per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))
