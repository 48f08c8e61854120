"""Start or reach a Dask cluster for the time of a run. `distributed` is imported only on first use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tdaflow.cluster.spec import ClusterSpec
from tdaflow.pipeline import Engine, InProcess

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tdaflow.cluster.dask_engine import DaskEngine

_CONNECT_SECONDS = 20

# Settings of the schedulers and workers that tdaflow starts; the user's own configuration fills in the rest.
SETTINGS: dict[str, Any] = {
    # Deaths of a worker after which Dask gives its task back to us; we then split the batch.
    "distributed.scheduler.allowed-failures": 1,
    # A cluster gives up a worker that does not come back by then, and for ever; on a busy machine, or where Python lies
    # on a slow file system, a worker takes more than Dask's 15 s to start again.
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    # Workers hold no results, so there is nothing to spill, and one that pauses above some share would never go on.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    # Dask looks at every worker's stack and at every event loop so often that it costs two busy workers and their
    # client 6 % of their cores; at these intervals it is 2 %, and the dashboard's profile is still there.
    "distributed.worker.profile.interval": "100ms",
    "distributed.admin.tick.interval": "500ms",
    # The environment of worker processes. Dask has the C library give every freed page back at once, and the kernels
    # then fault 300 pages a volume, a tenth of their time; here it keeps up to 256 MiB, of arrays of up to 32 MiB each.
    "distributed.nanny.pre-spawn-environ": {
        "MALLOC_TRIM_THRESHOLD_": 256 * 2**20,
        "MALLOC_MMAP_THRESHOLD_": 32 * 2**20,
        "OMP_NUM_THREADS": 1,
        "MKL_NUM_THREADS": 1,
        "OPENBLAS_NUM_THREADS": 1,
    },
    # The scheduler keeps the last messages to each worker, a thousand if not told otherwise; ours are whole batches.
    "distributed.admin.low-level-log-length": 10,
}


@contextmanager
def connect(spec: ClusterSpec) -> Iterator[Engine]:
    """Yield an engine that runs tasks where `spec` says; what was started for it ends with the block.

    The user's Dask configuration is read but not changed.

    Raises
    ------
    ConfigError
        If a scheduler or a host does not answer, or a package for this kind of cluster is missing.
    """
    if spec.kind == "sync":
        yield InProcess()
        return
    import dask
    import distributed  # noqa: F401  # loads its defaults, which the end of `set` would take away again if it came first

    timeout = {"distributed.comm.timeouts.connect": f"{_CONNECT_SECONDS}s"}
    with dask.config.set({**SETTINGS, **timeout}), _engine(spec) as engine:
        yield engine


def _engine(spec: ClusterSpec) -> "AbstractContextManager[DaskEngine]":
    if spec.kind == "existing":
        from tdaflow.cluster.existing import existing_engine

        return existing_engine(spec, _CONNECT_SECONDS)
    if spec.kind == "ssh":
        from tdaflow.cluster.ssh import ssh_engine

        return ssh_engine(spec)
    if spec.kind == "slurm":
        from tdaflow.cluster.slurm import slurm_engine

        return slurm_engine(spec)
    from tdaflow.cluster.local import local_engine

    return local_engine(spec)
