"""Write the files of a report."""

from pathlib import Path

from tdaflow import atomic
from tdaflow.errors import RunError
from tdaflow.report.libraries import PAGE, require_libraries


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, with its folder; RunError if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_whole(path, data)
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}): give another file with --out") from error


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the report of a run, a single HTML page, and return its path; ``report.html`` in the run by default.

    Raises
    ------
    ConfigError
        If the packages of the extra ``report`` are missing.
    RunError
        If the file cannot be written.
    """
    require_libraries(*PAGE)
    from tdaflow.report.page import report_page
    from tdaflow.report.run_data import RunData

    target = out or run / "report.html"
    write_whole(target, report_page(RunData(run)).encode("utf-8"))
    return target
