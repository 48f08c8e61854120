"""Reproduce Tables 1 and 2 of Zhu et al. (2024) on the data sets at hand: what ``tdaflow reproduce`` does."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation.learning_curve import learning_curve, write_learning_curve
from tdaflow.evaluation.protocol.bootstrap import N_RESAMPLES
from tdaflow.evaluation.protocol.evaluate import Protocol
from tdaflow.evaluation.protocol.features import load_features
from tdaflow.evaluation.protocol.folder import EvaluationFolder
from tdaflow.evaluation.protocol.recorded import recorded_predictions
from tdaflow.evaluation.run_evaluation import choose_and_save, write_run_tables
from tdaflow.evaluation.tables.overview import (
    PlannedRun,
    SetResults,
    TablesPlan,
    gather,
    read_plan,
    write_overview,
)
from tdaflow.nets.few_volumes import few_volumes_learner
from tdaflow.nets.registry import NETS
from tdaflow.nets.run_baselines import METHODS, BaselineOptions, make_baselines
from tdaflow.pipeline import Engine, InProcess, Observer, Silent
from tdaflow.pipeline import run as run_pipeline
from tdaflow.store import RunFolder


@dataclass(frozen=True)
class ReproduceOptions:
    """What is computed beside the runs.

    Attributes
    ----------
    train : tuple of str or None
        Networks to train, of those in the plan; empty for none, None for all.
    epochs : int or None
        Of networks; None for the schedule of the device.
    n_resamples : int
        Of the bootstrap.
    """

    train: tuple[str, ...] | None = ()
    epochs: int | None = None
    n_resamples: int = N_RESAMPLES


_DEFAULT = ReproduceOptions()


def reproduce(
    plan: str | Path,
    out: Path,
    *,
    engine: AbstractContextManager[Engine] | None = None,
    data: Path | None = None,
    overrides: Sequence[str] = (),
    options: ReproduceOptions = _DEFAULT,
    observer: Observer | None = None,
) -> list[Path]:
    """Run, evaluate and compare everything that a plan asks for and that is not done yet.

    This takes hours. Called again it resumes; the test split of each row is opened once.

    Parameters
    ----------
    plan : str or Path
        A TOML file, or the name of a plan among the packaged workflows, such as "tables"; see `TablesPlan`.
    out : Path
        Folder of the runs, ``out/DATA_SET/RUN``, and of the tables.
    engine : context manager of an Engine, optional
        Such as ``tdaflow.cluster.connect(spec)``; by default volumes are computed in this process.
    data : Path, optional
        Where the files of the sources are.
    overrides : sequence of str
        Assignments ``section.key=value`` over every run's configuration.
    options : ReproduceOptions
    observer : Observer, optional

    Returns
    -------
    list of Path
        The written tables, Markdown first. Data sets that are not at hand stand as such in them.

    Raises
    ------
    ConfigError
        If the plan or one of its configurations is wrong.
    InputError
        If none of the data sets is at hand.
    RunError
        If a run fails; finished work is kept.
    """
    read = read_plan(plan)
    _check_methods(read, options)
    observer = observer or Silent()
    with engine or nullcontext(InProcess()) as working:
        sets = [_done(name, read, out, data, overrides, options, working, observer) for name in read.data_sets]
    return _written(sets, out)


def learning_curves(
    plan: str | Path, out: Path, options: ReproduceOptions, say: Callable[[str], None]
) -> dict[str, Path]:
    """Measure the first run of each evaluated data set on few volumes a class; return its folder, by data set.

    With the small CNN if `options` trains ``cnn3d`` or all networks. The points are in the folder, see
    `tdaflow.evaluation.learning_curve`.
    """
    read = read_plan(plan)
    found = {name: out / name / next(iter(read.runs)) for name in read.data_sets}
    found = {name: run for name, run in found.items() if EvaluationFolder(run).predictions()}
    for name, run in found.items():
        with_network = options.train is None or "cnn3d" in options.train
        learners = {NETS["cnn3d"].title: few_volumes_learner(run, "cnn3d")} if with_network else {}
        say(f"learning from few volumes of {name}")
        points = learning_curve(run, learners=learners, advanced=say)
        write_learning_curve(points, run)
    return found


def rebuild_overview(plan: str | Path, out: Path, *, n_resamples: int = N_RESAMPLES) -> list[Path]:
    """Write the tables of a plan again from saved predictions; nothing is run. Parameters as in `reproduce`."""
    read = read_plan(plan)
    return _written([_gathered(name, read, out, n_resamples) for name in read.data_sets], out)


def _written(sets: Sequence[SetResults], out: Path) -> list[Path]:
    if all(found.results is None for found in sets):
        raise InputError(f"none of the data sets is at hand: {sets[0].reason}")
    return write_overview(sets, out)


def _done(
    data_set: str, plan: TablesPlan, out: Path, data: Path | None, overrides: Sequence[str], options: ReproduceOptions,
    engine: Engine, observer: Observer,
) -> SetResults:  # fmt: skip
    """Compute what is missing of a data set and summarise it; a data set that is not at hand has a reason."""
    configs = {name: run.config_of(data_set, data, overrides) for name, run in plan.runs.items()}
    try:
        for config in configs.values():
            if config.store is None:
                config.source().describe()
    except InputError as error:
        observer.message(f"{data_set} is not at hand: {error}")
        return SetResults(data_set, reason=str(error))
    for name, run in plan.runs.items():
        observer.message(f"{data_set}, {run.title}")
        _run_and_evaluate(out / data_set / name, run, configs[name], options, engine, observer)
    return _gathered(data_set, plan, out, options.n_resamples)


def _gathered(data_set: str, plan: TablesPlan, out: Path, n_resamples: int) -> SetResults:
    """Summarise everything that is saved of a data set."""
    networks = {name: NETS[name].title for run in plan.runs.values() for name in run.networks}
    runs = [(run.title, out / data_set / name) for name, run in plan.runs.items()]
    evaluated = [(title, path) for title, path in runs if EvaluationFolder(path).predictions()]
    if not evaluated:
        return SetResults(data_set, reason=f"{out / data_set} holds no evaluated run")
    return gather(data_set, evaluated, networks=networks, n_resamples=n_resamples)


def _run_and_evaluate(
    path: Path, run: PlannedRun, config: RunConfig, options: ReproduceOptions, engine: Engine, observer: Observer
) -> None:
    state = RunFolder(path).read() if path.is_dir() else None
    # Run again, a finished run would forget how long it took.
    if state is None or state["state"] != "done" or state["config"] != config.public():
        run_pipeline(config, RunFolder(path), engine, observer)
    features, folder = load_features(path), EvaluationFolder(path)
    is_evaluated = recorded_predictions(features, folder) is not None
    if not is_evaluated:
        protocol = Protocol(run.classifiers, choose_on=run.choose_on, channels=run.channels)
        # A plan names its rows before any is tested; each opening is numbered.
        choose_and_save(features, folder, protocol, observer, allow_second_test=True)
    networks = [name for name in run.networks if options.train is None or name in options.train]
    known = folder.baselines()
    missing = [name for name in (*run.baselines, *networks) if name not in known]
    if missing:
        make_baselines(path, missing, BaselineOptions(epochs=options.epochs), allow_second_test=True, observer=observer)
    if missing or not is_evaluated:
        # The report of the run shows its own tables.
        write_run_tables(features, folder, options.n_resamples)


def _check_methods(plan: TablesPlan, options: ReproduceOptions) -> None:
    planned = [name for run in plan.runs.values() for name in run.networks]
    for run in plan.runs.values():
        unknown = [name for name in run.baselines if name not in METHODS]
        unknown += [name for name in run.networks if name not in NETS]
        if unknown:
            raise ConfigError(f"there is no baseline {unknown[0]!r}: choose from {', '.join(METHODS)}")
    missing = [name for name in options.train or () if name not in planned]
    if missing:
        raise ConfigError(f"--train {missing[0]}: the plan's networks are {', '.join(planned) or 'none'}")
