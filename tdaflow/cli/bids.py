"""``tdaflow bids``: the two levels of a BIDS App."""

from collections.abc import Sequence

from tdaflow.bids_app import bids_config, bids_group, bids_participants
from tdaflow.cli.request import Request
from tdaflow.cli.run import exit_code
from tdaflow.cli.settings import say
from tdaflow.errors import ConfigError
from tdaflow.pipeline import STAGES
from tdaflow.pipeline.shard import Shard
from tdaflow.printable import counted


def bids_command(request: Request, level: str, participants: Sequence[str], shard: str | None) -> int:
    """Do a level of an analysis; `request` holds BIDS_DIR as data and OUT_DIR as out; return the exit code."""
    bids_dir, out = request.data, request.out
    assert bids_dir is not None
    assert out is not None
    if level == "participant":
        config = bids_config(bids_dir, request.config or None, participants, request.overrides)
        part = None if shard is None else Shard.told(shard)
        state = bids_participants(config, out, shard=part, cluster=request.cluster, workers=request.workers)
        done = counted(state.stages[STAGES[1]].done, "volume")
        say(f"{done} done; when all parts are, `tdaflow bids {bids_dir} {out} group`")
    elif level == "group":
        if participants or shard or request.config or request.overrides:
            raise ConfigError(
                "the group level takes what the participant level was told: leave out --participant-label, --shard, "
                "--config, --set, --label and --split"
            )
        made = bids_group(out, cluster=request.cluster, workers=request.workers)
        state, config = made.state, made.run.config
        say(f"features: {made.table}" + (f"; report: {made.report}" if made.report else ""))
    else:
        raise ConfigError(f"the level of analysis {level!r} is neither participant nor group: give one of them")
    return exit_code({**state.quarantined, **state.failed}, len(state.outcomes), config)
