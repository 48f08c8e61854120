"""Threads or processes of this machine."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from dask.system import CPU_COUNT
from distributed import Client, LocalCluster

from tdaflow.cluster.dask_engine import DaskEngine
from tdaflow.cluster.spec import ClusterSpec
from tdaflow.cluster.tls import security_for


@contextmanager
def local_engine(spec: ClusterSpec) -> Iterator[DaskEngine]:
    """An engine on one worker with several threads, or on several with one thread each."""
    workers = spec.workers or CPU_COUNT
    threads = spec.kind == "threads"
    with (
        security_for(spec, on_disk=False) as security,
        LocalCluster(
            n_workers=1 if threads else workers,
            threads_per_worker=workers if threads else 1,
            processes=not threads,
            host=None if threads else spec.host,
            protocol="tls://" if security else None,
            security=security,
            memory_limit=None if threads else spec.memory_limit,
            dashboard_address=free_address(spec.dashboard),
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield DaskEngine(client, spec.kind, isolates=not threads, dashboard=dashboard_link(client, spec))


def free_address(wanted: str) -> str:
    """The wanted address, or another port of the same host if it is taken (Dask would warn)."""
    host, _, port = wanted.rpartition(":")
    with socket.socket() as probe:
        try:
            probe.bind((host, int(port)))
        except OSError:
            return f"{host}:0"
    return wanted


def dashboard_link(client: Client, spec: ClusterSpec) -> str | None:
    """Address of the dashboard on the scheduler's host; Dask's own names an address where it does not listen."""
    link = urlsplit(client.dashboard_link)
    return f"http://{spec.dashboard.rpartition(':')[0]}:{link.port}/status" if link.port else None
