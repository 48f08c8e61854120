"""Train a network that predicts images, on pairs of inputs and images."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from tdaflow.nets.checkpoints import Checkpoints
from tdaflow.nets.pinet.train.schedule import PINetSchedule
from tdaflow.nets.training import Epoch, Fitted, fit

Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


class Objective(Protocol):
    """Loss of a network on a batch."""

    def __call__(self, net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean squared error, which curves and the choice of the epoch use, and the loss to minimise."""
        ...


def mean_squared_error(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean squared error of Som et al. 2019, section 4.2, to report and to minimise."""
    loss = nn.functional.mse_loss(net(x).float(), y)
    return loss, loss


@dataclass(frozen=True)
class Pairs:
    """Inputs (n, …) of any real dtype and targets (n, …) float32, row by row."""

    inputs: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)


def fit_images(
    make: Callable[[], nn.Module],
    train: Pairs,
    val: Pairs,
    schedule: PINetSchedule,
    seed: int,
    *,
    objective: Objective = mean_squared_error,
    augment: Augment | None = None,
    device: str = "cpu",
    checkpoints: Checkpoints | None = None,
    after_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Fitted:
    """Train a network that predicts images; the epoch with the lowest validation error is kept.

    Parameters
    ----------
    make : callable
        Makes the network; its random weights follow from `seed`.
    train, val : Pairs
    schedule : PINetSchedule
    objective : callable
    augment : callable, optional
        Changes a training batch of inputs; what it draws at random comes from the generator that it is given.
    device : "cpu" or "cuda"
        On CUDA the network runs in bfloat16 where that is safe (mixed precision); parameters are float32 everywhere.
    seed, checkpoints, after_epoch
        As for `tdaflow.nets.training.fit`, whose errors it raises.
    """

    def loss(net: nn.Module, rows: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = _batch(train, rows.numpy(), device)
        if augment is not None:
            x = augment(x, generator)
        with _mixed(device):
            return objective(net, x, y)

    return fit(
        make, len(train), loss, schedule, seed,
        validate=lambda net: validation_loss(net, val, schedule.batch, objective, device),
        device=device, checkpoints=checkpoints, after_epoch=lambda epoch, net: after_epoch(epoch),
    )  # fmt: skip


def told(epoch: Epoch, n_epochs: int) -> str:
    """Return one line about an epoch."""
    return (
        f"epoch {epoch.number + 1} of {n_epochs}: loss {epoch.loss:.5f}, validation {epoch.validation:.5f}, "
        f"{epoch.seconds:.1f} s"
    )


def curves(fitted: Fitted) -> dict[str, Any]:
    """Return the losses of every epoch, as a dict that JSON can hold."""
    epochs = [
        {
            "number": e.number, "learning_rate": e.learning_rate, "loss": e.loss, "val_loss": e.validation,
            "seconds": e.seconds,
        }
        for e in fitted.history
    ]  # fmt: skip
    return {"chosen": fitted.chosen, "epochs": epochs}


def validation_loss(net: nn.Module, pairs: Pairs, batch: int, objective: Objective, device: str = "cpu") -> float:
    """Return the mean squared error over all pairs; the network is left in the mode it was in."""
    mode, total = net.training, 0.0
    net.eval()
    with torch.inference_mode(), _mixed(device):
        for left in range(0, len(pairs), batch):
            x, y = _batch(pairs, slice(left, left + batch), device)
            total += float(objective(net, x, y)[0]) * len(x)
    net.train(mode)
    return total / len(pairs)


def _batch(pairs: Pairs, rows: Any, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = (np.ascontiguousarray(values[rows], dtype=np.float32) for values in (pairs.inputs, pairs.targets))
    return torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)


def _mixed(device: str) -> AbstractContextManager[Any]:
    return torch.autocast("cuda", dtype=torch.bfloat16) if device == "cuda" else nullcontext()
