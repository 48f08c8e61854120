"""Connecting gives an engine for the time of a block, or says in one sentence why not."""

import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass

import pytest

from tdaflow.cluster import cluster_spec, connect
from tdaflow.errors import ConfigError
from tdaflow.pipeline import InProcess

CONNECT = sys.modules["tdaflow.cluster.connect"]


@dataclass(frozen=True)
class Number:
    """A task."""

    value: int

    @property
    def key(self) -> str:
        """Its name."""
        return f"{self.value:08d}"


def halve(task: Number) -> int:
    if task.value % 2:
        raise ValueError(f"{task.value} is odd")
    return task.value // 2


@pytest.fixture
def soon(monkeypatch):
    """Give up soon."""
    monkeypatch.setattr(CONNECT, "_CONNECT_SECONDS", 1)


def test_sync_is_the_loop_in_this_process_and_loads_no_scheduler():
    with connect(cluster_spec(kind="sync")) as engine:
        assert isinstance(engine, InProcess)
        assert (engine.workers, engine.dashboard) == (1, None)
    code = (
        "import sys; from tdaflow.cluster import cluster_spec, connect\n"
        "with connect(cluster_spec(kind='sync')): pass\n"
        "sys.exit('distributed' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def engines():
    return pytest.mark.parametrize("kind", ["sync", "threads"])


@engines()
def test_tasks_complete_with_their_result_or_their_error_and_more_may_be_added_meanwhile(kind):
    with connect(cluster_spec(kind=kind, workers=2, dashboard="127.0.0.1:0")) as engine:
        tasks = deque(Number(i) for i in (4, 3, 8))
        results, errors = {}, {}
        for done in engine.completed("halving", halve, tasks):
            if done.error is not None:
                errors[done.task.value] = str(done.error)
                tasks.append(Number(100))
            else:
                results[done.task.value] = done.result
        assert results == {4: 2, 8: 4, 100: 50}
        assert errors == {3: "3 is odd"}


@engines()
def test_a_reduce_merges_every_result_once_and_raises_what_a_task_raises(kind, monkeypatch):
    monkeypatch.setattr("tdaflow.cluster.dask_engine._LEAVES", 10)  # 30 tasks are three trees
    with connect(cluster_spec(kind=kind, workers=2, dashboard="127.0.0.1:0")) as engine:
        for n in (1, 2, 9, 30):
            assert engine.tree_reduce("sum", halve, [Number(2 * i) for i in range(n)], sum) == sum(range(n))
        with pytest.raises(ValueError, match="3 is odd"):
            engine.tree_reduce("sum", halve, [Number(2), Number(3)], sum)


def test_few_tasks_are_in_flight_however_many_there_are():
    with connect(cluster_spec(kind="threads", workers=1, dashboard="127.0.0.1:0")) as engine:
        tasks = deque(Number(2 * i) for i in range(100))
        completed = engine.completed("halving", halve, tasks)
        next(completed)
        assert len(tasks) >= 90
        completed.close()


def test_a_scheduler_that_does_not_answer_is_refused_in_time(soon):
    began = time.monotonic()
    with (
        pytest.raises(ConfigError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 .*`dask scheduler`"),
        connect(cluster_spec(kind="existing", address="tcp://127.0.0.1:1")),
    ):
        pass
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("address", ["tcp://no-such-host.invalid:8786", "smoke://signals:1"])
def test_an_address_that_leads_nowhere_is_refused(soon, address):
    with (
        pytest.raises(ConfigError, match="no Dask scheduler answers"),
        connect(cluster_spec(kind="existing", address=address)),
    ):
        pass


def test_a_missing_scheduler_file_is_refused_at_once(tmp_path):
    spec = cluster_spec(kind="existing", scheduler_file=str(tmp_path / "scheduler.json"))
    with pytest.raises(ConfigError, match=r"scheduler\.json, which is not there"), connect(spec):
        pass


@pytest.fixture(scope="module")
def cluster():
    """A cluster that somebody else started, without workers at first."""
    from distributed import LocalCluster

    where = {"protocol": "tcp", "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=0, processes=False, **where) as cluster:
        yield cluster


def test_a_scheduler_that_gets_no_workers_is_refused_in_time(cluster, monkeypatch):
    existing, said = cluster_spec(kind="existing", address=cluster.scheduler_address), []
    monkeypatch.setattr("tdaflow.cluster.client._WORKER_SECONDS", 0.5)
    with pytest.raises(ConfigError, match=r"got no workers within 0 s; start some \(`dask worker tcp:"):
        connect(existing, said.append).__enter__()
    assert len(said) == 1


def test_workers_that_come_only_when_there_is_work_are_waited_for():
    from distributed import LocalCluster

    said = []
    with LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as grows:
        grows.adapt(minimum=0, maximum=1, interval="100ms")
        with connect(cluster_spec(kind="existing", address=grows.scheduler_address), said.append) as engine:
            (done,) = engine.completed("halving", halve, deque([Number(6)]))
            assert done.result == 3
    (sentence,) = said
    assert "has no workers yet; waiting for the first, up to 600 s" in sentence


def test_a_scheduler_with_workers_is_left_running(cluster, tmp_path):
    from distributed import Client

    existing = cluster_spec(kind="existing", address=cluster.scheduler_address)
    cluster.scale(1)
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=30)
        client.write_scheduler_file(str(tmp_path / "scheduler.json"))
    by_file = cluster_spec(kind="existing", scheduler_file=str(tmp_path / "scheduler.json"))
    for spec in (existing, by_file):  # the second finds what the first left
        with connect(spec) as engine:
            assert engine.describe()["scheduler"] == cluster.scheduler_address
            assert not engine.isolates  # its workers have no nannies that would start them again
            (done,) = engine.completed("halving", halve, deque([Number(6)]))
            assert done.result == 3


def test_workers_with_another_version_are_refused(cluster, monkeypatch):
    from distributed import Client

    cluster.scale(1)
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=30)
    existing = cluster_spec(kind="existing", address=cluster.scheduler_address)
    monkeypatch.setattr("tdaflow.cluster.same_version.__version__", "9.9.9")
    with (
        pytest.raises(ConfigError, match=r"has tdaflow \d.*, this is 9\.9\.9: install 9\.9\.9 there"),
        connect(existing),
    ):
        pass


def test_a_dashboard_port_that_is_taken_is_no_problem():
    import socket
    import warnings

    with socket.socket() as taken, warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = f"127.0.0.1:{taken.getsockname()[1]}"
        with connect(cluster_spec(kind="threads", workers=1, dashboard=wanted)) as engine:
            assert engine.dashboard
            assert wanted not in engine.dashboard


def test_a_scheduler_that_tdaflow_starts_has_metrics_for_prometheus():
    from urllib.request import urlopen

    pytest.importorskip("prometheus_client", reason='needs pip install "tdaflow[cluster]"')
    with (
        connect(cluster_spec(kind="threads", workers=1, dashboard="127.0.0.1:0")) as engine,
        urlopen(engine.dashboard.replace("/status", "/metrics"), timeout=30) as answer,
    ):
        text = answer.read().decode()
    assert 'dask_scheduler_workers{state="idle"} 1' in text


def test_a_cluster_that_tdaflow_starts_keeps_few_old_messages_and_profiles_rarely():
    def kept(dask_scheduler):
        return [len(sent.recent_message_log) for sent in dask_scheduler.stream_comms.values()]

    def intervals():
        import dask

        return [dask.config.get(f"distributed.{name}.interval") for name in ("worker.profile", "admin.tick")]

    with connect(cluster_spec(kind="processes", workers=1, dashboard="127.0.0.1:0")) as engine:
        assert engine.tree_reduce("sum", halve, [Number(2 * i) for i in range(40)], sum) == sum(range(40))
        (messages,) = engine._client.run_on_scheduler(kept)
        assert 0 < messages <= 10
        assert list(engine._client.run(intervals).values()) == [["100ms", "500ms"]]
