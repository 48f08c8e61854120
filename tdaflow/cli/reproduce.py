"""``tdaflow reproduce``: print the tables that `tdaflow.nets.reproduce` makes."""

from pathlib import Path

from tdaflow.atomic import write_whole
from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.request import Request
from tdaflow.cli.settings import say
from tdaflow.cluster import connect, read_spec
from tdaflow.errors import ConfigError
from tdaflow.evaluation.learning_curve import FILE, read_learning_curve, summary, table
from tdaflow.nets.reproduce import ReproduceOptions, learning_curves, rebuild_overview, reproduce
from tdaflow.progress import observer
from tdaflow.report.libraries import require_libraries


def reproduce_command(
    request: Request, options: ReproduceOptions, *, rebuild: bool = False, learning: bool = False
) -> int:
    """Compute what a plan asks for, or only rebuild its tables, and print them; return the exit code.

    With `learning` also learning curves, their table and figure.
    """
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
    if learning:
        _learning_curves(request.config, out, options)
    return DONE


def _learning_curves(plan: str, out: Path, options: ReproduceOptions) -> None:
    sets = {name: read_learning_curve(run) for name, run in learning_curves(plan, out, options, say).items()}
    for data_set, points in sets.items():
        print(f"\n{data_set}\n\n{table(points)}")
    try:
        require_libraries("matplotlib")
    except ConfigError as error:
        say(f"no figure: {error}")
        return
    from matplotlib.figure import Figure

    from tdaflow.report.figure_learning import learning_figure
    from tdaflow.report.render import png

    if sets:
        target = out / "learning-curves.png"
        figure = Figure(figsize=(8.4, 0.5 + 3.2 * -(-len(sets) // 2)), layout="constrained")
        learning_figure({name: summary(points) for name, points in sets.items()}, into=figure)
        write_whole(target, png(figure))
        say(f"learning curves in {target}; their points in each run's evaluation/{FILE}")
