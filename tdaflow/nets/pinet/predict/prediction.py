"""A volume store through a trained Volume PI-Net: the graph that joins prediction, exact computation and images.

Every volume is predicted; those outside the training record, out of distribution or too uncertain are computed exactly;
both end in one feature store of the form that a run writes. Resumable at every batch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.nets.pinet.model.network import BATCH
from tdaflow.nets.pinet.predict.tasks import AssemblyTask, PredictionTask, assemble, predict_batch, read_predicted
from tdaflow.pipeline import Engine, Observer, StageCounts
from tdaflow.pipeline.apply import ApplyTask, Recipe, applied, apply_tasks, read_applied
from tdaflow.pipeline.fan_out import Retry, fan_out
from tdaflow.pipeline.tasks import volume_facts
from tdaflow.store import FeatureStore, VolumeStore, VolumeTable, overlapping

PREDICTION, EXACT, IMAGES = "prediction", "superpixels+persistence", "images"
# Voxels of one task: a second or two of a small network on one core.
_TASK_VOXELS = 256 * 28**3


@dataclass(frozen=True)
class Predicted:
    """Predicted volumes of a store, and those that need the exact computation.

    Attributes
    ----------
    tasks : tuple of PredictionTask
        Finished, in order; together they hold every row.
    exact_needed : dict of int to str
        Row to the reason, ascending.
    """

    tasks: tuple[PredictionTask, ...]
    exact_needed: dict[int, str]

    def expected_errors(self) -> np.ndarray:
        """Return the expected error of every row, float64; NaN for volumes that were not shown to the network."""
        return np.concatenate([read_predicted(task.target).expected_error for task in self.tasks])


@dataclass(frozen=True)
class Computed:
    """The volumes that were computed exactly.

    Attributes
    ----------
    tasks : tuple of ApplyTask
        Finished, rows ascending.
    unusable : dict of int to str
        Row to the reason why it has no diagram.
    """

    tasks: tuple[ApplyTask, ...]
    unusable: dict[int, str]


def prediction_tasks(
    store: VolumeStore, model: Path, digest: str, bound: float, folder: Path, workers: int, device: str
) -> list[PredictionTask]:
    """Cut a volume store in tasks of whole batches of the network.

    Parameters
    ----------
    store : VolumeStore
    model : Path
        Folder of the model.
    digest : str
        Of the model.
    bound : float
        Largest expected error that is accepted.
    folder : Path
        Where the files go; they are of this model, bound and store only.
    workers : int
        Of the engine.
    device : "cpu" or "cuda"
        Of the workers.
    """
    table = store.table().of_rows()
    voxels = float(np.median(table.shape.prod(axis=1)))
    by_workers = -(-len(table) // (4 * workers))
    batches = max(1, min(int(_TASK_VOXELS / voxels), by_workers) // BATCH)
    size = BATCH * batches
    return [
        PredictionTask(
            volumes=store.path.resolve(),
            model=model.resolve(),
            digest=digest,
            start=start,
            stop=stop,
            about=tuple(volume_facts(table, row) for row in range(start, stop)),
            bound=bound,
            device=device,
            target=folder / f"predicted-{start:08d}-{stop:08d}.npz",
        )
        for start, stop in ((left, min(left + size, len(table))) for left in range(0, len(table), size))
    ]


def run_predictions(
    tasks: Sequence[PredictionTask], engine: Engine, observer: Observer, counts: StageCounts
) -> Predicted:
    """Predict the volumes of the tasks that are not finished.

    Raises
    ------
    RunError
        If a batch fails twice; finished ones are kept.
    """
    needed: dict[int, str] = {}
    for _, found in _worked_off(PREDICTION, predict_batch, tasks, engine, observer, counts):
        needed.update(found)
    return Predicted(tuple(tasks), dict(sorted(needed.items())))


def run_exact(
    rows: Sequence[int], store: VolumeStore, recipe: Recipe, folder: Path, engine: Engine, observer: Observer,
    counts: StageCounts,
) -> Computed:  # fmt: skip
    """Compute the images of some rows, ascending, as the run did that the model was trained on."""
    if not rows:
        return Computed((), {})
    tasks = apply_tasks("exact", store, list(rows), recipe, folder, engine.workers)
    unusable: dict[int, str] = {}
    for task in applied(tasks, engine, observer, counts):
        unusable |= {task.rows[i]: reason for i, reason in read_applied([task]).unusable.items()}
    counts.quarantined = len(unusable)
    counts.done -= len(unusable)
    counts.computed = max(0, counts.done - counts.reused)
    return Computed(tuple(tasks), dict(sorted(unusable.items())))


def assembly_tasks(
    features: FeatureStore, rows: np.ndarray, recipe: Recipe, predicted: Predicted, computed: Computed
) -> list[AssemblyTask]:
    """Make a task for every chunk of the feature store, whose volumes are the given rows."""
    ranges = [(task.start, task.stop) for task in predicted.tasks]
    paths = {(task.start, task.stop): task.target for task in predicted.tasks}
    found = []
    for left, right in features.chunks():
        here = tuple(int(row) for row in rows[left:right])
        first, last = here[0], here[-1] + 1
        found.append(
            AssemblyTask(
                features=features.path.resolve(),
                start=left,
                rows=here,
                channels=recipe.images.channels,
                predicted=tuple((*r, paths[r]) for r in overlapping(ranges, first, last)),
                exact=tuple(t for t in computed.tasks if t.rows[0] < last and t.rows[-1] >= first),
                dtype=recipe.images.dtype,
            )
        )
    return found


def run_assembly(tasks: Sequence[AssemblyTask], engine: Engine, observer: Observer, counts: StageCounts) -> None:
    """Write the missing chunks of the feature store."""
    for _ in _worked_off(IMAGES, assemble, tasks, engine, observer, counts):
        pass


def _worked_off(
    stage: str,
    function: Callable[[Any], Any],
    tasks: Sequence[Any],
    engine: Engine,
    observer: Observer,
    counts: StageCounts,
) -> Iterator[tuple[Any, Any]]:
    """Yield every task with its result; try one that fails a second time."""
    counts.total = sum(task.n_volumes for task in tasks)
    return fan_out(engine, stage, function, tasks, counts, observer, Retry(), refusals=InputError)


def reasons_by_id(needed: Mapping[int, str], table: VolumeTable) -> dict[str, str]:
    """Return reasons by volume id instead of row; the table is that of the volumes with voxels."""
    return {str(table.id[row]): reason for row, reason in needed.items()}
