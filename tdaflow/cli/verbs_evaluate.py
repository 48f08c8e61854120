"""Verbs that evaluate features: ``evaluate``, ``baselines``, ``sweep``, ``reproduce``, ``reliability``."""

from pathlib import Path
from typing import Annotated

import typer

from tdaflow.cli.parameters import Cluster, Data, Out, Sets, Workers
from tdaflow.cli.request import Request

FinishedRun = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]
AllowSecondTest = Annotated[
    bool,
    typer.Option(
        "--allow-second-test",
        help="Test a second, different choice on the same test split; the tables mark it.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", min=1, help="Epochs of networks. [dim]\\[100; on a CPU 10][/dim]", show_default=False),
]
Resamples = Annotated[int, typer.Option("--resamples", min=100, help="Resamples of the bootstrap.")]


def evaluate(
    run: FinishedRun,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of the tables. [dim]\\[RUN/evaluation][/dim]"),
    ] = None,
    classifiers: Annotated[
        str | None,
        typer.Option(
            "--classifiers",
            metavar="NAMES",
            help="Compare these of logistic, svm, forest, boosting, committee. [dim]\\[all][/dim]",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Fit the chosen classifier with this many seeds.")] = 5,
    choose_by: Annotated[
        str, typer.Option("--choose-by", metavar="METRIC", help="Choose by auc, accuracy or balanced_accuracy.")
    ] = "auc",
    choose_on: Annotated[
        str,
        typer.Option(
            "--choose-on",
            metavar="WHERE",
            help="Choose on validation, or by cross-validation on the training volumes. [dim]\\[by its size][/dim]",
        ),
    ] = "auto",
    channels: Annotated[
        str,
        typer.Option(
            "--channels",
            metavar="WHICH",
            help="Choose among subsets of the channels, or use all. [dim]\\[by the size of validation][/dim]",
        ),
    ] = "auto",
    nested: Annotated[
        bool,
        typer.Option(
            "--nested",
            help="Cross-validate instead, choosing anew in each fold: for small cohorts; the test split stays closed.",
        ),
    ] = False,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds of --nested.")] = 5,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Divisions into folds of --nested.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the first division of --nested.")] = 0,
    leave_out: Annotated[
        str | None,
        typer.Option("--leave-out", metavar="COLUMN", help="As --nested, but hold out one site or group at a time."),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option("--positive", metavar="CLASS", help="Positive one of two classes. [dim]\\[the second][/dim]"),
    ] = None,
    resamples: Resamples = 10_000,
    allow_second_test: AllowSecondTest = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Rebuild the tables from saved predictions; fit nothing.")
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option("--robustness", help="Score the chosen classifier, fitted on clean volumes, on perturbed ones."),
    ] = False,
    perturbations: Annotated[
        str | None,
        typer.Option(
            "--perturbations",
            metavar="NAMES",
            help="Perturb by these of blur, translation, gaussian, speckle, poisson, salt-pepper, spectrum, "
            "resolution. [dim]\\[all][/dim]",
        ),
    ] = None,
    ood: Annotated[
        list[str] | None,
        typer.Option(
            "--ood",
            metavar="SET",
            help="Score an out-of-distribution set: near=PATH or far=PATH of a run or volume store, or corrupted for "
            "the test volumes perturbed; may be repeated.",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Map the decision to the birth–persistence plane, mean and SD of five seeds."),
    ] = False,
    late_fusion: Annotated[
        str | None,
        typer.Option(
            "--late-fusion",
            metavar="NAMES",
            help="Average with the best of these saved baselines, or of all; the weight is chosen on validation.",
        ),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Add a temperature-scaled row; the temperature comes from validation.")
    ] = False,
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Fit classifiers on train, choose one on validation, test it once; write tables.

    --robustness, --ood, --explain, --late-fusion and --calibrate analyse the recorded choice; if there is none yet, it
    is made first.
    """
    from tdaflow.cli.evaluate import evaluate_command, nested_command
    from tdaflow.errors import ConfigError
    from tdaflow.evaluation import Analyses, Nested, Protocol

    analyses = Analyses(
        robustness, _names(perturbations), tuple(ood or ()), explain, _names(late_fusion), calibrate
    )  # fmt: skip
    protocol = Protocol(_names(classifiers) or None, seeds, choose_by, choose_on, channels)
    if nested or leave_out:
        if analyses.requested or rebuild or allow_second_test or out:
            raise ConfigError(
                "nested cross-validation opens no test split and analyses no single choice: leave out --nested, or "
                "--out, --rebuild, --allow-second-test, --robustness, --ood, --explain, --late-fusion and --calibrate"
            )
        raise typer.Exit(nested_command(run, protocol, Nested(folds, repeats, seed, leave_out), resamples, positive))
    raise typer.Exit(
        evaluate_command(
            run, out, protocol, resamples, allow_second_test=allow_second_test, rebuild=rebuild, analyses=analyses,
            positive=positive, cluster=cluster, workers=workers,
        )
    )  # fmt: skip


def split(
    table: Annotated[Path, typer.Argument(metavar="TABLE.csv", help="Table with a row a volume.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="CSV", help="New table, with a column split.")],
    by: Annotated[
        str | None, typer.Option("--by", metavar="COLUMN", help="Column of what no split may divide, as patients.")
    ] = None,
    stratify: Annotated[
        str | None, typer.Option("--stratify", metavar="COLUMN", help="Column of labels to spread evenly.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The division is a function of it.")] = 0,
    test: Annotated[float, typer.Option("--test", metavar="SHARE", help="Share of the test split.")] = 0.2,
    validation: Annotated[
        float, typer.Option("--validation", metavar="SHARE", help="Share of the validation split.")
    ] = 0.1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a column split, and CSV if it is there.")
    ] = False,
) -> None:
    """Write a table again with a column split of train, val and test, by scikit-learn's splitters."""
    from tdaflow.cli.split import split_command

    raise typer.Exit(
        split_command(
            table, out, by=by, stratify=stratify, seed=seed, test=test, validation=validation, overwrite=overwrite
        )
    )


def baselines(
    run: FinishedRun,
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAMES",
            help="Evaluate these of majority, foreground, shape, with-shape, acquisition, histogram, voxels-pca, "
            "voxels-svm, voxels-boosting, tda2d; with torch also of resnet18-2.5d, resnet18-3d, resnet18-acs, "
            "resnet18-pi, cnn3d, early-cnn3d, early-resnet18-3d, published-pi. [dim]\\[those without torch][/dim]",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            min=1,
            help="Fit with this many seeds. [dim]\\[5; networks on a CPU 3][/dim]",
            show_default=False,
        ),
    ] = None,
    epochs: Epochs = None,
    slices: Annotated[
        str,
        typer.Option(
            "--slices", metavar="WHERE", help="Slices for tda2d: central, central-3, or a list such as z10,z14,x3."
        ),
    ] = "central",
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="Device of networks: auto, cuda or cpu.")
    ] = "auto",
    allow_second_test: AllowSecondTest = False,
) -> None:
    """Evaluate baselines on a run's volumes; `tdaflow evaluate RUN --rebuild` adds them to its tables."""
    from tdaflow.cli.baselines import baselines_command
    from tdaflow.evaluation.baselines.tda2d import parsed_slices
    from tdaflow.nets.run_baselines import BaselineOptions

    options = BaselineOptions(seeds, epochs, parsed_slices(slices), device)
    raise typer.Exit(baselines_command(run, _names(methods), options, allow_second_test=allow_second_test))


def sweep(
    run: Annotated[
        str, typer.Argument(metavar="RUN|CONFIG.toml", help="Folder of a run, or a configuration that is run first.")
    ],
    grid: Annotated[
        Path | None,
        typer.Option("--grid", metavar="TOML", help="Settings to try. [dim]\\[ε × channels, then images][/dim]"),
    ] = None,
    cluster: Cluster = None,
    workers: Workers = None,
    classifiers: Annotated[
        str | None,
        typer.Option(
            "--classifiers",
            metavar="NAMES",
            help="Fit these of logistic, svm, forest, boosting. [dim]\\[logistic][/dim]",
        ),
    ] = None,
    choose_by: Annotated[
        str, typer.Option("--choose-by", metavar="METRIC", help="Choose by auc, accuracy or balanced_accuracy.")
    ] = "auc",
    cost_only: Annotated[bool, typer.Option("--cost", help="Print the estimated cost and stop.")] = False,
    out: Out = None,
    data: Data = None,
    sets: Sets = None,
) -> None:
    """Compare settings on validation volumes; stored diagrams are reused, the test split is never read.

    Run the same command again to resume.
    """
    from tdaflow.cli.sweep import sweep_command

    request = Request(run, out, data, cluster, workers, tuple(sets or ()))
    raise typer.Exit(sweep_command(request, grid, _names(classifiers), choose_by, cost_only=cost_only))


def reproduce(
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
        typer.Option("--train", metavar="NAMES", help="Also train these networks of the plan, or all; needs torch."),
    ] = None,
    epochs: Epochs = None,
    resamples: Resamples = 10_000,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Rebuild the tables from saved predictions; run nothing.")
    ] = False,
    learning_curve: Annotated[
        bool,
        typer.Option(
            "--learning-curve", help="Also learn from 5 to 200 volumes a class, ten draws each; test stays closed."
        ),
    ] = False,
) -> None:
    """Reproduce Table 2 of Zhu et al. (2024) on the data sets at hand; takes hours.

    Runs, evaluates and compares every data set of the plan, and shows the published rows beside ours. Run the same
    command again to resume; the test split of each row is opened once.
    """
    from tdaflow.cli.reproduce import reproduce_command
    from tdaflow.nets.reproduce import ReproduceOptions

    names = _names(train)
    options = ReproduceOptions(None if names == ("all",) else names, epochs, resamples)
    request = Request(plan, out, data, cluster, workers, tuple(sets or ()))
    raise typer.Exit(reproduce_command(request, options, rebuild=rebuild, learning=learning_curve))


def reliability(
    run: FinishedRun,
    volumes: Annotated[
        int, typer.Option("--volumes", min=3, help="Volumes of the sample, of training if there is a split.")
    ] = 30,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Draws of each kind of change.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sample and the draws.")] = 0,
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Tell which numbers repeat: the ICC of every column and channel when volumes are measured again.

    Some volumes get a little noise, a shift by a voxel, a rotation by 5° and other voxels and back, and features by the
    run's recipe. RUN/evaluation/reliability.csv has the intraclass correlation ICC(A,1) of every column that `export
    --table` writes, with its 95 % interval; `export` puts it beside the table then, and the report shows it.
    """
    from tdaflow.cli.reliability import reliability_command

    raise typer.Exit(reliability_command(run, volumes, repeats, seed, cluster, workers))


def _names(text: str | None) -> tuple[str, ...]:
    """Names of a list with commas or spaces; none for None."""
    return tuple((text or "").replace(",", " ").split())
