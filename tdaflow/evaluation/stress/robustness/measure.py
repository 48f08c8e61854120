"""Perturb the test volumes, and predict them with the recorded choice, which was fitted on clean volumes.

The predictions of every setting are a file; settings that have one are not computed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.evaluation.protocol.evaluate import FAMILY
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.ledger import Ledger, Split, split_digest
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.protocol.recorded import Recorded
from tdaflow.evaluation.stress.recipe import ChosenRecipe, check_recipe, chosen_recipe, rows_of
from tdaflow.evaluation.stress.robustness.perturbations import KINDS, Kind, Perturbation, chosen_kinds
from tdaflow.pipeline import Engine, Observer
from tdaflow.pipeline.apply import ApplyTask, applied, apply_tasks, read_applied, run_volumes
from tdaflow.store import RunFolder, options_digest

PURPOSE = "robustness"


@dataclass(frozen=True)
class Perturbed:
    """Predictions under one kind and severity.

    Attributes
    ----------
    predictions : Predictions
        Of the perturbed test volumes; ``details`` say ``perturbation``, ``severity``, ``n_unusable`` and
        ``relative_distance``, by channel one number a volume (None where the clean image is empty).
    """

    predictions: Predictions

    @property
    def kind(self) -> str:
        """Key of `KINDS`."""
        return str(self.predictions.details["perturbation"])

    @property
    def severity(self) -> float:
        """Severity, see `KINDS`."""
        return float(self.predictions.details["severity"])

    def distances(self) -> dict[str, np.ndarray]:
        """Relative distance of every volume, by channel; NaN where the clean image is empty."""
        told: Mapping[str, Any] = self.predictions.details["relative_distance"]
        return {name: np.array(values, dtype=np.float64) for name, values in told.items()}


class Robustness:
    """Robustness of a run's choice to perturbed test volumes.

    Parameters
    ----------
    run : Path
        Folder of a finished and evaluated run.
    features : Features
        Of the run.
    recorded : Recorded
        The choice, fitted on clean training volumes.
    kinds : tuple of str or None
        Keys of `KINDS`; None for all.
    """

    def __init__(self, run: Path, features: Features, recorded: Recorded, kinds: tuple[str, ...] | None = None) -> None:
        self.run, self.recorded = Path(run), recorded
        self.path = self.run / "evaluation" / "robustness"
        self._kinds = chosen_kinds(kinds)
        self._features, self._test = features, features.rows("test")

    def settings(self) -> list[Perturbation]:
        """All requested kinds at every severity."""
        return self._settings(self._kinds)

    def _settings(self, kinds: Mapping[str, Kind]) -> list[Perturbation]:
        low, high = intensity_range(self.run)
        return [Perturbation(name, float(s), low, high) for name, kind in kinds.items() for s in kind.severities]

    def work(self, ledger: Ledger, engine: Engine, observer: Observer) -> list[Perturbed]:
        """Compute missing settings; return all that are there then, of other kinds too, in order.

        Raises
        ------
        ConfigError
            If the ledger does not know the choice.
        RunError
            If a batch fails twice, or the recipe no longer gives the stored features.
        """
        choice = self.recorded.predictions.details["choice"]
        ledger.note_use(FAMILY, Split(self._test.ids, self._test.labels), choice, PURPOSE)
        chosen = chosen_recipe(self.run, self._features, self.recorded.candidate.blocks)
        settings = self.settings()
        missing = [s for s in settings if not self._is_done(s, chosen)]
        if missing:
            check_recipe(self.run, self._test, chosen, self.path / "parts", engine)
            self._compute(missing, chosen, engine, observer)
        observer.message(f"{len(missing)} of {len(settings)} perturbations computed, the others reused")
        return [Perturbed(Predictions.load(self._file(s))) for s in self._settings(KINDS) if self._is_done(s, chosen)]

    def _compute(
        self, missing: Sequence[Perturbation], chosen: ChosenRecipe, engine: Engine, observer: Observer
    ) -> None:
        store, rows, order = rows_of(self.run, self._test)
        parts = self.path / "parts"
        tasks: dict[Perturbation, list[ApplyTask]] = {
            setting: apply_tasks(
                f"{_slug(setting)}-{self._made_of(setting, chosen)[:12]}",
                store, rows.tolist(), chosen.recipe, parts, engine.workers, setting,
            )
            for setting in missing
        }  # fmt: skip
        setting_of = {task.key: setting for setting, listed in tasks.items() for task in listed}
        waiting = {setting: len(listed) for setting, listed in tasks.items()}
        for task in applied([task for listed in tasks.values() for task in listed], engine, observer):
            setting = setting_of[task.key]
            waiting[setting] -= 1
            if waiting[setting] == 0:
                self._finish(setting, tasks[setting], chosen, order)

    def _finish(
        self, setting: Perturbation, tasks: Sequence[ApplyTask], chosen: ChosenRecipe, order: np.ndarray
    ) -> None:
        made = read_applied(tasks)
        test = self._test
        rows = np.argsort(order)
        blocks = {name: values[rows] for name, values in made.blocks.items()}
        kind = KINDS[setting.kind]
        Predictions(
            method=f"{kind.title} {setting.severity:g}",
            ids=test.ids, labels=test.labels, splits=test.splits, groups=test.groups, class_names=test.class_names,
            probabilities=self.recorded.probabilities(blocks),
            thresholds=self.recorded.predictions.thresholds,
            details={
                "perturbation": setting.kind,
                "severity": setting.severity,
                "made_of": self._made_of(setting, chosen),
                "n_unusable": len(made.unusable),
                "unusable": {str(test.ids[order[p]]): reason for p, reason in made.unusable.items()},
                "relative_distance": {
                    name: relative_distance(blocks[name], test.blocks[name]) for name in self.recorded.candidate.blocks
                },
            },
        ).save(self._file(setting))  # fmt: skip
        # The images take as much space as the run's; only predictions and distances are needed.
        for task in tasks:
            task.target.unlink(missing_ok=True)

    def _file(self, setting: Perturbation) -> Path:
        return self.path / f"{_slug(setting)}.npz"

    def _made_of(self, setting: Perturbation, chosen: ChosenRecipe) -> str:
        choice = self.recorded.predictions.details["choice"]
        test = split_digest(self._test.ids, self._test.labels)
        told = [setting.kind, setting.severity, setting.low, setting.high]
        return options_digest(chosen.digest, choice, list(self.recorded.predictions.seeds), test, told)

    def _is_done(self, setting: Perturbation, chosen: ChosenRecipe) -> bool:
        path = self._file(setting)
        return path.exists() and Predictions.load(path).details.get("made_of") == self._made_of(setting, chosen)


def intensity_range(run: Path) -> tuple[float, float]:
    """Typical extent of the intensities of a run's training volumes."""
    table = run_volumes(RunFolder(run)).table().of_rows()
    train = table.split == "train"
    return table.grey_range(train)


def relative_distance(images: np.ndarray, clean: np.ndarray) -> list[float | None]:
    """‖image − clean‖ / ‖clean‖ of every row (Euclidean norm); None where the clean one is zero."""
    norms = np.linalg.norm(clean.astype(np.float64), axis=1)
    distances = np.linalg.norm(images.astype(np.float64) - clean, axis=1)
    return [float(d / n) if n > 0 else None for d, n in zip(distances, norms, strict=True)]


def _slug(setting: Perturbation) -> str:
    return f"{setting.kind}-{setting.severity:g}"
