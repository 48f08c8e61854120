"""``tdaflow tables``: the method's Tables 1 and 2 for every data set at hand, from runs to one page."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from tdaflow.cli.baselines import METHODS, BaselineOptions, make_baselines
from tdaflow.cli.evaluate import evaluate_and_save, write_run_tables
from tdaflow.cli.exit_codes import DONE
from tdaflow.cli.progress import observer
from tdaflow.cli.request import Request
from tdaflow.cli.settings import read_settings
from tdaflow.cluster import connect, read_spec
from tdaflow.config import RunConfig
from tdaflow.errors import ConfigError, InputError
from tdaflow.evaluation import EvaluationFolder, Protocol, load_features
from tdaflow.evaluation.protocol.recorded import recorded_predictions
from tdaflow.evaluation.tables.overview import PlannedRun, SetResults, TablesPlan, gather, read_plan, write_overview
from tdaflow.nets.registry import NETS
from tdaflow.packaged import packaged_file
from tdaflow.pipeline import Engine, Observer
from tdaflow.pipeline import run as run_pipeline
from tdaflow.store import RunFolder


@dataclass(frozen=True)
class TablesOptions:
    """What is done beside the runs.

    Attributes
    ----------
    train : tuple of str or None
        Networks to train, of those in the plan; empty for none, None for all.
    epochs : int or None
        Of networks; None for the device's schedule.
    rebuild : bool
        Only make the tables anew from what is saved.
    n_resamples : int
        Of the bootstrap.
    """

    train: tuple[str, ...] | None = ()
    epochs: int | None = None
    rebuild: bool = False
    n_resamples: int = 10_000


def tables_command(request: Request, options: TablesOptions) -> int:
    """Run, evaluate and compare everything that a plan asks for and that is not done; return the exit code.

    Data sets that are not at hand stand as such in the tables.
    """
    plan = read_plan(_plan_path(request.config))
    _check_methods(plan, options)
    out = request.out or Path("runs") / Path(request.config).stem
    with observer() as watching:
        works = [_DataSet(name, plan, out / name, request, options, watching) for name in plan.data_sets]
        sets = [work.gathered() if options.rebuild else work.done() for work in works]
        if all(found.results is None for found in sets):
            raise InputError(f"none of the data sets is at hand: {sets[0].reason}")
        written = write_overview(sets, out)
    print(written[0].read_text(encoding="utf-8").partition("\n\n- ")[0])
    Console(stderr=True).print(f"tables in {out}: {', '.join(path.name for path in written)}", highlight=False)
    return DONE


@dataclass(frozen=True)
class _DataSet:
    """One column of the tables and the work behind it."""

    name: str
    plan: TablesPlan
    folder: Path
    request: Request
    options: TablesOptions
    watching: Observer

    def done(self) -> SetResults:
        """Do what is not done, then gather; a data set that is not at hand says why."""
        configs = {name: self._config(run) for name, run in self.plan.runs.items()}
        try:
            for config in configs.values():
                if config.store is None:
                    config.source().describe()
        except InputError as error:
            self.watching.message(f"{self.name} is not at hand: {error}")
            return SetResults(self.name, reason=str(error))
        with connect(read_spec(self.request.cluster or "threads", self.request.workers)) as engine:
            for name, run in self.plan.runs.items():
                self.watching.message(f"{self.name}, {run.title}")
                self._one(name, run, configs[name], engine)
        return self.gathered()

    def gathered(self) -> SetResults:
        """Everything that is saved, summarised."""
        networks = {name: NETS[name].title for run in self.plan.runs.values() for name in run.networks}
        runs = [(run.title, self.folder / name) for name, run in self.plan.runs.items()]
        there = [(title, path) for title, path in runs if EvaluationFolder(path).predictions()]
        if not there:
            return SetResults(self.name, reason=f"{self.folder} holds no evaluated run")
        return gather(self.name, there, networks=networks, n_resamples=self.options.n_resamples)

    def _config(self, run: PlannedRun) -> RunConfig:
        config, overrides = run.settings(self.name)
        return read_settings(replace(self.request, config=config, overrides=(*overrides, *self.request.overrides)))[0]

    def _one(self, name: str, run: PlannedRun, config: RunConfig, engine: Engine) -> None:
        path = self.folder / name
        state = RunFolder(path).read() if path.is_dir() else None
        # Run again, a finished run would forget how long it took.
        if state is None or state["state"] != "done" or state["config"] != config.public():
            run_pipeline(config, RunFolder(path), engine, self.watching)
        features, folder = load_features(path), EvaluationFolder(path)
        is_evaluated = recorded_predictions(features, folder) is not None
        if not is_evaluated:
            protocol = Protocol(run.classifiers, choose_on=run.choose_on, channels=run.channels)
            evaluate_and_save(features, folder, protocol, self.watching)
        known = folder.baselines()
        wanted = [b for b in (*run.baselines, *self._to_train(run)) if b not in known]
        if wanted:
            make_baselines(path, wanted, BaselineOptions(epochs=self.options.epochs), self.watching)
        if wanted or not is_evaluated:
            # Those of the run alone, which its report shows.
            write_run_tables(features, folder, self.options.n_resamples)

    def _to_train(self, run: PlannedRun) -> list[str]:
        return [name for name in run.networks if self.options.train is None or name in self.options.train]


def _plan_path(name: str) -> Path:
    path = Path(name)
    return path if path.is_file() else packaged_file("workflows", name.removeprefix("workflows/"))


def _check_methods(plan: TablesPlan, options: TablesOptions) -> None:
    planned = [name for run in plan.runs.values() for name in run.networks]
    for run in plan.runs.values():
        unknown = [name for name in run.baselines if name not in METHODS]
        unknown += [name for name in run.networks if name not in NETS]
        if unknown:
            raise ConfigError(f"there is no baseline {unknown[0]!r}: choose from {', '.join(METHODS)}")
    missing = [name for name in options.train or () if name not in planned]
    if missing:
        raise ConfigError(f"--train {missing[0]}: the plan's networks are {', '.join(planned) or 'none'}")
