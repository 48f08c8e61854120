"""Late fusion: ŷ = α·ŷ_PI + (1 − α)·ŷ_other, with α and the other method chosen on validation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.bootstrap import STATISTICS
from tdaflow.evaluation.protocol.evaluate import part_notes
from tdaflow.evaluation.protocol.ledger import Ledger, Split
from tdaflow.evaluation.protocol.metrics import nearest_corner_threshold
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.store import content_digest

FAMILY = "late fusion"
KIND = "fusion"
ALPHAS = tuple(round(0.05 * i, 2) for i in range(21))
METRICS = ("auc", "accuracy", "balanced_accuracy")


@dataclass(frozen=True)
class Fused:
    """A chosen late fusion.

    Attributes
    ----------
    predictions : Predictions
        Of validation and test; ``details`` hold ``curves``, the validation metrics of every other method at every α.
    other : str
        The method that was chosen.
    alpha : float
        Weight of the first method.
    """

    predictions: Predictions
    other: str
    alpha: float


def late_fusion(
    first: Predictions,
    others: Sequence[Predictions],
    ledger: Ledger,
    *,
    choose_by: str = "auc",
    allow_second_test: bool = False,
) -> Fused:
    """Choose α and the other method on validation, then test the fusion once.

    Parameters
    ----------
    first : Predictions
        Of the persistence images.
    others : sequence of Predictions
        Of other methods, on the same volumes.
    ledger : Ledger
    choose_by : str
        One of `METRICS`, on validation and of the mean over seeds. Of equals the largest α, of those the method named
        first.
    allow_second_test : bool
        Allow a second, different choice on the same test split; the notes say so.

    Raises
    ------
    InputError
        If there is no other method, one has no validation rows, or it is of other volumes.
    ConfigError
        If another fusion has touched this test split and `allow_second_test` is not given.
    """
    if not others:
        raise InputError("a fusion needs a second method: name one whose predictions are saved")
    if choose_by not in METRICS:
        raise InputError(f"choose_by={choose_by!r} is unknown: use {', '.join(METRICS)}")
    val = first.of_split("val")
    if not len(val.ids):
        raise InputError(f"the predictions of {first.method!r} have no validation rows, which α is chosen on")
    aligned = [other.aligned(first.ids) for other in others]
    for other in aligned:
        if other.class_names != first.class_names or not np.array_equal(other.labels, first.labels):
            raise InputError(f"{other.method!r} and {first.method!r} give the same volumes different labels")
    curves = {other.method: _curve(val, other.of_split("val")) for other in aligned}
    found = [
        (line[choose_by], line["alpha"], -position)
        for position, other in enumerate(aligned)
        for line in curves[other.method]
    ]
    value, alpha, position = max(found)
    other = aligned[-int(position)]
    fused = _fused(first, other, alpha)
    test = first.of_split("test")
    choice = {
        "first": _told(first), "other": _told(other), "alpha": alpha, "chosen_by": choose_by,
        "candidates": sorted(p.method for p in aligned),
    }  # fmt: skip
    touch = ledger.touch(FAMILY, Split(test.ids, test.labels), choice, allow_second_test=allow_second_test)
    name = f"late fusion: {alpha:g} PI + {1 - alpha:g} {other.method}"
    of_val = {seed: values[first.splits == "val"] for seed, values in fused.items()}
    binary = len(first.class_names) == 2
    predictions = Predictions(
        name if touch.number == 1 else f"{name} (choice {touch.number})",
        first.ids, first.labels, first.splits, first.groups, first.class_names, fused,
        {s: nearest_corner_threshold(val.labels, p[:, 1]) for s, p in of_val.items()} if binary else {},
        KIND,
        (
            f"α·({first.method}) + (1 − α)·({other.method}); α = {alpha:g} and the other of {len(aligned)} methods are "
            f"chosen on validation by {choose_by.replace('_', ' ').replace('auc', 'AUC')} ({value:.3f}).",
            touch.note,
            *part_notes(first.details.get("about", {})),
        ),
        {"family": FAMILY, "number": touch.number, "choice": choice, "curves": curves},
    )  # fmt: skip
    return Fused(predictions, other.method, alpha)


def saved_baselines(saved: Sequence[Predictions], names: Sequence[str]) -> list[Predictions]:
    """Find saved baselines by name, the newest choice of each.

    Parameters
    ----------
    saved : sequence of Predictions
        All saved predictions of a run; the majority class is passed over.
    names : sequence of str
        Such as "histogram" or "cnn3d"; "all" for all that see voxels, so without "acquisition".

    Raises
    ------
    InputError
        If a baseline has no saved predictions.
    """
    newest: dict[str, Predictions] = {}
    for predictions in saved:
        if predictions.kind != "baseline" or predictions.method.startswith("majority class"):
            continue
        family = str(predictions.details.get("family", "")).removeprefix("baseline ")
        name = family or re.sub(r"[^a-z0-9.]+", "-", predictions.method.lower()).strip("-")
        number = int(predictions.details.get("number", 0))
        if name not in newest or number > int(newest[name].details.get("number", 0)):
            newest[name] = predictions
    unknown = [name for name in names if name != "all" and name not in newest]
    if unknown:
        there = ", ".join(newest) or "none yet"
        raise InputError(
            f"there are no saved predictions of {unknown[0]!r}: make them with `tdaflow baselines RUN --methods "
            f"{unknown[0]}` (there are: {there})"
        )
    if "all" in names:
        return [predictions for name, predictions in newest.items() if name != "acquisition" or name in names]
    return [newest[name] for name in dict.fromkeys(names)]


def _curve(first: Predictions, other: Predictions) -> list[dict[str, float]]:
    """Validation metrics at every α, mean over seeds."""
    once = np.ones((1, len(first.ids)))
    lines = []
    for alpha in ALPHAS:
        values = _fused(first, other, alpha)
        binary = len(first.class_names) == 2
        thresholds = {s: nearest_corner_threshold(first.labels, p[:, 1]) for s, p in values.items()} if binary else {}
        mixed = Predictions(
            "mixed", first.ids, first.labels, first.splits, first.groups, first.class_names, values, thresholds
        )
        lines.append({"alpha": alpha, **{m: float(STATISTICS[m](mixed)(once)[0]) for m in METRICS}})
    return lines


def _fused(first: Predictions, other: Predictions, alpha: float) -> dict[int, np.ndarray]:
    """Average two methods seed by seed; the seeds of the one with fewer are reused in turn."""
    seeds = first.seeds, other.seeds
    return {
        s: alpha * first.probabilities[seeds[0][s % len(seeds[0])]]
        + (1 - alpha) * other.probabilities[seeds[1][s % len(seeds[1])]]
        for s in range(max(map(len, seeds)))
    }


def _told(predictions: Predictions) -> Mapping[str, Any]:
    """Describe a fused method: its name, seeds and digest of its validation predictions."""
    val = predictions.of_split("val")
    stacked = np.stack([val.probabilities[seed] for seed in val.seeds])
    return {"method": predictions.method, "seeds": list(predictions.seeds), "val": content_digest(stacked)}
