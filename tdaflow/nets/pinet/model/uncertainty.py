"""Uncertainty of a prediction: a calibrated quantile of its error, and an out-of-distribution score.

The quantile loss is that of Koenker and Bassett, "Regression quantiles", Econometrica 46 (1978); the calibration is
split conformal prediction (Romano, Patterson, Candès, "Conformalized quantile regression", NeurIPS 2019). The score is
the Mahalanobis distance in the encoder's feature space of Lee, Lee, Lee and Shin, "A simple unified framework for
detecting out-of-distribution samples and adversarial attacks", NeurIPS 2018; covariance by Ledoit and Wolf (2004).
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from torch import nn

LEVEL = 0.9
"""Share of volumes whose error shall lie below the expected error."""

# An error of zero has no logarithm.
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Calibration:
    """Turn the uncertainty that a network gives into an expected error.

    Attributes
    ----------
    shift : float
        Added to the uncertainty, which is a logarithm.
    level : float
        Share of validation volumes below; of other volumes like them too, as far as choosing the epoch on the same
        validation volumes allows.
    n : int
        Validation volumes.
    """

    shift: float
    level: float
    n: int

    def expected_error(self, uncertainty: np.ndarray) -> np.ndarray:
        """Return the error that a share `level` of volumes stays below, float64 (n,); see `volume_error`."""
        return np.exp(np.asarray(uncertainty, dtype=np.float64) + self.shift)

    def to_dict(self) -> dict[str, float]:
        """Return a dict that JSON can hold."""
        return asdict(self)


def volume_error(errors: np.ndarray) -> np.ndarray:
    """Join the errors of the channels, (n, channels), to one a volume, (n,): the root of the mean square."""
    return np.sqrt(np.square(errors).mean(axis=1))


def quantile_loss(uncertainty: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
    """Return the mean loss whose minimum is the `LEVEL` quantile of the logarithm of the error."""
    difference = error.clamp_min(_SMALLEST).log() - uncertainty
    return torch.maximum(LEVEL * difference, (LEVEL - 1) * difference).mean()


def calibrate(uncertainty: np.ndarray, errors: np.ndarray) -> Calibration:
    """Shift uncertainties (n,) so that a share `LEVEL` of the errors (n, channels) lies below."""
    excess = np.sort(np.log(np.maximum(volume_error(errors), _SMALLEST)) - uncertainty)
    n = len(excess)
    rank = min(n, math.ceil(LEVEL * (n + 1)))
    return Calibration(float(excess[rank - 1]), LEVEL, n)


QUANTILE = 0.99
"""Share of the training volumes whose score is accepted."""


class OutOfDistribution(nn.Module):
    """Out-of-distribution score of features: their Mahalanobis distance from those of the training volumes.

    Parameters
    ----------
    n_features : int

    Attributes
    ----------
    mean : tensor (n_features,)
    whitening : tensor (n_features, n_features)
        Makes the features of the training volumes uncorrelated and of variance 1.
    limit : tensor ()
        Largest score that is accepted.
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
    def of(cls, features: np.ndarray) -> "OutOfDistribution":
        """Learn from the features of the training volumes, (n, n_features)."""
        values = np.asarray(features, dtype=np.float64)
        found = LedoitWolf().fit(values)
        made = cls(values.shape[1])
        made.mean = torch.from_numpy(found.location_).float()
        made.whitening = torch.from_numpy(np.linalg.cholesky(found.precision_)).float()
        scores = made(torch.from_numpy(values).float())
        made.limit = torch.quantile(scores, QUANTILE)
        return made

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the scores (n,) of features (n, n_features)."""
        return ((features - self.mean) @ self.whitening).square().sum(dim=1).sqrt()
