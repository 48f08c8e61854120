"""Write the results of a run as files."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tdaflow.atomic import write_whole
from tdaflow.evaluation.protocol.files import csv_text, write_parquet, writing
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.evaluation.tables.results import Results
from tdaflow.evaluation.tables.results_page import html_page, markdown


def write_results(results: Results, folder: Path, listed: Sequence[Predictions] = ()) -> list[Path]:
    """Write the tidy table and its pages into a folder, which is made if it is missing.

    Parameters
    ----------
    results : Results
    folder : Path
    listed : sequence of Predictions
        Of the same methods; written as a row a method and volume.

    Returns
    -------
    list of Path
        ``results.csv``, ``.json``, ``.md``, ``.html`` and, if pyarrow is installed, ``.parquet``; and
        ``predictions.csv``.

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
        if listed:
            told = [row for p in listed for row in p.with_positive(results.positive).rows()]
            written.append(write_whole(folder / "predictions.csv", csv_text(told)))
        return [*written, *write_parquet(folder / "results.parquet", about["rows"])]
