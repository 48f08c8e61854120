"""``tdaflow split``: print what `tdaflow.evaluation.split_table` has divided."""

from pathlib import Path

from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.settings import say
from tdaflow.cli.terminal_tables import terminal_table
from tdaflow.evaluation import split_table
from tdaflow.evaluation.tables.pages import Table
from tdaflow.progress import Console


def split_command(
    table: Path,
    out: Path,
    *,
    by: str | None,
    stratify: str | None,
    seed: int,
    test: float,
    validation: float,
    overwrite: bool,
) -> int:
    """Split a table and print the rows by split and label; return the exit code."""
    counts = split_table(
        table, out, by=by, stratify=stratify, seed=seed, test=test, validation=validation, overwrite=overwrite
    )
    labels = sorted({label for found in counts.values() for label in found})
    rows = tuple(
        (split or "none", *(str(found.get(label, 0)) for label in labels), str(sum(found.values())))
        for split, found in counts.items()
    )
    header = ("split", *((label or "no label" for label in labels) if stratify else ["rows"]), "all")
    rows = rows if stratify else tuple(row[:-1] for row in rows)
    shown = Table(f"{table} by {by or 'row'}, seed {seed}", header if stratify else header[:-1], rows)
    Console().print(terminal_table(shown, n_text=1))
    say(f"table with the column 'split' in {out}")
    return DONE
