"""The training loop of every network here: fit on train, choose the epoch on validation, resume where it stopped.

Nothing in it can see a test split: it is not among its arguments.
"""

import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

import torch
from torch import nn

from tdaflow.errors import RunError
from tdaflow.nets.checkpoints import Checkpoints
from tdaflow.nets.schedule import Phase

Loss = Callable[[nn.Module, torch.Tensor, torch.Generator], tuple[torch.Tensor, torch.Tensor]]
"""From network, rows of a batch and a generator of random numbers to the reported loss and the one to minimise."""


class AnySchedule(Protocol):
    """How long a network is trained, and at which learning rates."""

    @property
    def batch(self) -> int:
        """Rows of a batch."""
        ...

    def position(self, validation: Sequence[float]) -> Phase | None:
        """Return the phase of the next epoch, or None if training is over, from the validation values so far."""
        ...


@dataclass(frozen=True)
class Epoch:
    """Results of an epoch, which is counted from 0; `validation` is NaN where nothing validates."""

    number: int
    learning_rate: float
    loss: float
    validation: float
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """A trained network.

    Attributes
    ----------
    net : Module
        With the parameters of the chosen epoch, on the device, for inference.
    chosen : int
        Epoch with the best validation value, of equals the first; the last one where nothing validates.
    history : list of Epoch
        All epochs, also those before a resume.
    """

    net: nn.Module
    chosen: int
    history: list[Epoch]


def fit(
    make: Callable[[], nn.Module],
    n_rows: int,
    loss: Loss,
    schedule: AnySchedule,
    seed: int,
    *,
    validate: Callable[[nn.Module], float] | None = None,
    better: Literal["lower", "higher"] = "lower",
    device: str = "cpu",
    checkpoints: Checkpoints | None = None,
    after_epoch: Callable[[Epoch, nn.Module], None] = lambda epoch, net: None,
) -> Fitted:
    """Train a network with Adam.

    Parameters
    ----------
    make : callable
        Makes the network; its random weights follow from `seed`.
    n_rows : int
        Of the training data.
    loss : callable
        See `Loss`; what it draws at random comes from the generator that it is given.
    schedule : AnySchedule
    seed : int
        Sets weights, order of the batches and augmentation. On one machine the same seed gives the same network,
        also after a resume; on CUDA as far as its operations are deterministic.
    validate : callable, optional
        Value of a network on validation data; without it the network of the last epoch is kept.
    better : "lower" or "higher"
        Which validation value is the better one.
    device : "cpu" or "cuda"
    checkpoints : Checkpoints, optional
        Where progress is kept.
    after_epoch : callable
        Called after every epoch, with its results and the network of that moment.

    Raises
    ------
    RunError
        If the loss is no longer finite.
    """
    sign = 1 if better == "lower" else -1

    def best_of(history: Sequence[Epoch]) -> Epoch:
        return history[-1] if validate is None else min(history, key=lambda epoch: sign * epoch.validation)

    with deterministic(seed, device):
        net = make().to(device)
        # A network that is fine-tuned has layers that keep their weights.
        optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-3)
        history: list[Epoch] = []
        best: dict[str, torch.Tensor] = {}
        done = checkpoints.read() if checkpoints else None
        if done is not None:
            history, best = [Epoch(int(number), *rest) for number, *rest in done["history"]], done["best"]
            if schedule.position([e.validation for e in history]) is not None:
                net.load_state_dict(done["net"])
                optimiser.load_state_dict(done["optimiser"])
        while (phase := schedule.position([e.validation for e in history])) is not None:
            began, number = time.perf_counter(), len(history)
            for group in optimiser.param_groups:
                group["lr"] = phase.learning_rate
            _in_training_mode(net, fixed_normalisation=phase.fixed_normalisation)
            told = _one_epoch(net, optimiser, n_rows, schedule.batch, loss, seed, number)
            value = math.nan if validate is None else validate(net)
            history.append(Epoch(number, phase.learning_rate, told, value, time.perf_counter() - began))
            if best_of(history).number == number or not best:
                best = {name: tensor.detach().cpu().clone() for name, tensor in net.state_dict().items()}
            if checkpoints:
                state = {
                    "net": net.state_dict(), "optimiser": optimiser.state_dict(), "best": best,
                    "history": [list(asdict(e).values()) for e in history],
                }  # fmt: skip
                over = schedule.position([e.validation for e in history]) is None
                checkpoints.write(state, last=over)
            after_epoch(history[-1], net)
    net.load_state_dict(best)
    net.eval()
    return Fitted(net, best_of(history).number, history)


def batches(order: torch.Tensor, size: int) -> list[torch.Tensor]:
    """Cut the order in batches; a last one of a single row, of which there is no variance, joins the one before."""
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _one_epoch(
    net: nn.Module, optimiser: torch.optim.Optimizer, n_rows: int, batch: int, loss: Loss, seed: int, number: int
) -> float:
    # A generator of its own for every epoch: a resumed training goes on as if it had never stopped.
    generator = torch.Generator().manual_seed(1_000_003 * (seed + 1) + number)
    total = 0.0
    for rows in batches(torch.randperm(n_rows, generator=generator), batch):
        optimiser.zero_grad(set_to_none=True)
        told, minimised = loss(net, rows, generator)
        value = float(told.detach())
        if not math.isfinite(value):
            raise RunError(f"the training diverged (loss {value} in epoch {number + 1}): lower the learning rate")
        minimised.backward()
        optimiser.step()
        total += value * len(rows)
    return total / n_rows


def _in_training_mode(net: nn.Module, *, fixed_normalisation: bool) -> None:
    """Train, but leave blocks without a trained parameter as they are: their batch statistics belong to the source."""
    net.train()
    for module in net.modules():
        parameters = list(module.parameters())
        is_kept = bool(parameters) and not any(p.requires_grad for p in parameters)
        if is_kept or (fixed_normalisation and isinstance(module, nn.modules.batchnorm._BatchNorm)):
            module.eval()


@contextmanager
def deterministic(seed: int, device: str) -> Iterator[None]:
    """Seed torch and ask for deterministic algorithms; everything is put back afterwards.

    Some operations on CUDA have no deterministic form; they are used all the same.
    """
    if device == "cuda":
        # cuBLAS reads it when it starts; without it some of its sums depend on timing.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    was = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    devices = [torch.cuda.current_device()] if device == "cuda" else []
    with torch.random.fork_rng(devices=devices), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*deterministic.*", category=UserWarning)
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was[0], warn_only=was[1])
            torch.backends.cudnn.benchmark = benchmark
