"""``tdaflow compare``: print what differs between two runs."""

from pathlib import Path

from tdaflow.cli.evaluate import print_tables
from tdaflow.cli.exit_codes import DONE
from tdaflow.evaluation.compare import compare_runs


def compare_command(first: Path, second: Path, n_resamples: int) -> int:
    """Print the tables of two runs; return the exit code."""
    print_tables(compare_runs(first, second, n_resamples=n_resamples))
    return DONE
