"""``tdaflow sweep``: which settings validation prefers."""

import json
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.progress import observer
from tdaflow.cli.request import Request
from tdaflow.cli.settings import read_cluster, read_settings
from tdaflow.cluster import connect, read_spec
from tdaflow.errors import ConfigError
from tdaflow.evaluation.protocol.grid import DEFAULT_GRID, read_grid
from tdaflow.evaluation.protocol.sweep import Sweep, SweepResult
from tdaflow.pipeline import run as run_pipeline
from tdaflow.store import RunFolder

# Subsets of channels that a terminal shows beside one another.
_COLUMNS = 8


def sweep_command(
    request: Request, grid: Path | None, classifiers: list[str] | None, choose_by: str, *, cost_only: bool
) -> int:
    """Sweep over the settings of a run, or of a configuration that is run first; return the exit code."""
    wanted = read_grid(grid) if grid else DEFAULT_GRID
    folder = RunFolder(Path(request.config))
    with observer() as watching:
        if not folder.path.is_dir() or folder.read() is None:
            config, path = read_settings(request)
            folder = RunFolder(path)
            folder.create()
            with connect(read_cluster(request, config)) as engine:
                run_pipeline(config, folder, engine, watching)
        elif request.out or request.data or request.overrides:
            raise ConfigError(f"{request.config} is a finished run: --out, --data and --set belong to a configuration")
        sweep = Sweep(folder.path, wanted, classifiers or ["logistic"], choose_by)
        cost = sweep.cost()
        watching.message(
            f"{cost['cells']} settings, {cost['subsets']} subsets of channels in each of the full part, {cost['runs']} "
            f"runs for other diagrams: about {cost['seconds'] / 60:.1f} minutes of one core"
        )
        if cost_only:
            return DONE
        with connect(read_spec(request.cluster or "threads", request.workers)) as engine:
            found = sweep.work(engine, watching)
    _show(found, choose_by)
    Console(stderr=True).print(f"every cell in {sweep.path / 'cells.jsonl'}", highlight=False)
    return DONE


def _show(found: SweepResult, choose_by: str) -> None:
    console = Console()
    for axis in dict.fromkeys(line["axis"] for line in found.lines):
        here = [line for line in found.lines if line["axis"] == axis]
        best: dict[str, float] = {}
        for line in here:
            best[line["subset"]] = max(best.get(line["subset"], -1.0), line["metrics"][choose_by])
        highest = sorted(best, key=lambda name: -best[name])[:_COLUMNS]
        columns = [name for name in best if name in highest]
        told = "" if len(columns) == len(best) else f", the {len(columns)} best of {len(best)} subsets of channels"
        console.print(f"\n{axis}: validation {choose_by}{told}", highlight=False)
        table = Table(box=SIMPLE_HEAD)
        for name in ("setting", *columns):
            table.add_column(name, justify="left" if name == "setting" else "right")
        rows: dict[str, dict[str, float]] = {}
        for line in here:
            shown = line["overrides"] if axis == "full" else {axis: line["overrides"][axis]}
            name = ", ".join(str(value) for value in shown.values()) or "as the run"
            rows.setdefault(name, {})[line["subset"]] = line["metrics"][choose_by]
        for name, values in rows.items():
            table.add_row(name, *(f"{values[c]:.3f}" if c in values else "–" for c in columns))
        console.print(table)
    chosen = found.chosen
    console.print(
        f"chosen on validation: {chosen['subset']}, {choose_by} {chosen['metrics'][choose_by]:.3f} (optimistic, for it "
        f"was chosen among {len(found.lines)}); the test split was not read. Run it with",
        highlight=False,
    )
    sets = {**chosen["overrides"], "reference": "train"}
    print("  tdaflow run CONFIG.toml --out DIR " + " ".join(f"--set '{k}={json.dumps(v)}'" for k, v in sets.items()))
