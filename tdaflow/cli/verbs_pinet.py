"""The verbs of ``tdaflow pinet``: ``train``, ``predict``, ``evaluate``, ``export``."""

from pathlib import Path
from typing import Annotated

import typer

from tdaflow.cli.parameters import Cluster, Data, Sets, Workers

app = typer.Typer(
    name="pinet",
    help="Predict persistence images by a network instead of computing them (extra torch).",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a trained network.")]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cuda or cpu.")]


@app.command()
def train(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CONFIG.toml",
            help="Folder of a run, a configuration that is run first, or one with a table \\[pinet]: Signal or Image "
            "PI-Net of Som et al. 2019.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of the model. [dim]\\[RUN/pinet or runs/CONFIG][/dim]"),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option("--channels", metavar="NAMES", help="Such as alpha,sublevel/0. [dim]\\[all][/dim]"),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="short, which stops on validation, or paper (1000 epochs). [dim]\\[short, or that of CONFIG][/dim]",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=3, help="Most epochs. [dim]\\[those of the preset][/dim]")
    ] = None,
    decoder: Annotated[
        str | None,
        typer.Option("--decoder", metavar="NAME", help="basis, or paper: that of Image PI-Net. [dim]\\[basis][/dim]"),
    ] = None,
    width: Annotated[
        int | None, typer.Option("--width", min=1, help="Feature maps at full resolution. [dim]\\[8][/dim]")
    ] = None,
    max_train: Annotated[
        int | None,
        typer.Option("--max-train", min=2, help="Random subset of the training volumes. [dim]\\[all][/dim]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Of weights and order. [dim]\\[0, or that of CONFIG][/dim]")
    ] = None,
    device: Device = "auto",
    cluster: Cluster = None,
    workers: Workers = None,
    data: Data = None,
    sets: Sets = None,
) -> None:
    """Train a network on the volumes and images of a run; the same command goes on with an interrupted training.

    The folder gets weights, a model card, loss curves and what is needed to resume.

    Example:
    tdaflow pinet train runs/organmnist3d --preset short
    """
    from tdaflow.cli.pinet import train_command
    from tdaflow.cli.request import Request

    settings = {
        "channels": tuple(channels.replace(",", " ").split()) if channels else None, "preset": preset,
        "epochs": epochs, "decoder": decoder, "width": width, "max_train": max_train, "seed": seed, "device": device,
    }  # fmt: skip
    raise typer.Exit(train_command(Request(run, out, data, cluster, workers, tuple(sets or [])), settings))


@app.command()
def predict(
    model: Model,
    store: Annotated[Path, typer.Argument(metavar="STORE", help="A volume store, or the folder of a run or ingest.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder of the predicted run.")],
    max_error: Annotated[
        float,
        typer.Option("--max-error", help="Volumes with a larger expected error are computed exactly.", min=0.0),
    ] = 0.2,
    device: Device = "auto",
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Predict the images of every volume of a store; uncertain ones are computed exactly.

    The folder is one that `evaluate` and `report` read like that of `run`; the same command resumes.

    Example:
    tdaflow pinet predict runs/organmnist3d/pinet new/volumes.zarr --out runs/predicted
    """
    from tdaflow.cli.pinet import predict_command

    raise typer.Exit(predict_command(model, store, out, max_error, device, cluster, workers))


@app.command()
def evaluate(
    model: Model,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run that it was trained on.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder of the tables. [dim]\\[MODEL/evaluation][/dim]"),
    ] = None,
    max_error: Annotated[float, typer.Option("--max-error", help="As for predict.", min=0.0)] = 0.2,
    noise_volumes: Annotated[
        int, typer.Option("--noise-volumes", min=0, help="Test volumes that are perturbed; 0 for none.")
    ] = 100,
    allow_second_test: Annotated[
        bool,
        typer.Option(
            "--allow-second-test", help="Test a second, different model on the same test split; the tables mark it."
        ),
    ] = False,
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Compare predicted with exact images on the test volumes: errors, classifiers, noise, speed; goals missed.

    Example:
    tdaflow pinet evaluate runs/organmnist3d/pinet runs/organmnist3d
    """
    from tdaflow.cli.pinet import evaluate_command

    raise typer.Exit(
        evaluate_command(
            model, run, out, max_error, noise_volumes, cluster, workers, allow_second_test=allow_second_test
        )
    )


@app.command()
def export(
    model: Model,
    onnx: Annotated[
        Path | None, typer.Option("--onnx", metavar="FILE", help="The file. [dim]\\[MODEL/model.onnx][/dim]")
    ] = None,
) -> None:
    """Write the network as ONNX.

    Example:
    tdaflow pinet export runs/organmnist3d/pinet --onnx organ.onnx
    """
    from tdaflow.cli.pinet import export_command

    raise typer.Exit(export_command(model, onnx))
