"""The evaluation folder of a run: ledger, predictions, the search on validation, and the tables."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tdaflow.errors import RunError
from tdaflow.evaluation.choice import Scored
from tdaflow.evaluation.ledger import Ledger
from tdaflow.evaluation.predictions import Predictions
from tdaflow.evaluation.results import Results
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
        """All saved predictions: methods, newest choice first, then baselines and the rest by name."""
        found = [Predictions.load(path) for path in sorted(self.path.glob("predictions/*.npz"))]
        order = ["method", "baseline", "published protocol"]
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
        with _writing(self.path):
            return predictions.save(self.path / "predictions" / f"{slug}.npz")

    def write_search(self, scored: Sequence[Scored]) -> Path:
        """Write every candidate and its validation metrics as CSV."""
        rows = [
            {
                "classifier": s.candidate.classifier, "channels": s.candidate.subset,
                "options": json.dumps(dict(s.candidate.options)), **s.metrics,
            }
            for s in scored
        ]  # fmt: skip
        with _writing(self.path):
            return _replace(self.path / "validation.csv", _csv(rows))

    def write_tables(self, results: Results, out: Path | None = None) -> list[Path]:
        """Write the tidy table (CSV, JSON, and Parquet where pyarrow is installed) and the pages; return the paths."""
        folder = out or self.path
        told = results.as_dict()
        rows = [asdict(row) for row in results.rows]
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            written = [
                _replace(folder / "results.csv", _csv(rows)),
                _replace(folder / "results.json", json.dumps(told, indent=1, allow_nan=False) + "\n"),
                _replace(folder / "results.md", markdown(results)),
                _replace(folder / "results.html", html_page(results)),
            ]
            if find_spec("pyarrow"):
                import pyarrow as pa
                import pyarrow.parquet as pq

                target = folder / "results.parquet"
                pq.write_table(pa.Table.from_pylist(told["rows"]), target)
                written.append(target)
        return written


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _replace(path: Path, text: str) -> Path:
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
    return path


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses into one sentence."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"cannot write into {folder} ({error.strerror}): make it writable, or give another folder with --out"
        ) from error
