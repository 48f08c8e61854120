"""A Dask client that somebody else made and closes."""

from collections.abc import Callable
from typing import Any

from distributed import Client

from tdaflow.cluster.dask_engine import DaskEngine
from tdaflow.cluster.same_version import refuse_other_versions
from tdaflow.errors import ConfigError

# Nodes that a cloud has to start first take minutes.
_WORKER_SECONDS = 600


def client_engine(client: Client, name: str = "client", say: Callable[[str], None] = lambda _: None) -> DaskEngine:
    """Return an engine on the workers of a client; where there are none yet, the first is waited for.

    Parameters
    ----------
    client : distributed.Client
        Of any cluster; one that blocks.
    name : str
        Name of the engine.
    say : callable
        Told what is waited for.

    Raises
    ------
    ConfigError
        If no worker comes, one of them has another tdaflow, or the client is asynchronous.
    """
    if client.asynchronous:
        raise ConfigError("the client is asynchronous; give one that blocks: Client(..., asynchronous=False)")
    workers: dict[str, Any] = client.scheduler_info()["workers"]
    if not workers:
        address = client.scheduler.address
        say(f"the scheduler at {address} has no workers yet; waiting for the first, up to {_WORKER_SECONDS:.0f} s")
        try:
            # Clusters that grow with their work start none before there is some.
            client.submit(int, pure=False).result(timeout=_WORKER_SECONDS)
        except TimeoutError:
            raise ConfigError(
                f"the scheduler at {address} got no workers within {_WORKER_SECONDS:.0f} s; start some "
                f"(`dask worker {address}`), or scale its cluster up"
            ) from None
        workers = client.scheduler_info()["workers"]
    refuse_other_versions(client)
    # Only a nanny starts a worker that died again.
    return DaskEngine(client, name, isolates=all(worker["nanny"] for worker in workers.values()))
