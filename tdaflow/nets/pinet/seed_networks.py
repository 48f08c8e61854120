"""Signal PI-Net and Image PI-Net.

Som et al., "PI-Net" (2019), section 4.2. Where its text is silent the published code decides: pooling is padded so that
a length is halved and rounded up, and the latent layer of Image PI-Net has a ReLU.
"""

import math

import torch
from torch import nn
from torch.nn import functional

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


class SeedEncoder(nn.Sequential):
    """Four convolutions of size 3 with batch normalisation and ReLU, pooled between, averaged at the end.

    Parameters
    ----------
    dimensions : 1 or 2
        Of the input beside its channels.
    n_channels : int

    Notes
    -----
    ``conv4`` is where fine-tuning begins (Figure 4 of the paper).
    """

    def __init__(self, dimensions: int, n_channels: int) -> None:
        super().__init__()
        convolution = {1: nn.Conv1d, 2: nn.Conv2d}[dimensions]
        normalisation = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}[dimensions]
        average = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d}[dimensions]
        before = n_channels
        for number, width in enumerate(WIDTHS, start=1):
            block = nn.Sequential(convolution(before, width, 3, padding=1), normalisation(width), nn.ReLU())
            block.append(_HalvingMaxPool(dimensions) if number < len(WIDTHS) else average(1))
            self.add_module(f"conv{number}", block)
            before = width
        self.add_module("flatten", nn.Flatten())


class SignalPINet(nn.Module):
    """From signals (n, channels, t) to persistence images (n, channels, 50, 50), any t ≥ 8."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.encoder = SeedEncoder(1, n_channels)
        self.decoder = nn.Sequential(
            nn.Linear(WIDTHS[-1], SIDE * SIDE * n_channels), nn.ReLU(), nn.Unflatten(1, (n_channels, SIDE, SIDE))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict; all pixels are ≥ 0."""
        images: torch.Tensor = self.decoder(self.encoder(x))
        return images


class DeconvolutionDecoder(nn.Module):
    """From a latent vector through rows×columns values to images, by one transposed convolution of that size.

    Parameters
    ----------
    n_latent, n_channels : int
    shape : (rows, columns)
        Of an image, and of the kernel.
    """

    def __init__(self, n_latent: int, n_channels: int, shape: tuple[int, int] = (SIDE, SIDE)) -> None:
        super().__init__()
        rows, columns = shape
        self.latent = nn.Sequential(nn.Linear(n_latent, rows * columns), nn.ReLU(), nn.Unflatten(1, (1, *shape)))
        self.deconvolution = nn.ConvTranspose2d(1, n_channels, shape)
        self.final = nn.Sequential(nn.BatchNorm2d(n_channels), nn.ReLU())
        # Of (2·rows − 1)×(2·columns − 1) the middle is kept, with the margins that "same" padding means.
        self.middle = tuple(slice((size - 1) // 2, (size - 1) // 2 + size) for size in shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict; all pixels are ≥ 0."""
        rows, columns = self.middle
        images: torch.Tensor = self.final(self.deconvolution(self.latent(x))[..., rows, columns])
        return images


class ImagePINet(nn.Module):
    """From images (n, channels, height, width) in [0, 1] to persistence images (n, channels, 50, 50)."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.encoder = SeedEncoder(2, n_channels)
        self.decoder = DeconvolutionDecoder(WIDTHS[-1], n_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predict; all pixels are ≥ 0."""
        images: torch.Tensor = self.decoder(self.encoder(x))
        return images
