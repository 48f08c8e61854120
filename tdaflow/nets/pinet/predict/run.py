"""Fill a run folder with images from a network, and from the exact computation where the network is uncertain."""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import remove_leftovers, write_whole
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError
from tdaflow.nets.pinet.model.volume_model import VolumeModel, load_model
from tdaflow.nets.pinet.predict.prediction import (
    EXACT,
    IMAGES,
    PREDICTION,
    Computed,
    Predicted,
    assembly_tasks,
    prediction_tasks,
    reasons_by_id,
    run_assembly,
    run_exact,
    run_predictions,
)
from tdaflow.pipeline import Engine, Observer, RunState, StageCounts
from tdaflow.pipeline.fan_out import raise_if_fatal
from tdaflow.pipeline.stages.ranges import range_key
from tdaflow.store import FeatureStore, RunFolder, VolumeStore, VolumeTable, options_digest
from tdaflow.store.zarr_layout import open_group, write_column

FACTS = "prediction.json"


@dataclass(frozen=True)
class Prediction:
    """Result of a prediction.

    Attributes
    ----------
    n_volumes, n_exact : int
        Volumes with images, and those of them that were computed exactly.
    facts : mapping
        JSON-able, as kept in ``prediction.json``: the model, the bound, why which volume was computed exactly.
    """

    n_volumes: int
    n_exact: int
    facts: Mapping[str, Any]

    @property
    def exact_share(self) -> float:
        """Share of the volumes that were computed exactly."""
        return self.n_exact / self.n_volumes


def predict(
    model_folder: Path,
    volumes: Path,
    folder: RunFolder,
    engine: Engine,
    observer: Observer,
    *,
    bound: float,
    device: str = "cpu",
) -> Prediction:
    """Predict the images of every volume of a store into a run folder; the same call resumes an interrupted one.

    Parameters
    ----------
    model_folder : Path
    volumes : Path
        A volume store.
    folder : RunFolder
        Made if it is not there.
    engine : Engine
    observer : Observer
    bound : float
        Largest accepted expected error of a volume, relative to the channels' usual size; above it the volume is
        computed exactly.
    device : "cpu" or "cuda"
        Of the workers.

    Returns
    -------
    Prediction

    Raises
    ------
    InputError
        If model or store cannot be read, or no volume of the store is like those that the model was trained on.
    ConfigError
        If the folder holds something else, or another process works in it.
    RunError
        If a batch fails twice; what is finished is kept.
    """
    if not bound > 0:
        raise ConfigError(f"the bound {bound:g} accepts no prediction: give a positive share, such as 0.2")
    model = load_model(model_folder)
    store = VolumeStore(volumes)
    table = store.table().of_rows()
    _refuse_if_all_outside(model, table, volumes)
    digest = options_digest("pinet", model.digest, store.digest, repr(bound))
    folder.create()
    with folder.locked() as taken_over:
        if taken_over:
            observer.message(taken_over)
        if folder.features.exists():
            return _finished(folder, digest, observer)
        _refuse_other(folder, digest)
        remove_leftovers(folder.path)
        state = _state(folder, model, store, table, digest, engine)
        try:
            return _worked(model, model_folder, store, table, folder, state, engine, observer, bound, device)
        except BaseException as error:
            with suppress(OSError):
                state.finish("interrupted" if isinstance(error, KeyboardInterrupt) else "failed", str(error))
            raise_if_fatal(error)
            raise


def _worked(
    model: VolumeModel,
    model_folder: Path,
    store: VolumeStore,
    table: VolumeTable,
    folder: RunFolder,
    state: RunState,
    engine: Engine,
    observer: Observer,
    bound: float,
    device: str,
) -> Prediction:
    parts = folder.path / f".prediction-{state.digests['images'][:12]}"
    parts.mkdir(exist_ok=True)
    state.save()
    tasks = prediction_tasks(store, model_folder, model.digest, bound, parts.resolve(), engine.workers, device)
    predicted = run_predictions(tasks, engine, observer, state.stages[PREDICTION])
    state.save()
    needed = predicted.exact_needed
    observer.message(f"{len(needed)} of {len(table)} volumes ({len(needed) / len(table):.1%}) are computed exactly")
    recipe = model.exact.recipe
    exact_parts = parts.resolve() / "exact"
    computed = run_exact(list(needed), store, recipe, exact_parts, engine, observer, state.stages[EXACT])
    state.quarantined |= reasons_by_id(computed.unusable, table)
    state.outcomes |= dict.fromkeys(state.quarantined, "quarantined")
    good = np.array([row for row in range(len(table)) if row not in computed.unusable], dtype=np.int64)
    if len(good) == 0:
        raise InputError(f"no volume of {store.path} can be used; the reasons are in {folder.run_json}")
    features = _features(model, store, table, good, folder, state.digests["images"])
    run_assembly(assembly_tasks(features, good, recipe, predicted, computed), engine, observer, state.stages[IMAGES])
    facts = _facts(model, bound, table, good, predicted, computed, state.digests["images"])
    _label(features, predicted.expected_errors()[good], np.isin(good, list(needed)))
    write_whole(folder.path / FACTS, json.dumps(facts, indent=1) + "\n")
    features.finish(folder.features)
    state.finish("done")
    shutil.rmtree(parts, ignore_errors=True)
    return Prediction(len(good), int(facts["n_exact"]), facts)


def _refuse_if_all_outside(model: VolumeModel, table: VolumeTable, path: Path) -> None:
    """Refuse a store whose volumes are all outside the training record; single ones are computed exactly."""
    reasons = [
        model.record.outside_by_header(tuple(shape), tuple(spacing), (low, high))
        for shape, spacing, low, high in zip(
            table.shape.tolist(), table.spacing.tolist(), table.minimum.tolist(), table.maximum.tolist(), strict=True
        )
    ]
    if not reasons:
        raise InputError(f"{path} holds no volume that can be used")
    if all(reasons):
        raise InputError(
            f"no volume of {path} is like those that the model was trained on (the first: {reasons[0]}): train on such "
            "volumes, or compute them exactly with `tdaflow run`"
        )


def _refuse_other(folder: RunFolder, digest: str) -> None:
    previous = folder.read()
    if previous is not None and previous["digests"].get("images") != digest:
        raise ConfigError(
            f"{folder.path} holds a run, or a prediction with another model, store or bound: give another folder "
            "with --out"
        )


def _finished(folder: RunFolder, digest: str, observer: Observer) -> Prediction:
    _refuse_other(folder, digest)
    try:
        facts = json.loads((folder.path / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder.path / FACTS} cannot be read ({error}): predict into a new folder") from None
    state = folder.read() or {}
    if state.get("state") != "done":
        # Killed between the last two writes.
        folder.write({**{k: v for k, v in state.items() if k != "format"}, "state": "done", "reason": ""})
    observer.message("nothing to do: every volume is done")
    return Prediction(facts["n_volumes"], facts["n_exact"], facts)


def _state(
    folder: RunFolder, model: VolumeModel, store: VolumeStore, table: VolumeTable, digest: str, engine: Engine
) -> RunState:
    channels = model.channels
    kept = {
        c.filtration: sorted({d.homology_dimension for d in channels if d.filtration == c.filtration}) for c in channels
    }
    config = dict(model.exact.state["config"])
    filtrations = {
        name: {**config["filtrations"][name], "homology_dimensions": dimensions} for name, dimensions in kept.items()
    }
    config |= {"data": {"store": str(store.path.resolve())}, "filtrations": filtrations, "vectorisations": {}}
    made = RunConfig.model_validate(config)
    stages = (PREDICTION, EXACT, IMAGES)
    state = RunState(
        folder, made.public(), stages={name: StageCounts() for name in stages},
        engine=engine.describe(), digests={"volumes": store.digest, "images": digest},
    )  # fmt: skip
    state.source = {name: store.attributes[name] for name in ("class_names", "rois") if name in store.attributes}
    ranges = model.exact.state["ranges"]
    state.ranges = {key: ranges[key] for key in map(range_key, made.channels)}
    scales = model.exact.state["scales"]
    state.scales = {name: scales[name] for name in made.filtrations if name in scales}
    state.images_dtype = model.exact.recipe.images.dtype
    every = store.table()
    state.quarantined = {
        str(i): str(reason) for i, row, reason in zip(every.id, every.row, every.reason, strict=True) if row < 0
    }
    state.outcomes = {str(i): "ok" if row >= 0 else "quarantined" for i, row in zip(every.id, every.row, strict=True)}
    return state


def _features(
    model: VolumeModel, store: VolumeStore, table: VolumeTable, good: np.ndarray, folder: RunFolder, digest: str
) -> FeatureStore:
    """Open the unfinished store of the same volumes, or create a new one."""
    path, made_of = folder.features_in_progress, options_digest(digest, [int(row) for row in good])
    if path.exists():
        unfinished = FeatureStore(path)
        if unfinished.attributes.get("rows") == made_of:
            return unfinished
    FeatureStore.remove(path)
    images = model.exact.state["config"]["images"]
    kept = {c.filtration for c in model.channels}
    return FeatureStore.create(
        path,
        table=table,
        rows=good,
        channels=model.channels,
        dtype=model.exact.recipe.images.dtype,
        attributes={
            "digest": digest,
            "rows": made_of,
            "epsilon": images["epsilon"],
            "plane": images["plane"],
            "reference": model.exact.state["config"]["reference"],
            "scales": {name: told for name, told in model.exact.state["scales"].items() if name in kept},
            "class_names": list(store.attributes.get("class_names", [])),
            "predicted_by": model.digest,
            **{name: store.attributes[name] for name in ("rois",) if name in store.attributes},
        },
    )


def _label(features: FeatureStore, expected_error: np.ndarray, exact: np.ndarray) -> None:
    """Write beside each volume the expected error of its prediction, and whether its images are exact."""
    group = open_group(features.path, "feature store", mode="r+")
    about = {
        "expected_error": {"long_name": "error that the network expected of its images", "units": "1"},
        "is_exact": {"long_name": "whether the images are computed, not predicted", "units": ""},
    }
    for name, values in (("expected_error", expected_error), ("is_exact", exact)):
        # A killed process may have left a column without values.
        if name in group:
            del group[name]
        write_column(group, name, values, dimensions=("volume",), attributes=about[name])


def _facts(
    model: VolumeModel,
    bound: float,
    table: VolumeTable,
    good: np.ndarray,
    predicted: Predicted,
    computed: Computed,
    digest: str,
) -> dict[str, Any]:
    n_exact = len(predicted.exact_needed) - len(computed.unusable)
    return {
        "model": model.digest,
        "digest": digest,
        "bound": bound,
        "level": model.calibration.level,
        "n_volumes": len(good),
        "n_exact": n_exact,
        "exact_share": n_exact / len(good),
        "exact_needed": reasons_by_id(predicted.exact_needed, table),
    }
