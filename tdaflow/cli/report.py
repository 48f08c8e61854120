"""``tdaflow report``: write one page about a run."""

from pathlib import Path

from tdaflow.cli.exit_codes import DONE
from tdaflow.progress import Console, busy
from tdaflow.report.files import write_report

_LARGE = 5_000_000


def report_command(path: Path, out: Path | None, scans: str = "slices") -> int:
    """Write the report of a run; return the exit code."""
    with busy(f"writing the report of {path}"):
        target = write_report(path, out, scans=scans)
    size = target.stat().st_size
    console = Console(stderr=True)
    console.print(f"report in {target} ({size / 1e6:.1f} MB)")
    if size > _LARGE:
        console.print("that is large for a page: many filtrations or classes make many figures")
    return DONE
