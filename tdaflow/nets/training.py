"""Train one network: fit on train, choose the epoch on validation, resume where it was interrupted.

Nothing in `train` can see the test split: it is not among its arguments.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from tdaflow.errors import RunError
from tdaflow.evaluation.protocol.metrics import auc
from tdaflow.nets.checkpoints import Checkpoints
from tdaflow.nets.determinism import deterministic
from tdaflow.nets.inputs import NetInputs
from tdaflow.nets.schedule import Schedule

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch, which is counted from 0."""

    number: int
    loss: float
    val_auc: float
    seconds: float


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes
    ----------
    net : Module
        With the parameters of the chosen epoch, on the device, for inference.
    chosen : int
        Epoch with the highest validation AUC, of equals the first.
    history : list of Epoch
        All epochs; of those before a resume too.
    """

    net: nn.Module
    chosen: int
    history: list[Epoch]


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
        """Scaled float32 inputs; `factors` multiply mask-like volumes, ½ if not given."""
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
) -> Trained:
    """Train a network.

    Parameters
    ----------
    make : callable
        Makes the network; its random weights follow from `seed`.
    inputs : NetInputs
        How values are scaled.
    train_data, val_data : (arrays, labels)
        Arrays (n, channels, …) unscaled, and int labels (n,).
    schedule : Schedule
    seed : int
        Sets weights, order of the batches and augmentation. On one machine the same seed gives the same network,
        also after a resume; on CUDA as far as its operations are deterministic.
    device : "cpu" or "cuda"
    checkpoints : Checkpoints, optional
        Where progress is kept.
    after_epoch : callable
        Told of every epoch, with the network of that moment.

    Raises
    ------
    RunError
        If the loss is no longer finite.
    """
    with deterministic(seed, device):
        net = make().to(device)
        optimiser = torch.optim.Adam(net.parameters(), lr=schedule.learning_rate)
        feeds = Feed(inputs, train_data[0], device), Feed(inputs, val_data[0], device)
        targets = torch.from_numpy(np.asarray(train_data[1], dtype=np.int64)).to(device)
        history: list[Epoch] = []
        best: State = {}
        done = checkpoints.read() if checkpoints else None
        if done is not None:
            history = [Epoch(int(e), *rest) for e, *rest in done["history"]]
            best = done["best"]
        if done is not None and len(history) < schedule.epochs:
            net.load_state_dict(done["net"])
            optimiser.load_state_dict(done["optimiser"])
        for number in range(len(history), schedule.epochs):
            began = time.perf_counter()
            loss = _one_epoch(net, optimiser, feeds[0], targets, schedule, seed, number)
            value = auc(val_data[1], probabilities(net, feeds[1], schedule.batch))
            epoch = Epoch(number, loss, value, time.perf_counter() - began)
            if value > max((e.val_auc for e in history), default=-math.inf):
                best = {name: tensor.detach().cpu().clone() for name, tensor in net.state_dict().items()}
            history.append(epoch)
            if checkpoints:
                checkpoints.write(_state(net, optimiser, best, history), last=len(history) == schedule.epochs)
            after_epoch(epoch, net)
    net.load_state_dict(best)
    net.eval()
    return Trained(net, max(history, key=lambda e: e.val_auc).number, history)


def probabilities(net: nn.Module, feed: Feed, batch: int = 32) -> np.ndarray:
    """Softmax of what a network says, float64 (n, n_classes); the network is left in the mode it was in."""
    mode = net.training
    net.eval()
    with torch.inference_mode():
        logits = [net(feed.batch(slice(left, left + batch))).double().cpu() for left in range(0, len(feed), batch)]
    net.train(mode)
    values: np.ndarray = torch.softmax(torch.cat(logits), dim=1).numpy()
    return values


def _one_epoch(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    feed: Feed,
    targets: torch.Tensor,
    schedule: Schedule,
    seed: int,
    number: int,
) -> float:
    # A generator of its own for every epoch: a resumed training goes on as if it had never stopped.
    generator = torch.Generator().manual_seed(1_000_003 * (seed + 1) + number)
    order = torch.randperm(len(feed), generator=generator)
    for group in optimiser.param_groups:
        group["lr"] = schedule.rate(number)
    net.train()
    total = 0.0
    for rows in _batches(order, schedule.batch):
        optimiser.zero_grad(set_to_none=True)
        x = feed.batch(rows.tolist(), torch.rand(len(rows), generator=generator))
        loss = nn.functional.cross_entropy(net(x), targets[rows.to(targets.device)])
        value = float(loss.detach())
        if not math.isfinite(value):
            raise RunError(f"the training diverged (loss {value} in epoch {number + 1}): lower the learning rate")
        loss.backward()
        optimiser.step()
        total += value * len(rows)
    return total / len(feed)


def _batches(order: torch.Tensor, size: int) -> list[torch.Tensor]:
    """Cut the order in batches; a last one of a single volume, of which there is no variance, joins the one before."""
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _state(net: nn.Module, optimiser: torch.optim.Optimizer, best: State, history: Sequence[Epoch]) -> dict[str, Any]:
    return {
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
        "best": best,
        "history": [[e.number, e.loss, e.val_auc, e.seconds] for e in history],
    }
