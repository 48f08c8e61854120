"""``tdaflow reliability``: which numbers of a run repeat."""

from pathlib import Path

from tdaflow.cli.evaluate import print_tables
from tdaflow.cli.exit_codes import DONE
from tdaflow.cluster import connect, read_spec
from tdaflow.evaluation.stress.reliability.measure import measure_reliability
from tdaflow.evaluation.stress.reliability.pages import channel_table
from tdaflow.progress import observer


def reliability_command(
    run: Path, n_volumes: int, repeats: int, seed: int, cluster: str | None, workers: int | None
) -> int:
    """Measure and print a table of channels; return the exit code."""
    with observer() as watching, connect(read_spec(cluster or "threads", workers)) as engine:
        found = measure_reliability(run, engine, watching, n_volumes=n_volumes, repeats=repeats, seed=seed)
    print_tables([channel_table(found)])
    return DONE
