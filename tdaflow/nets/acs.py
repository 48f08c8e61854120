"""ACS convolutions: one set of 2D kernels that looks at a volume from three sides.

Yang et al., "Reinventing 2D Convolutions for 3D Images", IEEE JBHI 25(8), 2021: the output channels of a 2D convolution
are split into three groups as equal as can be, and the kernels of a group are given a singleton axis along z (axial),
y (coronal) or x (sagittal). The volume's size changes as under a cubic kernel of the same side.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class ACSConv(nn.Module):
    """A 2D convolution's kernels, applied to volumes in three views.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        Side k of the square kernels.
    stride, padding, dilation : int
        The same along z, y and x. A kernel sits where the middle slice of a k×k×k kernel with this padding would.
    bias : bool

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels, k, k)
        As of the 2D convolution: the first third of the output channels is axial, then coronal, then sagittal; where
        `out_channels` is no multiple of three, the first groups have one more.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding, self.dilation = kernel_size, stride, padding, dilation
        self.groups = tuple(out_channels // 3 + (view < out_channels % 3) for view in range(3))
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(in_channels * kernel_size**2)
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve volumes (n, channels, z, y, x)."""
        kernels = self.weight.split(self.groups)
        views = [self._view(x, kernel, axis) for axis, kernel in enumerate(kernels) if len(kernel)]
        together = torch.cat(views, dim=1)
        return together if self.bias is None else together + self.bias.view(1, -1, 1, 1, 1)

    def _view(self, x: torch.Tensor, kernel: torch.Tensor, axis: int) -> torch.Tensor:
        """Convolve with one group, its kernels one voxel thick along `axis` (0 is z)."""
        size, reach = x.shape[2 + axis], self.dilation * (self.kernel_size - 1)
        n_out = (size + 2 * self.padding - reach - 1) // self.stride + 1
        # Along its thin axis a kernel lies where the middle of the cubic one does; F.pad crops where it is negative.
        first = self.dilation * (self.kernel_size // 2) - self.padding
        last = first + (n_out - 1) * self.stride
        margins = [0] * 6
        margins[4 - 2 * axis], margins[5 - 2 * axis] = -first, last + 1 - size
        if any(margins):
            x = functional.pad(x, margins)
        padding = [self.padding] * 3
        padding[axis] = 0
        return functional.conv3d(
            x, kernel.unsqueeze(2 + axis), stride=self.stride, padding=padding, dilation=self.dilation
        )

    def extra_repr(self) -> str:
        """Return the options, for printing."""
        return (
            f"{self.weight.shape[1]}, {self.weight.shape[0]}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, groups={self.groups}"
        )
