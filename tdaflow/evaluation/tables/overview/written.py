"""Write the overview as files."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tdaflow.atomic import write_whole
from tdaflow.evaluation.protocol.files import csv_text, without_nan, write_parquet, writing
from tdaflow.evaluation.tables.overview.gathered import SetResults
from tdaflow.evaluation.tables.overview.layout import overview_notes, overview_tables
from tdaflow.evaluation.tables.pages import html_document, markdown_page


def write_overview(
    sets: Sequence[SetResults], folder: Path, title: str = "What topological features are worth"
) -> list[Path]:
    """Write ``tables.md``, ``.html``, ``.csv`` (one row a number), ``.json`` and, with pyarrow, ``.parquet``."""
    tables, notes = overview_tables(sets), overview_notes(sets)
    rows = [asdict(row) for found in sets if found.results for row in found.results.rows]
    told = {
        "data_sets": {
            found.data_set: {
                "state": "not at hand" if found.results is None else "done",
                "reason": found.reason,
                "not_trained": list(found.not_trained),
                "unavailable": {} if found.results is None else found.results.unavailable,
                "comparisons": [] if found.results is None else found.results.comparisons,
            }
            for found in sets
        },
        "tables": [asdict(table) for table in tables],
        "notes": notes,
        "rows": rows,
    }
    told = without_nan(told)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return [
            write_whole(folder / "tables.md", markdown_page(tables, notes)),
            write_whole(folder / "tables.html", html_document(title, tables, notes)),
            write_whole(folder / "tables.csv", csv_text(rows)),
            write_whole(folder / "tables.json", json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"),
            *write_parquet(folder / "tables.parquet", told["rows"]),
        ]
