"""``tdaflow baselines``: make the baselines of a run."""

from collections.abc import Sequence
from pathlib import Path

from tdaflow.cli.exit_codes import DONE, QUARANTINED
from tdaflow.cli.settings import say
from tdaflow.evaluation import EvaluationFolder
from tdaflow.evaluation.baselines.simple import SIMPLE
from tdaflow.nets.run_baselines import BaselineOptions, make_baselines
from tdaflow.progress import observer


def baselines_command(
    run: Path, methods: Sequence[str] | None, options: BaselineOptions, *, allow_second_test: bool = False
) -> int:
    """Make baselines and say where they are; return the exit code.

    If these volumes do not have one of the named `methods`, the exit code is `QUARANTINED`.
    """
    with observer() as watching:
        left_out = make_baselines(
            run, methods or SIMPLE, options, allow_second_test=allow_second_test, observer=watching
        )
    folder = EvaluationFolder(run).path / "predictions"
    say(f"predictions in {folder}; the table: tdaflow evaluate {run} --rebuild")
    return QUARANTINED if left_out and methods else DONE
