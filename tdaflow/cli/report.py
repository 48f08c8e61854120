"""``tdaflow report``: write one page about a run."""

from pathlib import Path

from rich.console import Console

from tdaflow.cli.exit_codes import DONE
from tdaflow.report.libraries import require_libraries

_LARGE = 5_000_000


def report_command(path: Path, out: Path | None) -> int:
    """Write the report of a run; return the exit code."""
    require_libraries("matplotlib", "jinja2")
    from tdaflow.report.files import write_whole
    from tdaflow.report.page import report_page
    from tdaflow.report.run_data import RunData

    target = out or path / "report.html"
    data = report_page(RunData(path)).encode("utf-8")
    write_whole(target, data)
    console = Console(stderr=True)
    console.print(f"report in {target} ({len(data) / 1e6:.1f} MB)", highlight=False, markup=False)
    if len(data) > _LARGE:
        console.print("that is large for a page: many filtrations or classes make many figures", highlight=False)
    return DONE
