"""The networks: MONAI's ResNet-18 in 2D and 3D, and its 2D one converted to 2.5D and ACS."""

from typing import Any, Literal, cast

import torch
from monai.networks.nets import resnet
from torch import nn

from tdaflow.nets.convert import convert_2_5d, convert_acs
from tdaflow.nets.precision import with_precision
from tdaflow.nets.schedule import Precision, Stem

Kind = Literal["2d", "2.5d", "3d", "acs"]


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
        See `tdaflow.nets.precision`.
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
    """Number of trained values."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)
