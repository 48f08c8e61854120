"""Turn a 2D network into one for volumes with the same parameters: ACS, or 2.5D.

Convolutions are replaced; pooling and batch normalisation become their 3D counterparts with equal sizes along all axes
(as in the authors' code of ACS, https://github.com/M3DV/ACSConv).
"""

import copy
from collections.abc import Callable

import torch
from torch import nn

from tdaflow.errors import InputError
from tdaflow.nets.acs import ACSConv

Converter = Callable[[nn.Conv2d], nn.Module]


def convert_acs(net: nn.Module) -> nn.Module:
    """Return a copy for volumes, its 2D kernels split over the three views (see `ACSConv`).

    Parameters
    ----------
    net : Module
        A 2D network; it is not changed.

    Returns
    -------
    Module
        Takes (n, channels, z, y, x). It has the names, shapes and values of the parameters of `net`.

    Raises
    ------
    InputError
        For a 2D layer without a counterpart: grouped or transposed convolutions, kernels, strides, paddings or
        dilations that differ between the axes, paddings other than zeros.
    """
    return _converted(copy.deepcopy(net), _acs)


def convert_2_5d(net: nn.Module) -> nn.Module:
    """Return a copy for volumes whose kernels are one slice thick along z; strides are along all three axes.

    Values of the kernels are those of `net`, of shape (out, in, 1, k, k). Errors as in `convert_acs`.
    """
    return _converted(copy.deepcopy(net), _axial)


def _converted(module: nn.Module, convolution: Converter) -> nn.Module:
    if isinstance(module, nn.Conv2d):
        return convolution(module)
    if isinstance(module, nn.BatchNorm2d):
        return _batch_norm(module)
    if isinstance(module, nn.MaxPool2d):
        size, stride, padding, dilation = (_one(module, n) for n in ("kernel_size", "stride", "padding", "dilation"))
        return nn.MaxPool3d(size, stride, padding, dilation, ceil_mode=module.ceil_mode)
    if isinstance(module, nn.AvgPool2d):
        size, stride, padding = (_one(module, n) for n in ("kernel_size", "stride", "padding"))
        return nn.AvgPool3d(size, stride, padding, module.ceil_mode, module.count_include_pad)
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return nn.AdaptiveAvgPool3d(_one(module, "output_size"))
    kind = type(module)
    if "2d" in kind.__name__.lower() and kind.__module__.startswith("torch.nn"):
        raise InputError(f"the layer {kind.__name__} has no counterpart for volumes here: build the network without it")
    for name, child in module.named_children():
        setattr(module, name, _converted(child, convolution))
    return module


def _acs(convolution: nn.Conv2d) -> ACSConv:
    k, stride, padding, dilation = _cubic(convolution)
    made = ACSConv(
        convolution.in_channels, convolution.out_channels, k, stride, padding, dilation,
        bias=convolution.bias is not None,
    )  # fmt: skip
    made.load_state_dict(convolution.state_dict())
    return made


def _axial(convolution: nn.Conv2d) -> nn.Conv3d:
    k, stride, padding, dilation = _cubic(convolution)
    made = nn.Conv3d(
        convolution.in_channels, convolution.out_channels, (1, k, k), stride, (0, padding, padding), dilation,
        bias=convolution.bias is not None,
    )  # fmt: skip
    made.load_state_dict({**convolution.state_dict(), "weight": convolution.weight.detach().unsqueeze(2)})
    return made


def _batch_norm(module: nn.BatchNorm2d) -> nn.BatchNorm3d:
    made = nn.BatchNorm3d(module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats)
    made.load_state_dict(module.state_dict())
    return made.train(module.training)


def _cubic(convolution: nn.Conv2d) -> tuple[int, int, int, int]:
    """Return kernel size, stride, padding and dilation, each one number."""
    if convolution.groups != 1 or convolution.padding_mode != "zeros" or isinstance(convolution.padding, str):
        raise InputError(f"{convolution} has groups or a padding that ACS and 2.5D here do not: use plain convolutions")
    return tuple(_one(convolution, name) for name in ("kernel_size", "stride", "padding", "dilation"))  # type: ignore[return-value]


def _one(module: nn.Module, name: str) -> int:
    """Return an option that must be the same along both axes."""
    value = getattr(module, name)
    values = set(value) if isinstance(value, tuple | list | torch.Size) else {value}
    if len(values) != 1:
        raise InputError(f"{type(module).__name__} has {name} = {value}, unequal along the axes: use equal ones")
    return int(values.pop())
