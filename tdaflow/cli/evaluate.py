"""``tdaflow evaluate``: what the features of a run are worth."""

import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tdaflow.cli.app import DONE
from tdaflow.cli.progress import observer
from tdaflow.errors import InputError
from tdaflow.evaluation import (
    EvaluationFolder,
    Protocol,
    Results,
    evaluate,
    load_features,
    majority_rows,
    published_rows,
    summarise,
)
from tdaflow.evaluation.protocol import n_steps, ranges_note
from tdaflow.evaluation.tables import notes, reading_tables
from tdaflow.store import RunFolder

_STAGE = "candidates and seeds"


def evaluate_command(
    run: Path,
    out: Path | None,
    classifiers: list[str] | None,
    n_seeds: int,
    choose_by: str,
    n_resamples: int,
    *,
    again: bool,
    rebuild: bool,
) -> int:
    """Evaluate a run, or build its tables again from saved predictions; return the exit code."""
    if not run.is_dir() or RunFolder(run).read() is None:
        raise InputError(f"{run} holds no run (no run.json); give the folder that `tdaflow run --out` was given")
    folder = EvaluationFolder(run)
    features = load_features(run)
    with observer() as watching:
        watching.message(ranges_note(features.about))
        if not rebuild:
            protocol = Protocol(tuple(classifiers) if classifiers else None, n_seeds, choose_by)
            began = time.perf_counter()
            watching.stage_begins(_STAGE, n_steps(features, protocol), 0)
            found = evaluate(
                features, protocol, folder.ledger, again=again, advanced=lambda n: watching.advanced(_STAGE, n)
            )
            watching.stage_ends(_STAGE, time.perf_counter() - began)
            folder.save(found.predictions, f"tda-choice-{found.touch.number}")
            folder.write_search(found.validation)
            for row in majority_rows(features):
                folder.save(row)
            watching.message(found.touch.note)
    data_set = str(features.about.get("data_set", ""))
    results = summarise(
        folder.predictions(), data_set=data_set, published=published_rows(data_set), n_resamples=n_resamples
    )
    written = folder.write_tables(results, out)
    _show(results)
    Console(stderr=True).print(f"tables in {written[0].parent}: {', '.join(p.name for p in written)}", highlight=False)
    return DONE


def _show(results: Results) -> None:
    console = Console()
    for table in reading_tables(results)[:2]:
        shown = Table(title=table.title, title_justify="left")
        for column, name in enumerate(table.header):
            shown.add_column(name, justify="right" if column > 1 else "left")
        for row in table.rows:
            shown.add_row(*(cell.replace("[", "\\[") for cell in row))
        console.print(shown)
    for note in notes(results):
        console.print(f"- {note}", highlight=False, markup=False)
