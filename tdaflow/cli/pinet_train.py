"""``tdaflow pinet train``."""

import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.request import Request
from tdaflow.cli.settings import read_cluster, read_settings
from tdaflow.cluster import connect
from tdaflow.errors import ConfigError
from tdaflow.nets.allocator import training_device
from tdaflow.nets.optional import require_torch
from tdaflow.pipeline import Observer
from tdaflow.pipeline import run as run_pipeline
from tdaflow.progress import observer
from tdaflow.store import RunFolder


@dataclass(frozen=True)
class TrainingRequest:
    """What the command line says of the training."""

    out: Path | None
    channels: list[str] | None
    preset: str
    epochs: int | None
    decoder: str
    width: int
    max_train: int | None
    seed: int
    device: str


def train_command(request: Request, training: TrainingRequest) -> int:
    """Train on a run, or on a configuration that is run first; return the exit code."""
    require_torch()
    from tdaflow.nets.pinet.schedule import schedule_named
    from tdaflow.nets.pinet.volume_network import VolumeNetOptions

    # Refused before hours of work, not after.
    schedule = schedule_named(training.preset, epochs=training.epochs)
    options = VolumeNetOptions(width=training.width, decoder=training.decoder)  # type: ignore[arg-type]
    device = training_device(training.device)
    with observer() as watching:
        folder = _finished_run(request, watching)
        from tdaflow.nets.pinet.run_pairs import run_pairs
        from tdaflow.nets.pinet.train_run import train_model

        pairs = run_pairs(folder.path, training.channels, max_train=training.max_train, seed=training.seed)
        watching.message(
            f"{len(pairs.train)} training and {len(pairs.val)} validation volumes, {len(pairs.channels)} channels, "
            f"at most {schedule.epochs} epochs on {device}"
        )
        out = training.out or folder.path / "pinet"
        model = train_model(
            pairs, out, options, schedule, preset=training.preset, seed=training.seed, device=device,
            after_epoch=lambda e: watching.message(
                f"epoch {e.number + 1} of {schedule.epochs}: loss {e.loss:.5f}, validation {e.val_loss:.5f}, "
                f"{e.seconds:.1f} s"
            ),
        )  # fmt: skip
        write_curves(out, watching)
    shown = ", ".join(
        f"{row['channel']} {row['relative_l2']:.3f}" for row in model.facts["validation"] if row["relative_l2"]
    )
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"relative L2 on validation: {shown}", highlight=False, markup=False)
    console.print(f"model, card and curves in {out}", highlight=False, markup=False)
    return DONE


def write_curves(folder: Path, watching: Observer) -> None:
    """Draw ``loss.png`` from ``loss.json``; without matplotlib say so."""
    from tdaflow.report.libraries import require_libraries

    try:
        require_libraries("matplotlib")
    except ConfigError as error:
        watching.message(f"no loss.png: {error}")
        return
    from matplotlib.figure import Figure

    from tdaflow.report.figures_pinet import loss_figure
    from tdaflow.report.files import write_whole
    from tdaflow.report.render import png

    curves = json.loads((folder / "loss.json").read_text(encoding="utf-8"))
    figure = Figure(figsize=(6.0, 3.0), layout="constrained")
    loss_figure(curves["epochs"], curves["chosen"], into=figure)
    write_whole(folder / "loss.png", png(figure))


def _finished_run(request: Request, watching: Observer) -> RunFolder:
    folder = RunFolder(Path(request.config))
    if folder.path.is_dir() and folder.read() is not None:
        if request.data or request.overrides:
            raise ConfigError(f"{request.config} is a finished run: --data and --set belong to a configuration")
        return folder
    config, path = read_settings(request)
    folder = RunFolder(path)
    folder.create()
    with connect(read_cluster(request, config)) as engine:
        run_pipeline(config, folder, engine, watching)
    return folder
