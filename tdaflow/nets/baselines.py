"""Train, choose and test the deep baselines."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tdaflow.errors import InputError
from tdaflow.evaluation.baselines.tabular import baseline_predictions
from tdaflow.evaluation.baselines.volumes import LabelledVolumes
from tdaflow.evaluation.protocol.checks import check_features
from tdaflow.evaluation.protocol.features import Features
from tdaflow.evaluation.protocol.held_out import HeldOut, development
from tdaflow.evaluation.protocol.ledger import Ledger, split_digest
from tdaflow.evaluation.protocol.metrics import accuracy
from tdaflow.evaluation.protocol.predictions import Predictions
from tdaflow.nets.inputs import NetInputs, early_inputs, image_inputs, published_images, volume_inputs
from tdaflow.nets.optional import require_torch
from tdaflow.nets.registry import LEAK, NETS, NetBaseline
from tdaflow.nets.schedule import Schedule
from tdaflow.store import options_digest

if TYPE_CHECKING:
    from tdaflow.nets.training import Epoch, Fitted

Say = Callable[[str], None]

# Epochs over which the published code looks for its best test accuracy.
PUBLISHED_EPOCHS = 150


def net_inputs(name: str, volumes: LabelledVolumes, run: Path) -> NetInputs:
    """Load the inputs of the named baseline; InputError if the run does not have it or a table cannot be made of it."""
    reads = NETS[name].reads
    if reads == "voxels":
        inputs = volume_inputs(volumes)
    elif reads == "voxels and images":
        inputs = early_inputs(volumes, run)
    else:
        inputs = image_inputs(run) if reads == "images" else published_images(run)
    check_features(inputs.features)
    return inputs


def evaluate_net(
    name: str,
    inputs: NetInputs,
    schedule: Schedule,
    ledger: Ledger,
    checkpoints: Path,
    *,
    device: str = "cpu",
    width: float = 1.0,
    allow_second_test: bool = False,
    say: Say = lambda text: None,
) -> Predictions:
    """Train all seeds of a deep baseline, choose each one's epoch on validation, then open the test split once.

    Parameters
    ----------
    name : str
        Key of `NETS`.
    inputs : NetInputs
    schedule : Schedule
        A reduced one shows in the row's name.
    ledger : Ledger
    checkpoints : Path
        Folder of checkpoints; a training that was interrupted goes on from there, one that is finished is reused.
    device : "cpu" or "cuda"
    width : float
        Of the network, see `resnet18`.
    allow_second_test : bool
        Allow a second, different choice on the same test split; the notes say so.
    say : callable
        Called with a line about every epoch.

    Raises
    ------
    InputError
        If the name is unknown, torch is missing, or the features cannot be evaluated.
    ConfigError
        If another choice of this baseline has touched this test split and `allow_second_test` is not given.
    """
    baseline = _known(name)
    require_torch()
    from tdaflow.nets.classification import Feed, probabilities

    check_features(inputs.features)
    train, val = development(inputs.features)
    held_out = HeldOut(inputs.features)
    family = f"baseline {name}"
    choice = {"net": name, "width": width, "schedule": _told(schedule), "data": inputs.features.digest}
    ledger.refuse_other(family, held_out.split, choice, allow_second_test=allow_second_test)
    trained = {
        seed: _train(baseline, inputs, train, val, schedule, seed, device, width, checkpoints / name, say)
        for seed in range(schedule.n_seeds)
    }

    def predict(of: Features) -> dict[int, np.ndarray]:
        feed = Feed(inputs, inputs.arrays(of), device)
        return {seed: probabilities(t.net, feed, schedule.batch) for seed, t in trained.items()}

    of_val = predict(val)
    # Every epoch is chosen; from here on nothing but predictions.
    touch = ledger.touch(family, held_out.split, choice, allow_second_test=allow_second_test)
    test = held_out.open()
    chosen = ", ".join(str(t.chosen + 1) for t in trained.values())
    made = baseline_predictions(
        baseline.title + schedule.suffix, val, test, of_val, predict(test), touch,
        notes=(
            baseline.note, schedule.note,
            f"Epochs with the highest validation AUC: {chosen} of {schedule.epochs}, on {device}.",
        ),
        details={
            "family": family, "choice": choice, "device": device,
            "schedule": "reduced" if schedule.is_reduced else "MedMNIST",
            "chosen_epochs": {str(s): t.chosen for s, t in trained.items()},
            "seconds_per_epoch": {str(s): float(np.median([e.seconds for e in t.history])) for s, t in trained.items()},
            "history": {str(s): [_of_epoch(e) for e in t.history] for s, t in trained.items()},
        },
    )  # fmt: skip
    return replace(made, kind="fusion") if baseline.reads == "voxels and images" else made


def published_protocol(
    inputs: NetInputs,
    schedule: Schedule,
    ledger: Ledger,
    *,
    device: str = "cpu",
    width: float = 1.0,
    say: Say = lambda text: None,
) -> Predictions:
    """Evaluate the published protocol, which leaks: of every seed it takes the epoch with the best test accuracy.

    Parameters are those of `evaluate_net`. A full schedule is lengthened to the published 150 epochs.

    Returns
    -------
    Predictions
        Of kind "published protocol". ``details["leak"]`` has, for every seed, the test accuracy of the epoch that test
        chose and of the epoch that validation would have chosen in the same training.
    """
    baseline = NETS["published-pi"]
    require_torch()
    from tdaflow.nets.classification import Feed, probabilities

    if not schedule.is_reduced:
        schedule = replace(schedule, epochs=max(schedule.epochs, PUBLISHED_EPOCHS))
    check_features(inputs.features)
    train, val = development(inputs.features)
    held_out = HeldOut(inputs.features)
    choice = {"net": "published-pi", "schedule": _told(schedule), "data": inputs.features.digest, "epoch": LEAK}
    touch = ledger.touch("published protocol", held_out.split, choice, allow_second_test=True)
    test = held_out.open()
    feeds = [Feed(inputs, inputs.arrays(part), device) for part in (val, test)]
    of_val, of_test, leak = {}, {}, {}
    for seed in range(schedule.n_seeds):
        seen: list[tuple[np.ndarray, np.ndarray]] = []

        def look(epoch: "Epoch", net: Any, seen: list[tuple[np.ndarray, np.ndarray]] = seen) -> None:
            seen.append((probabilities(net, feeds[0], schedule.batch), probabilities(net, feeds[1], schedule.batch)))

        trained = _train(baseline, inputs, train, val, schedule, seed, device, width, None, say, look)
        accuracies = [accuracy(test.labels, p) for _, p in seen]
        best = int(np.argmax(accuracies))
        of_val[seed], of_test[seed] = seen[best]
        leak[str(seed)] = {
            "best_test_epoch": best, "accuracy": accuracies[best],
            "validation_epoch": trained.chosen, "accuracy_of_validation_epoch": accuracies[trained.chosen],
        }  # fmt: skip
    gain = np.mean([told["accuracy"] - told["accuracy_of_validation_epoch"] for told in leak.values()])
    made = baseline_predictions(
        baseline.title + schedule.suffix, val, test, of_val, of_test, replace(touch, number=1),
        notes=(), details={"family": "published protocol", "choice": choice, "leak": leak, "device": device},
    )  # fmt: skip
    notes = (
        f"LEAKS. {baseline.note}",
        schedule.note,
        f"The same networks at the epoch that validation chooses are {100 * gain:.1f} points less accurate on test.",
    )
    # Everything about this row is decided on test; a threshold from validation would hide that.
    return replace(made, kind="published protocol", notes=notes, thresholds={})


def _train(
    baseline: NetBaseline,
    inputs: NetInputs,
    train: Features,
    val: Features,
    schedule: Schedule,
    seed: int,
    device: str,
    width: float,
    folder: Path | None,
    say: Say,
    look: Callable[[Any, Any], None] = lambda epoch, net: None,
) -> "Fitted":
    from tdaflow.nets.checkpoints import Checkpoints
    from tdaflow.nets.classification import train as train_net
    from tdaflow.nets.networks import make_network

    n_classes = len(train.class_names)
    title = f"{baseline.title}{schedule.suffix}, seed {seed}"

    def after(epoch: Any, net: Any) -> None:
        look(epoch, net)
        say(
            f"{title}: epoch {epoch.number + 1} of {schedule.epochs}, loss {epoch.loss:.3f}, validation AUC "
            f"{epoch.validation:.3f}, {epoch.seconds:.1f} s"
        )

    options = _told(replace(schedule, n_seeds=1))
    rows = [split_digest(part.ids, part.labels) for part in (train, val)]
    fingerprint = options_digest(
        baseline.kind, str(width), options, seed, inputs.features.digest, list(inputs.shape), rows
    )
    return train_net(
        lambda: make_network(baseline.kind, inputs, n_classes, schedule, width=width),
        inputs,
        (inputs.arrays(train), train.labels),
        (inputs.arrays(val), val.labels),
        schedule,
        seed,
        device=device,
        checkpoints=None if folder is None else Checkpoints(folder / f"seed-{seed}.pt", fingerprint),
        after_epoch=after,
    )


def _known(name: str) -> NetBaseline:
    if name not in NETS or NETS[name].protocol != "honest":
        honest = ", ".join(n for n, net in NETS.items() if net.protocol == "honest")
        raise InputError(f"there is no deep baseline {name!r}: choose from {honest}")
    return NETS[name]


def _of_epoch(epoch: "Epoch") -> dict[str, float]:
    return {"number": epoch.number, "loss": epoch.loss, "val_auc": epoch.validation, "seconds": epoch.seconds}


def _told(schedule: Schedule) -> dict[str, Any]:
    return {**asdict(schedule), "drops": list(schedule.drops)}
