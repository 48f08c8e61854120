"""How many threads a kernel may use: one, unless a caller who has nothing else to do says otherwise."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Below this, threads cost as much as they spare.
_LARGE = 1 << 20

_threads = ContextVar("threads", default=1)


@contextmanager
def kernel_threads(n: int) -> Iterator[None]:
    """Let kernels use up to `n` threads for a large volume, in this thread; results do not depend on it."""
    token = _threads.set(n)
    try:
        yield
    finally:
        _threads.reset(token)


def threads_for(n_voxels: int) -> int:
    """Threads for a volume of so many voxels."""
    return _threads.get() if n_voxels >= _LARGE else 1


def all_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
