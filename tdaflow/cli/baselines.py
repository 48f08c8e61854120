"""``tdaflow baselines``: what simpler and deeper methods make of the same volumes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tdaflow.cli.exit_codes import DONE, QUARANTINED
from tdaflow.cli.progress import observer
from tdaflow.errors import InputError
from tdaflow.evaluation import EvaluationFolder, Predictions
from tdaflow.evaluation.baselines.simple import SIMPLE, simple_baseline, title_of
from tdaflow.evaluation.baselines.tda2d import CENTRAL, SliceAt, parsed_slices
from tdaflow.evaluation.baselines.volumes import LabelledVolumes, load_volumes
from tdaflow.evaluation.protocol.metrics import accuracy, auc
from tdaflow.nets.allocator import training_device
from tdaflow.nets.baselines import NETS, evaluate_net, net_inputs, published_protocol
from tdaflow.nets.optional import chosen_device
from tdaflow.nets.schedule import Schedule, schedule_for
from tdaflow.pipeline import Observer
from tdaflow.store import RunFolder

METHODS = (*SIMPLE, *NETS)


@dataclass(frozen=True)
class BaselineOptions:
    """How baselines are made.

    Attributes
    ----------
    n_seeds, epochs : int or None
        None for what the baseline or the device's schedule says.
    slices : tuple of SliceAt
        For 2D-TDA.
    device : str
        "auto", "cuda" or "cpu", for networks.
    """

    n_seeds: int | None = None
    epochs: int | None = None
    slices: tuple[SliceAt, ...] = CENTRAL
    device: str = "auto"

    def schedule(self, names: Sequence[str]) -> Schedule | None:
        """The schedule of the networks among some baselines; None where there is none among them."""
        if not any(name in NETS for name in names):
            return None
        device = chosen_device(self.device)
        from tdaflow.nets.precision import cpu_precision

        return schedule_for(device, epochs=self.epochs, n_seeds=self.n_seeds, precision=cpu_precision())


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
    options = BaselineOptions(n_seeds, epochs, parsed_slices(slices), device)
    with observer() as watching:
        left_out = make_baselines(run, names, options, watching, again=again)
    Console(stderr=True).print(
        f"predictions in {EvaluationFolder(run).path / 'predictions'}; the table: tdaflow evaluate {run} --rebuild",
        highlight=False,
    )
    return QUARANTINED if left_out and methods else DONE


def make_baselines(
    run: Path, names: Sequence[str], options: BaselineOptions, watching: Observer, *, again: bool = False
) -> dict[str, str]:
    """Make baselines of a run and save their predictions.

    Returns
    -------
    dict of str to str
        Those that these volumes do not have, and why; they are recorded, and stand as n/a in the tables.

    Raises
    ------
    InputError
        If networks are asked for, and torch or the device is missing.
    ConfigError
        If another choice of a baseline has touched the test split and `again` is not given.
    """
    # Refused before hours of work, not after.
    schedule = options.schedule(names)
    volumes, folder = load_volumes(run), EvaluationFolder(run)
    left_out: dict[str, str] = {}
    for name in names:
        began = time.perf_counter()
        try:
            if name in SIMPLE:
                found = simple_baseline(
                    name, volumes, folder.ledger, n_seeds=options.n_seeds, slices=options.slices, again=again
                )
            else:
                assert schedule is not None
                where = training_device(options.device)
                found = [_deep(name, volumes, run, schedule, folder, where, watching.message, again=again)]
        except InputError as error:
            left_out[name] = str(error)
            watching.message(f"{name} is left out: {error}")
            title = title_of(name, options.slices) if name in SIMPLE else NETS[name].title
            folder.record_baselines({name: {"state": "not available", "title": title, "reason": str(error)}})
            continue
        for predictions in found:
            folder.save(predictions)
            watching.message(f"{_line(predictions)} ({time.perf_counter() - began:.1f} s)")
        folder.record_baselines({name: {"state": "done"}})
    return left_out


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
