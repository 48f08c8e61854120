"""Workers in the jobs of a batch system, through dask-jobqueue: what all of them have in common.

A batch system is one more module with a subclass of `Batch`, and one more line in `tdaflow.cluster.KINDS`.
"""

import logging
import re
import shlex
import shutil
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
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from tdaflow.cluster.settings import SETTINGS
from tdaflow.cluster.spec import ClusterSpec, Options
from tdaflow.errors import ConfigError
from tdaflow.pipeline import Engine

# Adaptive scaling looks every second; jobs are started at once, and ended after so many looks without work.
_PATIENCE = 60
_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)")
# How long before its wall time a job lets its workers finish, at most.
_LONGEST_MARGIN = timedelta(minutes=10)


class JobTable(Options):
    """Jobs of a batch system; each runs one worker process a core.

    Attributes
    ----------
    interface : str
        Network interface of the nodes and of this machine, such as ``ib0``.
    queue, account : str or None
        Queue (a partition of SLURM), and account (a project of Grid Engine).
    cores : int
        Of one job.
    memory : str
        Of one job, as Dask writes it.
    walltime : str
        Of one job, ``[days-]hours:minutes:seconds``.
    jobs, minimum_jobs : int
        The most and the fewest jobs at a time; between them, what the work needs.
    directives, prologue : tuple of str
        More options of the command that submits them, and lines of shell before the workers start.
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
    def _check_jobs(self) -> "JobTable":
        if self.minimum_jobs > self.jobs:
            raise ValueError(f"minimum_jobs ({self.minimum_jobs}) exceeds jobs ({self.jobs})")
        return self

    @property
    def lifetime(self) -> tuple[int, int]:
        """Seconds after which a worker hands its tasks on and ends, and by how many they are staggered.

        A worker that is killed at the wall time counts as a death for its task; one that ends by itself does not.
        All are gone half a margin before it, and not all at once.
        """
        walltime = _duration(self.walltime)
        margin = min(_LONGEST_MARGIN, walltime / 5)
        return int((walltime - margin).total_seconds()), int((margin / 2).total_seconds())


class Listed(NamedTuple):
    """A job in the queue: PENDING for some reason, RUNNING, STUCK if it will never run, or in another state."""

    state: str
    reason: str = ""


class Batch(ClusterSpec):
    """Jobs of a batch system: a subclass for each, with its words.

    Attributes
    ----------
    title, submit : str
        How people call it, and the command that submits a script.
    job_class : str
        Module and class of dask-jobqueue.
    verify : tuple of str
        Options with which `submit` says if it would take the script, and takes it not; empty if there are none.
    unfit : str
        What it says then also of jobs that only have to wait, if it does.
    refusal : str
        Regular expression of the lines of its errors that have the reason, as the first group.
    account_option : str
        What `job_class` calls the account.
    """

    title: ClassVar[str]
    submit: ClassVar[str]
    job_class: ClassVar[str]
    verify: ClassVar[tuple[str, ...]] = ()
    unfit: ClassVar[str] = ""
    refusal: ClassVar[str]
    account_option: ClassVar[str] = "account"

    @model_validator(mode="after")
    def _check_workers(self) -> "Batch":
        if self.workers is not None:
            raise ValueError(f"workers is not for {self.kind}; give {self.kind}.cores and {self.kind}.jobs")
        return self

    @property
    def table(self) -> JobTable:
        """The table of its name."""
        found: JobTable = getattr(self, self.kind)
        return found

    def own_directives(self, logs: str) -> list[str]:
        """Return what is asked for beside what dask-jobqueue asks for; the output goes to ``job-ID.log`` in `logs`."""
        return []

    def own_prologue(self, logs: str) -> list[str]:
        """Return lines of shell that come first, where directives cannot send the output there."""
        return []

    @staticmethod
    def listing(job_name: str) -> list[str]:
        """Return the command that lists the jobs of a name, or more."""
        raise NotImplementedError

    @staticmethod
    def read_listing(text: str, job_name: str) -> dict[str, Listed]:
        """Return the jobs of a name that have not ended, by number; ValueError if the text is no listing."""
        raise NotImplementedError

    @staticmethod
    def ending(job_id: str) -> list[str]:
        """Return the command that tells how a job has ended."""
        raise NotImplementedError

    @staticmethod
    def read_ending(text: str) -> str:
        """Return that in a few words."""
        raise NotImplementedError

    @property
    def leaves_machine(self) -> bool:
        """Always true."""
        return True

    def logging_to(self, folder: Path) -> Self:
        """Keep the jobs' logs in a folder, unless the table names one."""
        table = self.table.model_copy(update={"log_directory": self.table.log_directory or str(folder)})
        return self.model_copy(update={self.kind: table})

    def check(self) -> None:
        """Ask the batch system if it would take such a job, where it can be asked.

        Raises
        ------
        ConfigError
            If dask-jobqueue or the command that submits jobs is missing, or they are refused; with its own words.
        """
        jobs = _jobs_module()
        if shutil.which(self.submit) is None:
            raise ConfigError(
                f"there is no {self.submit} on this machine; run tdaflow where jobs of {self.title} can be submitted"
            )
        if not self.verify:
            return  # told when the first is submitted
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
            file.write(self.job_script())
            file.flush()
            command = [self.submit, *self.verify, file.name]
            try:
                asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
            except subprocess.TimeoutExpired:
                return  # asked again for every job
        may_pass = jobs.is_passing(asked.stderr) or (self.unfit and self.unfit in asked.stderr)
        if asked.returncode and not may_pass:
            raise ConfigError(
                f"{self.title} refuses the jobs: {jobs.reason_of(asked.stderr, self)}; correct the table "
                f"[{self.kind}] (--dry-run prints the script of a job)"
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

        # No longer than PBS allows.
        table, jobs, name = self.table, _jobs_module(), f"tdaflow-{uuid.uuid4().hex[:7]}"
        with security_for(self, on_disk=True) as security:
            try:
                cluster = jobs.JobQueue(
                    self,
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
                jobs.cancel_all(self, name)

    def describe(self) -> str:
        """Return who would work, and where they would listen."""
        table = self.table
        return (
            f"{self.kind}: a scheduler would be started in the process of tdaflow on the interface {table.interface}, "
            f"{self._listening()}; {table.minimum_jobs} to {table.jobs} jobs of {table.cores} "
            "processes of one thread would be submitted as the work needs them, each with this script:"
        )

    def job_script(self) -> str:
        """Return the script that would be submitted for every job; nothing is started or submitted.

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
        job = _jobs_module().queued(self)(
            f"{protocol}<SCHEDULER>:<PORT>",
            name="tdaflow",
            interface=self.table.interface,
            protocol=protocol if security else None,
            security=security,
            **_job(self, security),
        )
        return str(job.job_script())


def _job(spec: Batch, security: Any) -> dict[str, Any]:
    table, logs = spec.table, str(_logs(spec))
    lifetime, stagger = table.lifetime
    settings = [f"export {_variable(name)}={shlex.quote(str(value))}" for name, value in SETTINGS.items()]
    if security:
        settings.append(f"export {_variable('distributed.comm.require-encryption')}=True")
    job: dict[str, Any] = {
        "queue": table.queue,
        spec.account_option: table.account,
        "cores": table.cores,
        "processes": table.cores,
        "memory": table.memory,
        "walltime": _hours(table.walltime),
        "job_name": "tdaflow",
        "job_extra_directives": [*spec.own_directives(logs), *table.directives],
        "job_script_prologue": [*spec.own_prologue(logs), *settings, *table.prologue],
        "worker_extra_args": ["--lifetime", f"{lifetime}s", "--lifetime-stagger", f"{stagger}s"],
        "python": table.python,
        "local_directory": table.local_directory,
    }
    # What is not given comes from the user's own jobqueue.yaml.
    return {name: value for name, value in job.items() if value is not None}


def _logs(spec: Batch) -> Path:
    """Folder of the jobs' logs."""
    shared = Path(spec.shared_directory or Path.home() / ".tdaflow").expanduser()
    return Path(spec.table.log_directory or shared / "logs").expanduser().absolute()


def _variable(setting: str) -> str:
    """The environment variable that Dask reads for a setting."""
    return "DASK_" + setting.replace(".", "__").replace("-", "_").upper()


def _jobs_module() -> Any:
    """Import what needs dask-jobqueue; here alone, for its runners take Ctrl-C for themselves at import, and exit 0."""
    before = signal.getsignal(signal.SIGINT)
    try:
        from tdaflow.cluster import job_queue
    except ImportError:
        raise ConfigError('batch systems need the package dask-jobqueue: pip install "tdaflow[cluster]"') from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, before)
    return job_queue


def _duration(walltime: str) -> timedelta:
    match = _WALLTIME.fullmatch(walltime)
    if match is None:
        raise ValueError(f"walltime is [days-]hours:minutes:seconds, such as 24:00:00, got {walltime!r}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _hours(walltime: str) -> str:
    """The same without days, which only SLURM knows."""
    minutes, seconds = divmod(int(_duration(walltime).total_seconds()), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
