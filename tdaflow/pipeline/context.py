"""What every stage of a run is given."""

from dataclasses import dataclass

from tdaflow.config import RunConfig
from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.events import Observer
from tdaflow.pipeline.state import RunState
from tdaflow.store import RunFolder


@dataclass(frozen=True)
class Context:
    """One run: what to do, where, on what, who watches, and how far it has come."""

    config: RunConfig
    folder: RunFolder
    engine: Engine
    observer: Observer
    state: RunState
