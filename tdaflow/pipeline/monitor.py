"""How a run is watched: a sign of life every few seconds, and how far it has come."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from tdaflow.errors import RunError
from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.state import STAGES, RunState
from tdaflow.printable import printable
from tdaflow.store import RunFolder
from tdaflow.store.run_folder import WAITING, is_at_work

# Seconds between two questions to the engine.
_BEAT = 2.0
# The list of 1000 workers is 2 MB for the scheduler to send.
_ASK_SECONDS = 10.0
# How long the end of a run waits for a beat that hangs, on a lost scheduler or a file system that does not answer.
_PATIENCE = 5.0
# Reasons, and characters of one, that `live_status` tells.
_REASONS, _LONGEST = 20, 300
_ALONE = (
    "all workers have gone, so the run waits; start others where they came from, or stop it with Ctrl-C "
    "(the same command resumes)"
)
_ALONE_WITH_JOBS = (
    "all workers have gone; new jobs are asked for, and the run goes on with the first that starts (Ctrl-C stops it, "
    "the same command resumes)"
)


@contextmanager
def heartbeat(state: RunState, engine: Engine, say: Callable[[str], None]) -> Iterator[None]:
    """Keep run.json and its list of workers up to date from a thread of its own while the block lasts.

    `say` is told, from that thread, when there were workers and twice in a row there is none.
    """
    over = threading.Event()
    # Two, for a scheduler that does not answer must not look like a client that is gone.
    threads = [
        threading.Thread(target=_beat, args=(state, over), name="tdaflow-heartbeat", daemon=True),
        threading.Thread(target=_watch, args=(state, engine, over, say), name="tdaflow-workers", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        end = time.monotonic() + _PATIENCE
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


def _beat(state: RunState, over: threading.Event) -> None:
    while not over.wait(state.folder.beat_seconds):
        # What makes a beat fail (a full disk, a run that was taken over) meets the run itself, which then says so.
        with suppress(OSError, RunError):
            state.beat()


def _watch(state: RunState, engine: Engine, over: threading.Event, say: Callable[[str], None]) -> None:
    # Times in a row that there was no worker any more; a single worker that is started anew is missing for a moment.
    alone: int | None = None
    wait = _BEAT
    while not over.wait(wait):
        wait = max(_BEAT, _ASK_SECONDS)
        # A lost scheduler meets the run itself, too.
        with suppress(Exception):
            state.workers, state.engine = engine.list_workers(), engine.describe()
            if state.workers:
                alone = 0
            elif alone is not None:
                alone += 1
                if alone == 2:
                    say(_ALONE_WITH_JOBS if "jobs" in state.engine else _ALONE)


def jobs_sentence(jobs: Mapping[str, Any], now: float | None = None) -> str:
    """Say what became of the jobs that workers are in.

    Parameters
    ----------
    jobs : mapping
        ``wanted``, ``running``, ``pending`` (number by reason) and ``since`` when it is so.
    now : float, optional
        With it, how long it has been so is told.
    """
    pending = ", ".join(f"{n} pending" + (f" ({reason})" if reason else "") for reason, n in jobs["pending"].items())
    text = f"{jobs['running']} of {jobs['wanted']} jobs run{', ' if pending else ''}{pending}"
    return text if now is None else f"{text}, for {timedelta(seconds=round(now - jobs['since']))}"


def dashboard_sentence(engine: Mapping[str, Any]) -> str:
    """Say where an engine, as it describes itself, can be watched; "" if nowhere."""
    page = f", this run as a whole: {engine['page']}" if engine.get("page") else ""
    return f"dashboard: {engine['dashboard']}{page}" if engine.get("dashboard") else ""


INTERRUPTED = "interrupted"


def read_status(folder: RunFolder) -> dict[str, Any] | None:
    """The contents of run.json, with what follows from them at this moment; None if there is no run.

    A run that is at work writes run.json every two seconds. Once it was interrupted the stores know more than run.json,
    since workers may have finished batches after the client was gone; then they are counted.

    Returns
    -------
    dict or None
        As run.json, and: ``heartbeat_age`` in seconds; for each stage ``state`` ("waiting", "running", "stopped" or
        "done"), ``rate`` (computed volumes a second; None if unknown), ``eta_seconds`` and ``last_batch_age`` (None
        unless it is running); for each worker ``seen_age``.
    """
    status = folder.read()
    if status is None:
        return None
    now = time.time()
    status["heartbeat_age"] = now - status["holder"]["heartbeat"]
    if status["state"] in ("running", WAITING) and not is_at_work(status):
        status["state"] = INTERRUPTED
    # Of a shard the stores hold more than its own part.
    if status["state"] not in ("running", "done", "ingested") and not folder.shard:
        _count_stores(folder, status["stages"])
    _add_pace(status, now)
    status["workers"] = [{**w, "seen_age": now - w["seen"]} for w in status.get("workers", ())]
    return status


def live_status(state: RunState) -> dict[str, Any]:
    """What a page about a run at work shows, from the run's own process: of bounded size, from any thread.

    Returns
    -------
    dict
        ``folder``, ``state``, ``reason``, ``engine`` (its name), ``jobs`` (a sentence, empty without any), ``began``,
        ``ended``; ``stages`` as `read_status`; ``quarantined`` and ``failed``, each with ``total`` and the most
        frequent ``reasons``; the ``slowest`` volumes.
    """
    # Another thread may add to these.
    left_out = {kind: _reasons(dict(getattr(state, kind))) for kind in ("quarantined", "failed")}
    engine, now = state.engine, time.time()
    status: dict[str, Any] = {
        "folder": printable(str(state.folder.path)),
        "state": state.state,
        "reason": printable(state.reason)[:_LONGEST],
        "engine": engine,
        "jobs": printable(jobs_sentence(engine["jobs"], now))[:_LONGEST] if "jobs" in engine else "",
        "workers": state.workers,
        "began": state.began,
        "ended": state.ended,
        "stages": {name: counts.as_dict() for name, counts in state.stages.items()},
        **left_out,
        "slowest": [{"id": printable(name)[:_LONGEST], "seconds": s} for name, s in state.slowest.items()],
    }
    _add_pace(status, now)
    del status["workers"]
    return {**status, "engine": engine["name"]}


def _reasons(left_out: Mapping[str, str]) -> dict[str, Any]:
    first: dict[str, str] = {}
    for name, reason in left_out.items():
        first.setdefault(reason, name)
    found = Counter(left_out.values()).most_common(_REASONS)
    told = [
        {"reason": printable(reason)[:_LONGEST], "volumes": n, "first": printable(first[reason])[:_LONGEST]}
        for reason, n in found
    ]
    return {"total": len(left_out), "reasons": told}


def _add_pace(status: dict[str, Any], now: float) -> None:
    works = "scheduler" not in status["engine"] or bool(status.get("workers"))
    for counts in status["stages"].values():
        counts.update(_pace(counts, now, running=status["state"] == "running", works=works))


def _pace(counts: dict[str, Any], now: float, *, running: bool, works: bool) -> dict[str, Any]:
    began, last = counts.get("began"), counts.get("last_batch")
    rate = counts["computed"] / counts["seconds"] if counts["computed"] and counts["seconds"] > 0 else None
    if counts["total"] and not counts["left"]:
        state = "done"
    elif began is None:
        state = "waiting"
    else:
        state = "running" if running else "stopped"
    pace: dict[str, Any] = {"state": state, "rate": rate, "eta_seconds": None, "last_batch_age": None}
    if state == "running" and began is not None:
        since = now - (began if last is None else last)
        pace["last_batch_age"] = None if last is None else since
        # What is known of the batches at work is that they began when the last one finished.
        pace["eta_seconds"] = None if rate is None or not works else max(0.0, counts["left"] / rate - since)
    return pace


def _count_stores(folder: RunFolder, stages: dict[str, Any]) -> None:
    from tdaflow.store import DiagramStore, FeatureStore

    volumes, diagrams, _, images = (stages[name] for name in STAGES)
    if folder.diagrams.exists():
        store = DiagramStore(folder.diagrams)
        batches = store.batches()
        quarantined = sum(len(store.quarantined(start, stop)) for start, stop in batches)
        diagrams["total"] = volumes["done"]
        _bring_up_to_date(diagrams, sum(stop - start for start, stop in batches) - quarantined, quarantined)
    # Before that, images may be left of a run that had other diagrams.
    if diagrams["left"] == 0 and folder.features_in_progress.exists():
        features = FeatureStore(folder.features_in_progress)
        written = sum(right - left for left, right in features.chunks() if features.is_written(left))
        images["total"] = features.n_volumes
        _bring_up_to_date(images, written, 0)


def _bring_up_to_date(counts: dict[str, Any], done: int, quarantined: int) -> None:
    counts["done"], counts["quarantined"] = done, quarantined
    counts["computed"] = done - counts["reused"]
    counts["left"] = counts["total"] - done - quarantined - counts["failed"]
