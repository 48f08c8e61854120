"""Train a classifier of volumes or images: the epoch with the highest validation AUC is kept."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from tdaflow.evaluation.protocol.metrics import auc
from tdaflow.nets.checkpoints import Checkpoints
from tdaflow.nets.inputs import NetInputs
from tdaflow.nets.schedule import Schedule
from tdaflow.nets.training import Epoch, Fitted, fit


class Feed:
    """Batches of scaled inputs on a device.

    Parameters
    ----------
    inputs : NetInputs
        How values are scaled.
    arrays : array, shape (n, channels, …)
    device : str
    """

    def __init__(self, inputs: NetInputs, arrays: np.ndarray, device: str) -> None:
        self._inputs, self._arrays, self._device = inputs, arrays, device
        shape = (1, -1, *[1] * (arrays.ndim - 2))
        self._offset = torch.from_numpy(inputs.offset.astype(np.float32)).view(shape).to(device)
        self._scale = torch.from_numpy(inputs.scale.astype(np.float32)).view(shape).to(device)

    def __len__(self) -> int:
        return len(self._arrays)

    def batch(self, rows: Sequence[int] | slice, factors: torch.Tensor | None = None) -> torch.Tensor:
        """Return scaled float32 inputs; `factors` multiply mask-like volumes, ½ if not given."""
        x = torch.from_numpy(np.ascontiguousarray(self._arrays[rows], dtype=np.float32)).to(self._device)
        if self._inputs.root:
            x = x.sign() * x.abs().sqrt()
        x = (x - self._offset) * self._scale
        if not self._inputs.mask:
            return x
        return x * (0.5 if factors is None else factors.to(self._device).view(-1, *[1] * (x.ndim - 1)))


def train(
    make: Callable[[], nn.Module],
    inputs: NetInputs,
    train_data: tuple[np.ndarray, np.ndarray],
    val_data: tuple[np.ndarray, np.ndarray],
    schedule: Schedule,
    seed: int,
    *,
    device: str = "cpu",
    checkpoints: Checkpoints | None = None,
    after_epoch: Callable[[Epoch, nn.Module], None] = lambda epoch, net: None,
) -> Fitted:
    """Train a network on cross-entropy; see `tdaflow.nets.training.fit`.

    Parameters
    ----------
    make : callable
        Makes the network; its random weights follow from `seed`.
    inputs : NetInputs
        How values are scaled.
    train_data, val_data : (arrays, labels)
        Arrays (n, channels, …) unscaled, and int labels (n,).
    schedule : Schedule
    seed, device, checkpoints, after_epoch
        As for `tdaflow.nets.training.fit`, whose errors it raises. The validation value of an epoch is the AUC.
    """
    of_train, of_val = Feed(inputs, train_data[0], device), Feed(inputs, val_data[0], device)
    targets = torch.from_numpy(np.asarray(train_data[1], dtype=np.int64)).to(device)

    def loss(net: nn.Module, rows: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        x = of_train.batch(rows.tolist(), torch.rand(len(rows), generator=generator))
        found = nn.functional.cross_entropy(net(x), targets[rows.to(targets.device)])
        return found, found

    return fit(
        make, len(of_train), loss, schedule, seed,
        validate=lambda net: auc(val_data[1], probabilities(net, of_val, schedule.batch)), better="higher",
        device=device, checkpoints=checkpoints, after_epoch=after_epoch,
    )  # fmt: skip


def probabilities(net: nn.Module, feed: Feed, batch: int = 32) -> np.ndarray:
    """Return the softmax of a network's logits, float64 (n, n_classes); the network is left in the mode it was in."""
    mode = net.training
    net.eval()
    with torch.inference_mode():
        logits = [net(feed.batch(slice(left, left + batch))).double().cpu() for left in range(0, len(feed), batch)]
    net.train(mode)
    values: np.ndarray = torch.softmax(torch.cat(logits), dim=1).numpy()
    return values
