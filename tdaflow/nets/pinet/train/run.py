"""From a finished run to a trained Volume PI-Net in a folder, with its curves and its card."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from tdaflow import __version__
from tdaflow.errors import ConfigError
from tdaflow.nets.checkpoints import Checkpoints
from tdaflow.nets.pinet.model.image_errors import fidelity
from tdaflow.nets.pinet.model.network import VolumeNetOptions, VolumePINet
from tdaflow.nets.pinet.model.volume_model import CARD, CHECKPOINT, CURVES, FACTS, VolumeModel, save_model, write_text
from tdaflow.nets.pinet.train.card import model_card
from tdaflow.nets.pinet.train.fit import curves
from tdaflow.nets.pinet.train.pairs import RunPairs
from tdaflow.nets.pinet.train.schedule import PINetSchedule
from tdaflow.nets.pinet.train.volume_training import train_volume_net
from tdaflow.nets.training import Epoch
from tdaflow.store import options_digest


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
    told = {"network": asdict(options), "schedule": asdict(schedule), "seed": seed}
    fingerprint = options_digest(
        told, pairs.digest, pairs.record.to_dict(), pairs.exact.to_dict(), len(pairs.train), len(pairs.val)
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
        **told,
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
    write_text(folder / CURVES, json.dumps(curves(trained.fitted), indent=1) + "\n")
    write_text(folder / CARD, model_card(model))
    save_model(model, folder)
    return model
