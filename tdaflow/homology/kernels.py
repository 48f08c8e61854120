"""The compiled kernels, and which one computes a filtration."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tdaflow.homology import alpha_kernel, cubical_kernel
from tdaflow.homology.filtrations import Filtration
from tdaflow.images import image_kernel


@dataclass(frozen=True)
class Kernel:
    """A compiled kernel.

    Attributes
    ----------
    name : str
    package : str
        Where it is.
    algorithm_version : int
        Raised whenever a diagram may change; 0 of a kernel that computes none.
    is_compiled : callable
        Returns True if it can run without compiling first; takes milliseconds.
    warmup : callable
        Compile it, or load what another process compiled; returns the seconds it took.
    compile_seconds : int
        About what compiling takes one core.
    """

    name: str
    package: str
    algorithm_version: int
    is_compiled: Callable[[], bool]
    warmup: Callable[[], float]
    compile_seconds: int


ALPHA, CUBICAL = (
    Kernel(name, package.__name__, package.ALGORITHM_VERSION, package.is_compiled, package.warmup, seconds)
    for name, package, seconds in (("alpha", alpha_kernel, 20), ("cubical", cubical_kernel, 10))
)
IMAGE = Kernel("image", image_kernel.__name__, 0, image_kernel.KERNEL.is_compiled, image_kernel.warmup, 5)
KERNELS = (ALPHA, CUBICAL, IMAGE)


def compile_missing(kernels: Iterable[Kernel], say: Callable[[str], None]) -> None:
    """Compile those of some kernels that are not compiled yet, at the same time, and say what is waited for.

    Parameters
    ----------
    kernels : iterable of Kernel
    say : callable
        Is told how long it may take, and how long it took; nothing if there is nothing to compile.
    """
    missing = [kernel for kernel in kernels if not kernel.is_compiled()]
    if not missing:
        return
    names = ", ".join(kernel.name for kernel in missing) + f" kernel{'s' * (len(missing) > 1)}"
    seconds = max(kernel.compile_seconds for kernel in missing)
    say(f"compiling the {names}, once for this user, version and kind of processor: about {seconds} s …")
    began = time.perf_counter()
    here, *others = missing
    # A process compiles one function at a time. What a process does not manage is compiled here.
    code = "from {} import warmup; warmup()"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code.format(kernel.package)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for kernel in others
    ]
    try:
        here.warmup()
        for process in processes:
            process.wait()
    finally:
        for process in processes:
            process.kill()
    for kernel in others:
        kernel.warmup()
    say(f"compiled in {time.perf_counter() - began:.0f} s")


def kernel_of(filtration: Filtration) -> Kernel | None:
    """Return the kernel that computes a filtration, or None where GUDHI does."""
    if filtration.engine != "kernel":
        return None
    return ALPHA if filtration.takes == "points" else CUBICAL
