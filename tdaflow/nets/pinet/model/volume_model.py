"""A trained Volume PI-Net as a folder: weights, training record and calibration.

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
from tdaflow.nets.pinet.model.channels import channel_shape, n_pixels
from tdaflow.nets.pinet.model.decoders import BasisDecoder, PaperDecoder
from tdaflow.nets.pinet.model.network import (
    VolumeEncoder,
    VolumeNetOptions,
    VolumePINet,
    for_inference,
    forward,
    one_torch_thread,
)
from tdaflow.nets.pinet.model.record import DataRecord, ExactRecipe
from tdaflow.nets.pinet.model.uncertainty import Calibration, OutOfDistribution
from tdaflow.store import ChannelAxes, content_digest, options_digest

FORMAT = 3
WEIGHTS, FACTS, CURVES, CARD, CHECKPOINT = "weights.pt", "model.json", "loss.json", "MODEL_CARD.md", "checkpoint.pt"


@dataclass(frozen=True)
class VolumeModel:
    """A trained network and its record.

    Attributes
    ----------
    net : VolumePINet
        Ready for inference.
    out_of_distribution : OutOfDistribution
        Scores volumes by their features.
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
    out_of_distribution: OutOfDistribution
    options: VolumeNetOptions
    record: DataRecord
    calibration: Calibration
    exact: ExactRecipe
    facts: Mapping[str, Any]

    @property
    def channels(self) -> tuple[ChannelAxes, ...]:
        """The predicted channels, in the order of the pixels."""
        return self.exact.channels

    @property
    def digest(self) -> str:
        """The digest of all that a prediction depends on."""
        return options_digest(
            weights_digest(self.state()), self.record.to_dict(), self.calibration.to_dict(), self.exact.to_dict()
        )  # fmt: skip

    def state(self) -> dict[str, torch.Tensor]:
        """Return every parameter and buffer, by name, on the CPU."""
        parts: dict[str, torch.nn.Module] = {"net": self.net, "out_of_distribution": self.out_of_distribution}
        return {
            f"{part}.{name}": tensor.detach().cpu().contiguous()
            for part, module in parts.items()
            for name, tensor in module.state_dict().items()
        }

    def predict(self, voxels: np.ndarray, device: str = "cpu") -> "ModelOutput":
        """Predict volumes of one shape, (n, 1, z, y, x) in their own units; `device` is where the network is."""
        outputs = forward(self._fast, voxels, device)
        with torch.inference_mode(), one_torch_thread():
            score = self.out_of_distribution(torch.from_numpy(outputs.features)).double().numpy()
        return ModelOutput(outputs.pixels, self.calibration.expected_error(outputs.uncertainty), score)

    @cached_property
    def _fast(self) -> VolumePINet:
        return for_inference(self.net)

    def reasons_for_exact(
        self, voxels: np.ndarray, spacing: Sequence[float], output: "ModelOutput", bound: float
    ) -> list[str]:
        """Return why volumes need the exact computation, "" for those that do not.

        Parameters
        ----------
        voxels : array (n, 1, z, y, x)
        spacing : (z, y, x) mm
        output : ModelOutput
            Of the same volumes.
        bound : float
            Largest accepted expected error.
        """
        reasons = []
        for volume, expected, score in zip(voxels[:, 0], output.expected_error, output.ood_score, strict=True):
            extremes = float(volume.min()), float(volume.max())
            reason = self.record.outside_by_header(volume.shape, spacing, extremes)
            reason = reason or self.record.outside_by_voxels(volume)
            limit = float(self.out_of_distribution.limit)
            if reason is None and not score <= limit:
                reason = f"out-of-distribution score {score:.3g}, 99 % of the training volumes are below {limit:.3g}"
            if reason is None and not expected <= bound:
                reason = f"expected error {expected:.3g} above {bound:g}"
            reasons.append(reason or "")
        return reasons


@dataclass(frozen=True)
class ModelOutput:
    """Predictions of a model for some volumes.

    Attributes
    ----------
    pixels : float32 (n, pixels)
        Images, channel after channel.
    expected_error : float64 (n,)
        Below it the error lies with the model's probability, for volumes like those of training.
    ood_score : float64 (n,)
        Out-of-distribution score, see `OutOfDistribution`.
    """

    pixels: np.ndarray
    expected_error: np.ndarray
    ood_score: np.ndarray


def save_model(model: VolumeModel, folder: Path) -> None:
    """Write a model to a folder; the facts come last, so that a folder without them is no model."""
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
    write_whole(folder / FACTS, json.dumps(told, indent=1) + "\n")


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
        raise InputError(
            f"{folder} holds a Volume PI-Net of another format (this version reads {FORMAT}): train anew with "
            "`tdaflow pinet train`"
        )
    options, exact = VolumeNetOptions(**told["network"]), ExactRecipe.from_dict(told["exact"])
    net = empty_network(exact.channels, options, told["n_components"])
    out_of_distribution = OutOfDistribution(net.encoder.n_features)
    try:
        state = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
        for part, module in (("net.", net), ("out_of_distribution.", out_of_distribution)):
            module.load_state_dict({k.removeprefix(part): v for k, v in state.items() if k.startswith(part)})
    except Exception as error:  # whatever damaged bytes make of a zip and a restricted pickle
        raise InputError(
            f"the weights {folder / WEIGHTS} cannot be read ({type(error).__name__}): restore them or train anew"
        ) from None
    if weights_digest(state) != told["weights_digest"]:
        raise InputError(f"the weights {folder / WEIGHTS} are not those that {FACTS} names: restore both")
    net.eval().requires_grad_(False).to(device)
    return VolumeModel(
        net, out_of_distribution, options, DataRecord.from_dict(told["record"]), Calibration(**told["calibration"]),
        exact, told["facts"],
    )  # fmt: skip


def empty_network(channels: tuple[ChannelAxes, ...], options: VolumeNetOptions, n_components: list[int]) -> VolumePINet:
    """Make a network of the right shape to load parameters into; `n_components` a channel are those of its decoder."""
    sizes = [n_pixels(c) for c in channels]
    decoder: torch.nn.Module
    if options.decoder == "paper":
        decoder = PaperDecoder(options.hidden, [channel_shape(c) for c in channels])
    else:
        decoder = BasisDecoder(
            options.hidden,
            [torch.zeros(size) for size in sizes],
            [torch.zeros(k, size) for k, size in zip(n_components, sizes, strict=True)],
            [torch.zeros(k) for k in n_components],
        )
    return VolumePINet(VolumeEncoder(options.width), decoder, options.hidden, (0.0, 1.0), torch.ones(sum(sizes)))


@lru_cache(maxsize=2)
def cached_model(folder: Path, digest: str, device: str = "cpu") -> VolumeModel:
    """Read a model once a process, see `load_model`; InputError if the folder holds another model by now."""
    model = load_model(folder, device)
    if model.digest != digest:
        raise InputError(f"the model in {folder} is another one than that of this prediction: start in a new folder")
    return model


def weights_digest(state: Mapping[str, torch.Tensor]) -> str:
    """Return the digest of every parameter and buffer."""
    return options_digest({name: content_digest(tensor.numpy()) for name, tensor in state.items()})
