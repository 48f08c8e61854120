"""``tdaflow try``: print what `tdaflow.analyse` decides and finds."""

from collections.abc import Sequence
from pathlib import Path

from tdaflow.cli.evaluate import show_tables
from tdaflow.cli.exit_codes import DONE, QUARANTINED
from tdaflow.cli.settings import say
from tdaflow.evaluation.run_nested import fold_table
from tdaflow.from_scans import Columns, analyse
from tdaflow.printable import counted


def try_command(
    scans: Path,
    labels: Path | None,
    out: Path | None,
    columns: Columns,
    masks: str | None,
    *,
    allow_missing: bool,
    open_test: bool,
    folds: int,
    cluster: str | None,
    workers: int | None,
    sets: Sequence[str],
) -> int:
    """Analyse scans and labels, print the tables and what can be typed next; return the exit code."""
    found = analyse(
        scans, labels, out=out, columns=columns, masks=masks, allow_missing=allow_missing, open_test=open_test,
        folds=folds, cluster=cluster, workers=workers, set=sets,
    )  # fmt: skip
    show_tables(found.nested.results, fold_table(found.nested.folds, "fold"))
    if found.tested is not None:
        show_tables(found.tested.results)
    run = found.run.folder.path
    quarantined = found.run.quarantined
    if quarantined:
        say(f"{counted(len(quarantined), 'volume')} cannot be used; the report says why")
    say(f"report: {found.report}")
    say(f"classes of new scans: tdaflow predict {run} SCANS")
    say(f"one volume in figures: tdaflow inspect {run} ID; all features: tdaflow export {run} --table features.csv")
    return QUARANTINED if quarantined else DONE
