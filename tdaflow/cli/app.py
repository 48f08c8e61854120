"""The verbs of ``tdaflow``."""

import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from tdaflow import __version__
from tdaflow.errors import ConfigError, InputError, RunError, TdaflowError

DONE, QUARANTINED, REFUSED, FAILED = 0, 1, 2, 3
_INTERRUPTED = 130

app = typer.Typer(
    name="tdaflow",
    help="Persistence images from 3D medical volumes, on a laptop or a Dask cluster.\n\n"
    "Exit codes: 0 done · 1 finished, but volumes were quarantined · 2 bad input or configuration, nothing started · "
    "3 failed, run again to resume.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[
    str, typer.Argument(metavar="CONFIG.toml", help="A TOML file, or the name of a workflow that comes with tdaflow.")
]
ConfigOrData = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG.toml|DATA",
        help="A TOML file, the name of a workflow that comes with tdaflow, or data: a folder of NIfTI, DICOM or "
        "OME-Zarr images, a manifest, a stack of arrays, or a volume store.",
    ),
]
IdKey = Annotated[
    Path | None,
    typer.Option("--id-key", metavar="FILE", help="DICOM: the secret that ids are made with; made if missing."),
]
AllowUneven = Annotated[
    bool, typer.Option("--allow-uneven", help="DICOM: resample series with uneven spacing or a tilted gantry.")
]
PrivateMap = Annotated[
    Path | None,
    typer.Option(
        "--write-private-map", metavar="FILE", help="DICOM: write which id is which file, for your eyes only."
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the run. [dim]\\[runs/CONFIG][/dim]")
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Where the source's files are.", show_default=False)
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override, e.g. --set images.epsilon=0.9; may be repeated."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="WHERE",
        help="sync, threads, processes, tcp://host:port, or a TOML file. [dim]\\[threads][/dim]",
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Tasks at the same time. [dim]\\[one a core][/dim]")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tdaflow {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
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
    id_key: IdKey = None,
    allow_uneven: AllowUneven = False,
    write_private_map: PrivateMap = None,
) -> None:
    """Turn a data set of volumes into persistence images; the same command resumes an interrupted run.

    CONFIG.toml has a preset ("default", "report" or "adams") and the sections data, superpixels, filtrations.NAME,
    images and run.
    """
    from tdaflow.cli.ingest_options import PatientOptions
    from tdaflow.cli.run import run_command

    more = [] if allow_quarantined is None else [f'run.allow_quarantined="{allow_quarantined}"']
    patients = PatientOptions(id_key, allow_uneven, write_private_map)
    overrides = [*(sets or []), *more]
    raise typer.Exit(
        run_command(config, out, data, cluster, workers, overrides, restart_from, verify=verify, patients=patients)
    )


@app.command()
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

    raise typer.Exit(plan_command(config, out, data, cluster, workers, sets or []))


@app.command()
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
    raise typer.Exit(ingest_command(config, out, data, cluster, workers, sets or [], patients))


@app.command()
def check(
    path: Annotated[
        Path,
        typer.Argument(metavar="RUN|STORE|DATA", help="Folder of a run, a volume store, or data not yet ingested."),
    ],
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte and compare digests.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is wrong with volumes, labels, splits and results; one line a problem.

    Exit codes: 0 clean, or only warnings; 1 problems; 2 neither a run, a store nor data.
    """
    from tdaflow.cli.check import check_command

    raise typer.Exit(check_command(path, deep=deep, as_json=as_json))


@app.command()
def warmup() -> None:
    """Compile the alpha kernel for this user now, so that the first run does not have to."""
    from tdaflow.homology.alpha_kernel import cache_directory
    from tdaflow.homology.alpha_kernel import warmup as compile_kernel

    typer.echo(f"the alpha kernel is ready after {compile_kernel():.1f} s, compiled into {cache_directory()}")


@app.command()
def status(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how far a run has come, from any terminal."""
    from tdaflow.cli.status import status_command

    raise typer.Exit(status_command(run, as_json=as_json))


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or a volume store.")],
    ome_zarr: Annotated[
        Path, typer.Option("--ome-zarr", metavar="DIR", help="Write OME-Zarr 0.5 images into this folder.")
    ],
    volume: Annotated[
        list[str] | None,
        typer.Option("--volume", metavar="ID", help="Only this one; may be repeated. [dim]\\[the first 10][/dim]"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every volume.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="With the run's superpixels as labels.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace images that are there.")] = False,
) -> None:
    """Write volumes as OME-Zarr images, which napari and other viewers open."""
    from tdaflow.cli.export import export_command

    raise typer.Exit(
        export_command(run, ome_zarr, volume or [], everything=everything, labels=labels, overwrite=overwrite)
    )


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of the tables. [dim]\\[RUN/evaluation][/dim]"),
    ] = None,
    classifiers: Annotated[
        str | None,
        typer.Option("--classifiers", metavar="NAMES", help="Of logistic,svm,forest,boosting. [dim]\\[all][/dim]"),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Fits of the chosen classifier.")] = 5,
    choose_by: Annotated[
        str, typer.Option("--choose-by", metavar="METRIC", help="auc, accuracy or balanced_accuracy on validation.")
    ] = "auc",
    resamples: Annotated[int, typer.Option("--resamples", min=100, help="Of the bootstrap.")] = 10_000,
    again: Annotated[
        bool, typer.Option("--again", help="Test a second, different choice on the same test split; the table says so.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Only make the tables anew from saved predictions; nothing is fitted.")
    ] = False,
) -> None:
    """Say what the features are worth: fit on train, choose on validation, open the test split once."""
    from tdaflow.cli.evaluate import evaluate_command

    names = classifiers.replace(",", " ").split() if classifiers else None
    raise typer.Exit(evaluate_command(run, out, names, seeds, choose_by, resamples, again=again, rebuild=rebuild))


@app.command()
def baselines(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAMES",
            help="Of majority, foreground, histogram, voxels-pca, tda2d; with torch also resnet18-2.5d, resnet18-3d, "
            "resnet18-acs, resnet18-pi, published-pi. [dim]\\[those without torch][/dim]",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, help="Fits. [dim]\\[5; networks on a CPU 3][/dim]", show_default=False),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, help="Of networks. [dim]\\[100; on a CPU 10][/dim]", show_default=False),
    ] = None,
    slices: Annotated[
        str, typer.Option("--slices", metavar="WHERE", help="For tda2d: central, central-3, or such as z10,z14,x3.")
    ] = "central",
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="For networks: auto, cuda or cpu.")] = "auto",
    again: Annotated[
        bool, typer.Option("--again", help="Test a second, different choice on the same test split; the table says so.")
    ] = False,
) -> None:
    """Evaluate baselines on a run's volumes; `tdaflow evaluate RUN --rebuild` shows them in its tables."""
    from tdaflow.cli.baselines import baselines_command

    names = methods.replace(",", " ").split() if methods else None
    raise typer.Exit(baselines_command(run, names, seeds, epochs, slices, device, again=again))


@app.command()
def sweep(
    run: Annotated[
        str, typer.Argument(metavar="RUN|CONFIG.toml", help="Folder of a run, or a configuration that is run first.")
    ],
    grid: Annotated[
        Path | None,
        typer.Option("--grid", metavar="TOML", help="What to try. [dim]\\[ε × channels, then images][/dim]"),
    ] = None,
    cluster: Cluster = None,
    workers: Workers = None,
    classifiers: Annotated[
        str | None,
        typer.Option("--classifiers", metavar="NAMES", help="Of logistic,svm,forest,boosting. [dim]\\[logistic][/dim]"),
    ] = None,
    choose_by: Annotated[
        str, typer.Option("--choose-by", metavar="METRIC", help="auc, accuracy or balanced_accuracy on validation.")
    ] = "auc",
    cost_only: Annotated[bool, typer.Option("--cost", help="Only say what it would cost.")] = False,
    out: Out = None,
    data: Data = None,
    sets: Sets = None,
) -> None:
    """Say which settings validation prefers; diagrams are reused, the test split is never read, a sweep resumes."""
    from tdaflow.cli.sweep import sweep_command

    names = classifiers.replace(",", " ").split() if classifiers else None
    raise typer.Exit(
        sweep_command(
            run, grid, cluster, workers, names, choose_by, cost_only=cost_only, out=out, data=data, overrides=sets or []
        )
    )


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The page. [dim]\\[RUN/report.html][/dim]")
    ] = None,
) -> None:
    """Write one self-contained HTML page: what ran, the method's figures for these data, what they are worth."""
    from tdaflow.cli.report import report_command

    raise typer.Exit(report_command(run, out))


@app.command()
def inspect(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    volume: Annotated[str, typer.Argument(metavar="VOLUME_ID", help="Id of a volume.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="PNG", help="The picture. [dim]\\[VOLUME_ID.png][/dim]")
    ] = None,
) -> None:
    """Show one volume's path from slices to persistence images, as a picture."""
    from tdaflow.cli.inspect import inspect_command

    raise typer.Exit(inspect_command(run, volume, out))


def main() -> None:
    """Run the command line; every expected error is one sentence on stderr and an exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        # Typer returns the code of a typer.Exit, and turns a KeyboardInterrupt into one.
        code = app(standalone_mode=False)
    except (ConfigError, InputError) as error:
        _fail(error, REFUSED)
    except (RunError, TdaflowError) as error:
        _fail(error, FAILED)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
            _fail(error.format_message(), REFUSED)
        # A mistake of tdaflow: whoever mends it needs the trace. Python's own exit code would say "quarantined".
        traceback.print_exc()
        _fail(f"unexpected {type(error).__name__}; please report it with the lines above", FAILED)
    if code == _INTERRUPTED:
        _fail("interrupted; finished batches are kept, run the same command again to resume", FAILED)
    sys.exit(code or DONE)


def _fail(what: Any, code: int) -> None:
    typer.secho(f"tdaflow: {what}", err=True, fg="red" if sys.stderr.isatty() else None)
    sys.exit(code)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
