"""Write the results of a run as files."""

import json
from dataclasses import asdict
from pathlib import Path

from tdaflow.atomic import write_whole
from tdaflow.evaluation.protocol.files import csv_text, write_parquet, writing
from tdaflow.evaluation.tables.results import Results
from tdaflow.evaluation.tables.results_page import html_page, markdown


def write_results(results: Results, folder: Path) -> list[Path]:
    """Write the tidy table and its pages into a folder, which is made if it is missing.

    Parameters
    ----------
    results : Results
    folder : Path

    Returns
    -------
    list of Path
        ``results.csv``, ``.json``, ``.md``, ``.html`` and, if pyarrow is installed, ``.parquet``.

    Raises
    ------
    RunError
        If the folder cannot be written.
    """
    rows = [asdict(row) for row in results.rows]
    about = results.as_dict()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        written = [
            write_whole(folder / "results.csv", csv_text(rows)),
            write_whole(folder / "results.json", json.dumps(about, indent=1, allow_nan=False) + "\n"),
            write_whole(folder / "results.md", markdown(results)),
            write_whole(folder / "results.html", html_page(results)),
        ]
        return [*written, *write_parquet(folder / "results.parquet", about["rows"])]
