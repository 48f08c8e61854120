"""The pipeline's engine on a Dask client: named stages, few tasks in flight, results as they complete."""

import itertools
import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from distributed import Client, Future, as_completed
from distributed.comm import CommClosedError

from tdaflow.errors import RunError
from tdaflow.pipeline import Done

R = TypeVar("R")

# Tasks in flight for each worker: enough that none waits, few enough that the scheduler stays small.
_IN_FLIGHT = 4
_TREE = 8
# Workers come and go; how old the number of them may be.
_ASK_SECONDS = 1.0


class DaskEngine:
    """Run tasks on a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    name : str
        What a user calls the cluster.
    isolates : bool
        Whether a worker that dies is started again and takes nothing else along.
    expected_workers : int
        Threads that will come, if the cluster grows with its work.
    """

    def __init__(self, client: Client, name: str, *, isolates: bool, expected_workers: int = 1) -> None:
        self.name = name
        self.isolates = isolates
        self._expected = expected_workers
        self._client = client
        self._run = uuid.uuid4().hex
        self._count = itertools.count()
        self._present = 1
        self._asked = -math.inf

    @property
    def workers(self) -> int:
        """Threads of all workers together, of those to come too."""
        # Asking costs a round trip to the scheduler, which is more than all else that a small task costs here.
        if time.monotonic() - self._asked > _ASK_SECONDS:
            self._asked = time.monotonic()
            self._present = sum(self._client.nthreads().values())
        return max(self._expected, self._present)

    @property
    def dashboard(self) -> str | None:
        """Address of the dashboard."""
        return self._client.dashboard_link or None

    def describe(self) -> dict[str, Any]:
        """Name, size and addresses."""
        return {
            "name": self.name,
            "workers": self.workers,
            "dashboard": self.dashboard,
            "scheduler": self._client.scheduler.address,
        }

    def completed(self, stage: str, function: Callable[[Any], R], tasks: deque[Any]) -> Iterator[Done[Any, R]]:
        """Submit from the left of `tasks`, yield as they complete; see `tdaflow.pipeline.Engine`."""
        waiting: dict[Future, Any] = {}
        finished = as_completed(loop=self._client.loop)
        try:
            while tasks or waiting:
                # Sent and fetched several at once: a message costs the scheduler more than what is in it.
                limit = _IN_FLIGHT * self.workers
                if tasks and len(waiting) <= limit // 2:
                    ready = [tasks.popleft() for _ in range(min(len(tasks), limit - len(waiting)))]
                    futures = self._submit_all(stage, function, ready)
                    waiting.update(zip(futures, ready, strict=True))
                    finished.update(futures)
                for future, result, error in self._outcomes(finished.next_batch()):
                    yield Done(waiting.pop(future), result, error)
        finally:
            for future in waiting:
                future.cancel()

    def tree_reduce(
        self, stage: str, function: Callable[[Any], R], tasks: Sequence[Any], merge: Callable[[list[R]], R]
    ) -> R:
        """Merge on the workers; only the last result comes back."""
        level = self._submit_all(stage, function, tasks)
        while len(level) > 1:
            level = [
                self._client.submit(merge, level[i : i + _TREE], key=self._key(stage, "merge"), pure=False)
                for i in range(0, len(level), _TREE)
            ]
        result, error = _outcome(level[0])
        if error is not None:
            raise error
        return result

    def _submit_all(self, stage: str, function: Callable[[Any], R], tasks: Sequence[Any]) -> list[Future]:
        keys = [self._key(stage, task.key) for task in tasks]
        return list(self._client.map(function, tasks, key=keys, pure=False))

    def _outcomes(self, futures: Sequence[Future]) -> Iterator[tuple[Future, Any, BaseException | None]]:
        """What became of finished futures, each released when it is yielded."""
        whole = [future for future in futures if future.status == "finished"]
        try:
            results = dict(zip(whole, self._client.gather(whole), strict=True))
        except Exception:  # a worker died with its result meanwhile: ask for each alone
            results = {}
        for future in futures:
            outcome = (results[future], None) if future in results else _outcome(future)
            future.release()
            yield future, *outcome

    def _key(self, stage: str, name: str) -> str:
        # Unique, since Dask would answer a known key with its old outcome; the dashboard shows the part before digits.
        return f"{stage}-{name}-{self._run}-{next(self._count)}"


def _outcome(future: Future) -> tuple[Any, BaseException | None]:
    try:
        return future.result(), None
    except (CancelledError, CommClosedError) as error:
        raise RunError(f"the Dask scheduler was lost ({error}); run again to resume") from error
    except Exception as error:
        return None, error
