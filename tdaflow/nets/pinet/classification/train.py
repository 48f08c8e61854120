"""Train a classifier with or without persistence images, some seeds, and compare it with a base model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import ttest_ind
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from tdaflow.nets.determinism import deterministic

Metric = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Samples:
    """Inputs (n, …), images beside them (n, …) or None, and int labels (n,)."""

    inputs: np.ndarray
    labels: np.ndarray
    images: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class TrainingOptions:
    """Adam on cross-entropy; the paper does not state these."""

    epochs: int = 50
    batch: int = 128
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class TableRow:
    """One method in the tables of the paper.

    Attributes
    ----------
    name : str
    values : tuple of float
        The metric on the test samples, one a seed.
    p_value : float or None
        Of Welch's t-test against the base model's values; None for the base model.
    """

    name: str
    values: tuple[float, ...]
    p_value: float | None

    @property
    def text(self) -> str:
        """Mean ± standard deviation in per cent, as the paper prints them."""
        spread = float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0
        return f"{100 * float(np.mean(self.values)):.2f}±{100 * spread:.2f}"


def weighted_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The metric of Table 1."""
    return float(f1_score(labels, predicted, average="weighted", zero_division=0))


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The metric of Tables 3 and 4."""
    return float(accuracy_score(labels, predicted))


def train_classifier(
    make: Callable[[], nn.Module], train: Samples, options: TrainingOptions, seed: int, device: str = "cpu"
) -> nn.Module:
    """Fit a network; the same seed gives the same one, as far as the device allows."""
    with deterministic(seed, device):
        net = make().to(device)
        optimiser = torch.optim.Adam(net.parameters(), lr=options.learning_rate)
        for epoch in range(options.epochs):
            generator = torch.Generator().manual_seed(1_000_003 * (seed + 1) + epoch)
            net.train()
            for rows in _batches(torch.randperm(len(train), generator=generator), options.batch):
                optimiser.zero_grad(set_to_none=True)
                logits = net(*_tensors(train, rows.numpy(), device))
                labels = torch.from_numpy(train.labels[rows.numpy()].astype(np.int64)).to(device)
                nn.functional.cross_entropy(logits, labels).backward()
                optimiser.step()
    return net.eval()


def predicted_labels(net: nn.Module, samples: Samples, device: str = "cpu", batch: int = 256) -> np.ndarray:
    """The most probable class of every sample, int64 (n,)."""
    found = []
    with torch.inference_mode():
        for left in range(0, len(samples), batch):
            rows = np.arange(left, min(left + batch, len(samples)))
            found.append(net(*_tensors(samples, rows, device)).argmax(dim=1).cpu().numpy())
    return np.concatenate(found)


def table_row(
    name: str,
    make: Callable[[], nn.Module],
    train: Samples,
    test: Samples,
    metric: Metric,
    options: TrainingOptions,
    *,
    n_seeds: int = 5,
    base: Sequence[float] | None = None,
    device: str = "cpu",
) -> TableRow:
    """Train once a seed and measure on the test samples; nothing is chosen on them."""
    values = tuple(
        metric(test.labels, predicted_labels(train_classifier(make, train, options, seed, device), test, device))
        for seed in range(n_seeds)
    )
    return TableRow(name, values, None if base is None else _p_value(values, base))


def _p_value(values: Sequence[float], base: Sequence[float]) -> float:
    if len(set(values)) == len(set(base)) == 1:
        # Without any spread the test has no statistic.
        return float(values[0] == base[0])
    return float(ttest_ind(values, base, equal_var=False).pvalue)


def _batches(order: torch.Tensor, size: int) -> Sequence[torch.Tensor]:
    """Cut the order in batches; a last one of a single sample, of which there is no variance, joins the one before."""
    parts = list(order.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _tensors(samples: Samples, rows: np.ndarray, device: str) -> list[torch.Tensor]:
    arrays = [samples.inputs, *([] if samples.images is None else [samples.images])]
    return [torch.from_numpy(np.ascontiguousarray(a[rows], dtype=np.float32)).to(device) for a in arrays]
