"""One of any number of processes holds a lease, and one that lost it is told."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import Timeout

from tdaflow.atomic import this_machine
from tdaflow.errors import RunError
from tdaflow.store import lease as module
from tdaflow.store.lease import ObjectLease, locked


@pytest.fixture
def quick(monkeypatch):
    """Leases that are renewed every tenth of a second."""
    monkeypatch.setattr(module, "RENEWED", 0.1)
    monkeypatch.setattr(module, "SILENCE", 0.5)


def _tried(path) -> ObjectLease | None:
    lease = ObjectLease(path)
    try:
        lease.acquire(0)
    except Timeout:
        return None
    return lease


def _left_by(path, machine: str, pid: int) -> None:
    path.write_bytes(json.dumps({"token": "other", "machine": machine, "pid": pid}).encode())


def test_of_eight_racers_one_wins_again_and_again(somewhere):
    with ThreadPoolExecutor(8) as pool:
        for i in range(5):
            held = [lease for lease in pool.map(_tried, [somewhere / f".lease-{i}"] * 8) if lease]
            assert len(held) == 1
            held[0].release()
            assert not (somewhere / f".lease-{i}").exists()


def test_of_eight_that_take_over_from_the_same_dead_process_one_wins(somewhere):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with ThreadPoolExecutor(8) as pool:
        for i in range(5):
            path = somewhere / f".lease-{i}"
            _left_by(path, this_machine(), ended.pid)
            held = [lease for lease in pool.map(_tried, [path] * 8) if lease]
            assert len(held) == 1
            held[0].release()


def test_a_lease_that_is_renewed_is_not_taken_and_one_that_is_not_is(somewhere, quick):
    path = somewhere / ".lease"
    first = _tried(path)
    second = ObjectLease(path)
    with pytest.raises(Timeout):
        second.acquire(1.0)
    first.check()
    first.release()
    _left_by(path, "elsewhere", 1)
    began = time.monotonic()
    second.acquire(5.0)
    assert time.monotonic() - began >= 0.5
    second.release()


def test_a_holder_that_was_taken_over_is_told_and_leaves_the_lease_of_the_other(somewhere, quick):
    path = somewhere / ".lease"
    first = _tried(path)
    _left_by(path, "elsewhere", os.getpid())
    time.sleep(0.5)
    with pytest.raises(RunError, match="another tdaflow may have taken over"):
        first.check()
    first.release()
    assert path.exists()


def test_a_holder_that_cannot_renew_stops_by_itself(somewhere, quick, monkeypatch):
    first = _tried(somewhere / ".lease")
    monkeypatch.setattr(type(somewhere), "swap", lambda *_: (_ for _ in ()).throw(OSError(5, "no answer")))
    time.sleep(0.8)
    with pytest.raises(RunError, match=r"could not be renewed"):
        first.check()
    monkeypatch.undo()
    first.release()


def test_whoever_waits_for_the_lock_gets_it(somewhere):
    inside = []

    def work(i: int) -> None:
        with locked(somewhere / ".lock"):
            inside.append(i)
            assert len(inside) == 1
            inside.remove(i)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
