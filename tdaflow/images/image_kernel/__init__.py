"""The compiled part of persistence images: checks of bars, and their Gaussians along one axis.

Importing this package costs nothing; the module ``gaussians`` is compiled on first use, once per user.
"""

from functools import cache
from types import ModuleType

import numpy as np

from tdaflow.compiled_cache import CompiledKernel

KERNEL = CompiledKernel(__name__, ("gaussians",))


@cache
def compiled() -> ModuleType:
    """Return `tdaflow.images.image_kernel.gaussians`, compiled."""
    KERNEL.prepare(_exercise)
    return KERNEL.stage("gaussians")


def warmup() -> float:
    """Compile the kernel, or load what an earlier process compiled; return the seconds it took."""
    return KERNEL.warmup(_exercise)


def _exercise() -> None:
    kernel, one = KERNEL.stage("gaussians"), np.ones(1)
    kernel.inspect(one, one, one)
    kernel.sizes(one)
    kernel.fill(one, one, 0.0, 1.0, 1.0, 1, 0, 1.0, 0.0, 1, 0, (0.0,) * 12, np.empty((1, 1)))
