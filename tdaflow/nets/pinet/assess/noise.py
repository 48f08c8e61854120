"""Robustness to perturbed test volumes: of predicted and exact images, and of a classifier trained on clean ones.

The grid is that of Som et al. 2019, Table 4, extended to three dimensions.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.metrics import accuracy, auc
from tdaflow.evaluation.stress.robustness.perturbations import KINDS, Perturbation
from tdaflow.nets.pinet.assess.classification import Chosen, with_images
from tdaflow.nets.pinet.model.channels import channel_name, split_pixels
from tdaflow.nets.pinet.model.image_errors import scaled_errors
from tdaflow.nets.pinet.model.uncertainty import volume_error
from tdaflow.nets.pinet.model.volume_model import VolumeModel
from tdaflow.pipeline import Engine, Observer
from tdaflow.pipeline.apply import applied, apply_tasks, read_applied
from tdaflow.store import VolumeStore

NOISES = ("blur", "translation", "gaussian")


@dataclass(frozen=True)
class NoiseRow:
    """Results of one perturbation.

    Attributes
    ----------
    kind : str
        Key of `tdaflow.evaluation.stress.robustness.perturbations.KINDS`.
    severity : float
    relative_l2 : float
        Of predicted to exact images of the perturbed volumes, the mean over channels of √(Σ‖·‖²/Σ‖·‖²).
    error : float
        Mean over volumes of the error relative to the channels' usual size.
    accuracy_exact, accuracy_predicted : float
        Of the classifier that was trained on clean exact images.
    auc_exact, auc_predicted : float or None
        None if a class has no volume among these.
    exact_share : float
        Volumes that the model would send to the exact computation.
    n_volumes, n_unusable : int
        Those without any diagram count as images of zeros.
    """

    kind: str
    severity: float
    relative_l2: float
    error: float
    accuracy_exact: float
    accuracy_predicted: float
    auc_exact: float | None
    auc_predicted: float | None
    exact_share: float
    n_volumes: int
    n_unusable: int

    def to_dict(self) -> dict[str, Any]:
        """Return a dict that JSON can hold."""
        return asdict(self)


def noise_rows(
    model: VolumeModel,
    clean: Features,
    rows: np.ndarray,
    store: VolumeStore,
    voxels: np.ndarray,
    chosen: Chosen,
    bound: float,
    folder: Path,
    engine: Engine,
    observer: Observer,
) -> list[NoiseRow]:
    """Perturb test volumes, and compare predicted and exact images and their classification.

    Parameters
    ----------
    model : VolumeModel
    clean : Features
        The test volumes to be perturbed.
    rows : int array (n,)
        Their rows in `store`, ascending.
    store : VolumeStore
    voxels : array (n, 1, z, y, x)
        In the order of `rows`.
    chosen : Chosen
        Classifier trained on clean exact images.
    bound : float
        Of the expected error.
    folder : Path
        Where exact images are kept until the end, so that an interrupted evaluation goes on.
    engine : Engine
        Computes the exact images.
    observer : Observer
    """
    low, high = model.record.intensity_range
    settings = [Perturbation(kind, float(s), low, high) for kind in NOISES for s in KINDS[kind].severities]
    recipe = model.exact.recipe
    tasks = {
        setting: apply_tasks(
            f"{model.digest[:8]}-{setting.kind}-{setting.severity:g}", store, rows.tolist(), recipe, folder,
            engine.workers, setting,
        )
        for setting in settings
    }  # fmt: skip
    for _ in applied([task for listed in tasks.values() for task in listed], engine, observer):
        pass
    found = []
    for setting in settings:
        made = read_applied(tasks[setting])
        exact = with_images(clean, made.blocks, "perturbed")
        perturbed = np.stack(
            [setting(volume[0], str(identity)) for volume, identity in zip(voxels, clean.ids, strict=True)]
        )[:, None]
        found.append(_row(model, setting, exact, perturbed, chosen, bound, len(made.unusable)))
    return found


def _row(
    model: VolumeModel,
    setting: Perturbation,
    exact: Features,
    voxels: np.ndarray,
    chosen: Chosen,
    bound: float,
    n_unusable: int,
) -> NoiseRow:
    output = model.predict(voxels)
    parts = split_pixels(output.pixels, model.channels)
    predicted = with_images(
        exact, {channel_name(c): p for c, p in zip(model.channels, parts, strict=True)}, "predicted"
    )
    reasons = model.reasons_for_exact(voxels, model.record.spacing_low, output, bound)
    computed = np.concatenate([exact.blocks[channel_name(c)] for c in model.channels], axis=1)
    errors = scaled_errors(output.pixels, computed, model.net.pixel_scale.numpy(), model.channels)
    of_exact, of_predicted = chosen.probabilities(exact), chosen.probabilities(predicted)
    return NoiseRow(
        setting.kind, setting.severity, _relative(parts, exact, model),
        float(volume_error(errors).mean()),
        accuracy(exact.labels, of_exact), accuracy(exact.labels, of_predicted),
        _auc(exact.labels, of_exact), _auc(exact.labels, of_predicted),
        float(np.mean([bool(reason) for reason in reasons])), len(exact), n_unusable,
    )  # fmt: skip


def _relative(predicted: Sequence[np.ndarray], exact: Features, model: VolumeModel) -> float:
    ratios = []
    for channel, images in zip(model.channels, predicted, strict=True):
        reference = exact.blocks[channel_name(channel)].astype(np.float64)
        if size := np.linalg.norm(reference):
            ratios.append(np.linalg.norm(images - reference) / size)
    return float(np.mean(ratios))


def _auc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    present = np.bincount(labels, minlength=probabilities.shape[1])
    return auc(labels, probabilities) if ((present > 0) & (present < len(labels))).all() else None
