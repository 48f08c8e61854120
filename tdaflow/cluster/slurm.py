"""Workers in the jobs of a SLURM cluster, through dask-jobqueue."""

import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client
from distributed.security import Security

from tdaflow.cluster.connect import SETTINGS
from tdaflow.cluster.dask_engine import DaskEngine
from tdaflow.cluster.local import dashboard_link, free_address
from tdaflow.cluster.spec import ClusterSpec
from tdaflow.cluster.tls import security_for
from tdaflow.errors import ConfigError

# Adaptive scaling looks every second; jobs are started at once, and ended after so many looks without work.
_PATIENCE = 60


@contextmanager
def slurm_engine(spec: ClusterSpec) -> Iterator[DaskEngine]:
    """A scheduler in this process, jobs as the work needs them, and their end with the block.

    Raises
    ------
    ConfigError
        If dask-jobqueue or ``sbatch`` is missing, or the network interface does not exist.
    """
    table = spec.slurm
    assert table is not None
    jobqueue = _jobqueue()
    with security_for(spec, on_disk=True) as security:
        try:
            cluster = jobqueue.SLURMCluster(
                **_job(spec, security),
                security=security,
                interface=table.interface,
                scheduler_options={"dashboard_address": free_address(spec.dashboard)},
                silence_logs=logging.CRITICAL,
            )
        except (ValueError, OSError, RuntimeError) as error:
            raise ConfigError(f"no scheduler can listen on the interface {table.interface!r} ({error})") from None
        with cluster, Client(cluster, set_as_default=False) as client:
            cluster.adapt(minimum_jobs=table.minimum_jobs, maximum_jobs=table.jobs, wait_count=_PATIENCE)
            yield DaskEngine(
                client,
                spec.kind,
                isolates=True,
                expected_workers=table.jobs * table.cores,
                dashboard=dashboard_link(client, spec),
            )


def render_job_script(spec: ClusterSpec) -> str:
    """The script that ``sbatch`` would be given for every job; nothing is started or submitted.

    The address of the scheduler and the paths of temporary credentials are known only when it runs, so placeholders
    stand for them.

    Raises
    ------
    ConfigError
        If `spec` is not of kind ``slurm``, or dask-jobqueue is missing.
    """
    table = spec.slurm
    if table is None:
        raise ConfigError(f'only kind = "slurm" has a job script, not {spec.kind!r}')
    security = None
    if spec.encrypted:
        names = (spec.tls_ca or "<CA>", spec.tls_cert or "<CERTIFICATE>", spec.tls_key or "<KEY>")
        roles = {"tls_worker_cert": names[1], "tls_worker_key": names[2]}
        security = Security(require_encryption=True, tls_ca_file=names[0], **roles)
    protocol = "tls://" if security else "tcp://"
    job = _jobqueue().slurm.SLURMJob(
        f"{protocol}<SCHEDULER>:<PORT>",
        name="tdaflow",
        interface=table.interface,
        protocol=protocol if security else None,
        security=security,
        **_job(spec, security),
    )
    return str(job.job_script())


def _job(spec: ClusterSpec, security: Security | None) -> dict[str, Any]:
    table = spec.slurm
    assert table is not None
    lifetime, stagger = table.lifetime
    settings = [f"export {_variable(name)}={shlex.quote(str(value))}" for name, value in SETTINGS.items()]
    if security:
        settings.append(f"export {_variable('distributed.comm.require-encryption')}=True")
    job: dict[str, Any] = {
        "queue": table.queue,
        "account": table.account,
        "cores": table.cores,
        "processes": table.cores,
        "memory": table.memory,
        "walltime": table.walltime,
        "job_name": "tdaflow",
        "job_extra_directives": list(table.directives) or None,
        "job_script_prologue": [*settings, *table.prologue],
        "worker_extra_args": ["--lifetime", f"{lifetime}s", "--lifetime-stagger", f"{stagger}s"],
        "python": table.python,
        "local_directory": table.local_directory,
        "log_directory": table.log_directory,
    }
    # What is not given comes from the user's own jobqueue.yaml.
    return {name: value for name, value in job.items() if value is not None}


def _variable(setting: str) -> str:
    """The environment variable that Dask reads for a setting."""
    return "DASK_" + setting.replace(".", "__").replace("-", "_").upper()


def _jobqueue() -> Any:
    try:
        import dask_jobqueue
        import dask_jobqueue.slurm
    except ImportError:
        raise ConfigError('SLURM needs the package dask-jobqueue: pip install "tdaflow[cluster]"') from None
    return dask_jobqueue
