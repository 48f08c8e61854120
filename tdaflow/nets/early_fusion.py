"""Early fusion: a network on voxels whose head sees columns of the same volume beside its own features."""

import math
from collections.abc import Sequence

import torch
from torch import nn


class EarlyFusion(nn.Module):
    """Features of the voxels and further columns, side by side before one linear head.

    Parameters
    ----------
    trunk : Module
        From (n, channels, z, y, x) to (n, n_features).
    shape : sequence of int
        (channels, z, y, x) of one volume.
    n_features, n_columns, n_classes : int
    """

    def __init__(self, trunk: nn.Module, shape: Sequence[int], n_features: int, n_columns: int, n_classes: int) -> None:
        super().__init__()
        self.trunk, self.shape, self.n_voxels = trunk, tuple(shape), math.prod(shape)
        self.head = nn.Linear(n_features + n_columns, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of rows that hold all voxels of a volume and then its columns, (n, classes)."""
        features = self.trunk(x[:, : self.n_voxels].reshape(-1, *self.shape))
        logits: torch.Tensor = self.head(torch.cat([features, x[:, self.n_voxels :]], dim=1))
        return logits
