"""Train a Volume PI-Net on a finished run, into a folder with its curves and its card."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from tdaflow import __version__
from tdaflow.atomic import write_whole
from tdaflow.errors import ConfigError
from tdaflow.nets.allocator import training_device
from tdaflow.nets.checkpoints import Checkpoints
from tdaflow.nets.optional import chosen_device
from tdaflow.nets.pinet.model.image_errors import fidelity
from tdaflow.nets.pinet.model.network import Decoder, VolumeNetOptions, VolumePINet
from tdaflow.nets.pinet.model.volume_model import CARD, CHECKPOINT, CURVES, FACTS, VolumeModel, save_model
from tdaflow.nets.pinet.train.card import model_card
from tdaflow.nets.pinet.train.fit import curves, told
from tdaflow.nets.pinet.train.pairs import RunPairs, run_pairs
from tdaflow.nets.pinet.train.schedule import PINetSchedule, schedule_named
from tdaflow.nets.pinet.train.volume_training import train_volume_net
from tdaflow.nets.training import Epoch
from tdaflow.pipeline import Observer, Silent
from tdaflow.store import options_digest


@dataclass(frozen=True)
class VolumeTraining:
    """Settings of a training.

    Attributes
    ----------
    channels : tuple of str or None
        Such as "alpha" or "sublevel/0", see `chosen_blocks`; None for all.
    preset : str
        Name of a schedule, see `tdaflow.nets.pinet.train.schedule`.
    epochs : int or None
        Most epochs; None for those of the preset.
    decoder : "basis" or "paper"
    width : int
        Feature maps at full resolution.
    max_train : int or None
        Size of a random subset of the training volumes; None for all.
    seed : int
    device : "auto", "cuda" or "cpu"

    Raises
    ------
    InputError
        If a setting is not possible.
    """

    channels: tuple[str, ...] | None = None
    preset: str = "short"
    epochs: int | None = None
    decoder: Decoder = "basis"
    width: int = 8
    max_train: int | None = None
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        # Refused here, before hours of work.
        _ = self.schedule, self.options, chosen_device(self.device)

    @property
    def schedule(self) -> PINetSchedule:
        """Epochs and learning rates."""
        return schedule_named(self.preset, epochs=self.epochs)

    @property
    def options(self) -> VolumeNetOptions:
        """Size of the network."""
        return VolumeNetOptions(width=self.width, decoder=self.decoder)


def train_on_run(
    run: Path, out: Path | None = None, training: VolumeTraining | None = None, *, observer: Observer | None = None
) -> VolumeModel:
    """Train a network on the training volumes of a finished run; the same call goes on with an interrupted training.

    Parameters
    ----------
    run : Path
        Folder of the run.
    out : Path, optional
        Folder of the model, ``RUN/pinet`` by default.
    training : VolumeTraining, optional
    observer : Observer, optional

    Raises
    ------
    InputError
        If the run's volumes cannot be used for training, see `run_pairs`.
    ConfigError
        If the folder holds a model of other data or settings.
    RunError
        If the training diverges or the checkpoint cannot be written.
    """
    settings, watching = training or VolumeTraining(), observer or Silent()
    schedule, device = settings.schedule, training_device(settings.device)
    wanted = None if settings.channels is None else list(settings.channels)
    pairs = run_pairs(run, wanted, max_train=settings.max_train, seed=settings.seed)
    watching.message(
        f"{len(pairs.train)} training and {len(pairs.val)} validation volumes, {len(pairs.channels)} channels, "
        f"at most {schedule.epochs} epochs on {device}"
    )
    return train_model(
        pairs, out or Path(run) / "pinet", settings.options, schedule, preset=settings.preset, seed=settings.seed,
        device=device, after_epoch=lambda epoch: watching.message(told(epoch, schedule.epochs)),
    )  # fmt: skip


def train_model(
    pairs: RunPairs,
    folder: Path,
    options: VolumeNetOptions,
    schedule: PINetSchedule,
    *,
    preset: str = "",
    seed: int = 0,
    device: str = "cpu",
    after_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> VolumeModel:
    """Train a network and write weights, record, curves and card; the same call goes on with an interrupted training.

    Parameters
    ----------
    pairs : RunPairs
    folder : Path
        Made if it is not there.
    options : VolumeNetOptions
    schedule : PINetSchedule
    preset : str
        Name of the schedule, for the card.
    seed, device, after_epoch
        As for `tdaflow.nets.training.fit`.

    Raises
    ------
    ConfigError
        If the folder holds a model of other data or settings.
    RunError
        If the training diverges or the checkpoint cannot be written.
    """
    settings = {"network": asdict(options), "schedule": asdict(schedule), "seed": seed}
    fingerprint = options_digest(
        settings, pairs.digest, pairs.record.to_dict(), pairs.exact.to_dict(), len(pairs.train), len(pairs.val)
    )
    if (folder / FACTS).exists():
        known = json.loads((folder / FACTS).read_text(encoding="utf-8")).get("facts", {})
        if known.get("fingerprint") != fingerprint:
            raise ConfigError(f"{folder} holds a model of other data or settings: give another folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    trained = train_volume_net(
        pairs, options, schedule, seed, device=device,
        checkpoints=Checkpoints(folder / CHECKPOINT, fingerprint), after_epoch=after_epoch,
    )  # fmt: skip
    net = trained.fitted.net.to("cpu").eval().requires_grad_(False)
    assert isinstance(net, VolumePINet)
    history = trained.fitted.history
    mean_image = pairs.train.pixels.mean(axis=0, dtype=np.float64)
    of_val = fidelity(trained.val_pixels, pairs.val.pixels, mean_image, pairs.channels)
    facts = {
        **settings,
        "fingerprint": fingerprint,
        "preset": preset,
        "device": device,
        "mixed_precision": device == "cuda",
        "tdaflow": __version__,
        "torch": torch.__version__,
        "n_parameters": sum(p.numel() for p in net.parameters()),
        "epochs": len(history),
        "chosen_epoch": trained.fitted.chosen,
        "seconds": sum(e.seconds for e in history),
        "images_digest": pairs.digest,
        "validation": [channel.to_dict() for channel in of_val],
    }
    model = VolumeModel(
        net, trained.out_of_distribution, options, pairs.record, trained.calibration, pairs.exact, facts
    )
    write_whole(folder / CURVES, json.dumps(curves(trained.fitted), indent=1) + "\n")
    write_whole(folder / CARD, model_card(model))
    save_model(model, folder)
    return model
