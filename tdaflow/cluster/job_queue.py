"""The jobs of a run in a batch system's queue: asked for as the work needs them, watched, and replaced when they end.

dask-jobqueue scales by worker processes, believes that a job is there until a worker of exactly its name has gone
(never, if it has several), and loses the place of a job that is refused. Here the job is what is counted, asked for and
cancelled, and the queue is what says which of them are there.
"""

import importlib
import math
import re
import shlex
import subprocess
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from dask_jobqueue.core import Job, JobQueueCluster
from distributed import Adaptive
from distributed.core import Status
from distributed.deploy.cluster import Cluster

from tdaflow.cluster.batch import Batch, Listed
from tdaflow.errors import ConfigError, RunError, TdaflowError
from tdaflow.pipeline import jobs_sentence

# Seconds between two looks at the queue.
_LOOK_SECONDS = 10.0
# Rounds of jobs in a row that end, or are refused, before one of their workers has registered.
_MOST_ROUNDS = 3
# Seconds before the next try after such a round, and the most of them.
_PAUSE, _LONGEST_PAUSE = 5.0, 120.0
# The same news of waiting are told again after so many seconds.
_REPEAT_SECONDS = 1800.0
_LOG_LINES = 3
# What the commands of batch systems say when another try may do better.
_PASSING = (
    "timed out", "unable to contact", "temporar", "connection refused", "communication", "try again", "standby",
    "zero bytes", "i/o error", "not responding", "unable to send", "cannot connect", "no route",
)  # fmt: skip


def is_passing(text: str) -> bool:
    """Return True if what a command says is no answer to the request, so that another try may succeed."""
    return any(sign in text.lower() for sign in _PASSING)


def reason_of(stderr: str, spec: Batch) -> str:
    """Return the reason in the errors of a command that submits jobs, without what its programs put around it."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    found = [match[1] for line in lines if (match := re.fullmatch(spec.refusal, line))]
    return [*(lines or ["no reason is told"]), *found][-1].rstrip(".")


class QueuedJob(Job):
    """A job that is in the queue, or was refused; mixed into a class of dask-jobqueue.

    Attributes
    ----------
    refusal : str
        What the batch system said, if it made no job.
    registered : bool
        True once one of its workers was connected to the scheduler.
    """

    spec: Batch
    refusal = ""
    registered = False

    async def start(self) -> None:
        """Submit it. A refusal is kept, not raised: the jobs submitted beside it go on, and the queue tries again."""
        try:
            await super().start()
        except (RuntimeError, ValueError, OSError) as error:
            self.refusal = reason_of(str(error), self.spec)
            self.status = Status.running

    async def close(self) -> None:
        """Cancel it."""
        await super().close()
        self.status = Status.closed


def queued(spec: Batch) -> Any:
    """Return the class of the jobs of a batch system."""
    module, _, name = spec.job_class.rpartition(".")
    base = getattr(importlib.import_module(f"dask_jobqueue.{module}"), name)
    return type(f"Queued{name}", (QueuedJob, base), {"spec": spec})


class JobQueue(JobQueueCluster):
    """A Dask cluster whose workers are in jobs of a batch system.

    Parameters
    ----------
    spec : Batch
    logs : Path
        Folder of the jobs' logs, ``job-ID.log``.
    say : callable
        Told what a person should know, from the thread of the event loop.
    **options
        Of `dask_jobqueue.JobQueueCluster`, with ``job_name`` and ``processes``.
    """

    def __init__(self, spec: Batch, *, logs: Path, say: Callable[[str], None], **options: Any) -> None:
        self._batch, self._logs, self._say, self._job_name = spec, logs, say, options["job_name"]
        self.processes: int = options["processes"]
        self.failure: TdaflowError | None = None
        # What is done with the tasks in flight when no job can be had.
        self.on_failure: Callable[[TdaflowError], Awaitable[None]] | None = None
        self._rounds = self._tries = 0
        self._looked = self._not_before = -math.inf
        self._queue: list[Listed] = []
        self._since = time.time()
        self._told: tuple[str, float] = ("", -math.inf)
        self._refusal = ""
        super().__init__(name="job", job_cls=queued(spec), **options)
        self.new_spec.pop("group", None)

    @property
    def observed(self) -> set[str]:
        """Jobs of which a worker is connected."""
        return {job_of(worker["name"], self.processes) for worker in self.scheduler_info["workers"].values()}

    @property
    def may_submit(self) -> bool:
        """False for some time after jobs were refused, or ended before a worker registered."""
        return time.monotonic() >= self._not_before

    def new_worker_spec(self) -> dict[str, Any]:
        """Give the next job a name of its own, for the scheduler may still know workers of one that has ended."""
        self._i += 1
        return {self._new_worker_name(self._i): self.new_spec}

    def report(self) -> dict[str, Any]:
        """Return how many jobs are wanted and run, how many pend for which reason, and since when it is so."""
        reasons = Counter(job.reason for job in self._queue if job.state == "PENDING")
        running = sum(job.state == "RUNNING" for job in self._queue)
        return {"wanted": len(self.worker_spec), "running": running, "pending": dict(reasons), "since": self._since}

    async def look(self) -> None:
        """Ask which jobs there are, once in some seconds; what has ended makes room for others."""
        if self.failure and self.on_failure is not None:
            await self.on_failure(self.failure)
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        submitted = dict(self.workers)
        if not submitted and not self._queue:
            return
        try:
            text = await QueuedJob._call(self._batch.listing(self._job_name))
            listed = self._batch.read_listing(text, self._job_name)
        except (RuntimeError, OSError, ValueError):
            return  # the next look is soon enough
        there = {number: job for number, job in listed.items() if job.state != "STUCK"}
        before, self._queue = self.report(), list(there.values())
        # Not those that were cancelled meanwhile.
        gone = {n: job for n, job in submitted.items() if job.job_id not in there and self.workers.get(n) is job}
        for name, job in gone.items():
            self.worker_spec.pop(name, None)
            del self.workers[name]
            job.status = Status.closed
        if {**self.report(), "since": 0} != {**before, "since": 0}:
            self._since = time.time()
        await self._judge(list(gone.values()))
        for job in gone.values():
            if job.job_id in listed:
                await job.close()
        self._tell_waiting()

    async def _judge(self, gone: Sequence[QueuedJob]) -> None:
        """Say what became of jobs that are not in the queue any more, and when it is time to give up."""
        for job in (job for job in gone if job.registered):
            ending = await self._ending(job)
            self._say(f"job {job.job_id} has ended ({ending}); another is asked for while there is work")
        lost = [job for job in gone if not job.registered]
        if not lost:
            return
        last = lost[-1]
        why = (
            f"{self._batch.title} refuses a job: {last.refusal}"
            if last.refusal
            else await self._obituary(last, len(lost))
        )
        # Too many jobs for one user, or a controller that does not answer, is no fault of the job.
        counts = not (last.refusal and (is_passing(last.refusal) or self._queue))
        pause = min(_PAUSE * 2**self._tries, _LONGEST_PAUSE)
        self._tries, self._rounds = self._tries + 1, self._rounds + counts
        self._not_before = time.monotonic() + pause
        if counts and self._rounds >= _MOST_ROUNDS and not self.observed:
            todo = f"no job has come further, so correct the table [{self._batch.kind}] and run again to resume"
            self.failure = (ConfigError if last.refusal else RunError)(f"{why}; {todo}")
        elif why != self._refusal:
            self._say(f"{why}; trying again in {pause:.0f} s")
        self._refusal = why if last.refusal else ""

    async def _obituary(self, job: QueuedJob, n: int) -> str:
        who = f"job {job.job_id}" if n == 1 else f"{n} jobs, the last of them {job.job_id},"
        log = self._logs / f"job-{job.job_id}.log"
        try:
            with log.open(errors="replace") as file:
                lines = deque((line.strip() for line in file if line.strip()), _LOG_LINES)
        except OSError:
            lines = deque()
        end = f"{log} ends: {' / '.join(lines)}" if lines else f"{log} is empty or not there"
        return f"{who} ended before a worker registered ({await self._ending(job)}); {end}"

    async def _ending(self, job: QueuedJob) -> str:
        """How a job has ended, as long as the batch system remembers."""
        try:
            return self._batch.read_ending(await QueuedJob._call(self._batch.ending(str(job.job_id))))
        except (RuntimeError, OSError, ValueError):
            return f"{self._batch.title} does not remember why"

    def _tell_waiting(self) -> None:
        report, (told, when) = self.report(), self._told
        # A job that was not considered yet has no reason.
        waits = bool(report["pending"].keys() - {""}) and not report["running"]
        text = jobs_sentence(report) if waits or (told and report["running"]) else ""
        if text and (text != told or (waits and time.monotonic() - when > _REPEAT_SECONDS)):
            self._say(jobs_sentence(report, time.time()) if text == told else text)
            self._told = (text if waits else "", time.monotonic())

    def _update_worker_status(self, op: str, msg: Any) -> None:
        if op == "add":
            for worker in msg["workers"].values():
                job = self.workers.get(job_of(worker["name"], self.processes))
                if job is not None:
                    job.registered = True
                    self._rounds = self._tries = 0
        # Not SpecCluster's, which would end a job some time after a worker of its name has gone.
        Cluster._update_worker_status(self, op, msg)


class ByJobs(Adaptive):
    """Adaptive scaling that counts jobs, not the processes in them."""

    cluster: JobQueue

    async def adapt(self) -> None:
        """Look at the queue, then at the work."""
        await self.cluster.look()
        if not self.cluster.failure:
            await super().adapt()

    async def target(self) -> int:
        """Return the number of jobs that the work needs."""
        return math.ceil(await super().target() / self.cluster.processes)

    async def workers_to_close(self, target: int) -> list[str]:
        """Return the jobs with the least work; `worker_key` keeps the workers of each together."""
        workers = await super().workers_to_close(target * self.cluster.processes)
        return list({job_of(name, self.cluster.processes) for name in workers})

    async def scale_down(self, workers: Iterable[str]) -> None:  # type: ignore[override]
        """Retire the workers of jobs, and cancel the jobs."""
        jobs = set(workers)
        connected = [worker["name"] for worker in self.cluster.scheduler_info["workers"].values()]
        names = [name for name in connected if job_of(name, self.cluster.processes) in jobs]
        if names:
            await self.scheduler.retire_workers(names=names, remove=True, close_workers=True)
        await self.cluster.scale_down(jobs)

    async def scale_up(self, n: int) -> None:  # type: ignore[override]
        """Ask for jobs up to `n`."""
        if self.cluster.may_submit:
            self.cluster.scale(jobs=n)


def job_of(worker: object, processes: int) -> str:
    """Name of the job of a worker, to which Dask adds a number where a job has several processes."""
    name = str(worker)
    return name.rpartition("-")[0] if processes > 1 else name


def worker_key(worker: Any, processes: int) -> str:
    """Name of the job of a worker that the scheduler describes."""
    return job_of(worker.name, processes)


def cancel_all(spec: Batch, job_name: str) -> None:
    """Cancel every job of a run, those too that were made without saying so."""
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        text = subprocess.run(spec.listing(job_name), capture_output=True, text=True, timeout=20, check=True).stdout
        if listed := spec.read_listing(text, job_name):
            command = [*shlex.split(queued(spec).cancel_command), *listed]
            subprocess.run(command, capture_output=True, timeout=20, check=False)
