"""This process, threads or processes of this machine."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from tdaflow.cluster.spec import ClusterSpec
from tdaflow.pipeline import Engine, InProcess

if TYPE_CHECKING:
    from distributed import Client

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _OneProcess(ClusterSpec):
    @model_validator(mode="after")
    def _check_tls(self) -> "_OneProcess":
        if self.tls:
            raise ValueError(f"{self.kind} sends nothing over a network, so it needs no tls")
        return self


class Sync(_OneProcess):
    """A loop in this process, without Dask."""

    uses_dask = False

    kind: Literal["sync"] = "sync"

    @contextmanager
    def engine(self, say: Callable[[str], None]) -> Iterator[Engine]:
        """Run tasks one after the other."""
        yield InProcess()

    def describe(self) -> str:
        """Return who would work."""
        return "sync: the work would be done one batch after the other in the process of tdaflow"


class Threads(_OneProcess):
    """Threads of this process."""

    kind: Literal["threads"] = "threads"

    @contextmanager
    def engine(self, say: Callable[[str], None]) -> Iterator[Engine]:
        """Start one worker with several threads."""
        with _local_engine(self, n_workers=1, threads_per_worker=_workers(self), processes=False) as engine:
            yield engine

    def describe(self) -> str:
        """Return who would work."""
        return (
            f"threads: {_workers(self)} threads of the process of tdaflow would do the work, with a dashboard on "
            f"{self.dashboard}"
        )


class Processes(ClusterSpec):
    """Processes of this machine.

    Attributes
    ----------
    host : str
        Address at which scheduler and workers listen.
    """

    kind: Literal["processes"] = "processes"
    host: str = "127.0.0.1"

    @property
    def leaves_machine(self) -> bool:
        """True unless they listen on this machine alone."""
        return self.host not in _LOOPBACK

    @contextmanager
    def engine(self, say: Callable[[str], None]) -> Iterator[Engine]:
        """Start workers with one thread each."""
        options = {"host": self.host, "memory_limit": self.memory_limit}
        with _local_engine(self, n_workers=_workers(self), threads_per_worker=1, processes=True, **options) as engine:
            yield engine

    def describe(self) -> str:
        """Return who would work, and where they would listen."""
        limit = "their share of the memory" if self.memory_limit == "auto" else self.memory_limit
        return (
            f"processes: {_workers(self)} processes of one thread would be started on this machine, each started again "
            f"above {limit}; they and the scheduler would listen on {self.host}, {self._listening()}"
        )


@contextmanager
def _local_engine(
    spec: ClusterSpec, *, processes: bool, memory_limit: str | None = None, **options: Any
) -> Iterator[Engine]:
    from distributed import Client, LocalCluster

    from tdaflow.cluster.dask_engine import DaskEngine
    from tdaflow.cluster.run_page import RunPage
    from tdaflow.cluster.tls import security_for

    with (
        security_for(spec, on_disk=False) as security,
        LocalCluster(
            **options,
            processes=processes,
            memory_limit=memory_limit,
            protocol="tls://" if security else None,
            security=security,
            dashboard_address=free_address(spec.dashboard),
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        link, page = dashboard_link(client, spec), RunPage(cluster.scheduler)
        yield DaskEngine(client, spec.kind, isolates=processes, dashboard=link, page=page)


def _workers(spec: ClusterSpec) -> int:
    from dask.system import CPU_COUNT

    return spec.workers or CPU_COUNT


def free_address(wanted: str) -> str:
    """Return the wanted address, or another port of the same host if it is taken (Dask would warn)."""
    host, _, port = wanted.rpartition(":")
    with socket.socket() as probe:
        try:
            probe.bind((host, int(port)))
        except OSError:
            return f"{host}:0"
    return wanted


def dashboard_link(client: "Client", spec: ClusterSpec) -> str | None:
    """Return the dashboard's address on the scheduler's host; Dask's own names one where it does not listen."""
    link = urlsplit(client.dashboard_link)
    return f"http://{spec.dashboard.rpartition(':')[0]}:{link.port}/status" if link.port else None
