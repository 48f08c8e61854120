"""``tdaflow plan``: estimate a run from the source's description and a timed sample."""

from rich.filesize import decimal
from rich.table import Table

from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.request import Request
from tdaflow.cli.settings import read_cluster, read_settings, say
from tdaflow.config import RunConfig, told_reference
from tdaflow.pipeline.plan import make_plan
from tdaflow.printable import counted
from tdaflow.progress import Console


def plan_command(request: Request) -> int:
    """Print the plan of a configuration; return the exit code."""
    config, folder = read_settings(request)
    spec = read_cluster(request, config)
    plan = make_plan(config, spec.workers, say)
    console = Console()
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = [
        ("data", f"{plan.name}: {counted(plan.n_volumes, 'volume')}, {plan.shape}"),
        ("splits", ", ".join(f"{split} {n}" for split, n in plan.splits.items()) or "none"),
        ("channels", ", ".join(f"{n} H{d}" for n, d in config.channels)),
        *([("regions", regional)] if (regional := _regions(config)) else []),
        *([("vectorisations", ", ".join(config.vectorisations))] if config.vectorisations else []),
        ("reference", told_reference(config.reference)),
        ("points a volume", ", ".join(f"{name} {n}" for name, n in plan.n_points.items()) or "none"),
        ("batches", f"{plan.n_batches} of {counted(plan.batch, 'volume')}"),
        ("sample", f"{counted(plan.n_sampled, 'volume')}, {1000 * plan.seconds_a_volume:.0f} ms each on one core"),
        ("time", f"about {_duration(plan.seconds)} on {counted(plan.workers, 'worker')} ({spec.kind})"),
        ("memory a worker", f"about {decimal(plan.worker_bytes)}"),
        ("to be written", f"about {decimal(plan.bytes_written)} (before compression) to {folder}"),
    ]
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for note in plan.notes:
        console.print(note)
    return DONE


def _regions(config: RunConfig) -> str:
    counts = {name: len(f.regions.names) for name, f in config.filtrations.items()}
    return ", ".join(f"{name} {n}" for name, n in counts.items() if n > 1)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
