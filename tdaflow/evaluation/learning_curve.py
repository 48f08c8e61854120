"""How well a classifier does when it has learnt from few volumes of each class, for several sets of columns.

Options are fixed in advance, so nothing is chosen; what is drawn is fitted on, and all other training and validation
volumes are classified. The test split is not read.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import write_whole
from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.tabular import ALL, raw_voxels, textbook_numbers
from tdaflow.evaluation.baselines.volumes import development_volumes
from tdaflow.evaluation.protocol.choice import Candidate, fitted, metrics_of, varying
from tdaflow.evaluation.protocol.committee import filtrations_of
from tdaflow.evaluation.protocol.features import Features, development_features
from tdaflow.evaluation.protocol.files import csv_text, writing
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.patients import patient_units

SIZES = (5, 10, 20, 50, 100, 200)
"""Volumes of each class; those that leave fewer than `FEWEST_LEFT` of a class are left out."""
FEWEST_LEFT = 10
N_DRAWS = 10
FILE = "learning-curve.csv"
"""In the evaluation folder of a run."""

Learner = Callable[[Features, Features, int], np.ndarray]
"""From volumes to learn from, volumes to classify and a seed to probabilities (n, classes)."""
_IMAGES = {"n_components": 30, "whiten": True, "square_root": True, "C": 0.01}
_NUMBERS = {"n_components": ALL, "whiten": False, "square_root": False, "C": 0.1}
_VALUES = ("auc", "accuracy", "balanced_accuracy")
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
    learners: Mapping[str, Learner] = {},
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
    learners : mapping of str to Learner
        Further rows, such as networks on the voxels of the volumes with these ids.
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
    columns = {"all features": _logistic(features, _IMAGES)}
    names = list(features.blocks)
    alpha = {names[b]: features.blocks[names[b]] for b in filtrations_of(names).get("alpha", ())}
    if alpha and len(alpha) < len(names):
        columns["alpha alone"] = _logistic(replace(features, blocks=alpha), _IMAGES)
    for title, maker, options in (("shape", textbook_numbers, _NUMBERS), ("voxels", raw_voxels, _VOXELS)):
        try:
            columns[title] = _logistic(maker(volumes), options)
        except InputError as reason:  # such as unequal shapes
            advanced(f"{title} is left out: {reason}")
    columns |= learners
    found = []
    for size, draw, drawn in _draws(features, sizes, n_draws, seed):
        if draw == 0:
            advanced(f"{size} volumes a class")
        learnt, rest = features.taken(drawn), features.taken(_others(features, drawn))
        for title, learner in columns.items():
            found.append(Point(title, size, draw, **metrics_of(rest, learner(learnt, rest, seed))))
    if not found:
        raise InputError(
            f"no size of {', '.join(map(str, sizes))} volumes a class leaves {FEWEST_LEFT} of each class to classify: "
            "give more labelled volumes to the splits train and val"
        )
    return found


def write_learning_curve(points: Sequence[Point], run: str | Path) -> Path:
    """Write a row a draw as CSV into the evaluation folder of a run; return its path."""
    folder = EvaluationFolder(Path(run)).path
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return write_whole(folder / FILE, csv_text([asdict(point) for point in points]))


def read_learning_curve(run: str | Path) -> list[Point]:
    """Read what `write_learning_curve` wrote; empty if there is none, InputError if it is damaged."""
    path = EvaluationFolder(Path(run)).path / FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [
                Point(row["columns"], int(row["n_a_class"]), int(row["draw"]), *(float(row[name]) for name in _VALUES))
                for row in csv.DictReader(file)
            ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}): run `tdaflow reproduce … --learning-curve` again"
        ) from None


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


def _logistic(columns: Features, options: Mapping[str, Any]) -> Learner:
    def learn(learnt: Features, rest: Features, seed: int) -> np.ndarray:
        fit, other = columns.of_ids(learnt.ids), columns.of_ids(rest.ids)
        blocks = tuple(varying(fit))
        model = fitted(Candidate("logistic", "", blocks, options), fit, seed)
        return np.asarray(model.predict_proba(other.matrix(blocks)))

    return learn


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
