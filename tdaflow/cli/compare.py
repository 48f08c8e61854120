"""``tdaflow compare``: print what differs between two runs."""

from pathlib import Path

from tdaflow.cli.evaluate import print_tables
from tdaflow.cli.exit_codes import DONE
from tdaflow.evaluation.compare import compare_runs
from tdaflow.progress import busy


def compare_command(first: Path, second: Path, n_resamples: int) -> int:
    """Print the tables of two runs; return the exit code."""
    with busy(f"comparing {first} with {second}"):
        tables = compare_runs(first, second, n_resamples=n_resamples)
    print_tables(tables)
    return DONE
