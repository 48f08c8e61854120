"""How far a run has come: what run.json says, brought up to date by the stores."""

from collections import Counter
from typing import Any

from tdaflow.pipeline import diagrams_stage, images_stage, volumes_stage
from tdaflow.store import DiagramStore, FeatureStore, RunFolder

INTERRUPTED = "interrupted"


def read_status(folder: RunFolder) -> dict[str, Any] | None:
    """The contents of run.json with the true counts of the stages that were at work; None if there is no run.

    run.json is written every few seconds, and workers may finish batches after the client is gone, so the stores know
    more than it does.
    """
    status = folder.read()
    if status is None or status["state"] == "done":
        return status
    if status["state"] == "running" and not folder.is_locked():
        status["state"] = INTERRUPTED
    stages = status["stages"]
    diagrams, images = stages[diagrams_stage.STAGE], stages[images_stage.STAGE]
    if folder.diagrams.exists():
        store = DiagramStore(folder.diagrams)
        found = Counter(record["status"] for batch in store.batches() for record in store.records(*batch))
        diagrams["total"] = stages[volumes_stage.STAGE]["done"]
        _bring_up_to_date(diagrams, found["ok"], found["quarantined"])
    # Before that, images may be left of a run that had other diagrams.
    if diagrams["left"] == 0 and folder.features_in_progress.exists():
        features = FeatureStore(folder.features_in_progress)
        written = sum(right - left for left, right in features.chunks() if features.is_written(left))
        images["total"] = features.n_volumes
        _bring_up_to_date(images, written, 0)
    return status


def _bring_up_to_date(counts: dict[str, Any], done: int, quarantined: int) -> None:
    counts["done"], counts["quarantined"] = done, quarantined
    counts["computed"] = done - counts["reused"]
    counts["left"] = counts["total"] - done - quarantined - counts["failed"]
