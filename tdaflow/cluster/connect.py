"""Start or reach a Dask cluster for the time of a run. `distributed` is imported only here, on first use."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tdaflow.cluster.spec import ClusterSpec
from tdaflow.errors import ConfigError
from tdaflow.pipeline import Engine, InProcess

# Deaths of a worker after which Dask gives its task back to us; we then split the batch.
_ALLOWED_DEATHS = 1
_CONNECT_SECONDS = 20


@contextmanager
def connect(spec: ClusterSpec) -> Iterator[Engine]:
    """Yield an engine that runs tasks where `spec` says; what was started for it ends with the block.

    Raises
    ------
    ConfigError
        If an existing scheduler does not answer.
    """
    if spec.kind == "sync":
        yield InProcess()
        return
    import dask
    from distributed import Client

    from tdaflow.cluster.dask_engine import DaskEngine

    settings = {
        "distributed.scheduler.allowed-failures": _ALLOWED_DEATHS,
        "distributed.comm.timeouts.connect": f"{_CONNECT_SECONDS}s",
    }
    with dask.config.set(settings):
        if spec.kind == "existing":
            client_arguments = _existing(spec)
            try:
                client = Client(**client_arguments, timeout=_CONNECT_SECONDS)
            except (OSError, TimeoutError, ValueError) as error:
                where = spec.address or spec.scheduler_file
                raise ConfigError(
                    f"no Dask scheduler answers at {where} ({error}); start one with `dask scheduler`"
                ) from None
            with client:
                if not client.scheduler_info()["workers"]:
                    raise ConfigError(f"the scheduler at {client.scheduler.address} has no workers; start some first")
                yield DaskEngine(client, spec.kind, isolates=True)
        else:
            with _local_cluster(spec) as cluster, Client(cluster) as client:
                yield DaskEngine(client, spec.kind, isolates=spec.kind == "processes")


def _local_cluster(spec: ClusterSpec) -> Any:
    import logging

    from dask.system import CPU_COUNT
    from distributed import LocalCluster

    workers = spec.workers or CPU_COUNT
    threads = spec.kind == "threads"
    return LocalCluster(
        n_workers=1 if threads else workers,
        threads_per_worker=workers if threads else 1,
        processes=not threads,
        host=None if threads else "127.0.0.1",
        memory_limit=None if threads else spec.memory_limit,
        dashboard_address=_free_address(spec.dashboard),
        silence_logs=logging.CRITICAL,
    )


def _existing(spec: ClusterSpec) -> dict[str, Any]:
    for needed in (spec.scheduler_file, spec.tls_ca, spec.tls_cert, spec.tls_key):
        # Dask would wait for a scheduler file for ever.
        if needed is not None and not Path(needed).is_file():
            raise ConfigError(f"the cluster specification names {needed}, which is not there; check the path")
    arguments: dict[str, Any] = {"address": spec.address} if spec.address else {"scheduler_file": spec.scheduler_file}
    if spec.tls_ca or spec.tls_cert or spec.tls_key:
        from distributed.security import Security

        arguments["security"] = Security(
            tls_ca_file=spec.tls_ca,
            tls_client_cert=spec.tls_cert,
            tls_client_key=spec.tls_key,
            require_encryption=True,
        )
    return arguments


def _free_address(wanted: str) -> str:
    """The wanted address, or another port of the same host if it is taken (Dask would warn)."""
    host, _, port = wanted.rpartition(":")
    with socket.socket() as probe:
        try:
            probe.bind((host, int(port)))
        except OSError:
            return f"{host}:0"
    return wanted
