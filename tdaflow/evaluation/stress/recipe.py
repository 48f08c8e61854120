"""Apply the recipe of a run to volumes, for the channels of a choice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tdaflow.errors import RunError
from tdaflow.evaluation.protocol.features import Features
from tdaflow.pipeline import Engine, Silent
from tdaflow.pipeline.apply import (
    Applied,
    ApplyTask,
    Recipe,
    applied,
    apply_tasks,
    read_applied,
    run_recipe,
    run_volumes,
)
from tdaflow.store import RunFolder, VolumeStore, options_digest

# Volumes whose features are made again, unchanged, to check that the recipe still gives the stored ones.
_CHECKED = 2


@dataclass(frozen=True)
class ChosenRecipe:
    """Recipe of the channels of a choice.

    Attributes
    ----------
    recipe : Recipe
    digest : str
        Of the features and channels; it begins the names of files.
    """

    recipe: Recipe
    digest: str


def chosen_recipe(run: Path, features: Features, blocks: Sequence[str]) -> ChosenRecipe:
    """Read the run's recipe for some blocks of its features."""
    return ChosenRecipe(run_recipe(RunFolder(run), blocks), options_digest(features.digest, sorted(blocks))[:12])


def rows_of(run: Path, features: Features) -> tuple[VolumeStore, np.ndarray, np.ndarray]:
    """Return the run's volume store, the rows of the features in it (ascending), and their positions in `features`."""
    store = run_volumes(RunFolder(run))
    table = store.table().of_rows()
    row_of = {str(identity): row for row, identity in enumerate(table.id)}
    rows = np.array([row_of[identity] for identity in features.ids.tolist()], dtype=np.int64)
    order = np.argsort(rows)
    return store, rows[order], order


def check_recipe(run: Path, features: Features, chosen: ChosenRecipe, folder: Path, engine: Engine) -> None:
    """Check on some of the run's own volumes that its recipe still gives the stored features.

    Raises
    ------
    RunError
        If not: differences to clean volumes would be differences of versions.
    """
    store, rows, order = rows_of(run, features)
    tasks = apply_tasks(
        f"check-{chosen.digest}", store, rows[:_CHECKED].tolist(), chosen.recipe, folder, engine.workers
    )
    made = read_all(tasks, engine).blocks
    for task in tasks:
        task.target.unlink()
    for name, values in made.items():
        stored = features.blocks[name][order[:_CHECKED]]
        if not np.allclose(values, stored, rtol=1e-5, atol=1e-6 * max(1e-30, float(np.abs(stored).max()))):
            raise RunError(
                f"the channel {name!r} of {features.ids[order[0]]!r} made again differs from what {run} holds: it was "
                "made with another version of tdaflow; run it again with --restart-from diagrams"
            )


def read_all(tasks: Sequence[ApplyTask], engine: Engine) -> Applied:
    """Run some tasks and read their results."""
    for _ in applied(tasks, engine, Silent()):
        pass
    return read_applied(tasks)
