"""``tdaflow run`` and ``tdaflow ingest``: make a run, or only its volume store."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tdaflow import pipeline  # its names are imported when they are used: what can be refused is refused before
from tdaflow.cli.exit_codes import DONE, QUARANTINED
from tdaflow.cli.ingest_options import PatientOptions
from tdaflow.cli.request import Request
from tdaflow.cli.settings import read_cluster, read_settings, say
from tdaflow.cluster import ClusterSpec, on_demand
from tdaflow.cluster.performance import REPORT, TASK_STREAM, performance_recorded, refuse_unrecordable
from tdaflow.config import RunConfig, told_reference, tolerates
from tdaflow.errors import ConfigError
from tdaflow.pipeline import STAGES, RunState
from tdaflow.pipeline.shard import Shard
from tdaflow.printable import counted
from tdaflow.progress import Console, observer
from tdaflow.store import RunFolder

_SHOWN = 5


@dataclass(frozen=True)
class RunOptions:
    """Options of ``tdaflow run``.

    Attributes
    ----------
    restart_from : {"volumes", "diagrams", "images"} or None
        Redo this stage and those after it.
    verify : bool
        Read finished batches back and redo damaged ones.
    performance_report : bool
        Save Dask's performance report and task stream in the run's folder.
    shard : Shard or None
        Do this part of the volumes and diagrams only.
    """

    restart_from: str | None = None
    verify: bool = False
    performance_report: bool = False
    shard: Shard | None = None


_AS_USUAL, _NO_PATIENTS = RunOptions(), PatientOptions()


def run_command(request: Request, options: RunOptions = _AS_USUAL, patients: PatientOptions = _NO_PATIENTS) -> int:
    """Run a configuration; return the exit code."""
    return _run(*_checked(request, patients), options, patients)


def apply_command(
    fitted: Path, data: Path, request: Request, options: RunOptions = _AS_USUAL, patients: PatientOptions = _NO_PATIENTS
) -> int:
    """Run other data on what a finished run learnt; return the exit code."""
    from tdaflow.api import applied_config, open_run

    config = patients.applied(applied_config(open_run(fitted), data, request.overrides))
    if request.out is None:
        raise ConfigError("give the folder of the new run with --out")
    folder = RunFolder(request.out)
    patients.check(config, folder.path)
    return _run(config, folder, read_cluster(request, config), options, patients)


def _run(config: RunConfig, folder: RunFolder, spec: ClusterSpec, options: RunOptions, patients: PatientOptions) -> int:
    if options.performance_report:
        refuse_unrecordable(spec)
    folder.create()
    recorded = partial(performance_recorded, folder=folder.path) if options.performance_report else None
    with (
        observer() as watching,
        on_demand(spec.logging_to(folder.logs), watching.message, recorded) as engine,
    ):
        if options.shard is not None:
            state = pipeline.run_shard(config, folder, engine, watching, options.shard)
        else:
            state = pipeline.run(
                config, folder, engine, watching, restart_from=options.restart_from, verify=options.verify
            )
    if options.shard is not None:
        done = state.stages[STAGES[1]].done
        say(f"shard {options.shard}: {counted(done, 'volume')} done; `tdaflow merge {folder.path}` joins the shards")
        return exit_code({**state.quarantined, **state.failed}, len(state.outcomes), config)
    patients.write_map(config)
    _summary(state, folder, config)
    if options.performance_report and state.engine["workers"] is None:
        say("nothing was computed, so there is no performance report of it")
    elif options.performance_report:
        say(f"performance report in {folder.path / REPORT}, task stream in {folder.path / TASK_STREAM}")
    return exit_code({**state.quarantined, **state.failed}, len(state.outcomes), config)


def merge_command(path: Path, cluster: str | None, workers: int | None) -> int:
    """Finish a run whose shards are done; return the exit code."""
    folder = RunFolder(path)
    config = pipeline.merged_config(folder)
    spec = read_cluster(Request(str(path), path, None, cluster, workers), config)
    return _run(config, folder, spec, _AS_USUAL, _NO_PATIENTS)


def dry_run_command(request: Request, patients: PatientOptions = _NO_PATIENTS) -> int:
    """Check the request and print what would be started, without starting or writing; return the exit code."""
    _, folder, spec = _checked(request, patients)
    script = spec.job_script()
    say(f"the run would be in {folder.path}; `tdaflow plan` with the same arguments says what it would cost")
    say(spec.describe())
    if script is not None:
        print(script.rstrip())
    return DONE


def ingest_command(request: Request, patients: PatientOptions = _NO_PATIENTS) -> int:
    """Ingest the source of a configuration, or data; return the exit code."""
    config, folder, spec = _checked(request, patients)
    folder.create()
    with observer() as watching, on_demand(spec.logging_to(folder.logs), watching.message) as engine:
        store = pipeline.ingest_only(config, folder, engine, watching)
    patients.write_map(config)
    table = store.table()
    Console(stderr=True).print(f"{counted(table.n_ok, 'volume')} in {folder.volumes}")
    _print_left_out("quarantined", table.unusable)
    _print_left_out("failed", table.lost)
    return exit_code({**table.unusable, **table.lost}, len(table), config)


def _checked(request: Request, patients: PatientOptions) -> tuple[RunConfig, RunFolder, ClusterSpec]:
    """Refuse what can be refused before a cluster is started; nothing is written."""
    config, path = read_settings(request)
    config = patients.applied(config)
    folder = RunFolder(path)
    patients.check(config, folder.path)
    return config, folder, read_cluster(request, config)


def exit_code(left_out: dict[str, str], n: int, config: RunConfig) -> int:
    """Return the exit code of a run of n volumes of which some were left out."""
    return DONE if tolerates(config.run.allow_quarantined, len(left_out), n) else QUARANTINED


def _summary(state: RunState, folder: RunFolder, config: RunConfig) -> None:
    console = Console(stderr=True)
    selected = told_reference(config.reference, state.learnt_from)
    extremes = ", ranges are their extremes" if config.images.quantiles == (0, 1) else ""
    title = f"scale, ranges and σ from {selected}{extremes}, ε = {config.images.epsilon}"
    # Narrow enough that the longest names of filtrations are whole on a terminal of 80 columns.
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    second = "death" if config.images.plane == "birth-death" else "persistence"
    # Bars that a reference was learnt from are not those of these volumes.
    of_these = config.reference in ("all", "train")
    for column in ("channel", *(["bars"] if of_these else []), "birth", second, "σ"):
        table.add_column(column, justify="left" if column == "channel" else "right", no_wrap=True)
    for channel, found in state.ranges.items():
        name, _, dimension = channel.rpartition("/")
        table.add_row(
            f"{name} H{dimension}",
            *([f"{found['n_bars']:,}"] if of_these else []),
            *("{:.4g} … {:.4g}".format(*found[f"observed_{axis}_range"]) for axis in ("birth", "death")),
            f"{found['sigma']:.4g}",
        )
    console.print(table)
    done = sum(outcome == "ok" for outcome in state.outcomes.values())
    seconds = (state.ended or state.began) - state.began
    console.print(f"{counted(done, 'volume')} done in {seconds:.1f} s, images in {folder.features}")
    if state.n_outside:
        low, high = config.images.quantiles
        console.print(
            f"{state.n_outside:,} bars lie outside the ranges, which hold the {low:g} to {high:g} quantiles of most "
            f"volumes (images.outside = {config.images.outside!r})",
        )
    _print_left_out("quarantined", state.quarantined)
    _print_left_out("failed", state.failed)


def _print_left_out(how: str, reasons: dict[str, str]) -> None:
    if reasons:
        console = Console(stderr=True, soft_wrap=True)
        console.print(f"{len(reasons)} {how}:")
        for name, reason in list(reasons.items())[:_SHOWN]:
            console.print(f"  {name}: {reason}")
        if len(reasons) > _SHOWN:
            console.print(f"  … and {len(reasons) - _SHOWN} more, all in run.json")
