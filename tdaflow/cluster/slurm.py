"""Workers in the jobs of a SLURM cluster, through dask-jobqueue."""

import logging
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tdaflow.cluster.settings import SETTINGS
from tdaflow.cluster.spec import ClusterSpec, Options
from tdaflow.errors import ConfigError
from tdaflow.pipeline import Engine

# Adaptive scaling looks every second; jobs are started at once, and ended after so many looks without work.
_PATIENCE = 60
_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)")
_UNFIT = "Requested node configuration is not available"
# How long before its wall time a job lets its workers finish, at most.
_LONGEST_MARGIN = timedelta(minutes=10)


class SlurmTable(Options):
    """Jobs of a SLURM cluster; each runs one worker process a core.

    Attributes
    ----------
    interface : str
        Network interface of the nodes and of this machine, such as ``ib0``.
    queue, account : str or None
        Partition and account.
    cores : int
        Of one job.
    memory : str
        Of one job, as Dask writes it.
    walltime : str
        Of one job, ``[days-]hours:minutes:seconds``.
    jobs, minimum_jobs : int
        The most and the fewest jobs at a time; between them, what the work needs.
    directives, prologue : tuple of str
        More options of ``sbatch``, and lines of shell before the workers start.
    python : str or None
        Python on the nodes; None for the path of the one that runs tdaflow.
    local_directory, log_directory : str or None
        Scratch folder of the nodes; folder of the jobs' logs, None for ``logs`` in the folder of the run, or in
        ``shared_directory`` where there is no run.
    """

    interface: str
    queue: str | None = None
    account: str | None = None
    cores: Annotated[int, Field(ge=1)] = 1
    memory: str = "4GiB"
    walltime: str = "01:00:00"
    jobs: Annotated[int, Field(ge=1)] = 10
    minimum_jobs: Annotated[int, Field(ge=0)] = 0
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()
    python: str | None = None
    local_directory: str | None = None
    log_directory: str | None = None

    @field_validator("walltime")
    @classmethod
    def _check_walltime(cls, walltime: str) -> str:
        if _duration(walltime) < timedelta(minutes=2):
            raise ValueError(f"walltime must be at least 00:02:00, got {walltime}")
        return walltime

    @model_validator(mode="after")
    def _check_jobs(self) -> "SlurmTable":
        if self.minimum_jobs > self.jobs:
            raise ValueError(f"minimum_jobs ({self.minimum_jobs}) exceeds jobs ({self.jobs})")
        return self

    @property
    def lifetime(self) -> tuple[int, int]:
        """Seconds after which a worker hands its tasks on and ends, and by how many they are staggered.

        A worker that SLURM kills at the wall time counts as a death for its task; one that ends by itself does not.
        All are gone half a margin before it, and not all at once.
        """
        walltime = _duration(self.walltime)
        margin = min(_LONGEST_MARGIN, walltime / 5)
        return int((walltime - margin).total_seconds()), int((margin / 2).total_seconds())


class Slurm(ClusterSpec):
    """Jobs of a SLURM cluster."""

    kind: Literal["slurm"] = "slurm"
    slurm: SlurmTable

    @model_validator(mode="after")
    def _check_workers(self) -> "Slurm":
        if self.workers is not None:
            raise ValueError("workers is not for slurm; give slurm.cores and slurm.jobs")
        return self

    @property
    def leaves_machine(self) -> bool:
        """Always true."""
        return True

    def logging_to(self, folder: Path) -> "Slurm":
        """Keep the jobs' logs in a folder, unless the table names one."""
        table = {"log_directory": str(folder), **self.slurm.model_dump(exclude_none=True)}
        return self.model_copy(update={"slurm": SlurmTable(**table)})

    def check(self) -> None:
        """Ask SLURM if it would take such a job.

        Raises
        ------
        ConfigError
            If dask-jobqueue or ``sbatch`` is missing, or SLURM refuses; with its own words.
        """
        jobs = _jobs_module()
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
            file.write(self.job_script())
            file.flush()
            try:
                asked = subprocess.run(
                    ["sbatch", "--test-only", file.name], capture_output=True, text=True, check=False, timeout=120
                )
            except FileNotFoundError:
                raise ConfigError(
                    "there is no sbatch on this machine; run tdaflow where jobs of SLURM can be submitted"
                ) from None
            except subprocess.TimeoutExpired:
                return  # asked again for every job
        # While nodes are down SLURM says the same of every job as of one that fits none.
        if asked.returncode and not jobs.is_passing(asked.stderr) and _UNFIT not in asked.stderr:
            raise ConfigError(
                f"SLURM refuses the jobs: {jobs.in_slurms_words(asked.stderr)}; correct the table [slurm] "
                "(--dry-run prints the script of a job)"
            )

    @contextmanager
    def engine(self, say: Callable[[str], None]) -> Iterator[Engine]:
        """Start a scheduler in this process, and jobs as the work needs them; they end with the block.

        Raises
        ------
        ConfigError
            If dask-jobqueue is missing, or the network interface does not exist.
        """
        from distributed import Client

        from tdaflow.cluster.dask_engine import DaskEngine
        from tdaflow.cluster.local import dashboard_link, free_address
        from tdaflow.cluster.run_page import RunPage
        from tdaflow.cluster.tls import security_for

        table, jobs, name = self.slurm, _jobs_module(), f"tdaflow-{uuid.uuid4().hex[:8]}"
        with security_for(self, on_disk=True) as security:
            try:
                cluster = jobs.JobQueue(
                    logs=_logs(self),
                    say=say,
                    **{**_job(self, security), "job_name": name},
                    security=security,
                    interface=table.interface,
                    scheduler_options={"dashboard_address": free_address(self.dashboard)},
                    silence_logs=logging.CRITICAL,
                )
            except (ValueError, OSError, RuntimeError) as error:
                raise ConfigError(f"no scheduler can listen on the interface {table.interface!r} ({error})") from None
            try:
                _logs(self).mkdir(parents=True, exist_ok=True)
                with cluster, Client(cluster, set_as_default=False) as client:
                    engine = DaskEngine(
                        client,
                        self.kind,
                        isolates=True,
                        expected_workers=table.jobs * table.cores,
                        dashboard=dashboard_link(client, self),
                        page=RunPage(cluster.scheduler),
                        jobs=cluster.report,
                    )
                    cluster.on_failure = engine.give_up
                    cluster.adapt(
                        Adaptive=jobs.ByJobs,
                        minimum=table.minimum_jobs,
                        maximum=table.jobs,
                        wait_count=_PATIENCE,
                        worker_key=partial(jobs.worker_key, processes=table.cores),
                    )
                    yield engine
            finally:
                jobs.cancel_all(name)

    def describe(self) -> str:
        """Return who would work, and where they would listen."""
        table = self.slurm
        return (
            f"slurm: a scheduler would be started in the process of tdaflow on the interface {table.interface}, "
            f"{self._listening()}; {table.minimum_jobs} to {table.jobs} jobs of {table.cores} "
            "processes of one thread would be submitted as the work needs them, each with this script:"
        )

    def job_script(self) -> str:
        """Return the script that ``sbatch`` would be given for every job; nothing is started or submitted.

        The address of the scheduler and the paths of temporary credentials are known only when it runs, so
        placeholders stand for them.

        Raises
        ------
        ConfigError
            If dask-jobqueue is missing.
        """
        from distributed.security import Security

        security = None
        if self.encrypted:
            names = (self.tls_ca or "<CA>", self.tls_cert or "<CERTIFICATE>", self.tls_key or "<KEY>")
            roles = {"tls_worker_cert": names[1], "tls_worker_key": names[2]}
            security = Security(require_encryption=True, tls_ca_file=names[0], **roles)
        protocol = "tls://" if security else "tcp://"
        job = _jobs_module().QueuedJob(
            f"{protocol}<SCHEDULER>:<PORT>",
            name="tdaflow",
            interface=self.slurm.interface,
            protocol=protocol if security else None,
            security=security,
            **_job(self, security),
        )
        return str(job.job_script())


def _job(spec: Slurm, security: Any) -> dict[str, Any]:
    table = spec.slurm
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
        "job_extra_directives": [_output(spec), *table.directives],
        "job_script_prologue": [*settings, *table.prologue],
        "worker_extra_args": ["--lifetime", f"{lifetime}s", "--lifetime-stagger", f"{stagger}s"],
        "python": table.python,
        "local_directory": table.local_directory,
    }
    # What is not given comes from the user's own jobqueue.yaml.
    return {name: value for name, value in job.items() if value is not None}


def _logs(spec: Slurm) -> Path:
    """Folder of the jobs' logs."""
    shared = Path(spec.shared_directory or Path.home() / ".tdaflow").expanduser()
    return Path(spec.slurm.log_directory or shared / "logs").expanduser().absolute()


def _output(spec: Slurm) -> str:
    # dask-jobqueue's own option takes no blanks in a path.
    folder = str(_logs(spec)).replace("%", "%%")
    return f'--output="{folder}/job-%j.log"'


def _variable(setting: str) -> str:
    """The environment variable that Dask reads for a setting."""
    return "DASK_" + setting.replace(".", "__").replace("-", "_").upper()


def _jobs_module() -> Any:
    """Import what needs dask-jobqueue; here alone, for its runners take Ctrl-C for themselves at import, and exit 0."""
    before = signal.getsignal(signal.SIGINT)
    try:
        from tdaflow.cluster import slurm_jobs
    except ImportError:
        raise ConfigError('SLURM needs the package dask-jobqueue: pip install "tdaflow[cluster]"') from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, before)
    return slurm_jobs


def _duration(walltime: str) -> timedelta:
    match = _WALLTIME.fullmatch(walltime)
    if match is None:
        raise ValueError(f"walltime is [days-]hours:minutes:seconds, such as 24:00:00, got {walltime!r}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
