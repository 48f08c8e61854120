"""Train a network that predicts images: fit on train, choose the epoch on validation, resume where it was interrupted.

Nothing in `fit` can see the test split: it is not among its arguments.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from tdaflow.errors import RunError
from tdaflow.nets.checkpoints import Checkpoints
from tdaflow.nets.determinism import deterministic
from tdaflow.nets.pinet.schedule import PINetSchedule

Augment = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


class Objective(Protocol):
    """What is minimised."""

    def __call__(self, net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean squared error, which curves and the choice of the epoch look at, and what is minimised."""
        ...


def mean_squared_error(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The objective of Som et al., "PI-Net" (2019)."""
    loss = nn.functional.mse_loss(net(x).float(), y)
    return loss, loss


@dataclass(frozen=True)
class Pairs:
    """Inputs (n, …) of any real dtype and targets (n, …) float32, row by row."""

    inputs: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch, which is counted from 0; the losses are mean squared errors."""

    number: int
    learning_rate: float
    loss: float
    val_loss: float
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """A trained network with the parameters of the chosen epoch, that of the lowest validation loss."""

    net: nn.Module
    chosen: int
    history: list[Epoch]

    def curves(self) -> dict[str, Any]:
        """JSON-able."""
        return {"chosen": self.chosen, "epochs": [asdict(epoch) for epoch in self.history]}


def fit(
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
    """Train a network with Adam.

    Parameters
    ----------
    make : callable
        Makes the network; its random weights follow from `seed`.
    train, val : Pairs
    schedule : PINetSchedule
    seed : int
        Sets weights, order of the batches and augmentation. On one machine the same seed gives the same network,
        also after a resume; on CUDA as far as its operations are deterministic.
    objective : callable
    augment : callable, optional
        Changes a training batch of inputs; whatever it draws comes from the generator it is given.
    device : "cpu" or "cuda"
        On CUDA the network runs in bfloat16 where that is safe (mixed precision); parameters are float32 everywhere.
    checkpoints : Checkpoints, optional
        Where progress is kept.
    after_epoch : callable
        Told of every epoch.

    Raises
    ------
    RunError
        If the loss is no longer finite.
    """
    with deterministic(seed, device):
        net = make().to(device)
        # A network that is fine-tuned has layers that keep their weights.
        optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-3)
        history, best = _resumed(checkpoints, net, optimiser, schedule)
        while (phase := schedule.position([e.val_loss for e in history])) is not None:
            began, number = time.perf_counter(), len(history)
            for group in optimiser.param_groups:
                group["lr"] = phase.learning_rate
            _in_training_mode(net, fixed_normalisation=phase.fixed_normalisation)
            loss = _one_epoch(net, optimiser, train, schedule.batch, objective, augment, device, seed, number)
            val_loss = validation_loss(net, val, schedule.batch, objective, device)
            epoch = Epoch(number, phase.learning_rate, loss, val_loss, time.perf_counter() - began)
            if val_loss < min((e.val_loss for e in history), default=math.inf) or not best:
                best = {name: tensor.detach().cpu().clone() for name, tensor in net.state_dict().items()}
            history.append(epoch)
            if checkpoints:
                state = {
                    "net": net.state_dict(), "optimiser": optimiser.state_dict(), "best": best,
                    "history": [list(asdict(e).values()) for e in history],
                }  # fmt: skip
                over = schedule.position([e.val_loss for e in history]) is None
                checkpoints.write(state, last=over)
            after_epoch(epoch)
    net.load_state_dict(best)
    net.eval()
    return Fitted(net, min(history, key=lambda e: e.val_loss).number, history)


def validation_loss(net: nn.Module, pairs: Pairs, batch: int, objective: Objective, device: str = "cpu") -> float:
    """Mean squared error over all pairs; the network is left in the mode it was in."""
    mode, total = net.training, 0.0
    net.eval()
    with torch.inference_mode(), _mixed(device):
        for left in range(0, len(pairs), batch):
            x, y = _batch(pairs, slice(left, left + batch), device)
            total += float(objective(net, x, y)[0]) * len(x)
    net.train(mode)
    return total / len(pairs)


def _resumed(
    checkpoints: Checkpoints | None, net: nn.Module, optimiser: torch.optim.Optimizer, schedule: PINetSchedule
) -> tuple[list[Epoch], dict[str, torch.Tensor]]:
    done = checkpoints.read() if checkpoints else None
    if done is None:
        return [], {}
    history = [Epoch(int(number), *rest) for number, *rest in done["history"]]
    if schedule.position([e.val_loss for e in history]) is not None:
        net.load_state_dict(done["net"])
        optimiser.load_state_dict(done["optimiser"])
    return history, done["best"]


def _one_epoch(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    pairs: Pairs,
    batch: int,
    objective: Objective,
    augment: Augment | None,
    device: str,
    seed: int,
    number: int,
) -> float:
    # A generator of its own for every epoch: a resumed training goes on as if it had never stopped.
    generator = torch.Generator().manual_seed(1_000_003 * (seed + 1) + number)
    total = 0.0
    for rows in _batches(torch.randperm(len(pairs), generator=generator), batch):
        x, y = _batch(pairs, rows.numpy(), device)
        if augment is not None:
            x = augment(x, generator)
        optimiser.zero_grad(set_to_none=True)
        with _mixed(device):
            error, loss = objective(net, x, y)
        value = float(error.detach())
        if not math.isfinite(value):
            raise RunError(f"the training diverged (loss {value} in epoch {number + 1}): lower the learning rate")
        loss.backward()
        optimiser.step()
        total += value * len(rows)
    return total / len(pairs)


def _in_training_mode(net: nn.Module, *, fixed_normalisation: bool) -> None:
    """Train, but leave blocks without a trained parameter as they are: their batch statistics belong to the source."""
    net.train()
    for module in net.modules():
        parameters = list(module.parameters())
        is_kept = bool(parameters) and not any(p.requires_grad for p in parameters)
        if is_kept or (fixed_normalisation and isinstance(module, nn.modules.batchnorm._BatchNorm)):
            module.eval()


def _batches(order: torch.Tensor, size: int) -> Sequence[torch.Tensor]:
    """Cut the order in batches; a last one of a single row, of which there is no variance, joins the one before."""
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _batch(pairs: Pairs, rows: Any, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = (np.ascontiguousarray(values[rows], dtype=np.float32) for values in (pairs.inputs, pairs.targets))
    return torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)


def _mixed(device: str) -> AbstractContextManager[Any]:
    return torch.autocast("cuda", dtype=torch.bfloat16) if device == "cuda" else nullcontext()
