"""How sure a Volume PI-Net is: a quantile of its error, learned on train and calibrated on validation.

The quantile loss is that of Koenker and Bassett, "Regression quantiles", Econometrica 46 (1978); the calibration is
split conformal prediction (Romano, Patterson, Candès, "Conformalized quantile regression", NeurIPS 2019).
"""

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch

LEVEL = 0.9
"""Share of volumes whose error shall lie below what the network says."""

# An error of zero has no logarithm.
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Calibration:
    """What turns a doubt into an error.

    Attributes
    ----------
    shift : float
        Added to the doubt, which is a logarithm.
    level : float
        Share of validation volumes below; of other volumes like them too, as far as choosing the epoch on the same
        validation volumes allows.
    n : int
        Validation volumes.
    """

    shift: float
    level: float
    n: int

    def expected_error(self, doubt: np.ndarray) -> np.ndarray:
        """The error that a share `level` of volumes stays below, float64 (n,); see `volume_error`."""
        return np.exp(np.asarray(doubt, dtype=np.float64) + self.shift)

    def to_dict(self) -> dict[str, float]:
        """JSON-able."""
        return asdict(self)


def volume_error(errors: np.ndarray) -> np.ndarray:
    """One error a volume from one a channel, (n, channels) to (n,): the root of the mean square."""
    return np.sqrt(np.square(errors).mean(axis=1))


def quantile_loss(doubt: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
    """Mean loss whose minimum is the `LEVEL` quantile of the logarithm of the error."""
    difference = error.clamp_min(_SMALLEST).log() - doubt
    return torch.maximum(LEVEL * difference, (LEVEL - 1) * difference).mean()


def calibrate(doubts: np.ndarray, errors: np.ndarray) -> Calibration:
    """Shift doubts (n,) so that a share `LEVEL` of the errors (n, channels) lies below."""
    excess = np.sort(np.log(np.maximum(volume_error(errors), _SMALLEST)) - doubts)
    n = len(excess)
    rank = min(n, math.ceil(LEVEL * (n + 1)))
    return Calibration(float(excess[rank - 1]), LEVEL, n)
