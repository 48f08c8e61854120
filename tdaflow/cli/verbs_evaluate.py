"""Verbs that say what features are worth: ``evaluate``, ``baselines``, ``sweep``."""

from pathlib import Path
from typing import Annotated

import typer

from tdaflow.cli.parameters import Cluster, Data, Out, Sets, Workers
from tdaflow.cli.request import Request


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of the tables. [dim]\\[RUN/evaluation][/dim]"),
    ] = None,
    classifiers: Annotated[
        str | None,
        typer.Option(
            "--classifiers", metavar="NAMES", help="Of logistic,svm,forest,boosting,committee. [dim]\\[all][/dim]"
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Fits of the chosen classifier.")] = 5,
    choose_by: Annotated[
        str, typer.Option("--choose-by", metavar="METRIC", help="auc, accuracy or balanced_accuracy.")
    ] = "auc",
    choose_on: Annotated[
        str, typer.Option("--choose-on", metavar="WHERE", help="validation, or cross-validation inside train.")
    ] = "validation",
    channels: Annotated[
        str, typer.Option("--channels", metavar="WHICH", help="Choose among subsets of the channels, or use all.")
    ] = "subsets",
    resamples: Annotated[int, typer.Option("--resamples", min=100, help="Of the bootstrap.")] = 10_000,
    again: Annotated[
        bool, typer.Option("--again", help="Test a second, different choice on the same test split; the table says so.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Only make the tables anew from saved predictions; nothing is fitted.")
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option("--robustness", help="Perturb the test volumes; the recorded choice, trained clean, answers."),
    ] = False,
    perturbations: Annotated[
        str | None,
        typer.Option(
            "--perturbations",
            metavar="NAMES",
            help="Of blur,translation,gaussian,speckle,poisson,salt-pepper,spectrum,resolution. [dim]\\[all][/dim]",
        ),
    ] = None,
    ood: Annotated[
        list[str] | None,
        typer.Option(
            "--ood",
            metavar="SET",
            help="Score volumes out of distribution: near=PATH or far=PATH of a run or volume store, or corrupted for "
            "the test volumes perturbed; may be repeated.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Map decisions to the birth–persistence plane, mean and SD of five seeds.")
    ] = False,
    fuse: Annotated[
        str | None,
        typer.Option(
            "--fuse",
            metavar="NAMES",
            help="Late fusion with the best of these saved baselines, or all; α by validation.",
        ),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Add a temperature-scaled row; the temperature comes from validation.")
    ] = False,
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Say what the features are worth: fit on train, choose on validation, open the test split once.

    --robustness, --ood, --explain, --fuse and --calibrate ask more of the choice that is recorded; where none is, it is
    made first.
    """
    from tdaflow.cli.analyses import Analyses
    from tdaflow.cli.evaluate import evaluate_command
    from tdaflow.evaluation import Protocol

    names = tuple(classifiers.replace(",", " ").split()) if classifiers else None
    kinds, partners = (tuple((text or "").replace(",", " ").split()) for text in (perturbations, fuse))
    analyses = Analyses(robustness, kinds, tuple(ood or ()), explain, partners, calibrate, cluster, workers)
    protocol = Protocol(names, seeds, choose_by, choose_on, channels)
    raise typer.Exit(evaluate_command(run, out, protocol, resamples, again=again, rebuild=rebuild, analyses=analyses))


def baselines(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAMES",
            help="Of majority, foreground, histogram, voxels-pca, voxels-svm, voxels-boosting, tda2d; with torch also "
            "resnet18-2.5d, resnet18-3d, resnet18-acs, resnet18-pi, cnn3d, early-cnn3d, early-resnet18-3d, "
            "published-pi. [dim]\\[those without torch][/dim]",
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
            Request(run, out, data, cluster, workers, tuple(sets or ())), grid, names, choose_by, cost_only=cost_only
        )
    )


def tables(
    plan: Annotated[
        str,
        typer.Argument(metavar="PLAN.toml", help="Data sets, runs and baselines. [dim]\\[workflows/tables.toml][/dim]"),
    ] = "tables.toml",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of runs and tables. [dim]\\[runs/PLAN][/dim]"),
    ] = None,
    data: Data = None,
    cluster: Cluster = None,
    workers: Workers = None,
    sets: Sets = None,
    train: Annotated[
        str | None,
        typer.Option("--train", metavar="NAMES", help="Networks of the plan to train too, or all; needs torch."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, help="Of networks. [dim]\\[100; on a CPU 10][/dim]", show_default=False),
    ] = None,
    resamples: Annotated[int, typer.Option("--resamples", min=100, help="Of the bootstrap.")] = 10_000,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Only make the tables anew from what is saved; nothing is run.")
    ] = False,
) -> None:
    """Run, evaluate and compare every data set at hand: the method's Tables 1 and 2 beside the published rows.

    The same command again goes on where it stopped; the test split of each row is opened once.
    """
    from tdaflow.cli.tables import TablesOptions, tables_command

    names = tuple((train or "").replace(",", " ").split())
    options = TablesOptions(None if names == ("all",) else names, epochs, rebuild, resamples)
    raise typer.Exit(tables_command(Request(plan, out, data, cluster, workers, tuple(sets or ())), options))
