"""Signal PI-Net or Image PI-Net end to end: data, ground truth on an engine, training, test errors, classification.

Som, Choi, Ramamurthy, Buman and Turaga, "PI-Net: A Deep Learning Approach to Extract Topological Persistence Images"
(2019), sections 4 and 5.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tdaflow import __version__
from tdaflow.atomic import write_whole, written_whole
from tdaflow.errors import ConfigError, InputError
from tdaflow.nets.allocator import training_device
from tdaflow.nets.checkpoints import Checkpoints
from tdaflow.nets.pinet.model.image_errors import channel_fidelity
from tdaflow.nets.pinet.model.volume_model import CHECKPOINT, CURVES, FACTS, WEIGHTS
from tdaflow.nets.pinet.paper.classification import compare_classifiers
from tdaflow.nets.pinet.paper.config import PaperConfig
from tdaflow.nets.pinet.paper.data import PaperData, read_data
from tdaflow.nets.pinet.paper.networks import ImagePINet, SignalPINet
from tdaflow.nets.pinet.paper.target_store import MAKERS, OPTIONS, Kind, make_targets
from tdaflow.nets.pinet.paper.targets import SignalScaler, TargetOptions, unit_images
from tdaflow.nets.pinet.train.card import fidelity_table
from tdaflow.nets.pinet.train.fit import Pairs, curves, fit_images, told
from tdaflow.pipeline import Engine, Observer
from tdaflow.store import content_digest, options_digest

ASSESSMENT, TEXT, EXAMPLES = "assessment.json", "assessment.md", "examples.npz"
N_EXAMPLES = 4
# Samples that are timed.
_TIMED = 256


def run_experiment(
    config: PaperConfig, folder: Path, engine: Engine, observer: Observer, *, device: str = "auto"
) -> dict[str, Any]:
    """Train a PI-Net of Som et al. 2019 and assess it on test samples; the same call goes on with an interrupted one.

    Parameters
    ----------
    config : PaperConfig
    folder : Path
        Gets ``weights.pt``, ``model.json``, ``loss.json``, ``assessment.json``, ``assessment.md`` and ``examples.npz``
        (some test samples with their exact and predicted images); made if it is not there.
    engine : Engine
        Makes the ground truth.
    observer : Observer
    device : "auto", "cuda" or "cpu"

    Returns
    -------
    dict
        What ``assessment.json`` holds.

    Raises
    ------
    InputError
        If the data are missing or damaged.
    ConfigError
        If the folder holds another experiment.
    RunError
        If the training diverges.
    """
    where = training_device(device)
    schedule = config.training.schedule
    data = read_data(config.data)
    inputs, scale = _network_inputs(config, data)
    # The default grid has no key, so that folders of earlier versions go on.
    unsaid: Any = {"classification": True, "data": {"path"}} | ({"grid": True} if config.grid == "contiguous" else {})
    digest = options_digest(
        config.model_dump(mode="json", exclude=unsaid),
        [content_digest(values) for values in inputs.values()],
    )
    _refuse_other(folder, digest)
    folder.mkdir(parents=True, exist_ok=True)
    observer.message(
        f"{data.title}: {len(data.train)} training, {len(data.val)} validation and {len(data.test)} test samples"
    )
    targets = {name: _targets(config, folder, name, values, engine, observer) for name, values in inputs.items()}
    pairs = {name: Pairs(_for_network(config, values), targets[name]) for name, values in inputs.items()}

    fitted = fit_images(
        lambda: _network(config, len(data.channels)), pairs["train"], pairs["val"], schedule, config.training.seed,
        device=where, checkpoints=Checkpoints(folder / CHECKPOINT, digest),
        after_epoch=lambda epoch: observer.message(told(epoch, schedule.epochs)),
    )  # fmt: skip
    net = fitted.net.to("cpu")
    predicted = {name: predict_images(net, pair.inputs) for name, pair in pairs.items()}
    found: dict[str, Any] = {
        "network": config.network,
        "data": data.title,
        "n": {name: len(part) for name, part in data.parts().items()},
        "n_parameters": sum(p.numel() for p in net.parameters()),
        "epochs": len(fitted.history),
        "chosen_epoch": fitted.chosen,
        "training_seconds": sum(e.seconds for e in fitted.history),
        "channels": _errors(data.channels, predicted["test"], targets),
        "speed": _speed(config, net, inputs["test"], pairs["test"].inputs),
    }
    if config.classification.epochs:
        observer.message(f"training classifiers, {config.classification.n_seeds} seeds each")
        found["classification"] = compare_classifiers(
            config, data, targets, predicted, device=where, say=observer.message
        )
    _write(folder, config, digest, net, scale, found)
    write_whole(folder / CURVES, json.dumps(curves(fitted), indent=1) + "\n")
    rows = np.linspace(0, len(data.test) - 1, min(N_EXAMPLES, len(data.test))).astype(int)
    np.savez(
        folder / EXAMPLES, inputs=inputs["test"][rows], exact=targets["test"][rows], predicted=predicted["test"][rows],
        channels=np.array(data.channels), origin="lower" if config.grid == "contiguous" else "upper",
    )  # fmt: skip
    return found


def load_network(folder: Path) -> tuple[nn.Module, np.ndarray | None]:
    """Read a trained network, for inference.

    Parameters
    ----------
    folder : Path
        As `run_experiment` filled it.

    Returns
    -------
    net : SignalPINet or ImagePINet
    scale : float64 array (channels, t) or None
        Divisor of zero-centred signals, see `SignalScaler`; None for images.

    Raises
    ------
    InputError
        If there is no such network, or its weights are damaged or hold more than numbers.
    """
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if facts.get("kind") != "paper-pi-net":
            raise InputError(f"{folder} holds no Signal or Image PI-Net: train one with `tdaflow pinet train`")
        state = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
        scale = state.pop("scale", None)
        net = _network(PaperConfig.model_validate(facts["config"]), facts["n_channels"])
        net.load_state_dict(state)
    except FileNotFoundError as error:
        raise InputError(f"there is no {error.filename}: train a network with `tdaflow pinet train`") from None
    except InputError:
        raise
    except Exception as error:  # whatever damaged bytes make of JSON, a zip and a restricted pickle
        raise InputError(f"the network in {folder} cannot be read ({type(error).__name__}): train it anew") from None
    return net.eval().requires_grad_(False), None if scale is None else scale.numpy()


def predict_images(net: nn.Module, inputs: np.ndarray, batch: int = 64) -> np.ndarray:
    """Predict persistence images, float32 (n, channels, 50, 50), from prepared inputs (n, channels, …)."""
    parts = []
    with torch.inference_mode():
        for left in range(0, len(inputs), batch):
            x = np.ascontiguousarray(inputs[left : left + batch], dtype=np.float32)
            parts.append(net(torch.from_numpy(x)).numpy())
    return np.concatenate(parts)


def assessment_text(found: Mapping[str, Any]) -> str:
    """Return an assessment as Markdown tables."""
    name = "Signal PI-Net" if found["network"] == "signal" else "Image PI-Net"
    speed = found["speed"]
    sections = [
        f"# {name} on {found['data']}",
        f"{found['n']['train']} training, {found['n']['val']} validation and {found['n']['test']} test samples; "
        f"{found['n_parameters']:,} parameters; {found['epochs']} epochs in {found['training_seconds']:.0f} s, epoch "
        f"{found['chosen_epoch'] + 1}, of the lowest validation loss, was kept.",
        "## Predicted and exact images of the test samples",
        fidelity_table(found["channels"]),
        "Relative L2 is √(Σ‖predicted − exact‖² / Σ‖exact‖²); the mean training image is the baseline that looks at no "
        "sample, and deviations are from it.",
        f"Time on the core for {speed['n']} samples: network {speed['network']:.3g} s, exact computation "
        f"{speed['exact']:.3g} s.",
    ]
    if "classification" in found:
        compared = found["classification"]
        lines = [f"| method | {compared['metric']}, % | p |", "| --- | ---: | ---: |"]
        lines += [f"| {r['name']} | {r['text']} | {_p(r['p_value'])} |" for r in compared["rows"]]
        sections += [
            f"## Classification ({compared['classes']} classes, {compared['n_seeds']} seeds)",
            "\n".join(lines),
            "Mean ± standard deviation over seeds on the test samples, at the last epoch; p of Welch's t-test against "
            "the first method of the same network. The PI-Net was trained on the same training samples, so its images "
            "of them are nearer to the exact ones than those of test samples.",
        ]
    return "\n\n".join(sections) + "\n"


def _network_inputs(config: PaperConfig, data: PaperData) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Prepare the samples: scaled signals (n, channels, t) or images as they are; the scale of signals."""
    if config.network == "image":
        return {name: part.inputs for name, part in data.parts().items()}, None
    scaler = SignalScaler().fit(data.train.inputs)
    return {name: scaler.transform(part.inputs) for name, part in data.parts().items()}, scaler.scale_


def _for_network(config: PaperConfig, inputs: np.ndarray) -> np.ndarray:
    """Return float32 (n, channels, …)."""
    if config.network == "signal":
        return inputs.astype(np.float32)
    return np.ascontiguousarray(np.moveaxis(unit_images(inputs), -1, 1), dtype=np.float32)


def _network(config: PaperConfig, n_channels: int) -> SignalPINet | ImagePINet:
    kind = SignalPINet if config.network == "signal" else ImagePINet
    return kind(n_channels, config.training.widths)


def _targets(
    config: PaperConfig, folder: Path, name: str, inputs: np.ndarray, engine: Engine, observer: Observer
) -> np.ndarray:
    """Make the ground truth of a split, or read it."""
    file = folder / f"{name}.npy"
    np.save(file, inputs)
    return make_targets(
        file, folder / f"targets-{name}.zarr", _kind(config), engine, options=_target_options(config), observer=observer
    )


def _kind(config: PaperConfig) -> Kind:
    return "signals" if config.network == "signal" else "images"


def _target_options(config: PaperConfig) -> TargetOptions:
    return replace(OPTIONS[_kind(config)], grid=config.grid)


def _errors(names: Sequence[str], predicted: np.ndarray, targets: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    mean = targets["train"].mean(axis=0, dtype=np.float64)
    rows = []
    for i, name in enumerate(names):
        theirs, exact = (
            images[:, i].reshape(len(images), -1).astype(np.float64) for images in (predicted, targets["test"])
        )
        rows.append(channel_fidelity(name, theirs, exact, mean[i].ravel()).to_dict())
    return rows


def _speed(config: PaperConfig, net: nn.Module, raw: np.ndarray, prepared: np.ndarray) -> dict[str, float]:
    exact, options = MAKERS[_kind(config)], _target_options(config)
    works: dict[str, Callable[[], object]] = {
        "network": lambda: predict_images(net, prepared[:_TIMED]), "exact": lambda: exact(raw[:_TIMED], options),
    }  # fmt: skip
    found: dict[str, float] = {"n": min(_TIMED, len(raw))}
    for name, work in works.items():
        # Compiled or loaded before the clock starts.
        work()
        began = time.process_time()
        work()
        found[name] = time.process_time() - began
    return found


def _refuse_other(folder: Path, digest: str) -> None:
    path = folder / FACTS
    if path.exists() and json.loads(path.read_text(encoding="utf-8")).get("digest") != digest:
        raise ConfigError(f"{folder} holds a network of other data or settings: give another folder with --out")


def _write(
    folder: Path, config: PaperConfig, digest: str, net: nn.Module, scale: np.ndarray | None, found: Mapping[str, Any]
) -> None:
    state = {name: tensor.detach().contiguous() for name, tensor in net.state_dict().items()}
    if scale is not None:
        state["scale"] = torch.from_numpy(scale)
    with written_whole(folder / WEIGHTS) as temporary:
        torch.save(state, temporary)
    facts = {
        "kind": "paper-pi-net", "digest": digest, "config": config.model_dump(mode="json", exclude={"data": {"path"}}),
        "n_channels": len(found["channels"]), "tdaflow": __version__, "torch": torch.__version__,
    }  # fmt: skip
    write_whole(folder / FACTS, json.dumps(facts, indent=1) + "\n")
    write_whole(folder / ASSESSMENT, json.dumps(found, indent=1) + "\n")
    write_whole(folder / TEXT, assessment_text(found))


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
