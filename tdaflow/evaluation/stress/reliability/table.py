"""The table of reliability: how it is kept in a run, and written beside an exported table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdaflow.atomic import write_whole
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation.protocol.features import feature_digest
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.remote import place

if TYPE_CHECKING:
    import pandas as pd

STEM = "reliability"
CHANNEL, SUMMARY, FEATURE = "channel", "summary", "feature"
"""Kinds of rows: a whole image or curve, a column of ``--table --summary``, a column of ``--table``."""

ENOUGH, ENOUGH_LOW = 0.9, 0.75
"""A number repeats if its ICC is at least the first and its interval does not reach below the second: what Koo and Li
call excellent and good, "A guideline of selecting and reporting intraclass correlation coefficients for reliability
research", Journal of Chiropractic Medicine 15 (2016)."""


def read_reliability(run: str | Path) -> "tuple[pd.DataFrame, dict[str, Any]] | None":
    """Read what `measure_reliability` wrote, and the facts about it; None if there is nothing.

    Raises
    ------
    InputError
        If it is damaged, or of earlier features than the run has now.
    """
    found = EvaluationFolder(place(run)).read_rows(STEM)
    if found is None:
        return None
    if found[1].get("features") != feature_digest(place(run)):
        raise InputError(f"the reliability in {run} is of earlier features: run `tdaflow reliability {run}` again")
    return frame(found[0]), found[1]


def repeating(table: "pd.DataFrame") -> "pd.Series":
    """True for the rows whose ICC is at least `ENOUGH`, with an interval that begins at `ENOUGH_LOW` or above."""
    return (table["icc"] >= ENOUGH) & (table["low"] >= ENOUGH_LOW)


def beside(target: Path) -> Path:
    """Name of the file of reliability beside a table."""
    return target.with_suffix(".icc.csv")


def write_beside(run: str | Path, target: Path, *, summary: bool, overwrite: bool = False) -> Path | None:
    """Write the reliability of every column of an exported table beside it; None if it was not measured.

    Parameters
    ----------
    run : str or Path
        Folder of a run.
    target : Path
        The table: ``a.csv`` or ``a.parquet`` gets ``a.icc.csv``, with what `measure_reliability` tells of each
        column. With regions of interest side by side, names are those of one region.
    summary : bool
        If True, it is a table of summaries.
    overwrite : bool
        Replace what is there.

    Raises
    ------
    ConfigError
        If the file is there already or cannot be written.
    InputError
        As `read_reliability`.
    """
    found = read_reliability(run)
    if found is None:
        return None
    path = beside(target)
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} is there already: replace it with --overwrite, or give another file")
    rows = found[0][found[0]["kind"] == (SUMMARY if summary else FEATURE)]
    try:
        write_whole(path, rows.drop(columns="kind").to_csv(index=False, lineterminator="\n"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror or error}): give another file") from None
    return path


def frame(rows: Sequence[dict[str, Any]]) -> "pd.DataFrame":
    """The rows as a table, NaN where JSON has null."""
    import pandas as pd

    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(table.columns.drop(["kind", "column", "channel"]), float))
