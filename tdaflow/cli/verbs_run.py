"""Verbs of runs: ``run``, ``apply``, ``predict``, ``plan``, ``ingest``, ``reference``, ``status``, ``warmup``."""

from pathlib import Path
from typing import Annotated

import typer

from tdaflow.cli.parameters import (
    AllowUneven,
    Cluster,
    ConfigOrData,
    Data,
    GroupColumn,
    IdColumn,
    IdKey,
    LabelColumn,
    Out,
    PrivateMap,
    Sets,
    SiteColumn,
    SplitColumn,
    Workers,
    named_columns,
)
from tdaflow.cli.request import Request


def try_(
    scans: Annotated[
        Path,
        typer.Argument(metavar="SCANS", help="Folder of images, a stack of arrays, a DICOM archive or a manifest."),
    ],
    labels: Annotated[
        Path | None,
        typer.Argument(metavar="LABELS.csv", help="Table with a row a volume, if SCANS hold no labels."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the run. [dim]\\[runs/SCANS][/dim]")
    ] = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    group: GroupColumn = None,
    id_column: IdColumn = None,
    site: SiteColumn = None,
    masks: Annotated[
        str | None,
        typer.Option("--masks", metavar="DIR", help="Folder of masks, or none. [dim]\\[one named so][/dim]"),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Go on without rows of the table that have no file.")
    ] = False,
    open_test: Annotated[
        bool, typer.Option("--open-test", help="Open the test split, if the table has one, at the end.")
    ] = False,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds of the nested cross-validation.")] = 5,
    cluster: Cluster = None,
    workers: Workers = None,
    sets: Sets = None,
) -> None:
    """Go from scans and labels to features, cross-validated classifiers and a report; every decision is printed.

    Each decision is a line with the option that makes it otherwise. The same command resumes.
    """
    from tdaflow.cli.try_ import try_command
    from tdaflow.from_scans import Columns

    raise typer.Exit(
        try_command(
            scans, labels, out, Columns(label, split, group, id_column, site), masks, allow_missing=allow_missing,
            open_test=open_test, folds=folds, cluster=cluster, workers=workers, sets=sets or [],
        )
    )  # fmt: skip


def run(
    config: ConfigOrData,
    out: Out = None,
    data: Data = None,
    cluster: Cluster = None,
    workers: Workers = None,
    sets: Sets = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    group: GroupColumn = None,
    id_column: IdColumn = None,
    site: SiteColumn = None,
    restart_from: Annotated[
        str | None,
        typer.Option("--restart-from", metavar="STAGE", help="Redo volumes, diagrams or images, and the stages after."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every file back and make anew what is damaged.")
    ] = False,
    allow_quarantined: Annotated[
        str | None,
        typer.Option("--allow-quarantined", metavar="N|P%", help="Exit 0 for up to this many quarantined volumes."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check the request and print what would be started, such as the job script."),
    ] = False,
    performance_report: Annotated[
        bool,
        typer.Option("--performance-report", help="Save Dask's report and task stream with the run."),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard", metavar="I/N", help="Do part I of N of the volumes and diagrams; then `tdaflow merge`."
        ),
    ] = None,
    id_key: IdKey = None,
    allow_uneven: AllowUneven = False,
    write_private_map: PrivateMap = None,
) -> None:
    """Compute persistence images of a data set; the same command resumes, and takes in volumes added to the data.

    CONFIG.toml has a preset ("default", "zhu2024", "adams" or "wide") and the sections data, superpixels,
    filtrations.NAME, images and run; `tdaflow config` lists every key.
    """
    from tdaflow.cli.ingest_options import PatientOptions
    from tdaflow.cli.run import RunOptions, dry_run_command, run_command
    from tdaflow.errors import ConfigError
    from tdaflow.pipeline.shard import Shard

    more = [] if allow_quarantined is None else [f'run.allow_quarantined="{allow_quarantined}"']
    request = Request(
        config,
        out,
        data,
        cluster,
        workers,
        (*(sets or []), *more, *named_columns(label, split, group, id_column, site)),
    )
    patients = PatientOptions(id_key, allow_uneven, write_private_map)
    if dry_run:
        raise typer.Exit(dry_run_command(request, patients))
    part = None if shard is None else Shard.told(shard)
    if part is not None and (restart_from or verify):
        raise ConfigError("--restart-from and --verify are for the whole run: leave out --shard")
    raise typer.Exit(run_command(request, RunOptions(restart_from, verify, performance_report, part), patients))


def merge(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that was given to `tdaflow run --shard`.")],
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Join the parts of a run that `tdaflow run --shard` made: ranges and images, with the bits of one run."""
    from tdaflow.cli.run import merge_command

    raise typer.Exit(merge_command(run, cluster, workers))


def apply(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Other volumes: a file, a folder, a manifest or a volume store.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the new run.")],
    cluster: Cluster = None,
    workers: Workers = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Options of the sections data and run; may be repeated."),
    ] = None,
    id_key: IdKey = None,
    allow_uneven: AllowUneven = False,
    write_private_map: PrivateMap = None,
) -> None:
    """Make the features of other volumes on the preprocessing, scales, ranges and σ of a finished run.

    Nothing is learnt from them: a volume gets, bit for bit, the features that the run would have given it, alone or
    among others. The same command resumes.
    """
    from tdaflow.cli.ingest_options import PatientOptions
    from tdaflow.cli.run import apply_command

    request = Request(str(data), out, None, cluster, workers, tuple(sets or ()))
    patients = PatientOptions(id_key, allow_uneven, write_private_map)
    raise typer.Exit(apply_command(run, data, request, patients=patients))


def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run that `tdaflow evaluate` has evaluated.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Volumes: a file, a folder, a manifest or a volume store.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="CSV", help="Table of predictions. [dim]\\[stdout][/dim]")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option("--features", metavar="DIR", help="Folder of their features. [dim]\\[RUN/applied/…][/dim]"),
    ] = None,
    cluster: Cluster = None,
    workers: Workers = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Options of the sections data and run; may be repeated."),
    ] = None,
    id_key: IdKey = None,
    allow_uneven: AllowUneven = False,
    write_private_map: PrivateMap = None,
) -> None:
    """Classify volumes with the model of an evaluated run: class, probabilities, and how unlike training they are.

    Exit codes: 0 all were classified; 4 some cannot be used, the table says why.
    """
    from tdaflow.cli.ingest_options import PatientOptions
    from tdaflow.cli.predict import predict_command

    request = Request(str(data), features, None, cluster, workers, tuple(sets or ()))
    patients = PatientOptions(id_key, allow_uneven, write_private_map)
    raise typer.Exit(predict_command(run, data, request, out, patients))


def plan(
    config: ConfigOrData,
    out: Out = None,
    data: Data = None,
    cluster: Cluster = None,
    workers: Workers = None,
    sets: Sets = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    group: GroupColumn = None,
    id_column: IdColumn = None,
    site: SiteColumn = None,
) -> None:
    """Estimate volumes, batches, time, memory and bytes of a run; computes only a timed sample."""
    from tdaflow.cli.plan import plan_command

    raise typer.Exit(
        plan_command(
            Request(
                config,
                out,
                data,
                cluster,
                workers,
                (*(sets or ()), *named_columns(label, split, group, id_column, site)),
            )
        )
    )


def ingest(
    config: ConfigOrData,
    out: Out = None,
    data: Data = None,
    cluster: Cluster = None,
    workers: Workers = None,
    sets: Sets = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    group: GroupColumn = None,
    id_column: IdColumn = None,
    site: SiteColumn = None,
    id_key: IdKey = None,
    allow_uneven: AllowUneven = False,
    write_private_map: PrivateMap = None,
) -> None:
    """Read data, or the source of a configuration, into a volume store (DIR/volumes.zarr).

    `run` with the same arguments and --out continues from there; `run DIR/volumes.zarr` uses the store for another run.
    """
    from tdaflow.cli.ingest_options import PatientOptions
    from tdaflow.cli.run import ingest_command

    patients = PatientOptions(id_key, allow_uneven, write_private_map)
    raise typer.Exit(
        ingest_command(
            Request(
                config,
                out,
                data,
                cluster,
                workers,
                (*(sets or ()), *named_columns(label, split, group, id_column, site)),
            ),
            patients,
        )
    )


def reference(
    given: Annotated[
        list[Path],
        typer.Argument(metavar="RUN|JSON...", help="Folder of a finished run; with --merge files of sites."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="JSON", help="The file to write.")],
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge the files of several sites into one reference.")
    ] = False,
) -> None:
    """Learn scales and ranges together with other sites, of whose volumes none may leave its site.

    `reference RUN --out a.json` writes counts on fixed edges: no volume, no id. With the result of `--merge`, `run
    --set reference=joint.json` gives each site the features of one run over all volumes, bit for bit.
    """
    from tdaflow.cli.reference import reference_command

    raise typer.Exit(reference_command(given, out, merged=merge))


def status(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Print it every two seconds until the run ends.")] = False,
) -> None:
    """Print progress, speed and workers of a run, from any terminal."""
    from tdaflow.cli.status import status_command

    raise typer.Exit(status_command(run, as_json=as_json, watch=watch))


def warmup() -> None:
    """Compile the kernels for this user now instead of in the first run."""
    from tdaflow.compiled_cache import cache_directory
    from tdaflow.homology.kernels import ALPHA, CUBICAL
    from tdaflow.images import image_kernel

    for name, compiled in ((ALPHA.name, ALPHA.warmup), (CUBICAL.name, CUBICAL.warmup), ("image", image_kernel.warmup)):
        typer.echo(f"the {name} kernel is ready after {compiled():.1f} s")
    typer.echo(f"compiled into {cache_directory()}")
