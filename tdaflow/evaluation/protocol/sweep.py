"""Sweep over settings: fit every cell of a grid on train and measure it on validation; the test split is never read.

Cells that share diagrams share one run's; others get a run of their own inside the sweep's folder. Each finished cell
is a line of ``cells.jsonl``, so an interrupted sweep resumes.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from tdaflow.atomic import write_whole
from tdaflow.config import RunConfig
from tdaflow.errors import InputError, TdaflowError
from tdaflow.evaluation.protocol.checks import check_table
from tdaflow.evaluation.protocol.choice import CHOOSE_BY, best, candidates, score_all, varying
from tdaflow.evaluation.protocol.classifiers import CLASSIFIERS, chosen_classifiers
from tdaflow.evaluation.protocol.grid import DEFAULT_GRID, Grid, Overrides, overridden
from tdaflow.evaluation.protocol.in_memory import features_in_memory
from tdaflow.evaluation.protocol.subsets import subsets
from tdaflow.pipeline import Engine, InProcess, Observer, Silent, StageCounts
from tdaflow.pipeline.fan_out import Stop, fan_out
from tdaflow.pipeline.run import run as run_pipeline
from tdaflow.store import RunFolder, options_digest

STAGE = "sweep"


@dataclass(frozen=True)
class CellTask:
    """One setting of a run, and the subset of channels to measure (None for all)."""

    key: str
    run: Path
    config: dict[str, Any]
    overrides: dict[str, Any]
    subset: str | None
    classifiers: tuple[str, ...]
    choose_by: str
    n_volumes: int = 1


@dataclass(frozen=True)
class SweepResult:
    """Cells of a sweep and the chosen one.

    Attributes
    ----------
    lines : list of dict
        One a cell and subset: ``overrides``, ``subset``, ``metrics`` on validation, ``classifier``, ``options``,
        ``axis`` ("full" or the setting tried alone).
    chosen : dict
        The best line.
    """

    lines: list[dict[str, Any]]
    chosen: dict[str, Any]


def score_cell(task: CellTask) -> list[dict[str, Any]]:
    """Make the features of one cell and measure its subsets of channels; runs on a worker."""
    began = time.perf_counter()
    # One thread a task, as everywhere: the engine runs as many tasks as there are cores.
    with threadpool_limits(1):
        features = features_in_memory(task.run, RunConfig.model_validate(task.config))
        train, val = features.rows("train"), features.rows("val")
        lines = []
        for name, blocks in subsets(varying(train)).items():
            if task.subset not in (None, name):
                continue
            listed = [c for c in candidates(blocks, task.classifiers) if c.blocks == blocks]
            found = best(score_all(train, val, listed, 0), task.choose_by)
            lines.append(
                {
                    "cell": task.key,
                    "overrides": task.overrides,
                    "subset": name,
                    "blocks": list(blocks),
                    "metrics": dict(found.metrics),
                    "classifier": found.candidate.classifier,
                    "options": dict(found.candidate.options),
                }
            )
    seconds = time.perf_counter() - began
    return [{**line, "seconds": seconds / len(lines)} for line in lines]


class Sweep:
    """Compare settings of a run on validation: ``Sweep(run).work()`` does what the verb ``tdaflow sweep`` does.

    Parameters
    ----------
    run : Path
        Folder of a finished run; the sweep lives in its sub-folder ``sweep``.
    grid : Grid
        ε × channels, then image settings one at a time, by default.
    classifiers : sequence of str
        Keys of `CLASSIFIERS`; one fast one is enough to rank features.
    choose_by : str
        Validation metric.

    Raises
    ------
    InputError
        If the run is not finished, or a classifier or metric is unknown.
    ConfigError
        If a setting of the grid does not exist or is wrong.
    """

    def __init__(
        self, run: Path, grid: Grid = DEFAULT_GRID, classifiers: Sequence[str] = ("logistic",), choose_by: str = "auc"
    ) -> None:
        state = RunFolder(run).read()
        if state is None or state["state"] != "done":
            raise InputError(f"{run} holds no finished run: run `tdaflow run ... --out {run}` to its end first")
        if choose_by not in CHOOSE_BY:
            raise InputError(f"choose_by={choose_by!r} is unknown: use {', '.join(CHOOSE_BY)}")
        chosen_classifiers(classifiers)
        self.run, self.grid, self.choose_by = Path(run), grid, choose_by
        self.classifiers = tuple(classifiers)
        self.path = self.run / "sweep"
        base = overridden(RunConfig.model_validate(state["config"]), {"reference": "train"})
        self._base, self._digests = base, state["digests"]
        # All of the grid is validated before anything is computed.
        self.settings = [*grid.cells(), *({k: v} for k, values in grid.one_at_a_time.items() for v in values)]
        for overrides in self.settings:
            overridden(base, overrides)

    def cost(self) -> dict[str, Any]:
        """Estimate cells, further runs and seconds on one core from one timed cell of the run's own settings."""
        began = time.perf_counter()
        task = self._task({}, None)
        lines = self._known().get(task.key, [])
        if not lines:
            lines = score_cell(task)
            # Diagrams of an intensity scale that saw more than train are good for timing only.
            if self._digest({}) == self._digests["diagrams"]:
                self._keep(lines)
        timed = sum(line["seconds"] for line in lines) if lines else time.perf_counter() - began
        needed = {self._digest(o) for o in self.settings} - {self._digests["diagrams"]}
        state = RunFolder(self.run).read() or {}
        seconds = state["stages"]["superpixels+persistence"]["seconds"]
        waiting = [d for d in needed if not self._is_done(self._own_run(d))]
        n_full, n_alone = len(self.grid.cells()), len(self.settings) - len(self.grid.cells())
        return {
            "cells": len(self.settings),
            "subsets": len(lines),
            "runs": len(waiting),
            "seconds": timed * (n_full + n_alone / max(1, len(lines))) + seconds * len(waiting),
        }

    def cost_sentence(self) -> str:
        """Return the estimate of `cost` as one sentence."""
        cost = self.cost()
        return (
            f"{cost['cells']} settings, {cost['subsets']} subsets of channels in each of the full part, {cost['runs']} "
            f"runs for other diagrams: about {cost['seconds'] / 60:.1f} minutes of one core"
        )

    def work(self, engine: Engine | None = None, observer: Observer | None = None) -> SweepResult:
        """Compute missing cells and choose the best.

        Parameters
        ----------
        engine : Engine, optional
            By default cells are computed in this process.
        observer : Observer, optional

        Raises
        ------
        RunError
            If a cell failed; finished cells are kept.
        """
        engine, observer = engine or InProcess(), observer or Silent()
        check = features_in_memory(self.run, self._base)
        check_table(
            check.ids, check.labels, check.splits, check.groups, check.class_names,
            folds=max(5 if CLASSIFIERS[c].needs_folds else 1 for c in self.classifiers), splits_needed=("train", "val"),
        )  # fmt: skip
        full = self._lines(self.grid.cells(), None, "full", engine, observer)
        cell = self.best(full)
        lines = list(full)
        for key, values in self.grid.one_at_a_time.items():
            alone = [{**cell["overrides"], key: value} for value in values]
            lines += self._lines(alone, cell["subset"], key, engine, observer)
        chosen = self.best(lines)
        told = {**chosen, "choose_by": self.choose_by}
        write_whole(self.path / "choice.json", json.dumps(told, indent=1) + "\n")
        return SweepResult(lines, chosen)

    def best(self, lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Return the line with the highest validation metric; of equals the most accurate, then the first."""
        return max(lines, key=lambda line: (line["metrics"][self.choose_by], line["metrics"]["accuracy"]))

    def _lines(
        self, settings: Sequence[Overrides], subset: str | None, axis: str, engine: Engine, observer: Observer
    ) -> list[dict[str, Any]]:
        """Return the lines of some settings in order, computing missing ones."""
        tasks = [
            self._task(overrides, subset, lambda c, d: self._diagrams(c, d, engine, observer)) for overrides in settings
        ]
        known = self._known()
        missing = [task for task in tasks if task.key not in known]
        began = time.perf_counter()
        observer.message(f"{axis}: {len(missing)} of {len(tasks)} cells to compute")
        finished = fan_out(
            engine, STAGE, score_cell, missing, StageCounts(total=len(missing)), Silent(), Stop(), refusals=TdaflowError
        )
        for task, made in finished:
            known[task.key] = self._keep(made)
            value = self.best(made)["metrics"][self.choose_by] if made else float("nan")
            observer.message(f"{_told(task.overrides)}: {value:.3f} ({time.perf_counter() - began:.0f} s)")
        return [{**line, "axis": axis, "overrides": dict(t.overrides)} for t in tasks for line in known[t.key]]

    def _task(
        self, overrides: Overrides, subset: str | None, diagrams: Callable[[RunConfig, str], Path] | None = None
    ) -> CellTask:
        config = overridden(self._base, overrides)
        digest = config.diagrams_digest(self._digests["volumes"])
        own = digest != self._digests["diagrams"]
        where = diagrams(config, digest) if own and diagrams else self.run
        key = options_digest(
            config.images_digest(digest), [subset or "all"], list(self.classifiers),
            [dict(o) for c in self.classifiers for o in CLASSIFIERS[c].grid], self.choose_by,
        )  # fmt: skip
        return CellTask(
            key, where, config.model_dump(mode="json"), dict(overrides), subset, self.classifiers, self.choose_by
        )

    def _diagrams(self, config: RunConfig, digest: str, engine: Engine, observer: Observer) -> Path:
        """Run settings that need other diagrams, with the images of the base settings; return the folder."""
        path = self._own_run(digest)
        if not self._is_done(path):
            store = self._base.store or RunFolder(self.run).volumes
            data = {**config.model_dump(mode="json"), "data": {"store": str(store)}}
            own = RunConfig.model_validate({**data, "images": asdict(self._base.images)})
            path.parent.mkdir(parents=True, exist_ok=True)
            run_pipeline(own, RunFolder(path), engine, observer)
        return path

    def _own_run(self, digest: str) -> Path:
        return self.path / "runs" / digest[:16]

    def _is_done(self, path: Path) -> bool:
        state = RunFolder(path).read() if path.is_dir() else None
        return state is not None and state["state"] == "done"

    def _digest(self, overrides: Overrides) -> str:
        return overridden(self._base, overrides).diagrams_digest(self._digests["volumes"])

    def _known(self) -> dict[str, list[dict[str, Any]]]:
        """Read finished cells; a line that a killed process cut off is skipped with its whole cell."""
        found: dict[str, list[dict[str, Any]]] = {}
        path = self.path / "cells.jsonl"
        for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            try:
                lines = json.loads(text)
            except ValueError:
                continue
            found[lines[0]["cell"]] = lines
        return found

    def _keep(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Append a cell as one line of JSON."""
        if lines:
            self.path.mkdir(exist_ok=True)
            with (self.path / "cells.jsonl").open("a+", encoding="utf-8") as file:
                # Begin a new line even after one that was cut off.
                file.write(("\n" if file.tell() else "") + json.dumps(lines))
        return lines


def _told(overrides: Overrides) -> str:
    return (
        ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in overrides.items()) or "the run's own settings"
    )
