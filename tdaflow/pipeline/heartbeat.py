"""A sign of life every few seconds, also while a single batch takes minutes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.state import RunState

# Seconds between two writes of run.json.
_BEAT = 2.0
# The list of 1000 workers is 2 MB for the scheduler to send.
_ASK_SECONDS = 10.0
# How long the end of a run waits for a beat that hangs, on a lost scheduler or a file system that does not answer.
_PATIENCE = 5.0
_ALONE = (
    "all workers have gone, so the run waits; start others where they came from, or stop it with Ctrl-C "
    "(the same command resumes)"
)


@contextmanager
def heartbeat(state: RunState, engine: Engine, say: Callable[[str], None]) -> Iterator[None]:
    """Keep run.json and its list of workers up to date from a thread of its own while the block lasts.

    `say` is told, from that thread, when there were workers and twice in a row there is none.
    """
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(state, engine, over, say), name="tdaflow-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_PATIENCE)


def _beat(state: RunState, engine: Engine, over: threading.Event, say: Callable[[str], None]) -> None:
    asked = -_ASK_SECONDS
    # Times in a row that there was no worker any more; a single worker that is started anew is missing for a moment.
    alone: int | None = None
    while not over.wait(_BEAT):
        # What makes a beat fail (a lost scheduler, a full disk) meets the run itself, which then says so.
        with suppress(Exception):
            if time.monotonic() - asked >= _ASK_SECONDS:
                asked = time.monotonic()
                state.workers = engine.list_workers()
                if state.workers:
                    alone = 0
                elif alone is not None:
                    alone += 1
                    if alone == 2:
                        say(_ALONE)
        with suppress(OSError):
            state.beat()
