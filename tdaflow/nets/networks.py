"""The networks of the deep baselines, and their precision on a CPU.

MONAI's ResNet-18 in 2D and 3D, its 2D one converted to 2.5D and ACS, a small convolutional network that one core trains
in minutes, and early fusion with columns beside the voxels.

Mixed precision on a CPU is convolutions of a network's large stages in bfloat16, everything else in float32. On a CPU
with bfloat16 instructions a training takes about 0.6 of the time. Stages on volumes of fewer than `SMALLEST` voxels
along an axis stay in float32: torch's (oneDNN's) bfloat16 weight gradients of 3D convolutions whose output has 2 voxels
along an axis read memory that nothing has written. Weights, batch normalisation's statistics, the optimiser and the
loss are float32 throughout.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from monai.networks.nets import resnet
from torch import nn

from tdaflow.nets.convert import convert_2_5d, convert_acs
from tdaflow.nets.inputs import NetInputs
from tdaflow.nets.schedule import Precision, Schedule, Stem

Kind = Literal["2d", "2.5d", "3d", "acs"]

# Channels of the small network, and its cells along each axis that are left before the head: position is worth
# something in a registered crop.
CHANNELS = (16, 32, 64)
CELLS = 2
# Smallest axis that is computed in bfloat16.
SMALLEST = 7
_STAGES = ("layer1", "layer2", "layer3", "layer4")


def resnet18(
    kind: Kind,
    n_channels: int,
    n_classes: int,
    *,
    stem: Stem = "plain",
    width: float = 1.0,
    precision: Precision = "float32",
) -> nn.Module:
    """Make a ResNet-18 with random weights from torch's generator.

    Parameters
    ----------
    kind : "2d", "2.5d", "3d" or "acs"
        "2d" takes (n, channels, y, x), the others (n, channels, z, y, x). 2.5D and ACS have the parameters of "2d".
    n_channels, n_classes : int
    stem : "plain" or "pooled"
        A 3×3(×3) convolution of stride 1 for small images, as MedMNIST's networks have; "pooled" adds max pooling.
    width : float
        Multiplies the channels of every layer (64, 128, 256, 512).
    precision : "float32" or "mixed"
        See the module's notes.
    """
    net: nn.Module = resnet.resnet18(
        spatial_dims=3 if kind == "3d" else 2, n_input_channels=n_channels, num_classes=n_classes,
        conv1_t_size=3, conv1_t_stride=1, no_max_pool=stem == "plain", bias_downsample=False, widen_factor=width,
    )  # fmt: skip
    if kind == "acs":
        net = convert_acs(net)
    elif kind == "2.5d":
        net = convert_2_5d(net)
    if precision == "mixed" and kind in ("2.5d", "3d"):
        # The layout that a CPU's bfloat16 convolutions want: less than half the time in 2.5D.
        net = cast(Any, net).to(memory_format=torch.channels_last_3d)  # not in the type hints of `Module.to`
    return with_precision(net, precision)


def n_parameters(net: nn.Module) -> int:
    """Count the trained values."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


class SmallCNN(nn.Module):
    """Three blocks of convolution, batch normalisation, ReLU and pooling, then a linear head.

    Parameters
    ----------
    dimensions : 2 or 3
        Takes (n, channels, y, x) or (n, channels, z, y, x), each edge at least 4.
    n_channels, n_classes : int

    Attributes
    ----------
    trunk : Sequential
        Ends in `n_features` numbers; ``trunk.4`` is the last convolution's block.
    head : Linear
    """

    def __init__(self, dimensions: Literal[2, 3], n_channels: int, n_classes: int) -> None:
        super().__init__()
        convolution, normalisation = (nn.Conv2d, nn.BatchNorm2d) if dimensions == 2 else (nn.Conv3d, nn.BatchNorm3d)
        pool, last = (nn.MaxPool2d, nn.AdaptiveAvgPool2d) if dimensions == 2 else (nn.MaxPool3d, nn.AdaptiveAvgPool3d)
        widths = (n_channels, *CHANNELS)
        blocks = [
            nn.Sequential(convolution(a, b, 3, padding=1, bias=False), normalisation(b), nn.ReLU())
            for a, b in itertools.pairwise(widths)
        ]
        self.trunk = nn.Sequential(
            blocks[0], pool(2), blocks[1], pool(2), blocks[2], nn.Sequential(last(CELLS), nn.Flatten())
        )
        self.n_features = CHANNELS[-1] * CELLS**dimensions
        self.head = nn.Linear(self.n_features, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, classes)."""
        logits: torch.Tensor = self.head(self.trunk(x))
        return logits


class EarlyFusion(nn.Module):
    """Features of the voxels and further columns, side by side before one linear head.

    Parameters
    ----------
    trunk : Module
        From (n, channels, z, y, x) to (n, n_features).
    shape : sequence of int
        (channels, z, y, x) of one volume.
    n_features, n_columns, n_classes : int
    """

    def __init__(self, trunk: nn.Module, shape: Sequence[int], n_features: int, n_columns: int, n_classes: int) -> None:
        super().__init__()
        self.trunk, self.shape, self.n_voxels = trunk, tuple(shape), math.prod(shape)
        self.head = nn.Linear(n_features + n_columns, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of rows that hold all voxels of a volume and then its columns, (n, classes)."""
        features = self.trunk(x[:, : self.n_voxels].reshape(-1, *self.shape))
        logits: torch.Tensor = self.head(torch.cat([features, x[:, self.n_voxels :]], dim=1))
        return logits


class MixedStage(nn.Sequential):
    """The blocks of one stage; float32 in, float32 out."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the blocks, in bfloat16 where the input (n, channels, …) is large enough."""
        if min(x.shape[2:]) < SMALLEST:
            made: torch.Tensor = super().forward(x)
            return made
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            made = super().forward(x)
        return made.float()


def with_precision(net: nn.Module, precision: Precision) -> nn.Module:
    """Give the stages of a ResNet their precision; names and values of its parameters stay."""
    if precision == "mixed":
        for name in _STAGES:
            setattr(net, name, MixedStage(*net.get_submodule(name).children()))
    return net


def cpu_precision() -> Precision:
    """Return "mixed" where this CPU computes in bfloat16 itself; elsewhere it would be emulated, and slow."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "mixed" if supported() else "float32"


def make_network(kind: str, inputs: NetInputs, n_classes: int, schedule: Schedule, *, width: float = 1.0) -> nn.Module:
    """Make a network with random weights from torch's generator.

    Parameters
    ----------
    kind : str
        Of a `NetBaseline`.
    inputs : NetInputs
        Give the shape of one row.
    n_classes : int
    schedule : Schedule
        Says the stem and the precision of a ResNet.
    width : float
        Of a ResNet, see `resnet18`.
    """
    options = {"stem": schedule.stem, "precision": schedule.precision, "width": width}
    n_channels = inputs.shape[0]
    if kind in ("cnn2d", "cnn3d"):
        return SmallCNN(2 if kind == "cnn2d" else 3, n_channels, n_classes)
    if not kind.startswith("early-"):
        return resnet18(kind, n_channels, n_classes, **options)  # type: ignore[arg-type]
    assert inputs.volume_shape is not None
    n_columns = n_channels - inputs.n_voxels
    if kind == "early-cnn3d":
        small = SmallCNN(3, inputs.volume_shape[0], n_classes)
        return EarlyFusion(small.trunk, inputs.volume_shape, small.n_features, n_columns, n_classes)
    trunk = resnet18("3d", inputs.volume_shape[0], n_classes, **options)  # type: ignore[arg-type]
    head = cast(nn.Linear, trunk.fc)
    n_features = head.in_features
    trunk.fc = nn.Identity()
    return EarlyFusion(trunk, inputs.volume_shape, n_features, n_columns, n_classes)
