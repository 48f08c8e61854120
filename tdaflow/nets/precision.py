"""Mixed precision on a CPU: convolutions of a network's large stages in bfloat16, everything else in float32.

On a CPU with bfloat16 instructions a training takes about 0.6 of the time. Stages on volumes of fewer than `SMALLEST`
voxels along an axis stay in float32: torch's (oneDNN's) bfloat16 weight gradients of 3D convolutions whose output has 2
voxels along an axis read memory that nothing has written. Weights, batch normalisation's statistics, the optimiser and
the loss are float32 throughout.
"""

import torch
from torch import nn

from tdaflow.nets.schedule import Precision

SMALLEST = 7
_STAGES = ("layer1", "layer2", "layer3", "layer4")


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
    """ "mixed" where this CPU computes in bfloat16 itself; elsewhere it would be emulated, and slow."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "mixed" if supported() else "float32"
