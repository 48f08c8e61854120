"""One BLAS thread inside a block of code, at the cost of microseconds.

The last bits of a matrix product depend on how many threads share it, so images are multiplied on one. BLAS keeps that
number per process: two Python threads that each set and restore it would restore each other's 1. Here the first to
enter saves and sets, the last to leave restores. While anyone is inside, matrix products elsewhere in the process run
on one thread, too; a thread that changes the number itself meanwhile may have its change undone.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@cache
def _libraries() -> tuple[Any, ...]:
    """The loaded BLAS libraries. Looking for them reads the process' memory map (a millisecond), so once a process:
    numpy's own, the one that multiplies here, is loaded by then."""
    import numpy  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


def _set_threads(library: Any, threads: int) -> None:
    # threadpoolctl ≥ 3.8 lets one thread only, the first to ask, set the number of a pthreads OpenBLAS and ignores all
    # others without a word. Here the gate sees to the order, so that claim is put aside before, and given up after.
    clear = getattr(library, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)
    library.set_num_threads(threads)
    if clear is not None:
        clear(force=True)


class _Gate:
    """Counts who is inside and remembers what to restore."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.saved: list[tuple[Any, int]] = []

    def enter(self) -> None:
        with self.lock:
            if self.inside == 0:
                self.saved = [(library, library.get_num_threads()) for library in _libraries()]
                for library, threads in self.saved:
                    if threads != 1:
                        _set_threads(library, 1)
            self.inside += 1

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                for library, threads in self.saved:
                    if threads != 1:
                        _set_threads(library, threads)


_gate = _Gate()


def _after_fork() -> None:
    # A child forked while another thread was inside inherits a held lock and a count that never falls: start anew,
    # and give back the threads that the parent's leaver cannot.
    global _gate
    held, _gate = _gate, _Gate()
    if held.inside:
        for library, threads in held.saved:
            _set_threads(library, threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run a block with BLAS on one thread; safe from any number of Python threads at once.

    Notes
    -----
    BLAS built on OpenMP (conda-forge's variant) keeps the number per calling thread; there every thread that enters
    has to set it, which `_per_thread` does.
    """
    gate = _gate
    per_thread = [(library, library.get_num_threads()) for library in _per_thread()]
    for library, _ in per_thread:
        library.set_num_threads(1)
    gate.enter()
    try:
        yield
    finally:
        gate.leave()
        for library, threads in per_thread:
            library.set_num_threads(threads)


@cache
def _per_thread() -> tuple[Any, ...]:
    return tuple(library for library in _libraries() if getattr(library, "threading_layer", None) == "openmp")
