"""Classification with persistence images, exact or predicted (Som et al. 2019, section 5).

The 19 statistics of a frame ("SF"), and the training of a classifier with several seeds against a base model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import ttest_ind
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from tdaflow.errors import InputError
from tdaflow.nets.pinet.paper.classifiers import MLP, AlexNetVariant, NetworkInNetwork, SignalCNN
from tdaflow.nets.pinet.paper.config import PaperConfig
from tdaflow.nets.pinet.paper.data import PaperData, Samples
from tdaflow.nets.pinet.paper.targets import unit_images
from tdaflow.nets.pinet.train.schedule import PINetSchedule
from tdaflow.nets.schedule import Phase
from tdaflow.nets.training import AnySchedule, fit

Metric = Callable[[np.ndarray, np.ndarray], float]
# Side of the images that the classifiers of Table 2 take.
_CLASSIFIER_SIDE = 32


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


def compare_classifiers(
    config: PaperConfig,
    data: PaperData,
    targets: Mapping[str, np.ndarray],
    predicted: Mapping[str, np.ndarray],
    *,
    device: str = "cpu",
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Classify test samples without persistence images, with exact and with predicted ones (Tables 1 and 3).

    Parameters
    ----------
    config : PaperConfig
    data : PaperData
    targets, predicted : mapping of split to float32 array (n, channels, rows, columns)
        Exact and predicted images of the samples.
    device : "cpu" or "cuda"
    say : callable
        Told of every method.

    Returns
    -------
    dict
        What JSON can hold: ``metric``, ``classes``, ``n_seeds`` and ``rows``, one a method.
    """
    n_classes = int(max(part.labels.max() for part in data.parts().values())) + 1
    n_pixels = int(np.prod(targets["train"].shape[1:]))
    net_name = "Signal PI-Net" if config.network == "signal" else "Image PI-Net"
    beside: dict[str, Mapping[str, np.ndarray] | None] = {"": None, " + PI": targets, f" + {net_name}": predicted}
    if config.network == "signal":
        metric, statistics = weighted_f1, _statistics(data)
        makers: dict[str, tuple[str, Mapping[str, Samples], Callable[[int], nn.Module]]] = {
            "mlp": ("MLP, 19 statistics", statistics, lambda n: MLP(N_STATISTICS + n, n_classes)),
            "cnn": ("1D CNN", data.parts(), lambda n: SignalCNN(len(data.channels), n_classes, n)),
        }
    else:
        metric, padded = accuracy, {name: _padded(part) for name, part in data.parts().items()}
        makers = {
            "alexnet": ("AlexNet variant", padded, lambda n: AlexNetVariant(n_classes, n)),
            "nin": ("Network in network", padded, lambda n: NetworkInNetwork(n_classes, n)),
        }
    options = config.classification
    schedule = PINetSchedule((Phase(options.epochs, 1e-3),))
    rows: list[TableRow] = []
    for title, parts, make in (makers[name] for name in options.networks or makers):
        base: TableRow | None = None
        for suffix, images in beside.items():
            train, test = (
                replace(parts[split], images=None if images is None else images[split]) for split in ("train", "test")
            )
            n = 0 if images is None else n_pixels
            row = table_row(
                title + suffix, lambda make=make, n=n: make(n), train, test, metric, schedule,  # type: ignore[misc]
                n_seeds=options.n_seeds, base=base.values if base else None, device=device,
            )  # fmt: skip
            say(f"{row.name}: {row.text} %")
            base = base or row
            rows.append(row)
    return {
        "metric": "weighted F1" if config.network == "signal" else "accuracy",
        "classes": n_classes,
        "n_seeds": options.n_seeds,
        "rows": [{"name": r.name, "values": list(r.values), "text": r.text, "p_value": r.p_value} for r in rows],
    }


def _p_value(values: Sequence[float], base: Sequence[float]) -> float:
    if len(set(values)) == len(set(base)) == 1:
        # Without any spread the test has no statistic.
        return float(values[0] == base[0])
    return float(ttest_ind(values, base, equal_var=False).pvalue)


def _tensors(samples: Samples, rows: np.ndarray, device: str) -> list[torch.Tensor]:
    arrays = [samples.inputs, *([] if samples.images is None else [samples.images])]
    return [torch.from_numpy(np.ascontiguousarray(a[rows], dtype=np.float32)).to(device) for a in arrays]


def _statistics(data: PaperData) -> dict[str, Samples]:
    """Return the 19 statistics of raw frames, standardised by the training frames."""
    values = {name: frame_statistics(part.inputs) for name, part in data.parts().items()}
    mean, spread = values["train"].mean(axis=0), values["train"].std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return {name: Samples((values[name] - mean) / spread, part.labels) for name, part in data.parts().items()}


def _padded(part: Samples) -> Samples:
    """Return images (n, channels, 32, 32) in [0, 1], black around smaller ones."""
    images = np.moveaxis(unit_images(part.inputs), -1, 1).astype(np.float32)
    margins = [divmod(_CLASSIFIER_SIDE - size, 2) for size in images.shape[2:]]
    if min(half for half, _ in margins) < 0:
        raise InputError(f"images of {images.shape[2:]} pixels are larger than the 32 that the classifiers take")
    widths = [(0, 0), (0, 0), *((half, half + odd) for half, odd in margins)]
    return Samples(np.pad(images, widths), part.labels)
