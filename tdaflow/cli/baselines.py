"""``tdaflow baselines``: what simpler and deeper methods make of the same volumes."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from tdaflow.cli.app import DONE, QUARANTINED
from tdaflow.cli.progress import observer
from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, Predictions
from tdaflow.evaluation.baselines import SIMPLE, simple_baseline
from tdaflow.evaluation.baselines_tda2d import parsed_slices
from tdaflow.evaluation.baselines_volumes import LabelledVolumes, load_volumes
from tdaflow.evaluation.metrics import accuracy, auc
from tdaflow.nets.baselines import NETS, evaluate_net, net_inputs, published_protocol
from tdaflow.nets.optional import chosen_device
from tdaflow.nets.schedule import Schedule, schedule_for
from tdaflow.store import RunFolder

METHODS = (*SIMPLE, *NETS)


def baselines_command(
    run: Path,
    methods: Sequence[str] | None,
    n_seeds: int | None,
    epochs: int | None,
    slices: str,
    device: str,
    *,
    again: bool,
) -> int:
    """Make baselines and save their predictions beside those of the method; return the exit code.

    A baseline that these volumes do not have (no foreground, no valid 2D image, unequal shapes) is named and left out.
    """
    names = tuple(dict.fromkeys(methods or SIMPLE))
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise InputError(f"there is no baseline {unknown[0]!r}: choose from {', '.join(METHODS)}")
    if not run.is_dir() or RunFolder(run).read() is None:
        raise InputError(f"{run} holds no run (no run.json); give the folder that `tdaflow run --out` was given")
    chosen_slices = parsed_slices(slices)
    # Refused before hours of work, not after.
    where = chosen_device(device) if any(name in NETS for name in names) else "cpu"
    schedule = schedule_for(where, epochs=epochs, n_seeds=n_seeds)
    volumes, folder = load_volumes(run), EvaluationFolder(run)
    left_out: dict[str, str] = {}
    with observer() as watching:
        for name in names:
            began = time.perf_counter()
            try:
                if name in SIMPLE:
                    found = simple_baseline(
                        name, volumes, folder.ledger, n_seeds=n_seeds, slices=chosen_slices, again=again
                    )
                else:
                    found = [_deep(name, volumes, run, schedule, folder, where, watching.message, again=again)]
            except InputError as error:
                left_out[name] = str(error)
                watching.message(f"{name} is left out: {error}")
                continue
            for predictions in found:
                folder.save(predictions)
                watching.message(f"{_line(predictions)} ({time.perf_counter() - began:.1f} s)")
    _record(folder.path / "baselines.json", names, left_out)
    Console(stderr=True).print(
        f"predictions in {folder.path / 'predictions'}; the table: tdaflow evaluate {run} --rebuild", highlight=False
    )
    return QUARANTINED if left_out and methods else DONE


def _deep(
    name: str,
    volumes: LabelledVolumes,
    run: Path,
    schedule: Schedule,
    folder: EvaluationFolder,
    device: str,
    say: Callable[[str], None],
    *,
    again: bool,
) -> Predictions:
    inputs = net_inputs(name, volumes, run)
    say(schedule.note)
    if NETS[name].protocol == "published":
        return published_protocol(inputs, schedule, folder.ledger, device=device, say=say)
    return evaluate_net(
        name, inputs, schedule, folder.ledger, folder.path / "checkpoints", device=device, again=again, say=say
    )


def _line(predictions: Predictions) -> str:
    parts = []
    for split in ("val", "test"):
        rows = predictions.of_split(split)
        values = list(rows.probabilities.values())
        mean_auc = sum(auc(rows.labels, p) for p in values) / len(values)
        mean_accuracy = sum(accuracy(rows.labels, p) for p in values) / len(values)
        parts.append(f"{split} AUC {mean_auc:.3f}, accuracy {mean_accuracy:.3f}")
    return f"{predictions.method}: {'; '.join(parts)}"


def _record(path: Path, names: Sequence[str], left_out: dict[str, str]) -> None:
    """Keep which baselines there are and which these volumes do not have, and why."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= {
        name: {"state": "not available", "reason": left_out[name]} if name in left_out else {"state": "done"}
        for name in names
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    temporary.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(temporary, path)
