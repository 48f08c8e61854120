"""How well a classifier does when it has learnt from few volumes of each class, for several sets of columns.

Options are fixed in advance, so nothing is chosen; what is drawn is fitted on, and all other training and validation
volumes are classified. The test split is not read.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import write_whole
from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.tabular import ALL, raw_voxels, textbook_numbers
from tdaflow.evaluation.baselines.volumes import development_volumes
from tdaflow.evaluation.protocol.choice import Candidate, score_all, varying
from tdaflow.evaluation.protocol.committee import filtrations_of
from tdaflow.evaluation.protocol.features import Features, development_features
from tdaflow.evaluation.protocol.patients import patient_units

SIZES = (5, 10, 20, 50, 100, 200)
"""Volumes of each class; those that leave fewer than `FEWEST_LEFT` of a class are left out."""
FEWEST_LEFT = 10
N_DRAWS = 10
_IMAGES = {"n_components": 30, "whiten": True, "square_root": True, "C": 0.01}
_NUMBERS = {"n_components": ALL, "whiten": False, "square_root": False, "C": 0.1}
_VOXELS = {"n_components": 30, "whiten": True, "square_root": False, "C": 0.01}


@dataclass(frozen=True)
class Point:
    """One draw.

    Attributes
    ----------
    columns : str
        What was learnt from.
    n_a_class, draw : int
    auc, accuracy, balanced_accuracy : float
        Of the volumes that were not drawn.
    """

    columns: str
    n_a_class: int
    draw: int
    auc: float
    accuracy: float
    balanced_accuracy: float


def learning_curve(
    run: str | Path,
    *,
    sizes: Sequence[int] = SIZES,
    n_draws: int = N_DRAWS,
    seed: int = 0,
    advanced: Callable[[str], None] = lambda text: None,
) -> list[Point]:
    """Measure logistic regressions on few volumes a class: of all features, alpha alone, textbook numbers and voxels.

    Parameters
    ----------
    run : str or Path
        Folder of a finished run with labels and splits.
    sizes : sequence of int
        Volumes of each class; the same draws for all columns.
    n_draws : int
        Draws a size; patients are not divided between what is drawn and what is classified.
    seed : int
        Of the draws.
    advanced : callable
        Told what is measured now.

    Returns
    -------
    list of Point

    Raises
    ------
    InputError
        If no size leaves enough volumes.
    """
    features = development_features(Path(run))
    volumes = development_volumes(Path(run), features.ids)
    columns: dict[str, tuple[Features, Mapping[str, Any]]] = {"all features": (features, _IMAGES)}
    names = list(features.blocks)
    alpha = {names[b]: features.blocks[names[b]] for b in filtrations_of(names).get("alpha", ())}
    if alpha and len(alpha) < len(names):
        columns["alpha alone"] = replace(features, blocks=alpha), _IMAGES
    for title, maker, options in (("shape", textbook_numbers, _NUMBERS), ("voxels", raw_voxels, _VOXELS)):
        try:
            made = maker(volumes)
        except InputError as reason:  # such as unequal shapes
            advanced(f"{title} is left out: {reason}")
            continue
        position = {identity: i for i, identity in enumerate(made.ids.tolist())}
        columns[title] = made.taken(np.array([position[i] for i in features.ids.tolist()])), options
    found = []
    for size, draw, drawn in _draws(features, sizes, n_draws, seed):
        if draw == 0:
            advanced(f"{size} volumes a class")
        for title, (of, fixed) in columns.items():
            fit, rest = of.taken(drawn), of.taken(_others(of, drawn))
            candidate = Candidate("logistic", title, tuple(varying(fit)), fixed)
            (scored,) = score_all(fit, rest, [candidate], seed)
            found.append(Point(title, size, draw, **scored.metrics))
    if not found:
        raise InputError(
            f"no size of {', '.join(map(str, sizes))} volumes a class leaves {FEWEST_LEFT} of each class to classify: "
            "give more labelled volumes to the splits train and val"
        )
    return found


def write_learning_curve(points: Sequence[Point], path: Path) -> Path:
    """Write a row a draw as CSV; return the path."""
    text = io.StringIO()
    names = ["columns", "n_a_class", "draw", "auc", "accuracy", "balanced_accuracy"]
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(names)
    rows.writerows([getattr(point, name) for name in names] for point in points)
    return write_whole(path, text.getvalue())


def summary(points: Sequence[Point], metric: str = "auc") -> dict[str, dict[int, tuple[float, float, float]]]:
    """Mean and 10 % and 90 % quantile over draws, by columns and volumes a class."""
    found: dict[str, dict[int, list[float]]] = {}
    for point in points:
        found.setdefault(point.columns, {}).setdefault(point.n_a_class, []).append(getattr(point, metric))

    def ends(values: list[float]) -> tuple[float, float, float]:
        low, high = np.quantile(values, [0.1, 0.9])
        return float(np.mean(values)), float(low), float(high)

    return {columns: {n: ends(values) for n, values in sizes.items()} for columns, sizes in found.items()}


def table(points: Sequence[Point]) -> str:
    """Mean AUC over draws as a Markdown table, a row a set of columns."""
    found = summary(points)
    sizes = sorted({n for of in found.values() for n in of})
    lines = ["| AUC, volumes a class | " + " | ".join(map(str, sizes)) + " |", "|---" * (len(sizes) + 1) + "|"]
    for columns, of in found.items():
        cells = (f"{of[n][0]:.3f} [{of[n][1]:.3f}, {of[n][2]:.3f}]".replace("0.", ".") for n in sizes)
        lines.append(f"| {columns} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _draws(features: Features, sizes: Sequence[int], n_draws: int, seed: int) -> list[tuple[int, int, np.ndarray]]:
    counts = np.bincount(features.labels, minlength=len(features.class_names))
    found = []
    for size in sizes:
        if counts.min() < size + FEWEST_LEFT:
            continue
        for draw in range(n_draws):
            rng = np.random.default_rng([seed, size, draw])
            of_class = [np.flatnonzero(features.labels == k) for k in range(len(counts))]
            chosen = [rng.choice(rows, size, replace=False) for rows in of_class]
            found.append((size, draw, np.sort(np.concatenate(chosen))))
    return found


def _others(features: Features, drawn: np.ndarray) -> np.ndarray:
    units = patient_units(features.groups)
    return np.flatnonzero(~np.isin(units, units[drawn]))
