"""``tdaflow evaluate``: print the tables that `tdaflow.evaluation.evaluate_run` makes."""

from collections.abc import Sequence
from pathlib import Path

from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.settings import say
from tdaflow.cli.terminal_tables import terminal_table
from tdaflow.cluster import connect, read_spec
from tdaflow.evaluation import Analyses, Nested, Protocol, Results, evaluate_nested, evaluate_run
from tdaflow.evaluation.run_nested import fold_table
from tdaflow.evaluation.stress.analyses import NO_ANALYSES
from tdaflow.evaluation.tables.pages import Table, markdown_page
from tdaflow.evaluation.tables.results_page import notes, reading_tables
from tdaflow.nets.gradcam import available_gradcam
from tdaflow.progress import Console, observer


def evaluate_command(
    run: Path,
    out: Path | None,
    protocol: Protocol,
    n_resamples: int,
    *,
    allow_second_test: bool = False,
    rebuild: bool = False,
    analyses: Analyses = NO_ANALYSES,
    positive: str | None = None,
    cluster: str | None = None,
    workers: int | None = None,
) -> int:
    """Evaluate a run, or rebuild its tables from saved predictions, and print them; return the exit code."""
    engine = connect(read_spec(cluster or "threads", workers))
    with observer() as watching:
        found = evaluate_run(
            run, protocol, analyses=analyses, engine=engine,
            gradcam=available_gradcam(watching.message) if analyses.explain else None,
            rebuild=rebuild, allow_second_test=allow_second_test, n_resamples=n_resamples, out=out, positive=positive,
            observer=watching,
        )  # fmt: skip
    show_tables(found.results)
    say(f"tables in {found.files[0].parent}: {', '.join(path.name for path in found.files)}")
    return DONE


def nested_command(run: Path, protocol: Protocol, nested: Nested, n_resamples: int, positive: str | None = None) -> int:
    """Evaluate a run by nested cross-validation and print the tables; return the exit code."""
    with observer() as watching:
        found = evaluate_nested(run, protocol, nested, n_resamples=n_resamples, positive=positive, observer=watching)
    show_tables(found.results, fold_table(found.folds, nested.one))
    say(f"tables in {found.files[0].parent}: {', '.join(path.name for path in found.files)}")
    return DONE


def show_tables(results: Results, *more: Table) -> None:
    """Print tables and notes, as Markdown where stdout is no terminal."""
    tables = [*reading_tables(results), *more]
    print_tables(tables if not Console().is_terminal else [*tables[:2], *more], notes(results))


def print_tables(tables: Sequence[Table], remarks: Sequence[str] = ()) -> None:
    """Print tables and remarks, as Markdown where stdout is no terminal."""
    console = Console()
    if not console.is_terminal:
        # A pipe has no width to fit columns into.
        print(markdown_page(tables, remarks))
        return
    for table in tables:
        console.print(terminal_table(table))
    for remark in remarks:
        console.print(f"- {remark}")
