"""How far a volume's features lie from those of the training volumes: what a quantile of known errors cannot tell.

Mahalanobis distance in the encoder's feature space, after Lee, Lee, Lee and Shin, "A simple unified framework for
detecting out-of-distribution samples and adversarial attacks", NeurIPS 2018; covariance by Ledoit and Wolf (2004).
"""

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from torch import nn

QUANTILE = 0.99
"""Share of the training volumes whose distance is accepted."""


class Familiarity(nn.Module):
    """Distances from the training volumes.

    Parameters
    ----------
    n_features : int

    Attributes
    ----------
    mean : tensor (n_features,)
    whitening : tensor (n_features, n_features)
        Makes the features of the training volumes uncorrelated and of variance 1.
    limit : tensor ()
        Largest distance that is accepted.
    """

    mean: torch.Tensor
    whitening: torch.Tensor
    limit: torch.Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("whitening", torch.eye(n_features))
        self.register_buffer("limit", torch.tensor(torch.inf))

    @classmethod
    def of(cls, features: np.ndarray) -> "Familiarity":
        """From the features of the training volumes, (n, n_features)."""
        values = np.asarray(features, dtype=np.float64)
        found = LedoitWolf().fit(values)
        made = cls(values.shape[1])
        made.mean = torch.from_numpy(found.location_).float()
        made.whitening = torch.from_numpy(np.linalg.cholesky(found.precision_)).float()
        distances = made(torch.from_numpy(values).float())
        made.limit = torch.quantile(distances, QUANTILE)
        return made

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Distances (n,) of features (n, n_features)."""
        return ((features - self.mean) @ self.whitening).square().sum(dim=1).sqrt()
