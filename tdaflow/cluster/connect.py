"""Start or reach a Dask cluster for the time of a run. `distributed` is imported only on first use."""

from collections.abc import Iterator
from contextlib import contextmanager

from tdaflow.cluster.settings import SETTINGS
from tdaflow.cluster.spec import ClusterSpec
from tdaflow.pipeline import Engine

_CONNECT_SECONDS = 20


@contextmanager
def connect(spec: ClusterSpec) -> Iterator[Engine]:
    """Yield an engine that runs tasks where `spec` says; what was started for it ends with the block.

    The user's Dask configuration is read but not changed.

    Raises
    ------
    ConfigError
        If a scheduler or a host does not answer, or a package for this kind of cluster is missing.
    """
    if not spec.uses_dask:
        with spec.engine() as engine:
            yield engine
        return
    import dask
    import distributed  # noqa: F401  # loads its defaults, which the end of `set` would take away again if it came first

    timeout = {"distributed.comm.timeouts.connect": f"{_CONNECT_SECONDS}s"}
    with dask.config.set({**SETTINGS, **timeout}), spec.engine() as engine:
        yield engine
