"""Out-of-distribution scores from predicted probabilities; higher is more likely out of distribution."""

from collections.abc import Mapping

import numpy as np
from scipy.special import logsumexp, xlogy

from tdaflow.evaluation.protocol.calibration import centred_logits

DEFAULT = "mutual information"


def one_minus_max(probabilities: np.ndarray) -> np.ndarray:
    """1 − maximum softmax (Hendrycks and Gimpel, ICLR 2017), shape (n,)."""
    return 1 - probabilities.max(axis=1)


def energy(probabilities: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """E = −T·logsumexp(f/T) of the logits f (Liu et al., NeurIPS 2020), shape (n,).

    Probabilities determine logits up to a constant; the mean is set to 0, see `centred_logits`.
    """
    return -temperature * logsumexp(centred_logits(probabilities) / temperature, axis=1)


def ensemble_variance(members: np.ndarray) -> np.ndarray:
    """Variance over members of every class's probability, mean over classes.

    Parameters
    ----------
    members : array, shape (members, n, classes)

    Returns
    -------
    array, shape (n,)
    """
    return members.var(axis=0).mean(axis=1)


def mutual_information(members: np.ndarray) -> np.ndarray:
    """Entropy of the mean minus mean entropy over members, in nats (Houlsby et al. 2011); members as above, (n,)."""
    return _entropy(members.mean(axis=0)) - _entropy(members).mean(axis=0)


def all_scores(chosen: np.ndarray, members: np.ndarray, temperature: float) -> Mapping[str, np.ndarray]:
    """Compute every score, those of the ensemble first.

    Parameters
    ----------
    chosen : array, shape (n, classes)
        Probabilities of the recorded choice.
    members : array, shape (members, n, classes)
    temperature : float
        Chosen on validation, for the second energy.
    """
    return {
        DEFAULT: mutual_information(members),
        "ensemble variance": ensemble_variance(members),
        "ensemble maximum softmax": one_minus_max(members.mean(axis=0)),
        "maximum softmax": one_minus_max(chosen),
        "energy, T = 1": energy(chosen),
        "energy, T of validation": energy(chosen, temperature),
    }


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    return -xlogy(probabilities, probabilities).sum(axis=-1)
