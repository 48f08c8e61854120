"""The graph of a run and the functions of its batches; knows neither file formats nor kinds of cluster."""

from tdaflow.pipeline.engine import Backlog, Done, Engine, InProcess, OnDemand, Queue, WorkerDied
from tdaflow.pipeline.events import Observer, Silent
from tdaflow.pipeline.monitor import dashboard_sentence, jobs_sentence, read_status
from tdaflow.pipeline.run import RESTARTS, ingest_only, run
from tdaflow.pipeline.state import STAGES, RunState, StageCounts

__all__ = [
    "RESTARTS",
    "STAGES",
    "Backlog",
    "Done",
    "Engine",
    "InProcess",
    "Observer",
    "OnDemand",
    "Queue",
    "RunState",
    "Silent",
    "StageCounts",
    "WorkerDied",
    "dashboard_sentence",
    "ingest_only",
    "jobs_sentence",
    "read_status",
    "run",
]
