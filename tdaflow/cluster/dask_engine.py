"""The pipeline's engine on a Dask client: named stages, a bounded number of tasks in flight, results as completed."""

import functools
import itertools
import math
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from distributed import Client, Future, as_completed
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from tdaflow.cluster.run_page import RunPage
from tdaflow.errors import RunError, TdaflowError
from tdaflow.pipeline import Done, Queue, WorkerDied

R = TypeVar("R")

# Tasks in flight for each worker: enough that none waits, few enough that the scheduler stays small.
_IN_FLIGHT = 4
_TREE = 8
# Leaves of one tree; trees are submitted one after the other, so that the scheduler stays small.
_LEAVES = 1024
# Results that complete within this time are fetched together: a message costs more than its content.
_GATHER_SECONDS = 0.02
# Workers come and go: for so long the number of them is not asked for again.
_ASK_SECONDS = 1.0


class DaskEngine:
    """Run tasks on a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    name : str
        Kind of cluster, as users write it.
    isolates : bool
        True if a worker that dies is restarted and no other work is lost.
    expected_workers : int
        Number of threads of a cluster that grows with its work, once all workers are there.
    dashboard : str or None
        Address of the dashboard, if it is not the one that the scheduler reports.
    page : RunPage, optional
        Where a run is shown as a whole, on the same server as the dashboard.
    jobs : callable, optional
        Returns what became of the jobs that the workers are in, as `tdaflow.pipeline.jobs_sentence` takes it.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        *,
        isolates: bool,
        expected_workers: int = 1,
        dashboard: str | None = None,
        page: RunPage | None = None,
        jobs: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.isolates = isolates
        self._expected = expected_workers
        self._client = client
        self._dashboard = dashboard
        self._page = page
        self._jobs = jobs
        self._lost: TdaflowError | None = None
        self._run = uuid.uuid4().hex
        self._count = itertools.count()
        self._present = 1
        self._asked = -math.inf

    @property
    def client(self) -> Client:
        """The client that submits the tasks."""
        return self._client

    @property
    def workers(self) -> int:
        """Number of threads of all workers, including those that are still to start."""
        # Asking costs a round trip to the scheduler, which is more than all else that a small task costs here.
        if time.monotonic() - self._asked > _ASK_SECONDS:
            self._asked = time.monotonic()
            self._present = sum(self._client.nthreads().values())
        return max(self._expected, self._present)

    @property
    def threads(self) -> int:
        """Threads of the smallest worker that is there."""
        return int(min(self._client.nthreads().values(), default=1))

    @property
    def dashboard(self) -> str | None:
        """Address of the dashboard."""
        return self._dashboard or self._client.dashboard_link or None

    def describe(self) -> dict[str, Any]:
        """Return name, number of workers and addresses, and what became of jobs, if there are any."""
        return {
            "name": self.name,
            "workers": self.workers,
            "dashboard": self.dashboard,
            "scheduler": self._client.scheduler.address,
            **({"page": RunPage.beside(self.dashboard)} if self._page and self.dashboard else {}),
            **({} if self._jobs is None else {"jobs": self._jobs()}),
        }

    async def give_up(self, reason: TdaflowError) -> None:
        """Let every task in flight raise `reason`; on the client's event loop."""
        self._lost = reason
        await self._client.cancel([Future(key, self._client) for key in self._client.futures], asynchronous=True)

    def list_workers(self) -> list[dict[str, Any]]:
        """Return the last report of each worker to the scheduler."""
        found: dict[str, Any] = self._client.sync(self._client.scheduler.identity)["workers"]
        return [_worker_facts(worker) for worker in found.values()]

    def show(self, status: Callable[[], dict[str, Any]]) -> None:
        """Show it on the page, if there is one."""
        if self._page is not None:
            self._page.show(status)

    def completed(self, stage: str, function: Callable[[Any], R], tasks: Queue) -> Iterator[Done[Any, R]]:
        """Submit tasks from the left of `tasks` and yield them as they complete; see `tdaflow.pipeline.Engine`."""
        waiting: dict[Future, Any] = {}
        finished = as_completed(loop=self._client.loop)
        try:
            while tasks or waiting:
                limit = _IN_FLIGHT * self.workers
                if tasks and len(waiting) <= limit // 2:
                    ready = [tasks.popleft() for _ in range(min(len(tasks), limit - len(waiting)))]
                    futures = self._submit_all(stage, function, ready)
                    waiting.update(zip(futures, ready, strict=True))
                    finished.update(futures)
                time.sleep(_GATHER_SECONDS)
                for future, result, error in self._outcomes(finished.next_batch()):
                    yield Done(waiting.pop(future), result, error)
        finally:
            for future in waiting:
                future.cancel()

    def tree_reduce(
        self, stage: str, function: Callable[[Any], R], tasks: Sequence[Any], merge: Callable[[list[R]], R]
    ) -> R:
        """Reduce on the workers, tree by tree; only the roots are sent back."""
        roots = (
            self._reduce_tree(stage, function, tasks[left : left + _LEAVES], merge)
            for left in range(0, len(tasks), _LEAVES)
        )
        return functools.reduce(lambda left, right: merge([left, right]), roots)

    def _reduce_tree(
        self, stage: str, function: Callable[[Any], R], tasks: Sequence[Any], merge: Callable[[list[R]], R]
    ) -> R:
        level = self._submit_all(stage, function, tasks)
        while len(level) > 1:
            level = [
                self._client.submit(merge, level[i : i + _TREE], key=self._key(stage, "merge"), pure=False)
                for i in range(0, len(level), _TREE)
            ]
        result, error = self._outcome(level[0])
        if error is not None:
            raise error
        return result

    def _submit_all(self, stage: str, function: Callable[[Any], R], tasks: Sequence[Any]) -> list[Future]:
        keys = [self._key(stage, task.key) for task in tasks]
        if self._page is not None:
            self._page.expect(stage, keys, tasks)
        return list(self._client.map(function, tasks, key=keys, pure=False))

    def _outcomes(self, futures: Sequence[Future]) -> Iterator[tuple[Future, Any, BaseException | None]]:
        """Yield the results or errors of finished futures and release them."""
        whole = [future for future in futures if future.status == "finished"]
        try:
            results = dict(zip(whole, self._client.gather(whole), strict=True))
        except Exception:  # a worker died with its result meanwhile: ask for each alone
            results = {}
        for future in futures:
            outcome = (results[future], None) if future in results else self._outcome(future)
            future.release()
            yield future, *outcome

    def _outcome(self, future: Future) -> tuple[Any, BaseException | None]:
        try:
            return future.result(), None
        except (CancelledError, CommClosedError) as error:
            lost = RunError(f"the Dask scheduler was lost ({error}); run again to resume")
            raise self._lost or lost from error
        except KilledWorker as error:
            times = error.allowed_failures + 1
            return None, WorkerDied(
                f"{times} workers died while running it: out of memory, or a crash in compiled code"
            )
        except Exception as error:
            return None, error

    def _key(self, stage: str, name: str) -> str:
        # Unique, since Dask would answer a known key with its old outcome; the dashboard shows the part before digits.
        return f"{stage}-{name}-{self._run}-{next(self._count)}"


def _worker_facts(worker: dict[str, Any]) -> dict[str, Any]:
    metrics = worker["metrics"]
    tasks = metrics.get("task_counts", {})
    return {
        "name": str(worker["name"]),
        "host": worker["host"],
        "threads": worker["nthreads"],
        # Those in memory are done.
        "tasks": sum(count for state, count in tasks.items() if state != "memory"),
        "memory": metrics.get("memory", 0),
        "memory_limit": worker["memory_limit"] or 0,
        "cpu": metrics.get("cpu", 0.0),
        "seen": worker["last_seen"],
    }
