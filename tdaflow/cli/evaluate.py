"""``tdaflow evaluate``: what the features of a run are worth."""

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tdaflow.cli.analyses import Analyses, run_analyses
from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.progress import observer
from tdaflow.errors import InputError
from tdaflow.evaluation import (
    EvaluationFolder,
    Features,
    Protocol,
    Results,
    evaluate,
    load_features,
    majority_rows,
    markdown,
    published_rows,
    summarise,
)
from tdaflow.evaluation.protocol.evaluate import n_steps, ranges_note
from tdaflow.evaluation.protocol.recorded import recorded_predictions
from tdaflow.evaluation.tables.results_page import notes, reading_tables
from tdaflow.pipeline import Observer
from tdaflow.store import RunFolder

# Seconds between two lines of progress.
_LINE_SECONDS = 10.0


def evaluate_command(
    run: Path,
    out: Path | None,
    protocol: Protocol,
    n_resamples: int,
    *,
    again: bool,
    rebuild: bool,
    analyses: Analyses | None = None,
) -> int:
    """Evaluate a run, or build its tables again from saved predictions; return the exit code.

    With further analyses, an evaluation that is recorded already is not made again.
    """
    if not run.is_dir() or RunFolder(run).read() is None:
        raise InputError(f"{run} holds no run (no run.json); give the folder that `tdaflow run --out` was given")
    folder = EvaluationFolder(run)
    features = load_features(run)
    with observer() as watching:
        watching.message(ranges_note(features.about))
        analyses = analyses or Analyses()
        if not rebuild and not (analyses.wanted and recorded_predictions(features, folder)):
            evaluate_and_save(features, folder, protocol, watching, again=again)
        if analyses.wanted:
            run_analyses(
                run, features, analyses, watching,
                choose_by=protocol.choose_by, n_resamples=n_resamples, again=again,
            )  # fmt: skip
    results, written = write_run_tables(features, folder, n_resamples, out)
    _show(results)
    Console(stderr=True).print(f"tables in {written[0].parent}: {', '.join(p.name for p in written)}", highlight=False)
    return DONE


def evaluate_and_save(
    features: Features, folder: EvaluationFolder, protocol: Protocol, watching: Observer, *, again: bool = False
) -> None:
    """Follow the protocol and save predictions, the search and the majority rows; errors as `evaluate`."""
    began = time.perf_counter()
    n = n_steps(features, protocol)
    watching.message(f"{n - protocol.n_seeds} candidates are compared {protocol.compared}")
    steps = _Steps(n, watching.message)
    found = evaluate(features, protocol, folder.ledger, again=again, advanced=steps.advanced)
    watching.message(f"fitted and chosen in {time.perf_counter() - began:.1f} s")
    folder.save(found.predictions, f"tda-choice-{found.touch.number}")
    folder.write_search(found.validation)
    for row in majority_rows(features):
        folder.save(row)
    watching.message(found.touch.note)


def write_run_tables(
    features: Features, folder: EvaluationFolder, n_resamples: int, out: Path | None = None
) -> tuple[Results, list[Path]]:
    """Make the tables of a run from all its saved predictions; nothing is fitted."""
    data_set = str(features.about.get("data_set", ""))
    results = summarise(
        folder.predictions(),
        data_set=data_set,
        published=published_rows(data_set),
        unavailable=folder.unavailable(),
        n_resamples=n_resamples,
    )
    return results, folder.write_tables(results, out)


class _Steps:
    """Say now and then how many candidates and seeds are fitted."""

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self._total, self._say, self._done, self._last = total, say, 0, time.monotonic()

    def advanced(self, n: int) -> None:
        self._done += n
        if time.monotonic() - self._last >= _LINE_SECONDS:
            self._last = time.monotonic()
            self._say(f"candidates and seeds: {self._done}/{self._total}")


def _show(results: Results) -> None:
    console = Console()
    if not console.is_terminal:
        # A pipe has no width to fit columns into.
        print(markdown(results))
        return
    for table in reading_tables(results)[:2]:
        shown = Table(title=table.title, title_justify="left")
        for column, name in enumerate(table.header):
            shown.add_column(name, justify="right" if column > 1 else "left")
        for row in table.rows:
            shown.add_row(*(cell.replace("[", "\\[") for cell in row))
        console.print(shown)
    for note in notes(results):
        console.print(f"- {note}", highlight=False, markup=False)
