"""The graph of a run and the functions of its batches; knows neither file formats nor kinds of cluster."""

from tdaflow.pipeline.backlog import Backlog
from tdaflow.pipeline.engine import Done, Engine, InProcess, Queue, WorkerDied
from tdaflow.pipeline.progress import Observer, Silent
from tdaflow.pipeline.runner import RESTARTS, ingest_only, run
from tdaflow.pipeline.state import STAGES, RunState, StageCounts
from tdaflow.pipeline.status import read_status

__all__ = [
    "RESTARTS",
    "STAGES",
    "Backlog",
    "Done",
    "Engine",
    "InProcess",
    "Observer",
    "Queue",
    "RunState",
    "Silent",
    "StageCounts",
    "WorkerDied",
    "ingest_only",
    "read_status",
    "run",
]
