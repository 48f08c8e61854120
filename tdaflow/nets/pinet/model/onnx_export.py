"""A trained Volume PI-Net as an ONNX file, which other programs run without torch or tdaflow."""

import contextlib
import json
import os
import warnings
from pathlib import Path

import numpy as np
import torch

from tdaflow.atomic import written_whole
from tdaflow.errors import InputError
from tdaflow.nets.pinet.model.channels import channel_name, channel_shape
from tdaflow.nets.pinet.model.volume_model import ModelOutput, VolumeModel

OPSET = 17
INPUT = "voxels"
OUTPUTS = ("pixels", "expected_error", "ood_score")


class _Whole(torch.nn.Module):
    """`VolumeModel.predict` as one graph."""

    def __init__(self, model: VolumeModel) -> None:
        super().__init__()
        self.net, self.out_of_distribution = model.net, model.out_of_distribution
        self.shift = model.calibration.shift

    def forward(self, voxels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        pixels, uncertainty, features = self.net(voxels)
        return pixels, (uncertainty + self.shift).exp(), self.out_of_distribution(features)


def export_onnx(model: VolumeModel, path: Path) -> Path:
    """Write the network as ONNX.

    Parameters
    ----------
    model : VolumeModel
    path : Path
        Written whole or not at all.

    Returns
    -------
    Path
        Input ``voxels`` float32 (batch, 1, z, y, x) in the volumes' own units, any batch; outputs ``pixels`` (batch,
        pixels), channel after channel, ``expected_error`` (batch,) and ``ood_score`` (batch,). The file's metadata
        name the channels, their shapes, ranges and σ, the training record, and the largest accepted score.

    Raises
    ------
    InputError
        If the package onnx is missing.
    """
    try:
        import onnx
    except ImportError:
        raise InputError('export needs onnx, which is not installed: pip install "tdaflow[torch]"') from None
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    example = torch.zeros(2, 1, *model.record.shapes[0])
    with written_whole(path) as temporary:
        with warnings.catch_warnings(), open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _Whole(model).eval(), (example,), str(temporary), input_names=[INPUT],
                output_names=list(OUTPUTS), opset_version=OPSET, dynamo=False,
                dynamic_axes={name: {0: "batch"} for name in (INPUT, *OUTPUTS)},
            )  # fmt: skip
        made = onnx.load(str(temporary))
        onnx.helper.set_model_props(made, {name: json.dumps(value) for name, value in _about(model).items()})
        onnx.checker.check_model(made)
        onnx.save(made, str(temporary))
    return path


def run_onnx(path: Path, voxels: np.ndarray) -> ModelOutput:
    """Predict with onnxruntime on one thread of the CPU, as `VolumeModel.predict`; InputError if it is missing."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError('onnxruntime is not installed: pip install "tdaflow[torch]"') from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    pixels, error, score = session.run(OUTPUTS, {INPUT: np.ascontiguousarray(voxels, dtype=np.float32)})
    return ModelOutput(pixels, error.astype(np.float64), score.astype(np.float64))


def _about(model: VolumeModel) -> dict[str, object]:
    channels = [
        {
            "name": channel_name(c), "shape": list(channel_shape(c)), "birth_range": list(c.birth_range),
            "death_range": list(c.death_range), "sigma": c.sigma,
        }
        for c in model.channels
    ]  # fmt: skip
    return {
        "model": model.digest, "channels": channels, "record": model.record.to_dict(),
        "level": model.calibration.level, "largest_ood_score": float(model.out_of_distribution.limit),
    }  # fmt: skip
