"""``tdaflow status``: what run.json says, and whether anybody is at work."""

import json
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tdaflow.cli.app import DONE
from tdaflow.errors import InputError
from tdaflow.pipeline import read_status
from tdaflow.store import RunFolder

_COUNTS = ("done", "computed", "reused", "quarantined", "failed", "left")


def status_command(path: Path, *, as_json: bool) -> int:
    """Print the status of a run; return the exit code."""
    folder = RunFolder(path)
    state = read_status(folder)
    if state is None:
        raise InputError(f"{path} holds no run (no run.json); give the folder that `tdaflow run --out` was given")
    if as_json:
        shown = ("state", "reason", "holder", "engine", "stages", "ranges", "quarantined", "failed")
        print(json.dumps({name: state[name] for name in shown}, indent=1))
        return DONE
    console = Console()
    since = time.time() - state["holder"]["heartbeat"]
    console.print(f"{path}: {state['state']} (last sign of life {since:.0f} s ago)", highlight=False)
    if state["reason"]:
        console.print(state["reason"], highlight=False, markup=False)
    table = Table()
    for column in ("stage", *_COUNTS, "seconds", "per s"):
        table.add_column(column, justify="left" if column == "stage" else "right", no_wrap=column == "stage")
    for name, counts in state["stages"].items():
        rate = counts["computed"] / counts["seconds"] if counts["seconds"] else 0.0
        table.add_row(
            name, *(str(counts[c]) for c in _COUNTS), f"{counts['seconds']:.1f}", f"{rate:.1f}" if rate else ""
        )
    console.print(table)
    for kind in ("quarantined", "failed"):
        for volume, reason in list(state[kind].items())[:10]:
            console.print(f"{kind}: {volume}: {reason}", highlight=False, markup=False)
    return DONE
