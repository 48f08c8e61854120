"""The evaluation folder of a run: ledger, predictions, the search on validation, and the tables."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tdaflow.atomic import written_whole
from tdaflow.errors import InputError
from tdaflow.evaluation.choice import Scored
from tdaflow.evaluation.files import csv_text, replace_text, write_parquet, writing
from tdaflow.evaluation.ledger import Ledger
from tdaflow.evaluation.predictions import Predictions
from tdaflow.evaluation.results import Results, without_nan
from tdaflow.evaluation.tables import html_page, markdown


class EvaluationFolder:
    """``RUN/evaluation``.

    Parameters
    ----------
    run : Path
        Folder of the run.
    """

    def __init__(self, run: Path) -> None:
        self.path = Path(run) / "evaluation"

    @property
    def ledger(self) -> Ledger:
        """Which choice touched the test split."""
        return Ledger(self.path)

    def predictions(self) -> list[Predictions]:
        """All saved predictions: methods, newest choice first, then what was made of them, baselines and the rest."""
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
        """Of every baseline that was asked for: its ``state`` ("done" or "not available"), ``title`` and ``reason``.

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
        """Keep what became of some baselines beside what is known of others."""
        told = {**self.baselines(), **{name: dict(record) for name, record in records.items()}}
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            replace_text(self.path / "baselines.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")

    def unavailable(self) -> dict[str, str]:
        """Titles of the baselines that these volumes do not have, and why."""
        return {
            record.get("title", name): record["reason"]
            for name, record in self.baselines().items()
            if record.get("state") == "not available"
        }

    def write_rows(self, stem: str, rows: Sequence[dict[str, Any]], about: Mapping[str, Any]) -> list[Path]:
        """Write a tidy table as ``STEM.csv``, and with what is to be known of it as ``STEM.json``."""
        told = without_nan({"about": dict(about), "rows": list(rows)})
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            return [
                replace_text(self.path / f"{stem}.csv", csv_text(told["rows"])),
                replace_text(self.path / f"{stem}.json", json.dumps(told, indent=1, allow_nan=False) + "\n"),
            ]

    def read_rows(self, stem: str) -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
        """Rows that `write_rows` wrote, and what is to be known of them; None without any, InputError if damaged."""
        path = self.path / f"{stem}.json"
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return list(told["rows"]), dict(told["about"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise InputError(f"{path} cannot be read ({type(error).__name__}): delete it and evaluate again") from None

    def read_arrays(self, stem: str) -> dict[str, np.ndarray] | None:
        """What `write_arrays` wrote; None if there is none, InputError if it is damaged."""
        path = self.path / f"{stem}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever damaged bytes make of zip and npy
            raise InputError(f"{path} cannot be read ({type(error).__name__}): delete it and evaluate again") from None

    def write_arrays(self, stem: str, arrays: Mapping[str, np.ndarray]) -> Path:
        """Write plain arrays as ``STEM.npz``, whole or not at all."""
        target = self.path / f"{stem}.npz"
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
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
            return replace_text(self.path / "validation.csv", csv_text(rows))

    def write_tables(self, results: Results, out: Path | None = None) -> list[Path]:
        """Write the tidy table (CSV, JSON, and Parquet where pyarrow is installed) and the pages; return the paths."""
        folder = out or self.path
        told = results.as_dict()
        rows = [asdict(row) for row in results.rows]
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            written = [
                replace_text(folder / "results.csv", csv_text(rows)),
                replace_text(folder / "results.json", json.dumps(told, indent=1, allow_nan=False) + "\n"),
                replace_text(folder / "results.md", markdown(results)),
                replace_text(folder / "results.html", html_page(results)),
            ]
            return [*written, *write_parquet(folder / "results.parquet", told["rows"])]
