"""The evaluation folder of a run: ledger, predictions, candidates and tables."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import write_whole, written_whole
from tdaflow.errors import InputError
from tdaflow.evaluation.protocol.choice import Scored
from tdaflow.evaluation.protocol.files import csv_text, without_nan, writing
from tdaflow.evaluation.protocol.ledger import Ledger
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.pipeline.apply import run_volumes
from tdaflow.pipeline.no_run import no_run
from tdaflow.remote import place
from tdaflow.store import RunFolder


def check_is_run(run: Path) -> None:
    """Raise InputError unless `run` is the folder of a run."""
    if not run.is_dir() or RunFolder(run).read() is None:
        raise no_run(run)


class EvaluationFolder:
    """The folder ``RUN/evaluation``, or a part of it.

    Parameters
    ----------
    run : Path
        Folder of the run.
    part : str
        Name of a sub-folder with predictions and tables of its own, such as ``nested``.
    """

    def __init__(self, run: Path, part: str = "") -> None:
        self.path = place(run) / "evaluation" / part

    @property
    def ledger(self) -> Ledger:
        """Ledger of the choices that were tested."""
        return Ledger(self.path, lambda: run_volumes(RunFolder(self.path.parent)).table().as_read())

    def predictions(self) -> list[Predictions]:
        """Load all saved predictions: methods (newest choice first), fusions, calibrated rows, baselines, others."""
        found = [Predictions.load(path) for path in sorted(self.path.glob("predictions/*.npz"))]
        order = ["method", "fusion", "calibrated", "baseline", "published protocol"]
        return sorted(
            found,
            key=lambda p: (
                order.index(p.kind) if p.kind in order else len(order),
                "family" not in p.details,
                -int(p.details.get("number", 0)),
                p.method,
            ),
        )

    def save(self, predictions: Predictions, name: str | None = None) -> Path:
        """Save predictions under `name`, by default that of the method."""
        slug = re.sub(r"[^a-z0-9.]+", "-", (name or predictions.method).lower()).strip("-")
        with writing(self.path):
            return predictions.save(self.path / "predictions" / f"{slug}.npz")

    def baselines(self) -> dict[str, dict[str, str]]:
        """Read the ``state`` ("done" or "not available"), ``title`` and ``reason`` of every requested baseline.

        InputError if the file is damaged.
        """
        path = self.path / "baselines.json"
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return {name: {key: str(record[key]) for key in record} for name, record in told.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError, TypeError, OSError) as error:
            raise InputError(
                f"{path} cannot be read ({type(error).__name__}): delete it and run `tdaflow baselines` again"
            ) from None

    def record_baselines(self, records: Mapping[str, Mapping[str, str]]) -> None:
        """Record the state of some baselines beside that of others."""
        told = {**self.baselines(), **{name: dict(record) for name, record in records.items()}}
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            write_whole(self.path / "baselines.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")

    def unavailable(self) -> dict[str, str]:
        """Titles of the baselines that these volumes do not have, and why."""
        return {
            record.get("title", name): record["reason"]
            for name, record in self.baselines().items()
            if record.get("state") == "not available"
        }

    def write_rows(self, stem: str, rows: Sequence[dict[str, Any]], about: Mapping[str, Any]) -> list[Path]:
        """Write a tidy table as ``STEM.csv``, and with the facts `about` it as ``STEM.json``."""
        told = without_nan({"about": dict(about), "rows": list(rows)})
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            return [
                write_whole(self.path / f"{stem}.csv", csv_text(told["rows"])),
                write_whole(self.path / f"{stem}.json", json.dumps(told, indent=1, allow_nan=False) + "\n"),
            ]

    def read_rows(self, stem: str) -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
        """Read the rows and facts that `write_rows` wrote; None if there are none, InputError if damaged."""
        path = self.path / f"{stem}.json"
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return list(told["rows"]), dict(told["about"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise InputError(f"{path} cannot be read ({type(error).__name__}): delete it and evaluate again") from None

    def read_arrays(self, stem: str) -> dict[str, np.ndarray] | None:
        """Read what `write_arrays` wrote; None if there is none, InputError if damaged."""
        path = self.path / f"{stem}.npz"
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return dict(file)
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever damaged bytes make of zip and npy
            raise InputError(f"{path} cannot be read ({type(error).__name__}): delete it and evaluate again") from None

    def write_arrays(self, stem: str, arrays: Mapping[str, np.ndarray]) -> Path:
        """Write plain arrays as ``STEM.npz``, whole or not at all."""
        target = self.path / f"{stem}.npz"
        with writing(self.path):
            target.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(target) as temporary, temporary.open("wb") as file:
                np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return target

    def write_search(self, scored: Sequence[Scored]) -> Path:
        """Write every candidate and its validation metrics as CSV."""
        rows = [
            {
                "classifier": s.candidate.classifier, "channels": s.candidate.subset,
                "options": json.dumps(dict(s.candidate.options)), **s.metrics,
            }
            for s in scored
        ]  # fmt: skip
        with writing(self.path):
            return write_whole(self.path / "validation.csv", csv_text(rows))
