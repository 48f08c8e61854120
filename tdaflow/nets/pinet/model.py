"""A trained Volume PI-Net as a folder: weights, and what one must know to use them.

Nothing in it is unpickled: ``weights.pt`` is read with torch's restricted loader, ``model.json`` is JSON.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tdaflow.atomic import write_whole, written_whole
from tdaflow.errors import InputError
from tdaflow.nets.pinet.decoders import BasisDecoder
from tdaflow.nets.pinet.doubt import Calibration
from tdaflow.nets.pinet.exact import ExactRecipe
from tdaflow.nets.pinet.familiarity import Familiarity
from tdaflow.nets.pinet.forward import forward, one_torch_thread
from tdaflow.nets.pinet.record import DataRecord
from tdaflow.nets.pinet.volume_network import VolumeNetOptions, VolumePINet, for_inference
from tdaflow.nets.pinet.volume_training import empty_network
from tdaflow.store import ChannelAxes, content_digest, options_digest

FORMAT = 2
WEIGHTS, FACTS, CURVES, CARD, CHECKPOINT = "weights.pt", "model.json", "loss.json", "MODEL_CARD.md", "checkpoint.pt"


@dataclass(frozen=True)
class VolumeModel:
    """A trained network and its record.

    Attributes
    ----------
    net : VolumePINet
        Ready for inference.
    familiarity : Familiarity
        Distances from the training volumes.
    options : VolumeNetOptions
    record : DataRecord
        What it was trained on.
    calibration : Calibration
    exact : ExactRecipe
        How the images are made that it predicts.
    facts : mapping
        JSON-able: schedule, seed, versions, metrics on validation.
    """

    net: VolumePINet
    familiarity: Familiarity
    options: VolumeNetOptions
    record: DataRecord
    calibration: Calibration
    exact: ExactRecipe
    facts: Mapping[str, Any]

    @property
    def channels(self) -> tuple[ChannelAxes, ...]:
        """What it predicts, in the order of its pixels."""
        return self.exact.channels

    @property
    def digest(self) -> str:
        """Of all that a prediction depends on."""
        return options_digest(
            weights_digest(self.state()), self.record.to_dict(), self.calibration.to_dict(), self.exact.to_dict()
        )  # fmt: skip

    def state(self) -> dict[str, torch.Tensor]:
        """Every parameter and buffer, by name, on the CPU."""
        parts: dict[str, torch.nn.Module] = {"net": self.net, "familiarity": self.familiarity}
        return {
            f"{part}.{name}": tensor.detach().cpu().contiguous()
            for part, module in parts.items()
            for name, tensor in module.state_dict().items()
        }

    def predict(self, voxels: np.ndarray, device: str = "cpu") -> "ModelOutput":
        """Predict volumes of one shape, (n, 1, z, y, x) in their own units; `device` is where the network is."""
        outputs = forward(self._fast, voxels, device)
        with torch.inference_mode(), one_torch_thread():
            distance = self.familiarity(torch.from_numpy(outputs.features)).double().numpy()
        return ModelOutput(outputs.pixels, self.calibration.expected_error(outputs.doubts), distance)

    @cached_property
    def _fast(self) -> VolumePINet:
        return for_inference(self.net)

    def doubts(self, voxels: np.ndarray, spacing: Sequence[float], said: "ModelOutput", bound: float) -> list[str]:
        """Why volumes need the exact computation, "" for those that do not.

        Parameters
        ----------
        voxels : array (n, 1, z, y, x)
        spacing : (z, y, x) mm
        said : ModelOutput
            Of the same volumes.
        bound : float
            Largest accepted expected error.
        """
        reasons = []
        for volume, expected, distance in zip(voxels[:, 0], said.expected_error, said.distance, strict=True):
            extremes = float(volume.min()), float(volume.max())
            reason = self.record.header_doubt(volume.shape, spacing, extremes) or self.record.voxel_doubt(volume)
            limit = float(self.familiarity.limit)
            if reason is None and not distance <= limit:
                reason = f"distance from the training volumes {distance:.3g}, of theirs 99 % are below {limit:.3g}"
            if reason is None and not expected <= bound:
                reason = f"expected error {expected:.3g} above {bound:g}"
            reasons.append(reason or "")
        return reasons


@dataclass(frozen=True)
class ModelOutput:
    """What a model says of some volumes.

    Attributes
    ----------
    pixels : float32 (n, pixels)
        Images, channel after channel.
    expected_error : float64 (n,)
        Below it the error lies with the model's probability, for volumes like those of training.
    distance : float64 (n,)
        From the training volumes, see `Familiarity`.
    """

    pixels: np.ndarray
    expected_error: np.ndarray
    distance: np.ndarray


def save_model(model: VolumeModel, folder: Path) -> None:
    """Write a model; the facts come last, so that a folder without them is no model."""
    folder.mkdir(parents=True, exist_ok=True)
    decoder = model.net.decoder
    told = {
        "format": FORMAT,
        "kind": "volume-pi-net",
        "network": asdict(model.options),
        "n_components": decoder.sizes if isinstance(decoder, BasisDecoder) else [],
        "weights_digest": weights_digest(model.state()),
        "record": model.record.to_dict(),
        "calibration": model.calibration.to_dict(),
        "exact": model.exact.to_dict(),
        "facts": dict(model.facts),
    }
    with written_whole(folder / WEIGHTS) as temporary:
        torch.save(model.state(), temporary)
    write_text(folder / FACTS, json.dumps(told, indent=1) + "\n")


def load_model(folder: Path, device: str = "cpu") -> VolumeModel:
    """Read a model.

    Raises
    ------
    InputError
        If there is none, it is of another format, or its weights are damaged or hold more than numbers.
    """
    folder = Path(folder)
    try:
        told = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{folder} holds no trained PI-Net ({FACTS} is missing): make one with `tdaflow pinet train RUN`"
        ) from None
    except (ValueError, OSError) as error:
        raise InputError(f"{folder / FACTS} cannot be read ({error}): restore it or train anew") from None
    if told.get("format") != FORMAT or told.get("kind") != "volume-pi-net":
        raise InputError(f"{folder} is no Volume PI-Net of format {FORMAT}: train anew with this version")
    options, exact = VolumeNetOptions(**told["network"]), ExactRecipe.from_dict(told["exact"])
    net = empty_network(exact.channels, options, told["n_components"])
    familiarity = Familiarity(net.encoder.n_features)
    try:
        state = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
        for part, module in (("net.", net), ("familiarity.", familiarity)):
            module.load_state_dict({k.removeprefix(part): v for k, v in state.items() if k.startswith(part)})
    except Exception as error:  # whatever damaged bytes make of a zip and a restricted pickle
        raise InputError(
            f"the weights {folder / WEIGHTS} cannot be read ({type(error).__name__}): restore them or train anew"
        ) from None
    if weights_digest(state) != told["weights_digest"]:
        raise InputError(f"the weights {folder / WEIGHTS} are not those that {FACTS} names: restore both")
    net.eval().requires_grad_(False).to(device)
    return VolumeModel(
        net, familiarity, options, DataRecord.from_dict(told["record"]), Calibration(**told["calibration"]), exact,
        told["facts"],
    )  # fmt: skip


@lru_cache(maxsize=2)
def cached_model(folder: Path, digest: str, device: str = "cpu") -> VolumeModel:
    """As `load_model`, once a process; InputError if the folder holds another model by now."""
    model = load_model(folder, device)
    if model.digest != digest:
        raise InputError(f"the model in {folder} is another one than that of this prediction: start in a new folder")
    return model


def weights_digest(state: Mapping[str, torch.Tensor]) -> str:
    """Of every parameter and buffer."""
    return options_digest({name: content_digest(tensor.numpy()) for name, tensor in state.items()})


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole."""
    write_whole(path, text)
