"""``tdaflow pinet predict``, ``evaluate`` and ``export``."""

import json
from pathlib import Path

from rich.console import Console

from tdaflow.cli.exit_codes import DONE, QUARANTINED
from tdaflow.cluster import connect, read_spec
from tdaflow.errors import InputError
from tdaflow.nets.optional import chosen_device, require_torch
from tdaflow.progress import observer
from tdaflow.store import RunFolder


def predict_command(
    model: Path, store: Path, out: Path, max_error: float, device: str, cluster: str | None, workers: int | None
) -> int:
    """Predict a store; return the exit code."""
    where = chosen_device(device)
    from tdaflow.nets.pinet.predict_run import predict

    volumes = store / "volumes.zarr" if (store / "volumes.zarr").is_dir() else store
    spec = read_spec(cluster or "threads", workers)
    with observer() as watching, connect(spec) as engine:
        if engine.dashboard:
            watching.message(f"dashboard: {engine.dashboard}")
        found = predict(model, volumes, RunFolder(out), engine, watching, bound=max_error, device=where)
    console = Console(stderr=True, soft_wrap=True)
    console.print(
        f"{found.n_volumes} volumes done, {found.n_exact} of them ({found.exact_share:.1%}) sent back to the exact "
        f"computation at a bound of {max_error:g}; images in {out / 'features.zarr'}",
        highlight=False, markup=False,
    )  # fmt: skip
    quarantined = (RunFolder(out).read() or {}).get("quarantined", {})
    if quarantined:
        console.print(f"{len(quarantined)} quarantined, the reasons are in run.json", highlight=False)
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
    again: bool,
) -> int:
    """Evaluate a model on a run's test volumes; return the exit code."""
    require_torch()
    from tdaflow.evaluation import EvaluationFolder
    from tdaflow.nets.pinet.evaluation import EvaluationOptions, evaluate_model
    from tdaflow.nets.pinet.evaluation_text import evaluation_text
    from tdaflow.nets.pinet.model import load_model, write_text

    if not run.is_dir() or RunFolder(run).read() is None:
        raise InputError(f"{run} holds no run (no run.json); give the folder that `tdaflow run --out` was given")
    target = out or model / "evaluation"
    options = EvaluationOptions(bound=max_error, noise_volumes=noise_volumes)
    with observer() as watching, connect(read_spec(cluster or "threads", workers)) as engine:
        found = evaluate_model(
            load_model(model), run, options, EvaluationFolder(run).ledger, engine, watching, target / "parts",
            again=again,
        )  # fmt: skip
    target.mkdir(parents=True, exist_ok=True)
    write_text(target / "evaluation.json", json.dumps(found, indent=1) + "\n")
    text = evaluation_text(found)
    write_text(target / "evaluation.md", text)
    print(text)
    Console(stderr=True).print(f"tables in {target}", highlight=False, markup=False)
    return DONE


def export_command(model: Path, onnx: Path | None) -> int:
    """Write a model as ONNX; return the exit code."""
    require_torch()
    from tdaflow.nets.pinet.model import load_model
    from tdaflow.nets.pinet.onnx_export import export_onnx

    path = export_onnx(load_model(model), onnx or model / "model.onnx")
    Console(stderr=True).print(f"ONNX in {path}", highlight=False, markup=False)
    return DONE
