from .engine import Backlog, Done, Engine, InProcess, OnDemand, Queue, WorkerDied
from .events import Observer, Silent
from .monitor import dashboard_sentence, jobs_sentence, read_status
from .run import RESTARTS, ingest_only, run
from .shards import merged_config, run_shard
from .state import STAGES, RunState, StageCounts

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
    "merged_config",
    "read_status",
    "run",
    "run_shard",
]
