"""``tdaflow reproduce``: print the tables that `tdaflow.nets.reproduce` makes."""

from pathlib import Path

from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.request import Request
from tdaflow.cli.settings import say
from tdaflow.cluster import connect, read_spec
from tdaflow.nets.reproduce import ReproduceOptions, rebuild_overview, reproduce
from tdaflow.progress import observer


def reproduce_command(request: Request, options: ReproduceOptions, *, rebuild: bool = False) -> int:
    """Compute what a plan asks for, or only rebuild its tables, and print them; return the exit code."""
    out = request.out or Path("runs") / Path(request.config).stem
    if rebuild:
        written = rebuild_overview(request.config, out, n_resamples=options.n_resamples)
    else:
        engine = connect(read_spec(request.cluster or "threads", request.workers))
        with observer() as watching:
            written = reproduce(
                request.config, out, engine=engine, data=request.data, overrides=request.overrides, options=options,
                observer=watching,
            )  # fmt: skip
    print(written[0].read_text(encoding="utf-8").partition("\n\n- ")[0])
    say(f"tables in {out}: {', '.join(path.name for path in written)}")
    return DONE
