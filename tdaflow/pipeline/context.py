"""What every stage of a run is given."""

from dataclasses import dataclass

from tdaflow.config import RunConfig, tolerates
from tdaflow.errors import RunError
from tdaflow.pipeline.engine import Engine
from tdaflow.pipeline.events import Observer
from tdaflow.pipeline.state import RunState
from tdaflow.printable import counted
from tdaflow.store import RunFolder


@dataclass(frozen=True)
class Context:
    """One run: what to do, where, on what, who watches, and how far it has come."""

    config: RunConfig
    folder: RunFolder
    engine: Engine
    observer: Observer
    state: RunState


def check_losses(context: Context, n: int, retry: str = "run again to retry them") -> None:
    """Raise RunError if more of `n` volumes failed than are allowed; `retry` says how they are tried again."""
    failed = context.state.failed
    if not tolerates(context.config.run.allow_failed, len(failed), n):
        name, reason = next(iter(failed.items()))
        raise RunError(
            f"{len(failed)} of {counted(n, 'volume')} failed (first: {name}: {reason}); {retry}, "
            "or accept their loss with --set run.allow_failed=N"
        )
