"""Kernels are compiled once for a kind of processor, however many processes share the cache."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tdaflow import compiled_cache
from tdaflow.compiled_cache import CompiledKernel
from tdaflow.homology import kernels


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache in which nothing is compiled yet."""
    monkeypatch.setattr(compiled_cache, "cache_directory", lambda: tmp_path)
    return tmp_path


def test_one_compiles_and_the_others_wait_for_it(cache):
    compiled = []

    def exercise():
        time.sleep(0.2)
        compiled.append(1)

    def worker(_):
        kernel = CompiledKernel("tdaflow.homology.some_kernel", ())
        kernel.prepare(exercise)
        assert kernel.is_compiled()

    with ThreadPoolExecutor(6) as workers:
        list(workers.map(worker, range(6)))
    assert len(compiled) == 1


def test_where_files_cannot_be_locked_each_compiles_for_itself(cache, monkeypatch):
    def unlockable(*_, **__):
        raise NotImplementedError

    monkeypatch.setattr("filelock.FileLock", unlockable)
    compiled = []
    CompiledKernel("tdaflow.homology.some_kernel", ()).prepare(lambda: compiled.append(1))
    assert compiled == [1]


def test_while_one_warms_up_no_other_compiles(cache, monkeypatch):
    at_work, most = [], []

    def exercise():
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.05)
        at_work.pop()

    def worker(_):
        kernel = CompiledKernel("tdaflow.homology.some_kernel", ())
        monkeypatch.setattr(kernel, "is_compiled", lambda: False)  # asked before any of them was
        kernel.warmup(exercise)

    with ThreadPoolExecutor(6) as workers:
        list(workers.map(worker, range(6)))
    assert most == [1] * 6


class Compilation:
    """A kernel that is compiled by its first warmup."""

    def __init__(self, name, seconds, *, ready=False):
        self.ready, self.warmups = ready, 0
        self.kernel = kernels.Kernel(
            name, f"tdaflow.homology.{name}_kernel", 1, lambda: self.ready, self.warmup, seconds
        )

    def warmup(self):
        self.ready, self.warmups = True, self.warmups + 1
        return 0.0


def test_only_what_is_missing_is_compiled_and_how_long_it_may_take_is_said(monkeypatch):
    started, told = [], []
    monkeypatch.setattr(kernels.subprocess, "Popen", lambda command, **_: started.append(command) or Finished())
    alpha, cubical = Compilation("alpha", 20), Compilation("cubical", 10)
    kernels.compile_missing([alpha.kernel, cubical.kernel], told.append)
    assert (alpha.warmups, cubical.warmups) == (1, 1)
    assert len(started) == 1
    assert "cubical_kernel" in started[0][-1]
    assert told[0].startswith("compiling the alpha, cubical kernels")
    assert "about 20 s" in told[0]
    assert len(told) == 2
    kernels.compile_missing([alpha.kernel, cubical.kernel], told.append)
    assert len(told) == 2
    kernels.compile_missing(
        [Compilation("alpha", 20, ready=True).kernel, Compilation("cubical", 10).kernel], told.append
    )
    assert "compiling the cubical kernel, once" in told[2]
    assert len(started) == 1


class Finished:
    """A process that has ended."""

    def wait(self):
        """Return at once."""

    def kill(self):
        """Do nothing."""
