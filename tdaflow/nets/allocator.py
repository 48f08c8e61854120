"""Memory of a training on a CPU: keep freed pages for the next batch."""

import ctypes
import sys

from tdaflow.nets.optional import chosen_device

# Of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGE = 1 << 30


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for training on a CPU; return whether the system's allocator can.

    Feature maps of volumes are tens of megabytes. By default glibc gives such blocks back to the system at once, and
    the next batch gets fresh pages that the kernel has to clear: half of the time of a training step. With this the
    process stays as large as it once was.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return all(mallopt(option, _LARGE) == 1 for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))


def training_device(wanted: str = "auto") -> str:
    """Return the device as `chosen_device` does, and make this process ready to train on it."""
    device = chosen_device(wanted)
    if device == "cpu":
        keep_freed_memory()
    return device
