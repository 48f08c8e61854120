"""Check that workers which somebody else installed have this version of tdaflow."""

from collections.abc import Mapping
from typing import Any

from distributed import Client

from tdaflow import __version__
from tdaflow.errors import ConfigError


def refuse_other_versions(client: Client) -> None:
    """Raise ConfigError if a connected worker has another version of tdaflow, or none.

    Tasks and records differ between versions, and so may results.
    """
    told_by: Any = client.get_versions(packages=["tdaflow"])  # of a client that blocks, not a coroutine
    workers: Mapping[str, Any] = told_by["workers"]
    for address, told in workers.items():
        found = told["packages"].get("tdaflow")
        if found != __version__:
            has = f"has tdaflow {found}" if found else "has no tdaflow"
            raise ConfigError(f"the worker at {address} {has}, this is {__version__}: install {__version__} there")
