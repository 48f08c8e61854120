"""Classification with persistence images, exact or predicted (Som et al. 2019, section 5).

The 19 statistics of a frame ("SF"), and the training of a classifier with several seeds against a base model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import ttest_ind
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from tdaflow.errors import InputError
from tdaflow.nets.pinet.train.schedule import PINetSchedule
from tdaflow.nets.schedule import Phase
from tdaflow.nets.training import AnySchedule, fit

Metric = Callable[[np.ndarray, np.ndarray], float]


N_STATISTICS = 19
_PAIRS = ((0, 1), (1, 2), (0, 2))


def frame_statistics(frames: ArrayLike) -> NDArray[np.float64]:
    """Compute the statistics of raw frames.

    Parameters
    ----------
    frames : array_like, shape (n, 3, t)
        Accelerations along x, y and z, in their own unit.

    Returns
    -------
    float64 (n, 19)
        Mean, variance and root mean square of each axis; Pearson's coefficient of x–y, y–z and x–z (0 where an axis is
        constant); range d of each axis; √(dx² + dy²), √(dy² + dz²), √(dx² + dz²) and √(dx² + dy² + dz²).

    Raises
    ------
    InputError
        For another shape, and NaN or infinite values.
    """
    values = np.asarray(frames, dtype=np.float64)
    if values.ndim != 3 or values.shape[1] != 3 or values.shape[2] < 1:
        raise InputError(f"frames must have shape (n, 3, t), x, y and z, got {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("frames hold NaN or infinite values; leave these frames out")
    mean, ranges = values.mean(axis=2), np.ptp(values, axis=2)
    centred = values - mean[..., None]
    norms = np.linalg.norm(centred, axis=2)
    together = [(centred[:, a] * centred[:, b]).sum(axis=1) for a, b in _PAIRS]
    products = [norms[:, a] * norms[:, b] for a, b in _PAIRS]
    correlations = [np.divide(s, p, out=np.zeros_like(s), where=p > 0) for s, p in zip(together, products, strict=True)]
    lengths = [np.linalg.norm(ranges[:, list(axes)], axis=1) for axes in (*_PAIRS, (0, 1, 2))]
    return np.column_stack(
        [mean, values.var(axis=2), np.sqrt(np.square(values).mean(axis=2)), *correlations, ranges, *lengths]
    )


@dataclass(frozen=True)
class Samples:
    """Inputs (n, …), images beside them (n, …) or None, and int labels (n,)."""

    inputs: np.ndarray
    labels: np.ndarray
    images: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)


CLASSIFIER_SCHEDULE = PINetSchedule((Phase(50, 1e-3),))
"""Adam on cross-entropy; the paper does not state its schedule."""


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
    """Return the F1 score weighted by class size, the metric of Table 1."""
    return float(f1_score(labels, predicted, average="weighted", zero_division=0))


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of correct labels, the metric of Tables 3 and 4."""
    return float(accuracy_score(labels, predicted))


def train_classifier(
    make: Callable[[], nn.Module], train: Samples, schedule: AnySchedule, seed: int, device: str = "cpu"
) -> nn.Module:
    """Train a classifier on cross-entropy and keep the last epoch; see `tdaflow.nets.training.fit`."""

    def loss(net: nn.Module, rows: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        logits = net(*_tensors(train, rows.numpy(), device))
        labels = torch.from_numpy(train.labels[rows.numpy()].astype(np.int64)).to(device)
        found = nn.functional.cross_entropy(logits, labels)
        return found, found

    return fit(make, len(train), loss, schedule, seed, device=device).net


def predicted_labels(net: nn.Module, samples: Samples, device: str = "cpu", batch: int = 256) -> np.ndarray:
    """Return the most probable class of every sample, int64 (n,)."""
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
    schedule: AnySchedule,
    *,
    n_seeds: int = 5,
    base: Sequence[float] | None = None,
    device: str = "cpu",
) -> TableRow:
    """Train a classifier with every seed and measure it on the test samples; nothing is chosen on them."""
    values = tuple(
        metric(test.labels, predicted_labels(train_classifier(make, train, schedule, seed, device), test, device))
        for seed in range(n_seeds)
    )
    return TableRow(name, values, None if base is None else _p_value(values, base))


def _p_value(values: Sequence[float], base: Sequence[float]) -> float:
    if len(set(values)) == len(set(base)) == 1:
        # Without any spread the test has no statistic.
        return float(values[0] == base[0])
    return float(ttest_ind(values, base, equal_var=False).pvalue)


def _tensors(samples: Samples, rows: np.ndarray, device: str) -> list[torch.Tensor]:
    arrays = [samples.inputs, *([] if samples.images is None else [samples.images])]
    return [torch.from_numpy(np.ascontiguousarray(a[rows], dtype=np.float32)).to(device) for a in arrays]
