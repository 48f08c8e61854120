"""Measure some volumes of a run again by its own recipe, and tell which of its numbers come out alike.

Nothing is fitted: superpixels, scales, ranges and σ are the run's. Labels are not read, and where there is a training
split no other volume is, so that columns may be selected by what is found.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tdaflow import __version__
from tdaflow.atomic import remove_whole
from tdaflow.errors import InputError, RunError
from tdaflow.evaluation.protocol.features import feature_digest
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.patients import patient_units
from tdaflow.evaluation.stress.reliability.icc import Icc, agreement, image_agreement
from tdaflow.evaluation.stress.reliability.retests import Retest
from tdaflow.evaluation.stress.reliability.table import CHANNEL, FEATURE, STEM, SUMMARY, frame
from tdaflow.evaluation.stress.robustness.perturbations import RETESTS
from tdaflow.pipeline import Engine, Observer
from tdaflow.pipeline.apply import Recipe, applied, apply_tasks, read_applied, run_recipe, run_volumes
from tdaflow.pipeline.opened import Run
from tdaflow.pipeline.table import summary_columns
from tdaflow.pipeline.tasks import SummaryStep
from tdaflow.store import options_digest
from tdaflow.store.block_names import BlockName
from tdaflow.store.feature_dataset import feature_matrix
from tdaflow.vectorisations import Summary

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

N_VOLUMES = 30
TRAIN = "train"
_LEAST = 3


def measure_reliability(
    run: str | Path,
    engine: Engine,
    observer: Observer,
    *,
    n_volumes: int = N_VOLUMES,
    repeats: int = 1,
    seed: int = 0,
) -> "pd.DataFrame":
    """Measure some volumes again, changed as a second scan would be, and write how well each number repeats.

    Parameters
    ----------
    run : str or Path
        Folder of a finished run.
    engine : Engine
    observer : Observer
    n_volumes : int
        Volumes of the sample, one a patient where patients are known; of the training split if there is one.
    repeats : int
        Draws of each kind of `RETESTS`.
    seed : int
        Of the sample and the draws.

    Returns
    -------
    DataFrame
        A row a number: ``kind`` ("channel" for a whole image, "summary" or "feature" for a column of the table that
        ``export --table`` writes with or without ``--summary``), ``column`` (its name there), ``channel``, ``icc``,
        ``low``, ``high``: the intraclass correlation ICC(A,1) with its 95 % interval, NaN for a number that is the same
        for all volumes; ``icc_noise``, …: that of the original and the retests of one kind. Also in
        ``RUN/evaluation/reliability.csv``.

    Raises
    ------
    InputError
        If the run is not finished, or has fewer than three volumes that can be measured again.
    RunError
        If a batch fails twice (finished ones are kept), or the run's recipe no longer gives its features.
    """
    if n_volumes < _LEAST or repeats < 1:
        raise InputError(f"{n_volumes} volumes and {repeats} repeats: give at least {_LEAST} volumes and one repeat")
    opened = Run(run)
    folder = EvaluationFolder(opened.folder.path)
    recipe = _with_summaries(run_recipe(opened.folder), opened)
    ids = _sample(opened, n_volumes, seed)
    changes: list[Retest | None] = [
        None,
        *(Retest(kind, number, seed) for number in range(repeats) for kind in RETESTS),
    ]
    told = {kind: list(RETESTS[kind].severities) for kind in RETESTS}
    digest = options_digest(feature_digest(opened.folder.path) or "", ids, told, seed, __version__)[:12]
    rows = {opened.row_of(identity): identity for identity in ids}
    store, parts = run_volumes(opened.folder), folder.path / f"{STEM}-parts"
    tasks = {
        change: apply_tasks(
            f"{'original' if change is None else change.name.replace(' ', '-')}-{digest}",
            store, sorted(rows), recipe, parts, engine.workers, change,
        )
        for change in changes
    }  # fmt: skip
    for _ in applied([task for listed in tasks.values() for task in listed], engine, observer):
        pass
    made = {change: read_applied(listed) for change, listed in tasks.items()}
    measured = [rows[row] for row in sorted(rows)]
    left_out = {measured[at]: reason for found in made.values() for at, reason in found.unusable.items()}
    usable = [at for at, identity in enumerate(measured) if identity not in left_out]
    if len(usable) < _LEAST:
        raise InputError(
            f"only {len(usable)} of {len(measured)} volumes can be measured again ({next(iter(left_out.values()))}): "
            f"reliability needs {_LEAST}; give more with --volumes"
        )
    features = _stored(opened, [measured[at] for at in usable])
    blocks = {change: {name: b[usable] for name, b in found.blocks.items()} for change, found in made.items()}
    _check_original(opened, features, blocks[None])
    # Such as noise on masks: another copy of the original says nothing.
    same = [
        change
        for change in changes
        if change is not None and all(np.array_equal(b, blocks[None][name]) for name, b in blocks[change].items())
    ]
    kept = [change for change in changes if change not in same]
    if len(kept) < 2:
        raise InputError(f"no retest changes any number of {opened.folder.path}: there is nothing to compare")
    stacks = {name: np.stack([blocks[change][name] for change in kept], axis=1) for name in recipe.blocks}
    of_kind = {
        kind: [at for at, change in enumerate(kept) if change is None or change.kind == kind]
        for kind in dict.fromkeys(change.kind for change in kept if change is not None)
    }
    table = list(_rows(opened, recipe, features, stacks, of_kind, seed))
    about = {
        "features": feature_digest(opened.folder.path),
        "ids": [measured[at] for at in usable],
        "of_training": TRAIN in opened.features["split"].values,
        "left_out": left_out,
        "retests": [change.kind for change in kept if change is not None],
        "without_effect": [change.kind for change in same],
        "seed": seed,
        "tdaflow": __version__,
    }
    written = folder.write_rows(STEM, table, about)
    remove_whole(parts)
    observer.message(f"reliability of {len(table)} numbers over {len(usable)} volumes in {written[0]}")
    return frame(table)


def _with_summaries(recipe: Recipe, opened: Run) -> Recipe:
    """The recipe of a run that also makes the numbers of its table of summaries."""
    channels, _ = summary_columns(opened.config)
    steps = tuple(
        SummaryStep(SUMMARY, c.filtration, c.homology_dimension, c.region, Summary(), (0.0, 0.0)) for c in channels
    )
    # Summaries hold values in the filtration's unit, too large for what images may be stored as.
    images = replace(recipe.images, dtype="float64", summaries=(*recipe.images.summaries, *steps))
    return replace(recipe, images=images, blocks=(*recipe.blocks, *(_summary_block(c) for c in channels)))


def _summary_block(channel: BlockName) -> str:
    return str(channel._replace(kind=SUMMARY))


def _sample(opened: Run, n_volumes: int, seed: int) -> list[str]:
    """Ids of some volumes with features, one a patient; of the training split if there is one."""
    ids, splits, groups = (opened.features[name].values.astype(str) for name in ("id", "split", "group"))
    offered = np.flatnonzero(splits == TRAIN) if TRAIN in splits else np.arange(len(ids))
    offered = offered[np.argsort(ids[offered], kind="stable")]
    patients = patient_units(groups)
    chosen: dict[str, str] = {}
    for at in np.random.default_rng(seed).permutation(offered):
        chosen.setdefault(str(patients[at]), str(ids[at]))
    if len(chosen) < _LEAST:
        raise InputError(
            f"{opened.folder.path} has {len(chosen)} volumes of different patients with features: reliability needs "
            f"{_LEAST}"
        )
    return list(chosen.values())[:n_volumes]


def _stored(opened: Run, ids: Sequence[str]) -> "xr.DataArray":
    """The stored features of some volumes as a matrix."""
    position = {str(identity): at for at, identity in enumerate(opened.features["id"].values)}
    return feature_matrix(opened.features.isel(volume=[position[identity] for identity in ids])).load()


def _check_original(opened: Run, features: "xr.DataArray", made: Mapping[str, np.ndarray]) -> None:
    for name, columns in _columns_of(features):
        stored = features.values[:, columns]
        if not np.allclose(made[name], stored, rtol=1e-5, atol=1e-6 * max(1e-30, float(np.abs(stored).max()))):
            raise RunError(
                f"the channel {name!r} made again differs from what {opened.folder.path} holds: it was made with "
                "another version of tdaflow; run it again with --restart-from diagrams"
            )


def _columns_of(features: "xr.DataArray") -> Iterator[tuple[str, np.ndarray]]:
    """The columns of every block of a matrix of features."""
    channels = features["channel"].values
    for name in dict.fromkeys(channels.tolist()):
        yield name, np.flatnonzero(channels == name)


def _rows(
    opened: Run,
    recipe: Recipe,
    features: "xr.DataArray",
    stacks: Mapping[str, np.ndarray],
    of_kind: Mapping[str, Sequence[int]],
    seed: int,
) -> Iterator[dict[str, Any]]:
    def told(kind: str, columns: Sequence[str], channel: str, block: str) -> Iterator[dict[str, Any]]:
        def icc(values: np.ndarray) -> Icc:
            return image_agreement(values, seed) if kind == CHANNEL else agreement(values)

        parts = {"icc": (found := icc(stacks[block])).value, "low": found.low, "high": found.high}
        parts |= {f"icc_{name}": icc(stacks[block][:, at]).value for name, at in of_kind.items()}
        for column, *values in zip(columns, *(np.ravel(part).tolist() for part in parts.values()), strict=True):
            yield {"kind": kind, "column": column, "channel": channel, **dict(zip(parts, values, strict=True))}

    units = {_step_block(step): step.vectorisation.scale for step in recipe.images.summaries}
    for name in recipe.blocks:
        # Numbers of different units do not add up to one.
        if units.get(name) != "term":
            yield from told(CHANNEL, [name], name, name)
    channels, names = summary_columns(opened.config)
    for channel, own in zip(channels, np.split(np.array(names), len(channels)), strict=True):
        yield from told(SUMMARY, own.tolist(), str(channel), _summary_block(channel))
    for name, columns in _columns_of(features):
        yield from told(FEATURE, features["feature"].values[columns].tolist(), name, name)


def _step_block(step: SummaryStep) -> str:
    return str(BlockName(step.filtration, step.homology_dimension, step.region, step.kind))
