"""``tdaflow run`` and ``tdaflow ingest``."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from tdaflow.cli.app import DONE, QUARANTINED
from tdaflow.cli.ingest_options import PatientOptions
from tdaflow.cli.progress import observer
from tdaflow.cli.settings import count_workers, read_settings
from tdaflow.cluster import ClusterSpec, connect, read_spec
from tdaflow.config import RunConfig
from tdaflow.pipeline import RunState, ingest_only
from tdaflow.pipeline import run as run_pipeline
from tdaflow.store import RunFolder

_SHOWN = 5


def run_command(
    name: str,
    out: Path | None,
    data: Path | None,
    cluster: str | None,
    workers: int | None,
    overrides: list[str],
    restart_from: str | None,
    *,
    verify: bool,
    patients: PatientOptions = PatientOptions(),  # noqa: B008 - frozen
) -> int:
    """Run a configuration; return the exit code."""
    config, folder, spec = _prepared(name, out, data, cluster, workers, overrides, patients)
    with observer() as watching, connect(spec) as engine:
        if engine.dashboard:
            watching.message(f"dashboard: {engine.dashboard}")
        if not engine.isolates:
            watching.message(
                f"{engine.name}: a volume that crashes the process ends the run; --cluster processes isolates it"
            )
        state = run_pipeline(config, folder, engine, watching, restart_from=restart_from, verify=verify)
    patients.write_map(config)
    _summary(state, folder, config)
    return _exit_code(state.quarantined, len(state.outcomes), config)


def ingest_command(
    name: str,
    out: Path | None,
    data: Path | None,
    cluster: str | None,
    workers: int | None,
    overrides: list[str],
    patients: PatientOptions = PatientOptions(),  # noqa: B008 - frozen
) -> int:
    """Ingest the source of a configuration, or data themselves; return the exit code."""
    config, folder, spec = _prepared(name, out, data, cluster, workers, overrides, patients)
    with observer() as watching, connect(spec) as engine:
        store = ingest_only(config, folder, engine, watching)
    patients.write_map(config)
    table = store.table()
    quarantined = {i: r for i, r in zip(table.id, table.reason, strict=True) if r}
    Console(stderr=True).print(f"{table.n_ok} volumes in {folder.volumes}", highlight=False)
    _print_quarantined(quarantined)
    return _exit_code(quarantined, len(table), config)


def _prepared(
    name: str,
    out: Path | None,
    data: Path | None,
    cluster: str | None,
    workers: int | None,
    overrides: list[str],
    patients: PatientOptions,
) -> tuple[RunConfig, RunFolder, ClusterSpec]:
    """Everything that can be refused before a cluster is started; the folder is there afterwards."""
    config, default_out = read_settings(name, data, overrides)
    config = patients.applied(config)
    folder = RunFolder(out or default_out)
    patients.check(config, folder.path)
    spec = read_spec(cluster or config.run.cluster, count_workers(config, workers))
    folder.create()
    return config, folder, spec


def _exit_code(quarantined: dict[str, str], n: int, config: RunConfig) -> int:
    allowed = config.run.allow_quarantined
    return QUARANTINED if len(quarantined) > (allowed if isinstance(allowed, int) else allowed * n) else DONE


def _summary(state: RunState, folder: RunFolder, config: RunConfig) -> None:
    console = Console(stderr=True)
    selected = "the training split" if config.images.ranges_from == "train" else "all volumes (no labels used)"
    table = Table(title=f"ranges and σ from {selected}, ε = {config.images.epsilon}", title_justify="left")
    second = "death" if config.images.plane == "birth-death" else "persistence"
    for column in ("channel", "bars", "birth", second, "σ"):
        table.add_column(column, justify="left" if column == "channel" else "right")
    for channel, found in state.ranges.items():
        name, _, dimension = channel.rpartition("/")
        table.add_row(
            f"{name} H{dimension}",
            f"{found['n_bars']:,}",
            *("{:.4g} … {:.4g}".format(*found[f"observed_{axis}_range"]) for axis in ("birth", "death")),
            f"{found['sigma']:.4g}",
        )
    console.print(table)
    done = sum(outcome == "ok" for outcome in state.outcomes.values())
    seconds = (state.ended or state.began) - state.began
    console.print(f"{done} volumes done in {seconds:.1f} s, images in {folder.features}", highlight=False)
    if state.n_outside:
        console.print(f"{state.n_outside} bars lie outside the ranges ({config.images.outside})", highlight=False)
    _print_quarantined(state.quarantined)


def _print_quarantined(quarantined: dict[str, str]) -> None:
    if quarantined:
        console = Console(stderr=True, soft_wrap=True)
        console.print(f"{len(quarantined)} quarantined:", highlight=False)
        for name, reason in list(quarantined.items())[:_SHOWN]:
            console.print(f"  {name}: {reason}", highlight=False, markup=False)
        if len(quarantined) > _SHOWN:
            console.print(f"  … and {len(quarantined) - _SHOWN} more, all in run.json", highlight=False)
