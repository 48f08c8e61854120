"""``tdaflow pinet train``, ``predict``, ``evaluate`` and ``export``."""

from pathlib import Path
from typing import Any

from tdaflow.cli.exit_codes import DONE, QUARANTINED
from tdaflow.cli.request import Request
from tdaflow.cli.settings import read_cluster, read_settings, say
from tdaflow.cluster import connect, on_demand, read_spec
from tdaflow.config import find_config
from tdaflow.errors import ConfigError
from tdaflow.nets.optional import chosen_device, require_torch
from tdaflow.pipeline import Observer
from tdaflow.pipeline.run import run as run_pipeline
from tdaflow.printable import counted
from tdaflow.progress import observer
from tdaflow.store import RunFolder


def train_command(request: Request, settings: dict[str, Any]) -> int:
    """Train on a run, on a configuration that is run first, or as a ``[pinet]`` table says; return the exit code.

    Of the `settings`, which are named as in `VolumeTraining`, those that are None take the defaults.
    """
    require_torch()
    from tdaflow.nets.pinet.paper.config import is_paper_config
    from tdaflow.nets.pinet.train.run import VolumeTraining, train_on_run

    given = {name: value for name, value in settings.items() if value is not None}
    config = find_config(request.config)
    if config is not None and is_paper_config(config):
        return _train_paper(request, config, given)
    training = VolumeTraining(**given)
    with observer() as watching:
        run = _finished_run(request, watching)
        out = request.out or run / "pinet"
        model = train_on_run(run, out, training, observer=watching)
        _draw(out, watching)
    shown = ", ".join(
        f"{row['channel']} {row['relative_l2']:.3f}" for row in model.facts["validation"] if row["relative_l2"]
    )
    say(f"relative L2 on validation: {shown}")
    say(f"model, card and curves in {out}")
    return DONE


def predict_command(
    model: Path, store: Path, out: Path, max_error: float, device: str, cluster: str | None, workers: int | None
) -> int:
    """Predict a store; return the exit code."""
    where = chosen_device(device)
    from tdaflow.nets.pinet.predict.run import predict

    volumes = store / "volumes.zarr" if (store / "volumes.zarr").is_dir() else store
    spec = read_spec(cluster or "threads", workers)
    with observer() as watching, connect(spec) as engine:
        if engine.dashboard:
            watching.message(f"dashboard: {engine.dashboard}")
        found = predict(model, volumes, RunFolder(out), engine, watching, bound=max_error, device=where)
    say(
        f"{counted(found.n_volumes, 'volume')} done, {found.n_exact} of them "
        f"({found.exact_share:.1%}) computed exactly at a "
        f"bound of {max_error:g}; images in {out / 'features.zarr'}"
    )
    quarantined = (RunFolder(out).read() or {}).get("quarantined", {})
    if quarantined:
        say(f"{len(quarantined)} quarantined, the reasons are in run.json")
    return QUARANTINED if quarantined else DONE


def evaluate_command(
    model: Path,
    run: Path,
    out: Path | None,
    max_error: float,
    noise_volumes: int,
    cluster: str | None,
    workers: int | None,
    *,
    allow_second_test: bool,
) -> int:
    """Evaluate a model on a run's test volumes; return the exit code."""
    require_torch()
    from tdaflow.evaluation import EvaluationFolder
    from tdaflow.evaluation.protocol.folder import check_is_run
    from tdaflow.nets.pinet.assess.evaluation import EvaluationOptions, evaluate_model
    from tdaflow.nets.pinet.assess.text import write_evaluation
    from tdaflow.nets.pinet.model.volume_model import load_model

    check_is_run(run)
    target = out or model / "evaluation"
    options = EvaluationOptions(bound=max_error, noise_volumes=noise_volumes)
    with observer() as watching, connect(read_spec(cluster or "threads", workers)) as engine:
        found = evaluate_model(
            load_model(model), run, options, EvaluationFolder(run).ledger, engine, watching, target / "parts",
            allow_second_test=allow_second_test,
        )  # fmt: skip
    print(write_evaluation(found, target))
    say(f"tables in {target}")
    return DONE


def export_command(model: Path, onnx: Path | None) -> int:
    """Write a model as ONNX; return the exit code."""
    require_torch()
    from tdaflow.nets.pinet.model.onnx_export import export_onnx
    from tdaflow.nets.pinet.model.volume_model import load_model

    say(f"ONNX in {export_onnx(load_model(model), onnx or model / 'model.onnx')}")
    return DONE


def _train_paper(request: Request, config: Path, given: dict[str, Any]) -> int:
    """Run an experiment after Som et al. 2019, and print its tables; return the exit code."""
    from tdaflow.nets.pinet.paper.config import load_paper_config
    from tdaflow.nets.pinet.paper.experiment import assessment_text, run_experiment

    device = given.pop("device", "auto")
    in_file = [f"pinet.training.{name}={given.pop(name)}" for name in ("preset", "epochs", "seed") if name in given]
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ConfigError(f"{names} belongs to a Volume PI-Net, and {config.name} trains another: leave it out")
    settings = load_paper_config(config, [*in_file, *request.overrides], data=request.data)
    out = request.out or Path("runs") / config.stem
    with observer() as watching, connect(read_spec(request.cluster or "threads", request.workers)) as engine:
        found = run_experiment(settings, out, engine, watching, device=device)
        _draw(out, watching)
    print(assessment_text(found))
    say(f"network, curves and tables in {out}")
    return DONE


def _finished_run(request: Request, watching: Observer) -> Path:
    """Return the folder of a finished run: the one that is named, or that of a configuration that is run now."""
    folder = RunFolder(Path(request.config))
    if folder.path.is_dir() and folder.read() is not None:
        if request.data or request.overrides:
            raise ConfigError(f"{request.config} is a finished run: --data and --set belong to a configuration")
        return folder.path
    # The option --out is the folder of the model, not of the run.
    config, path = read_settings(Request(request.config, None, request.data, overrides=request.overrides))
    folder = RunFolder(path)
    folder.create()
    with on_demand(read_cluster(request, config).logging_to(folder.logs), watching.message) as engine:
        run_pipeline(config, folder, engine, watching)
    return folder.path


def _draw(folder: Path, watching: Observer) -> None:
    """Draw the figures of a training; without matplotlib say so."""
    from tdaflow.report.libraries import require_libraries

    try:
        require_libraries("matplotlib")
    except ConfigError as error:
        watching.message(f"no figures: {error}")
        return
    from tdaflow.report.figures_pinet import draw_training

    draw_training(folder)
