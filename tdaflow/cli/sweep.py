"""``tdaflow sweep``: print the tables of a `tdaflow.evaluation.Sweep`."""

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD

from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.request import Request
from tdaflow.cli.settings import read_cluster, read_settings, say
from tdaflow.cli.terminal_tables import terminal_table
from tdaflow.cluster import connect, on_demand, read_spec
from tdaflow.errors import ConfigError
from tdaflow.evaluation.protocol.grid import DEFAULT_GRID, read_grid
from tdaflow.evaluation.protocol.sweep import Sweep, SweepResult
from tdaflow.evaluation.tables.sweep_tables import chosen_arguments, sweep_tables
from tdaflow.pipeline.run import run as run_pipeline
from tdaflow.progress import Console, observer
from tdaflow.store import RunFolder


def sweep_command(
    request: Request, grid: Path | None, classifiers: Sequence[str], choose_by: str, *, cost_only: bool
) -> int:
    """Sweep over the settings of a run, or of a configuration that is run first; return the exit code."""
    wanted = read_grid(grid) if grid else DEFAULT_GRID
    folder = RunFolder(Path(request.config))
    with observer() as watching:
        if not folder.path.is_dir() or folder.read() is None:
            config, path = read_settings(request)
            folder = RunFolder(path)
            folder.create()
            with on_demand(read_cluster(request, config).logging_to(folder.logs), watching.message) as engine:
                run_pipeline(config, folder, engine, watching)
        elif request.out or request.data or request.overrides:
            raise ConfigError(f"{request.config} is a finished run: --out, --data and --set belong to a configuration")
        sweep = Sweep(folder.path, wanted, classifiers or ("logistic",), choose_by)
        watching.message(sweep.cost_sentence())
        if cost_only:
            return DONE
        with connect(read_spec(request.cluster or "threads", request.workers)) as engine:
            found = sweep.work(engine, watching)
    _show(found, choose_by)
    say(f"every cell in {sweep.path / 'cells.jsonl'}")
    return DONE


def _show(found: SweepResult, choose_by: str) -> None:
    console = Console()
    for table in sweep_tables(found, choose_by):
        console.print()
        console.print(terminal_table(table, n_text=1, box=SIMPLE_HEAD))
    chosen = found.chosen
    console.print(
        f"chosen on validation: {chosen['subset']}, {choose_by} {chosen['metrics'][choose_by]:.3f} (optimistic, for it "
        f"was chosen among {len(found.lines)}); the test split was not read. Run it with",
    )
    print(f"  tdaflow run CONFIG.toml --out DIR {chosen_arguments(found)}")
