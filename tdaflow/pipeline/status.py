"""How far a run has come: what run.json says, brought up to date by the stores where its writer is gone."""

import socket
import time
from typing import Any

from tdaflow.pipeline import diagrams_stage, images_stage, volumes_stage
from tdaflow.store import DiagramStore, FeatureStore, RunFolder

INTERRUPTED = "interrupted"
# How old the last sign of life of a run on another machine may be, whose lock cannot be relied on from here.
_SILENCE = 60.0


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
    if status["state"] == "running" and not _is_alive(folder, status):
        status["state"] = INTERRUPTED
    if status["state"] not in ("running", "done", "ingested"):
        _count_stores(folder, status["stages"])
    for counts in status["stages"].values():
        counts.update(_pace(counts, now, running=status["state"] == "running"))
    status["workers"] = [{**w, "seen_age": now - w["seen"]} for w in status.get("workers", ())]
    return status


def _is_alive(folder: RunFolder, status: dict[str, Any]) -> bool:
    if folder.is_locked():
        return True
    elsewhere = status["holder"]["host"] != socket.gethostname()
    return elsewhere and status["heartbeat_age"] < _SILENCE


def _pace(counts: dict[str, Any], now: float, *, running: bool) -> dict[str, Any]:
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
        pace["eta_seconds"] = None if rate is None else max(0.0, counts["left"] / rate - since)
    return pace


def _count_stores(folder: RunFolder, stages: dict[str, Any]) -> None:
    diagrams, images = stages[diagrams_stage.STAGE], stages[images_stage.STAGE]
    if folder.diagrams.exists():
        store = DiagramStore(folder.diagrams)
        batches = store.batches()
        quarantined = sum(len(store.quarantined(start, stop)) for start, stop in batches)
        diagrams["total"] = stages[volumes_stage.STAGE]["done"]
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
