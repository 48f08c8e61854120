"""Kernels are compiled once for a kind of processor, however many processes share the cache."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tdaflow import compiled_cache
from tdaflow.compiled_cache import CompiledKernel


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
