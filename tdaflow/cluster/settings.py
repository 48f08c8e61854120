"""Dask settings of the schedulers and workers that tdaflow starts; the user's own configuration fills in the rest."""

from typing import Any

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
