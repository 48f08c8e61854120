"""Write the files of a report."""

from pathlib import Path

from tdaflow import atomic
from tdaflow.errors import ConfigError, RunError
from tdaflow.report.libraries import PAGE, require_libraries

SCANS = ("slices", "none")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, with its folder; RunError if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_whole(path, data)
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}): give another file with --out") from error


def write_report(run: Path, out: Path | None = None, *, scans: str = "slices") -> Path:
    """Write the report of a run, a single HTML page, and return its path.

    Parameters
    ----------
    run : Path
    out : Path, optional
        ``report.html`` in the run by default.
    scans : "slices" or "none"
        Whether the page may show slices of the volumes.

    Raises
    ------
    ConfigError
        If the packages of the extra ``report`` are missing, or `scans` is another word.
    RunError
        If the file cannot be written.
    """
    if scans not in SCANS:
        raise ConfigError(f"--scans {scans} is not known: give one of {', '.join(SCANS)}")
    require_libraries(*PAGE)
    from tdaflow.report.page import report_page
    from tdaflow.report.run_data import RunData

    target = out or run / "report.html"
    write_whole(target, report_page(RunData(run, scans=scans == "slices")).encode("utf-8"))
    return target
