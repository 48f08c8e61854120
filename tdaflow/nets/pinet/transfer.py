"""Transfer learning: keep the first layers of a trained PI-Net, fine-tune the rest on other data.

Som et al., "PI-Net" (2019), section 4.2 and Figure 4: from the fourth convolution to the output; with all samples of
the target set (FA) or a subset of each class (FS, 500 in the paper).
"""

import copy

import numpy as np
from torch import nn

from tdaflow.nets.pinet.seed_networks import ImagePINet, SignalPINet

FROZEN = ("conv1", "conv2", "conv3")


def to_fine_tune(source: SignalPINet | ImagePINet) -> nn.Module:
    """A copy of a trained network in which only what follows the third convolution is trained."""
    net = copy.deepcopy(source)
    for name in FROZEN:
        net.encoder.get_submodule(name).requires_grad_(False)
    return net


def subset_per_class(labels: np.ndarray, n_per_class: int, seed: int) -> np.ndarray:
    """Rows of a random subset, ascending: `n_per_class` of every class, or all of a smaller one."""
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(labels == label))[:n_per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))
