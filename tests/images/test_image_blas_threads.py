"""Images have the same bits however many threads there are."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tdaflow.images import persistence_image
from tdaflow.images.blas import _Gate, _libraries, _set_threads, one_blas_thread

COMMON = {"birth_range": (0.0, 1.0), "death_range": (0.0, 2.0), "sigma": 0.05, "resolution": 100}


def _bars(seed):
    birth = np.random.default_rng(seed).random(1200)
    return np.stack([birth, birth + np.random.default_rng(seed + 1).random(1200)], axis=1)


@pytest.fixture
def two_blas_threads():
    before = [library.get_num_threads() for library in _libraries()]
    for library in _libraries():
        _set_threads(library, 2)
    yield
    for library, threads in zip(_libraries(), before, strict=True):
        _set_threads(library, threads)


def _threads():
    return [library.get_num_threads() for library in _libraries()]


@pytest.mark.usefixtures("two_blas_threads")
def test_eight_threads_at_once_give_the_bits_of_one_and_blas_gets_its_threads_back():
    jobs = [_bars(seed) for seed in range(6)] * 4
    alone = [persistence_image(pairs, **COMMON).tobytes() for pairs in jobs]
    assert _threads() == [2] * len(_libraries())
    start = threading.Barrier(8)

    def worker(k):
        start.wait()
        return [persistence_image(jobs[(i + k) % len(jobs)], **COMMON).tobytes() for i in range(len(jobs))]

    with ThreadPoolExecutor(8) as pool:
        for k, images in enumerate(pool.map(worker, range(8))):
            assert images == [alone[(i + k) % len(jobs)] for i in range(len(jobs))]
    assert _threads() == [2] * len(_libraries())


@pytest.mark.usefixtures("two_blas_threads")
def test_the_last_to_leave_restores():
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    assert set(_threads()) == {1}
    first.__exit__(None, None, None)
    assert set(_threads()) == {1}
    second.__exit__(None, None, None)
    assert set(_threads()) == {2}


@pytest.mark.usefixtures("two_blas_threads")
def test_a_thread_that_did_not_ask_first_is_limited_too():
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2):  # the main thread takes control, as threadpoolctl ≥ 3.8 calls it

        def inside():
            with one_blas_thread():
                return _threads()

        with ThreadPoolExecutor(1) as pool:
            assert set(pool.submit(inside).result()) == {1}
        assert set(_threads()) == {2}


@pytest.mark.usefixtures("two_blas_threads")
def test_an_error_inside_restores_too():
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        1 / 0  # noqa: B018
    assert set(_threads()) == {2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_forked_while_another_thread_is_inside_is_not_locked_out():
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with one_blas_thread():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    child = os.fork()
    if child == 0:
        with one_blas_thread():
            pass
        os._exit(0)
    _, status = os.waitpid(child, 0)
    leave.set()
    thread.join()
    assert status == 0


def test_openmp_builds_are_limited_in_every_thread(monkeypatch):
    class PerThread:
        threading_layer = "openmp"

        def __init__(self):
            self.local = threading.local()

        def get_num_threads(self):
            return getattr(self.local, "n", 4)

        def set_num_threads(self, n):
            self.local.n = n

    library = PerThread()
    monkeypatch.setattr("tdaflow.images.blas._libraries", lambda: (library,))
    monkeypatch.setattr("tdaflow.images.blas._per_thread", lambda: (library,))
    monkeypatch.setattr("tdaflow.images.blas._gate", _Gate())

    def seen():
        with one_blas_thread():
            inside = library.get_num_threads()
        return inside, library.get_num_threads()

    with one_blas_thread(), ThreadPoolExecutor(1) as pool:
        assert library.get_num_threads() == 1
        assert pool.submit(seen).result() == (1, 4)
    assert library.get_num_threads() == 4


def test_the_process_setting_of_blas_changes_no_bit():
    code = (
        "import numpy as np, hashlib\n"
        "from tdaflow.images import persistence_image\n"
        "b = np.random.default_rng(0).random(1500)\n"
        "image = persistence_image(np.stack([b, b + b[::-1]], 1), birth_range=(0, 1), death_range=(0, 2),"
        " sigma=0.05, resolution=100)\n"
        "print(hashlib.sha256(image.tobytes()).hexdigest())"
    )
    digests = set()
    for threads in ("1", "2", "4"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        digests.add(
            subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout
        )
    assert len(digests) == 1


def test_importing_the_room_compiles_and_loads_little():
    heavy = ("numba", "torch", "gudhi", "matplotlib", "distributed", "dask", "skimage", "scipy.ndimage")
    code = f"import sys, tdaflow.images, tdaflow.superpixels; print([m for m in {heavy} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == "[]"
