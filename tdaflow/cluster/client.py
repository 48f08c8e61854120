"""A Dask client that somebody else made and closes."""

from typing import Any

from distributed import Client

from tdaflow.cluster.dask_engine import DaskEngine
from tdaflow.cluster.same_version import refuse_other_versions
from tdaflow.errors import ConfigError


def client_engine(client: Client, name: str = "client") -> DaskEngine:
    """Return an engine on the workers of a client.

    Parameters
    ----------
    client : distributed.Client
        Of any cluster; one that blocks.
    name : str
        Name of the engine.

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
