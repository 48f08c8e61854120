"""Make the baselines of a run, with and without networks: what the verb ``tdaflow baselines`` does."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.simple import SIMPLE, simple_baseline, title_of
from tdaflow.evaluation.baselines.tda2d import CENTRAL, SliceAt
from tdaflow.evaluation.baselines.volumes import LabelledVolumes, load_volumes
from tdaflow.evaluation.protocol.folder import EvaluationFolder, check_is_run
from tdaflow.evaluation.protocol.metrics import accuracy, auc
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.nets.allocator import training_device
from tdaflow.nets.baselines import NETS, evaluate_net, net_inputs, published_protocol
from tdaflow.nets.optional import chosen_device
from tdaflow.nets.schedule import Schedule, schedule_for
from tdaflow.pipeline import Observer, Silent

METHODS = (*SIMPLE, *NETS)
"""Names of all baselines."""


@dataclass(frozen=True)
class BaselineOptions:
    """How baselines are made.

    Attributes
    ----------
    n_seeds, epochs : int or None
        None for the default of the baseline, or of the schedule of the device.
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
        """The training schedule of the networks among `names`; None if there is none among them."""
        if not any(name in NETS for name in names):
            return None
        device = chosen_device(self.device)
        from tdaflow.nets.networks import cpu_precision

        return schedule_for(device, epochs=self.epochs, n_seeds=self.n_seeds, precision=cpu_precision())


_DEFAULT = BaselineOptions()


def make_baselines(
    run: Path,
    names: Sequence[str] = SIMPLE,
    options: BaselineOptions = _DEFAULT,
    *,
    allow_second_test: bool = False,
    observer: Observer | None = None,
) -> dict[str, str]:
    """Evaluate baselines on the volumes of a run and save their predictions beside those of the method.

    Parameters
    ----------
    run : Path
        Folder of a run.
    names : sequence of str
        Of `METHODS`; those without networks by default.
    options : BaselineOptions
    allow_second_test : bool
        Allow a second, different choice on the same test split; the tables say so.
    observer : Observer, optional

    Returns
    -------
    dict of str to str
        Baselines that these volumes do not have (no foreground, no valid 2D image, unequal shapes), and why. They are
        recorded, and stand as n/a in the tables.

    Raises
    ------
    InputError
        If a name is unknown, the folder holds no run, or a network is asked for and torch or the device is missing.
    ConfigError
        If another choice of a baseline has touched the test split and `allow_second_test` is not given.
    """
    observer = observer or Silent()
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise InputError(f"there is no baseline {unknown[0]!r}: choose from {', '.join(METHODS)}")
    check_is_run(run)
    # Refused before hours of work, not after.
    schedule = options.schedule(names)
    volumes, folder = load_volumes(run), EvaluationFolder(run)
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(names):
        began = time.perf_counter()
        try:
            if name in SIMPLE:
                found = simple_baseline(
                    name, volumes, folder.ledger, n_seeds=options.n_seeds, slices=options.slices,
                    allow_second_test=allow_second_test,
                )  # fmt: skip
            else:
                assert schedule is not None
                device = training_device(options.device)
                found = [
                    _deep(
                        name, volumes, run, schedule, folder, device, observer.message,
                        allow_second_test=allow_second_test,
                    )
                ]  # fmt: skip
        except InputError as error:
            left_out[name] = str(error)
            observer.message(f"{name} is left out: {error}")
            title = title_of(name, options.slices) if name in SIMPLE else NETS[name].title
            folder.record_baselines({name: {"state": "not available", "title": title, "reason": str(error)}})
            continue
        for predictions in found:
            folder.save(predictions)
            observer.message(f"{_line(predictions)} ({time.perf_counter() - began:.1f} s)")
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
    allow_second_test: bool,
) -> Predictions:
    inputs = net_inputs(name, volumes, run)
    say(schedule.note)
    if NETS[name].protocol == "published":
        return published_protocol(inputs, schedule, folder.ledger, device=device, say=say)
    return evaluate_net(
        name, inputs, schedule, folder.ledger, folder.path / "checkpoints",
        device=device, allow_second_test=allow_second_test, say=say,
    )  # fmt: skip


def _line(predictions: Predictions) -> str:
    """One line with the mean metrics over seeds on validation and test."""
    parts = []
    for split in ("val", "test"):
        rows = predictions.of_split(split)
        values = list(rows.probabilities.values())
        mean_auc = sum(auc(rows.labels, p) for p in values) / len(values)
        mean_accuracy = sum(accuracy(rows.labels, p) for p in values) / len(values)
        parts.append(f"{split} AUC {mean_auc:.3f}, accuracy {mean_accuracy:.3f}")
    return f"{predictions.method}: {'; '.join(parts)}"
