"""Coefficients of a linear model, mapped back through scaling and PCA to the pixels of its persistence images.

Every seed resamples the training patients, so the SD over seeds measures how much a map depends on them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.pipeline import Pipeline

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.choice import Candidate, best, fitted, score_all
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.metrics import auc
from tdaflow.evaluation.protocol.resampling import resample
from tdaflow.evaluation.stress.explanation.maps import Maps, image_axes

N_SEEDS = 5
LINEAR = "logistic"


def linear_maps(run: Path, features: Features, chosen: Candidate, n_seeds: int = N_SEEDS) -> Maps:
    """Map a logistic regression on the image channels of a choice.

    The choice's own options are used where it is a logistic regression on images alone; otherwise the regression that
    validation prefers on its image channels is mapped instead, and the notes say so. The test split is not read.

    Parameters
    ----------
    run : Path
        Folder of the run.
    features : Features
        Of the run.
    chosen : Candidate
    n_seeds : int
        At least 2.

    Returns
    -------
    Maps
        Change of the log-odds (of a class against the mean of all, for more than two) when a pixel rises by its
        standard deviation over the training volumes.

    Raises
    ------
    InputError
        If the choice uses no persistence image, or there are fewer than two seeds.
    """
    if n_seeds < 2:
        raise InputError(f"{n_seeds} seeds give no standard deviation: give at least 2")
    axes = image_axes(run, chosen.blocks)
    train, val = features.rows("train"), features.rows("val")
    candidate, note = _linear(chosen, tuple(axes), train, val)
    resamples = [resample(train, seed) for seed in range(n_seeds)]
    models = [fitted(candidate, rows, seed) for seed, rows in enumerate(resamples)]
    matrix = val.matrix(candidate.blocks)
    areas = [auc(val.labels, model.predict_proba(matrix)) for model in models]
    stack = np.stack([_effects(model, rows, candidate.blocks) for model, rows in zip(models, resamples, strict=True)])
    widths = [train.blocks[name].shape[1] for name in candidate.blocks]
    parts = np.split(stack, np.cumsum(widths)[:-1], axis=2)
    shaped = {
        name: part.reshape(*part.shape[:2], len(axes[name].death), -1)
        for name, part in zip(candidate.blocks, parts, strict=True)
    }
    names = features.class_names
    return Maps(
        names[1:] if len(names) == 2 else names,
        {name: part.mean(axis=0) for name, part in shaped.items()},
        {name: part.std(axis=0, ddof=1) for name, part in shaped.items()},
        axes,
        {
            "model": f"logistic regression on {candidate.subset}",
            "seeds": n_seeds,
            "val_auc": [float(a) for a in areas],
            "notes": note,
        },
    )


def _linear(chosen: Candidate, images: tuple[str, ...], train: Features, val: Features) -> tuple[Candidate, str]:
    """Return the regression to map, and a sentence about it."""
    if chosen.classifier == LINEAR and images == chosen.blocks:
        return chosen, "The recorded choice itself, fitted on resamples of the training patients."
    grid = CLASSIFIERS[LINEAR].grid
    subset = chosen.subset if images == chosen.blocks else f"the images of {chosen.subset}"
    found = best(score_all(train, val, [Candidate(LINEAR, subset, images, options) for options in grid], 0))
    return found.candidate, (
        f"The recorded choice ({CLASSIFIERS[chosen.classifier].title} on {chosen.subset}) is not a linear model on "
        "images; this is the logistic regression that validation prefers on its images."
    )


def _effects(model: Pipeline, train: Features, blocks: Sequence[str]) -> np.ndarray:
    """Change of the log-odds by one SD of every column, (class, column)."""
    scale, pca, keep = (model["prepare"][name] for name in ("scale", "pca", "keep"))
    coefficients = model["classify"].coef_ / (keep.deviation_ if keep.whiten else 1.0)
    components = np.zeros((len(coefficients), len(keep.kept_)))
    components[:, keep.kept_] = coefficients
    # A column's coefficient is of its scaled value, so its SD there, after any square root, makes the effect.
    deviation = scale.transform(train.matrix(blocks)).std(axis=0)
    effects: np.ndarray = (components @ pca.components_) * deviation
    return effects
