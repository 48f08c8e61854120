"""``tdaflow reproduce``: print the tables that `tdaflow.nets.reproduce` makes."""

from pathlib import Path

from tdaflow.atomic import write_whole
from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.request import Request
from tdaflow.cli.settings import say
from tdaflow.cluster import connect, read_spec
from tdaflow.errors import ConfigError
from tdaflow.evaluation.learning_curve import learning_curve, summary, table, write_learning_curve
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.tables.overview import read_plan
from tdaflow.nets.reproduce import ReproduceOptions, rebuild_overview, reproduce
from tdaflow.progress import observer
from tdaflow.report.libraries import require_libraries


def reproduce_command(
    request: Request, options: ReproduceOptions, *, rebuild: bool = False, learning: bool = False
) -> int:
    """Compute what a plan asks for, or only rebuild its tables, and print them; return the exit code.

    With `learning` also learning curves of the first run of each data set, their table and figure.
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
        _learning_curves(request.config, out)
    return DONE


def _learning_curves(plan: str, out: Path) -> None:
    read, sets = read_plan(plan), {}
    run = next(iter(read.runs))
    for data_set in read.data_sets:
        if EvaluationFolder(out / data_set / run).predictions():
            points = learning_curve(out / data_set / run, advanced=lambda text: say(f"{data_set}: {text}"))  # noqa: B023
            write_learning_curve(points, out / f"learning-curve-{data_set}.csv")
            sets[data_set] = summary(points)
            print(f"\n{data_set}, {read.runs[run].title}\n\n{table(points)}")
    target = out / "learning-curves.png"
    try:
        require_libraries("matplotlib")
    except ConfigError as error:
        say(f"no figure: {error}")
        return
    from matplotlib.figure import Figure

    from tdaflow.report.figure_learning import learning_figure
    from tdaflow.report.render import png

    if sets:
        figure = Figure(figsize=(8.4, 0.5 + 3.2 * -(-len(sets) // 2)), layout="constrained")
        learning_figure(sets, into=figure)
        write_whole(target, png(figure))
        say(f"learning curves in {target} and {out}/learning-curve-*.csv")
