"""The compiled kernels, and which one computes a filtration."""

from collections.abc import Callable
from dataclasses import dataclass

from tdaflow.homology import alpha_kernel, cubical_kernel
from tdaflow.homology.filtrations import Filtration


@dataclass(frozen=True)
class Kernel:
    """A compiled kernel.

    Attributes
    ----------
    name : str
    algorithm_version : int
        Raised whenever a diagram may change.
    is_compiled : callable
        Returns True if it can run without compiling first; takes milliseconds.
    warmup : callable
        Compile it, or load what an earlier process compiled; returns the seconds it took.
    """

    name: str
    algorithm_version: int
    is_compiled: Callable[[], bool]
    warmup: Callable[[], float]


ALPHA, CUBICAL = (
    Kernel(name, package.ALGORITHM_VERSION, package.is_compiled, package.warmup)
    for name, package in (("alpha", alpha_kernel), ("cubical", cubical_kernel))
)


def kernel_of(filtration: Filtration) -> Kernel | None:
    """Return the kernel that computes a filtration, or None where GUDHI does."""
    if filtration.engine != "kernel":
        return None
    return ALPHA if filtration.takes == "points" else CUBICAL
