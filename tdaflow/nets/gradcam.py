"""Grad-CAM on persistence images: where in the birth–persistence plane a network looks, over several seeds.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017, as
MONAI implements it. A network sees one channel, for channels have axes of their own and a map has one pair of axes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.choice import Candidate, best, score_all
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.stress.explanation.linear import LINEAR, N_SEEDS
from tdaflow.evaluation.stress.explanation.maps import Maps, image_axes
from tdaflow.nets.inputs import NetInputs, block_inputs
from tdaflow.nets.optional import require_torch
from tdaflow.nets.schedule import Schedule

SCHEDULE = Schedule(epochs=15, n_seeds=N_SEEDS)
"""Fixed in advance for a CPU: images of 32×32 train in seconds an epoch."""

# The last convolution of `SmallCNN`, before pooling.
_LAYER = "trunk.4"


def available_gradcam(say: Callable[[str], None]) -> Callable[..., Maps] | None:
    """Return `gradcam_maps`; if torch or MONAI is missing, pass the reason to `say` and return None."""
    try:
        require_torch()
    except InputError as error:
        say(f"Grad-CAM is left out: {error}")
        return None
    return gradcam_maps


def gradcam_maps(
    run: Path,
    features: Features,
    chosen: Candidate,
    *,
    schedule: Schedule = SCHEDULE,
    device: str = "cpu",
    say: Callable[[str], None] = lambda text: None,
) -> Maps:
    """Train a small network on one channel with several seeds, and map its decisions on the validation volumes.

    The test split is not read.

    Parameters
    ----------
    run : Path
        Folder of the run.
    features : Features
        Of the run.
    chosen : Candidate
        Of its image channels that one is taken from which a logistic regression does best on validation.
    schedule : Schedule
        Of at least 2 seeds.
    device : "cpu" or "cuda"
    say : callable
        Told of every seed.

    Returns
    -------
    Maps
        Of every class the mean map of its validation volumes, for its own class; the largest value of a seed's maps
        is 1. A seed whose gradients vanish everywhere gives zeros.

    Raises
    ------
    InputError
        If torch or MONAI is missing, the choice uses no image with two axes, or there are fewer than two seeds.
    """
    require_torch()
    if schedule.n_seeds < 2:
        raise InputError("a map of one seed says nothing of its certainty: give at least 2")
    from tdaflow.nets.classification import train

    name = best_image(run, features, chosen)
    axes = image_axes(run, (name,))
    inputs = block_inputs(features, name, (len(axes[name].death), len(axes[name].birth)))
    parts = [(inputs.arrays(rows), rows.labels) for rows in map(inputs.features.rows, ("train", "val"))]
    found, areas = [], []
    for seed in range(schedule.n_seeds):
        trained = train(
            lambda: _network(len(features.class_names)), inputs, parts[0], parts[1], schedule, seed, device=device
        )
        areas.append(max(epoch.validation for epoch in trained.history))
        found.append(_class_maps(trained.net, inputs, *parts[1], len(features.class_names), device))
        say(f"Grad-CAM on {name}, seed {seed}: validation AUC {areas[-1]:.3f}")
    stack = np.stack(found)
    return Maps(
        features.class_names,
        {name: stack.mean(axis=0)},
        {name: stack.std(axis=0, ddof=1)},
        axes,
        {
            "model": f"small CNN on the images of {name}",
            "seeds": schedule.n_seeds,
            "val_auc": [float(a) for a in areas],
            "notes": f"{schedule.epochs} epochs, the one with the highest validation AUC; maps of validation volumes.",
        },
    )


def best_image(run: Path, features: Features, chosen: Candidate) -> str:
    """Find the image channel of a choice on which a logistic regression does best on validation."""
    train, val = features.rows("train"), features.rows("val")
    names = [name for name, axes in image_axes(run, chosen.blocks).items() if not axes.vector]
    varied = [name for name in names if np.ptp(train.blocks[name], axis=0).any()]
    if not varied:
        raise InputError("the recorded choice uses no persistence image with two axes, so there is no plane to map")
    listed = [Candidate(LINEAR, name, (name,), options) for name in varied for options in CLASSIFIERS[LINEAR].grid]
    return best(score_all(train, val, listed, 0)).candidate.blocks[0]


def _network(n_classes: int) -> Any:
    from tdaflow.nets.networks import SmallCNN

    return SmallCNN(2, 1, n_classes)


def _class_maps(
    net: Any, inputs: NetInputs, images: np.ndarray, labels: np.ndarray, n_classes: int, device: str
) -> np.ndarray:
    """Average the maps of the volumes of every class, (class, y, x), the largest value 1."""
    from monai.visualize import GradCAM

    from tdaflow.nets.classification import Feed

    cam = GradCAM(nn_module=net, target_layers=_LAYER, postprocessing=lambda maps: maps)
    maps = np.zeros((n_classes, *images.shape[2:]))
    for k in range(n_classes):
        feed = Feed(inputs, images[labels == k], device)
        for left in range(0, len(feed), SCHEDULE.batch):
            some = cam(x=feed.batch(slice(left, left + SCHEDULE.batch)), class_idx=k)
            maps[k] += np.asarray(some.detach().cpu(), dtype=np.float64).sum(axis=(0, 1))
        maps[k] /= max(1, len(feed))
    highest = maps.max()
    return maps / highest if highest > 0 else maps
