"""A Dask scheduler that somebody else started and that is left running."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distributed import Client

from tdaflow.cluster.dask_engine import DaskEngine
from tdaflow.cluster.same_version import refuse_other_versions
from tdaflow.cluster.spec import ClusterSpec
from tdaflow.cluster.tls import security_from_files
from tdaflow.errors import ConfigError


@contextmanager
def existing_engine(spec: ClusterSpec, seconds: float) -> Iterator[DaskEngine]:
    """An engine on the workers of that scheduler.

    Parameters
    ----------
    spec : ClusterSpec
    seconds : float
        How long to wait for an answer.

    Raises
    ------
    ConfigError
        If it does not answer, has no workers, or one of them has another tdaflow.
    """
    if spec.scheduler_file is not None and not Path(spec.scheduler_file).is_file():
        # Dask would wait for it for ever.
        raise ConfigError(f"the cluster specification names {spec.scheduler_file}, which is not there; check the path")
    arguments: dict[str, Any] = {"address": spec.address} if spec.address else {"scheduler_file": spec.scheduler_file}
    security = security_from_files(spec)
    if security is not None:
        arguments["security"] = security
    try:
        client = Client(**arguments, timeout=seconds, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
        where = spec.address or spec.scheduler_file
        raise ConfigError(
            f"no Dask scheduler answers at {where} ({error}); start one with `dask scheduler`, and name its "
            "certificates if it speaks TLS"
        ) from None
    with client:
        yield client_engine(client, spec.kind)


def client_engine(client: Client, name: str = "client") -> DaskEngine:
    """An engine on the workers of a client that somebody else closes.

    Parameters
    ----------
    client : distributed.Client
        Of any cluster; one that blocks.
    name : str
        What a user calls it.

    Raises
    ------
    ConfigError
        If there are no workers, one of them has another tdaflow, or the client is asynchronous.
    """
    if client.asynchronous:
        raise ConfigError("the client is asynchronous; give one that blocks: Client(..., asynchronous=False)")
    workers: dict[str, Any] = client.scheduler_info()["workers"]
    if not workers:
        raise ConfigError(f"the scheduler at {client.scheduler.address} has no workers; start some first")
    refuse_other_versions(client)
    # Only a nanny starts a worker that died again.
    return DaskEngine(client, name, isolates=all(worker["nanny"] for worker in workers.values()))
