"""Verbs that show data and results: ``check``, ``compare``, ``distances``, ``export``, ``inspect``, ``report``."""

from pathlib import Path
from typing import Annotated

import typer

from tdaflow.cli.parameters import Cluster, Workers


def check(
    path: Annotated[
        Path,
        typer.Argument(metavar="RUN|STORE|DATA", help="Folder of a run, a volume store, or data not yet ingested."),
    ],
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte and compare digests.")] = False,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Before: make a damaged run.json anew from the stores, delete leftovers."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List problems of volumes, labels, splits and results, one a line.

    Exit codes: 0 clean, or only warnings; 4 problems; 2 neither a run, a store nor data.

    Examples:
    tdaflow check scans/
    tdaflow check runs/liver --deep
    """
    from tdaflow.cli.check import check_command

    raise typer.Exit(check_command(path, deep=deep, repair=repair, as_json=as_json))


def inspect(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    volume: Annotated[str, typer.Argument(metavar="VOLUME_ID", help="Id of a volume.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PNG", help="Picture file. [dim]\\[VOLUME_ID.png][/dim]"),
    ] = None,
    where: Annotated[
        bool, typer.Option("--where", help="Show instead where in the volume the decision of the run's model lies.")
    ] = False,
    class_name: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="With --where: for which class. [dim]\\[the predicted one][/dim]"),
    ] = None,
) -> None:
    """Draw one volume from its slices to its persistence images, or where its decision lies, as a PNG.

    Example:
    tdaflow inspect runs/quickstart ball-0001 --out ball.png
    """
    from tdaflow.cli.inspect import inspect_command

    raise typer.Exit(inspect_command(run, volume, out, where=where, class_name=class_name))


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Page file. [dim]\\[RUN/report.html][/dim]"),
    ] = None,
    scans: Annotated[
        str, typer.Option("--scans", metavar="WHICH", help="Show slices of some volumes, or none.")
    ] = "slices",
) -> None:
    """Write one self-contained HTML page: what was found, its limits, figures of these data, text for a paper.

    Example:
    tdaflow report runs/liver --scans none --out liver.html
    """
    from tdaflow.cli.report import report_command

    raise typer.Exit(report_command(run, out, scans))


def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    second: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of another run.")],
    resamples: Annotated[int, typer.Option("--resamples", min=100, help="Resamples of the bootstrap.")] = 10_000,
) -> None:
    """Print what differs between two runs: configuration, cohort, σ, features, and results, paired if they can be.

    Example:
    tdaflow compare runs/liver runs/liver-wide
    """
    from tdaflow.cli.compare import compare_command

    raise typer.Exit(compare_command(first, second, resamples))


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or a volume store.")],
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="FILE", help="Write the features as .csv, .tsv or .parquet, a row a volume."),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="With --table: some tens of named numbers a channel instead of pixels.")
    ] = False,
    wide: Annotated[
        bool, typer.Option("--wide", help="With --table: one row a subject, regions of interest side by side.")
    ] = False,
    ome_zarr: Annotated[
        Path | None, typer.Option("--ome-zarr", metavar="DIR", help="Write OME-Zarr 0.5 images into this folder.")
    ] = None,
    nifti: Annotated[
        Path | None,
        typer.Option("--nifti", metavar="DIR", help="Write NIfTI images into this folder, with new headers."),
    ] = None,
    volume: Annotated[
        list[str] | None,
        typer.Option(
            "--volume", metavar="ID", help="Images: only this one; may be repeated. [dim]\\[the first 10][/dim]"
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Images: every volume.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="Images: with the run's superpixels as labels.")] = False,
    where: Annotated[
        bool,
        typer.Option("--where", help="Images: with maps of where the model's decision lies, and its loops as labels."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Write features as a table for R, pandas or a spreadsheet, or volumes as OME-Zarr or NIfTI images for viewers.

    Examples:
    tdaflow export runs/liver --table features.csv --summary
    tdaflow export runs/liver --nifti images/ --volume case-07 --labels
    """
    from tdaflow.cli.export import NIFTI, OME_ZARR, export_command, export_table
    from tdaflow.errors import ConfigError

    of_images = bool(volume or everything or labels or where)
    if [table, ome_zarr, nifti].count(None) != 2:
        raise ConfigError("say what to export: --table FILE, --ome-zarr DIR or --nifti DIR, one of them")
    if table is not None:
        if of_images:
            raise ConfigError(
                "--volume, --all, --labels and --where belong to images; a table has a row for every volume"
            )
        raise typer.Exit(export_table(run, table, summary=summary, wide=wide, overwrite=overwrite))
    if summary or wide:
        raise ConfigError("--summary and --wide belong to --table FILE")
    kind, out = (NIFTI, nifti) if nifti is not None else (OME_ZARR, ome_zarr)
    assert out is not None
    raise typer.Exit(
        export_command(
            run, out, volume or [], everything=everything, labels=labels, where=where, overwrite=overwrite, kind=kind
        )
    )


def distances(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    metric: Annotated[
        str,
        typer.Option("--metric", metavar="NAME", help="sliced-wasserstein, wasserstein, bottleneck or heat."),
    ] = "sliced-wasserstein",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="KEY=VALUE", help="Of the metric, such as order=2; may be repeated."),
    ] = None,
    filtration: Annotated[str | None, typer.Option("--filtration", metavar="NAME", help="Only this one.")] = None,
    dimension: Annotated[int | None, typer.Option("--dimension", metavar="K", help="Only this one.")] = None,
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Write the distances between all diagrams of a run, with ids, for nearest cases, embeddings and kernels.

    One matrix a channel, RUN/distances/METRIC-CHANNEL.zarr, which xarray opens; run again to resume.

    Example:
    tdaflow distances runs/liver --metric wasserstein --filtration alpha --dimension 2
    """
    from tdaflow.cli.distances import distances_command

    raise typer.Exit(distances_command(run, metric, option or [], filtration, dimension, cluster, workers))
