"""Robustness to resolution: fit at half resolution, test at full resolution.

Ranges and σ are fitted too, so this is a run of its own: training and validation volumes are averaged over blocks of
2×2×2 voxels, test volumes are unchanged. Classifier, options and channels are those chosen at full resolution.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from skimage.transform import downscale_local_mean

from tdaflow.atomic import remove_whole
from tdaflow.config import RunConfig
from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.features import Features, load_features
from tdaflow.evaluation.protocol.fit import fit_choice
from tdaflow.evaluation.protocol.metrics import nearest_corner_threshold
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.protocol.recorded import Recorded
from tdaflow.evaluation.stress.robustness.perturbations import stored_as
from tdaflow.pipeline import Engine, Observer
from tdaflow.pipeline.apply import run_volumes
from tdaflow.pipeline.run import run as run_pipeline
from tdaflow.sources.volume import Volume
from tdaflow.store import RunFolder, VolumeBuilder, VolumeStore, options_digest
from tdaflow.store.block_names import BlockName

METHOD = "fitted at half resolution"
_FILE = "half-resolution.npz"


def half_resolution(
    run: Path, features: Features, recorded: Recorded, folder: Path, engine: Engine, observer: Observer
) -> Predictions:
    """Fit the recorded choice at half resolution and predict the test volumes at full resolution.

    Parameters
    ----------
    run : Path
        Folder of the run.
    features : Features
        Of the run.
    recorded : Recorded
        Its choice.
    folder : Path
        Where the run at half resolution and the predictions go; a finished one is not made again.
    engine : Engine
    observer : Observer

    Returns
    -------
    Predictions
        Of the test volumes; thresholds are chosen on the validation volumes at half resolution.

    Raises
    ------
    InputError
        If an edge is shorter than two voxels, or a test volume cannot be used with the ranges found.
    RunError
        If the run fails; it resumes.
    """
    there = finished_half_resolution(features, recorded, folder)
    if there is not None:
        return there
    test, made_of = features.rows("test"), _made_of(features, recorded)
    state = RunFolder(run).read()
    assert state is not None
    own = folder / f"half-resolution-{made_of[:12]}"
    volumes = own / "halved.zarr"
    if not volumes.exists():
        own.mkdir(parents=True, exist_ok=True)
        write_halved(run_volumes(RunFolder(run)), volumes)
    data = {**state["config"], "data": {"store": str(volumes)}}
    needed = {label.filtration for label in map(BlockName.parsed, recorded.candidate.blocks) if label is not None}
    data["filtrations"] = {name: options for name, options in data["filtrations"].items() if name in needed}
    data["reference"] = "train"
    run_pipeline(RunConfig.model_validate(data), RunFolder(own / "run"), engine, observer)
    predictions = _predicted(load_features(own / "run"), test, recorded, made_of)
    predictions.save(folder / _FILE)
    remove_whole(own)
    return predictions


def finished_half_resolution(features: Features, recorded: Recorded, folder: Path) -> Predictions | None:
    """Load the saved predictions of this choice at half resolution; None if there are none."""
    path = folder / _FILE
    if not path.exists():
        return None
    there = Predictions.load(path)
    return there if there.details.get("made_of") == _made_of(features, recorded) else None


def _made_of(features: Features, recorded: Recorded) -> str:
    choice = recorded.predictions.details["choice"]
    ids = features.rows("test").ids.tolist()
    return options_digest(features.digest, choice, list(recorded.predictions.seeds), ids)


def write_halved(source: VolumeStore, target: Path) -> None:
    """Write a volume store whose training and validation volumes have half the resolution of the source's."""
    table = source.table().of_rows()
    working = target.with_name(f".{target.name}.in-progress")
    remove_whole(working)
    working.parent.mkdir(parents=True, exist_ok=True)
    names = {name: source.attributes[name] for name in ("class_names",) if name in source.attributes}
    builder = VolumeBuilder.create(
        working, n_entries=len(table), shape=None, dtype=None, attributes={"source": "halved", **names}
    )

    def volumes() -> Iterator[Volume]:
        for row, voxels in enumerate(source.voxels(0, len(table))):
            spacing: Any = tuple(float(s) for s in table.spacing[row])
            if table.split[row] in ("train", "val"):
                voxels, spacing = halved(voxels), tuple(2 * s for s in spacing)
            yield Volume(
                str(table.id[row]), voxels, spacing, int(table.label[row]) if table.label[row] >= 0 else None,
                str(table.split[row]) or None, str(table.group[row]) or None,
            )  # fmt: skip

    rows = [row for entry, volume in enumerate(volumes()) for row in builder.write_voxels(entry, [volume])]
    builder.write_part(0, rows)
    builder.finish(target)


def halved(voxels: np.ndarray) -> np.ndarray:
    """Average blocks of 2×2×2 voxels, in the same dtype; an odd last slice is left out."""
    even = tuple(n - n % 2 for n in voxels.shape)
    if min(even) < 2:
        raise InputError(f"a volume of {voxels.shape} voxels cannot be halved: every edge needs two")
    cropped = voxels[: even[0], : even[1], : even[2]].astype(np.float64)
    return stored_as(downscale_local_mean(cropped, (2, 2, 2)), voxels.dtype)


def _predicted(half: Features, test: Features, recorded: Recorded, made_of: str) -> Predictions:
    train, val, full = half.rows("train"), half.rows("val"), half.rows("test")
    fit = fit_choice(recorded.candidate, train, len(recorded.predictions.seeds))
    of_val, of_test = fit.probabilities(val.blocks), fit.probabilities(full.blocks)
    binary = len(half.class_names) == 2
    return Predictions(
        METHOD, full.ids, full.labels, full.splits, full.groups, half.class_names, of_test,
        {s: nearest_corner_threshold(val.labels, p[:, 1]) for s, p in of_val.items()} if binary else {},
        details={"perturbation": "resolution", "severity": 0.5, "made_of": made_of, "n_unusable": 0},
    ).aligned(test.ids)  # fmt: skip
