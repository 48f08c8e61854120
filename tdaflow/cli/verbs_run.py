"""Verbs that make a run: ``run``, ``plan``, ``ingest``, ``status``, ``warmup``."""

from pathlib import Path
from typing import Annotated

import typer

from tdaflow.cli.parameters import AllowUneven, Cluster, ConfigOrData, Data, IdKey, Out, PrivateMap, Sets, Workers
from tdaflow.cli.request import Request


def run(
    config: ConfigOrData,
    out: Out = None,
    data: Data = None,
    cluster: Cluster = None,
    workers: Workers = None,
    sets: Sets = None,
    restart_from: Annotated[
        str | None,
        typer.Option("--restart-from", metavar="STAGE", help="Redo volumes, diagrams or images and what follows."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="On resume, read finished batches back; damaged ones are redone.")
    ] = False,
    allow_quarantined: Annotated[
        str | None,
        typer.Option("--allow-quarantined", metavar="N|P%", help="Quarantined volumes that still count as success."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check everything and print what would be started, e.g. the job script."),
    ] = False,
    performance_report: Annotated[
        bool,
        typer.Option("--performance-report", help="Save Dask's report and task stream with the run."),
    ] = False,
    id_key: IdKey = None,
    allow_uneven: AllowUneven = False,
    write_private_map: PrivateMap = None,
) -> None:
    """Turn a data set of volumes into persistence images; the same command resumes an interrupted run.

    CONFIG.toml has a preset ("default", "zhu2024", "adams" or "wide") and the sections data, superpixels,
    filtrations.NAME, images and run; `tdaflow config` lists every key.
    """
    from tdaflow.cli.ingest_options import PatientOptions
    from tdaflow.cli.run import RunOptions, dry_run_command, run_command

    more = [] if allow_quarantined is None else [f'run.allow_quarantined="{allow_quarantined}"']
    request = Request(config, out, data, cluster, workers, (*(sets or []), *more))
    patients = PatientOptions(id_key, allow_uneven, write_private_map)
    if dry_run:
        raise typer.Exit(dry_run_command(request, patients))
    raise typer.Exit(run_command(request, RunOptions(restart_from, verify, performance_report), patients))


def plan(
    config: ConfigOrData,
    out: Out = None,
    data: Data = None,
    cluster: Cluster = None,
    workers: Workers = None,
    sets: Sets = None,
) -> None:
    """Say what `run` would do: volumes, batches, time, memory and bytes; computes nothing but a timed sample."""
    from tdaflow.cli.plan import plan_command

    raise typer.Exit(plan_command(Request(config, out, data, cluster, workers, tuple(sets or ()))))


def ingest(
    config: ConfigOrData,
    out: Out = None,
    data: Data = None,
    cluster: Cluster = None,
    workers: Workers = None,
    sets: Sets = None,
    id_key: IdKey = None,
    allow_uneven: AllowUneven = False,
    write_private_map: PrivateMap = None,
) -> None:
    """Read data, or the source of a configuration, into a volume store (DIR/volumes.zarr); nothing is computed.

    `run` with the same arguments and --out goes on from there; `run DIR/volumes.zarr` uses the store for another run.
    """
    from tdaflow.cli.ingest_options import PatientOptions
    from tdaflow.cli.run import ingest_command

    patients = PatientOptions(id_key, allow_uneven, write_private_map)
    raise typer.Exit(ingest_command(Request(config, out, data, cluster, workers, tuple(sets or ())), patients))


def status(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how far a run has come, from any terminal."""
    from tdaflow.cli.status import status_command

    raise typer.Exit(status_command(run, as_json=as_json))


def warmup() -> None:
    """Compile the kernels for this user now, so that the first run does not have to."""
    from tdaflow.homology.compiled_cache import cache_directory
    from tdaflow.homology.kernels import ALPHA, CUBICAL

    for kernel in (ALPHA, CUBICAL):
        typer.echo(f"the {kernel.name} kernel is ready after {kernel.warmup():.1f} s")
    typer.echo(f"compiled into {cache_directory()}")
