"""A small convolutional network that one core trains in minutes."""

import itertools
from typing import Literal

import torch
from torch import nn

CHANNELS = (16, 32, 64)
# Cells along each axis that are left before the head: position is worth something in a registered crop.
CELLS = 2


class SmallCNN(nn.Module):
    """Three blocks of convolution, batch normalisation, ReLU and pooling, then a linear head.

    Parameters
    ----------
    dimensions : 2 or 3
        Takes (n, channels, y, x) or (n, channels, z, y, x), each edge at least 4.
    n_channels, n_classes : int

    Attributes
    ----------
    trunk : Sequential
        Ends in `n_features` numbers; ``trunk.4`` is the last convolution's block.
    head : Linear
    """

    def __init__(self, dimensions: Literal[2, 3], n_channels: int, n_classes: int) -> None:
        super().__init__()
        convolution, normalisation = (nn.Conv2d, nn.BatchNorm2d) if dimensions == 2 else (nn.Conv3d, nn.BatchNorm3d)
        pool, last = (nn.MaxPool2d, nn.AdaptiveAvgPool2d) if dimensions == 2 else (nn.MaxPool3d, nn.AdaptiveAvgPool3d)
        widths = (n_channels, *CHANNELS)
        blocks = [
            nn.Sequential(convolution(a, b, 3, padding=1, bias=False), normalisation(b), nn.ReLU())
            for a, b in itertools.pairwise(widths)
        ]
        self.trunk = nn.Sequential(
            blocks[0], pool(2), blocks[1], pool(2), blocks[2], nn.Sequential(last(CELLS), nn.Flatten())
        )
        self.n_features = CHANNELS[-1] * CELLS**dimensions
        self.head = nn.Linear(self.n_features, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes)."""
        logits: torch.Tensor = self.head(self.trunk(x))
        return logits
