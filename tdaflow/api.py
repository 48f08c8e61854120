"""Runs from Python: everything that a verb does, as functions and methods."""

import ast
import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdaflow.cluster import ClusterSpec, on_demand, read_spec
from tdaflow.config import RunConfig, apply_overrides, load_config
from tdaflow.config.model import PATH_LEFT_OUT
from tdaflow.config.resolve import data_settings, read_config
from tdaflow.config.toml import toml_value
from tdaflow.distances import Metric
from tdaflow.errors import ConfigError, InputError
from tdaflow.pipeline import Engine, Observer, Silent, read_status
from tdaflow.pipeline import run as run_pipeline
from tdaflow.pipeline.opened import Run as OpenedRun
from tdaflow.pipeline.stages.ranges import range_key
from tdaflow.progress import observer
from tdaflow.remote import place
from tdaflow.sources import SOURCES
from tdaflow.sources.entries import FileOptions
from tdaflow.store import RunFolder, VolumeStore, options_digest
from tdaflow.store.zarr_layout import open_dataset

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from tdaflow.store.integrity import Problem


class Run(OpenedRun):
    """A run folder, and what can be done with it.

    Parameters
    ----------
    path : str or Path
        What ``tdaflow run --out`` was given.

    Raises
    ------
    InputError
        If there is no run.json in it.
    """

    def status(self) -> dict[str, Any]:
        """How far it has come: run.json, with rates and ages as `tdaflow status --json` prints them."""
        status = read_status(self.folder)
        assert status is not None
        return status

    @property
    def quarantined(self) -> dict[str, str]:
        """Reason by id of the volumes that cannot be used."""
        return dict(self.state.get("quarantined", {}))

    def check(self, *, deep: bool = False) -> "list[Problem]":
        """What `tdaflow check RUN` finds; `deep` reads every byte."""
        from tdaflow.store.integrity import check_run

        return list(check_run(self.folder, deep=deep)[0])

    def report(self, out: str | Path | None = None, *, scans: str = "slices") -> Path:
        """Write the report, a single HTML page, and return its path (``report.html`` in the run by default).

        Parameters
        ----------
        out : str or Path, optional
        scans : "slices" or "none"
            Whether the page may show slices of the volumes.

        Raises
        ------
        ConfigError
            If the packages of the extra ``report`` are missing, or `scans` is another word.
        """
        from tdaflow.report.files import write_report

        return write_report(self.folder.path, place(out) if out else None, scans=scans)

    def apply(
        self,
        data: Any,
        out: str | Path,
        *,
        client: "Client | None" = None,
        cluster: str | None = None,
        workers: int | None = None,
        set: Mapping[str, Any] | Sequence[str] = (),
        progress: bool | Observer = True,
    ) -> "Run":
        """Make the features of other volumes on this run's preprocessing, scales, ranges and σ; nothing is learnt.

        Parameters
        ----------
        data : str, Path or mapping
            A folder, file or volume store; or the section ``data`` of a configuration.
        out : str or Path
            Folder of the new run. The same call goes on with what was interrupted.
        client, cluster, workers, progress
            As for `run`.
        set : mapping or sequence of str
            Options of the source and of the section ``run``; others would change what the features mean.

        Returns
        -------
        Run
            Its features of a volume are, bit for bit, those that this run would have given the volume.

        Raises
        ------
        ConfigError
            If this run is not finished, or something else is set.
        InputError
            If the data cannot be read.
        """
        config = applied_config(self, data, set)
        return run(config, out=out, client=client, cluster=cluster, workers=workers, progress=progress)

    def distances(
        self,
        metric: str | Metric = "sliced-wasserstein",
        *,
        filtration: str | None = None,
        dimension: int | None = None,
        client: "Client | None" = None,
        cluster: str | None = None,
        workers: int | None = None,
        progress: bool | Observer = True,
    ) -> Any:
        """Compute the distances between all diagrams of a channel, or read them where they are there already.

        Parameters
        ----------
        metric : str or object
            See `tdaflow.distances.distance`.
        filtration : str, optional
            Name in the configuration; not needed where the run has one.
        dimension : int, optional
            Homology dimension; not needed where the filtration has one.
        client, cluster, workers, progress
            As for `run`.

        Returns
        -------
        xarray.DataArray (volume, other)
            float64, indexed by ids; symmetric, zeros on the diagonal.

        Raises
        ------
        InputError
            If the run is not finished, has no such channel, or several.
        """
        from tdaflow.pipeline.distances import channels_of, run_distances
        from tdaflow.store.block_names import BlockName

        channels = channels_of(self, filtration, dimension)
        if len(channels) > 1:
            known = ", ".join(str(BlockName(*channel)) for channel in channels)
            raise InputError(f"the run has the channels {known}; choose one with filtration= and dimension=")
        spec = None if client is not None else read_spec(cluster or "threads", workers)
        with watched(progress) as watching, _engine(client, spec, watching) as engine:
            [path] = run_distances(self.folder, metric, engine, watching, filtration=filtration, dimension=dimension)
        return open_dataset(path, "distances").distance

    def predict(
        self,
        data: Any,
        out: str | Path | None = None,
        *,
        client: "Client | None" = None,
        cluster: str | None = None,
        workers: int | None = None,
        set: Mapping[str, Any] | Sequence[str] = (),
        progress: bool | Observer = True,
    ) -> "pd.DataFrame":
        """Classify other volumes with the model that `tdaflow evaluate` kept in this run.

        Parameters
        ----------
        data, client, cluster, workers, set, progress
            As for `apply`.
        out : str or Path, optional
            Folder of the features of these volumes; ``applied/NAME`` in this run by default. The same call goes on
            with what was interrupted.

        Returns
        -------
        DataFrame
            As of `tdaflow.evaluation.predict_run`: class, calibrated probabilities, out-of-distribution score with a
            warning, and the reason of volumes that cannot be used.

        Raises
        ------
        InputError
            If this run was not evaluated, or the data cannot be read.
        """
        from tdaflow.evaluation import load_model, predict_run

        load_model(self.folder.path)  # raises before anything is computed
        folder = place(out) if out is not None else features_folder(self.folder.path, data)
        self.apply(data, folder, client=client, cluster=cluster, workers=workers, set=set, progress=progress)
        return predict_run(self.folder.path, folder)

    def reliability(
        self,
        n_volumes: int = 30,
        *,
        repeats: int = 1,
        seed: int = 0,
        client: "Client | None" = None,
        cluster: str | None = None,
        workers: int | None = None,
        progress: bool | Observer = True,
    ) -> "pd.DataFrame":
        """Measure some volumes again, a little changed, and tell which numbers repeat.

        Parameters
        ----------
        n_volumes, repeats, seed
            See `tdaflow.evaluation.measure_reliability`.
        client, cluster, workers, progress
            As for `run`.

        Returns
        -------
        DataFrame
            A row a column of `table` and a channel, with its intraclass correlation ICC(A,1) and 95 % interval.
        """
        from tdaflow.evaluation import measure_reliability

        spec = None if client is not None else read_spec(cluster or "threads", workers)
        with watched(progress) as watching, _engine(client, spec, watching) as engine:
            return measure_reliability(
                self.folder.path, engine, watching, n_volumes=n_volumes, repeats=repeats, seed=seed
            )

    def __repr__(self) -> str:
        ok = sum(outcome == "ok" for outcome in self.state.get("outcomes", {}).values())
        return (
            f"<tdaflow run {self.folder.path}: {self.state['state']}, {ok} volumes ok, "
            f"{len(self.quarantined)} quarantined, {len(self.sigma)} channels>"
        )

    def _repr_html_(self) -> str:
        """A table of channels for notebooks."""
        ranges = self.state.get("ranges", {})
        rows = "".join(
            f"<tr><td>{escape(name)} H{dimension}</td><td>{ranges[range_key((name, dimension))]['n_bars']:,}</td>"
            f"<td>{sigma:.4g} {escape(self.unit(name))}</td></tr>"
            for (name, dimension), sigma in self.sigma.items()
        )
        head = "<tr><th>channel</th><th>bars</th><th>σ</th></tr>"
        return f"<p>{escape(repr(self)[1:-1])}</p><table>{head}{rows}</table>"


def run(
    config: "str | Path | Mapping[str, Any] | RunConfig" = "quickstart",
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    client: "Client | None" = None,
    cluster: str | None = None,
    workers: int | None = None,
    set: Mapping[str, Any] | Sequence[str] = (),
    restart_from: str | None = None,
    verify: bool = False,
    progress: bool | Observer = True,
) -> Run:
    """Turn a data set of volumes into persistence images; the same call resumes an interrupted run.

    Of a finished run, it takes in the volumes that were added to its data; its scales and ranges stay as they are.

    Parameters
    ----------
    config : str, Path, mapping or RunConfig
        The name of a packaged workflow, a TOML file, data (a volume store, folder or file), the tables of a
        configuration, or a validated one.
    data : str or Path, optional
        Where the files of the source are.
    out : str or Path, optional
        Folder of the run; ``runs/NAME`` by default.
    client : distributed.Client, optional
        Of a cluster that is up already, of any kind; it is left running.
    cluster : str, optional
        As ``--cluster``: "sync", "threads", "processes", an address, a TOML file; what the configuration says by
        default.
    workers : int, optional
        Tasks at the same time, for local kinds of cluster.
    set : mapping or sequence of str
        Changes to the configuration: ``{"images.resolution": 20}`` or ``["images.resolution=20"]``.
    restart_from : {"volumes", "diagrams", "images"}, optional
        Redo this stage and those after it.
    verify : bool
        Read finished batches back; damaged ones are computed again.
    progress : bool or Observer
        Show progress: bars on a terminal, in a notebook, plain lines elsewhere.

    Returns
    -------
    Run
        Volumes that cannot be used are in ``quarantined``.

    Raises
    ------
    ConfigError
        If the configuration is wrong, or the folder belongs to another; nothing was started.
    InputError
        If the data cannot be read.
    RunError
        If volumes failed or the cluster was lost; the same call resumes.

    Examples
    --------
    >>> run = tdaflow.run("quickstart", out="runs/quickstart", cluster="threads")  # doctest: +SKIP
    >>> run.features.persistence_image  # doctest: +SKIP
    """
    if client is not None and (cluster is not None or workers is not None):
        raise ConfigError("give either client or cluster and workers: a client brings its own workers")
    with watched(progress) as watching:
        settings, stem = _settings(config, data, set, watching)
        folder = RunFolder(place(out) if out is not None else Path("runs") / stem)
        spec = (
            None if client is not None else read_spec(cluster or settings.run.cluster, workers or settings.run.workers)
        )
        if spec is not None:
            _refuse_unguarded(spec)
        folder.create()
        with _engine(client, spec and spec.logging_to(folder.logs), watching) as engine:
            run_pipeline(settings, folder, engine, watching, restart_from=restart_from, verify=verify)
    return Run(folder.path)


def open_run(path: str | Path) -> Run:
    """Open the folder of a run to look inside, or to apply it.

    Parameters
    ----------
    path : str or Path
        What ``tdaflow run --out`` was given.

    Raises
    ------
    InputError
        If it holds no run.

    Examples
    --------
    >>> run = tdaflow.open_run("runs/quickstart")  # doctest: +SKIP
    >>> run.features.persistence_image.sel(volume="ball-0001", channel="alpha H2")  # doctest: +SKIP
    >>> run.table(summary=True).groupby("class_name").alpha_H2_entropy.mean()  # doctest: +SKIP
    >>> run.diagram("ball-0001")[2], run.sigma["alpha", 2], run.scales["alpha"].number  # doctest: +SKIP
    """
    return Run(path)


def applied_config(fitted: Run, data: Any, set: Mapping[str, Any] | Sequence[str] = ()) -> RunConfig:
    """The configuration of a run with other data and what it learnt as the reference.

    Parameters
    ----------
    fitted : Run
        Finished.
    data : str, Path or mapping
        As for `Run.apply`. Options of the run's source that are no paths are kept for data of its kind; those that
        decide what the voxels are (masks, orientation, NaN), and regions of interest, for every kind.
    set : mapping or sequence of str
        In the sections ``data`` and ``run``.

    Raises
    ------
    ConfigError
        If the run is not finished, something else is set, or the data cannot have the regions of interest of the run.
    InputError
        If there are no data.
    """
    if fitted.state["state"] != "done":
        raise ConfigError(f"the run in {fitted.folder.path} is not finished; run it to its end first")
    overrides = _assignments(set)
    for override in overrides:
        if not override.startswith(("data.", "run.")):
            raise ConfigError(
                f"{override.partition('=')[0]} is the run's own and cannot be set when it is applied; "
                "only options of data and run can"
            )
    tables = fitted.config.model_dump(mode="json")
    if isinstance(data, Mapping):
        section = dict(data)
    else:
        path = place(data).expanduser()
        if not path.exists():
            raise InputError(f"there is no file or folder {path}: check the path")
        assigned, _ = data_settings(path, lambda _: None)
        section = apply_overrides({}, assigned)["data"]
    theirs, learnt = tables["data"], fitted.state["source"]
    alike = _read_alike(section, learnt)
    if learnt.get("rois"):
        alike |= _regions_for(section, learnt)
    section = {**alike, **section}
    if "kind" in section and section["kind"] == theirs.get("kind"):
        source = SOURCES[section["kind"]]
        kept = (k for k, v in theirs.items() if v != PATH_LEFT_OUT and k not in _OF_LABELS and hasattr(source, k))
        section = {**{k: theirs[k] for k in kept}, **section}
    tables |= {"data": section, "reference": str(fitted.folder.path.absolute())}
    # What "auto" came to holds for other volumes too.
    steps = learnt.get("preprocessing", [])
    tables["preprocess"] = {"steps": steps} if steps and "store" not in section else {}
    config = load_config(None, overrides, tables=tables)
    rois, named = sorted(learnt.get("rois", ())), config.data.get("mask_labels") or {}
    if config.store is None and rois != sorted(named if isinstance(named, Mapping) else [named]):
        raise ConfigError(
            f"data.mask_labels = {toml_value(named)} does not fit the run, whose volumes are "
            f"{f'the regions {rois}' if rois else 'no regions of interest'}: "
            f"{'give their values in these data by these names' if rois else 'leave it out'}"
        )
    return config


def _read_alike(section: Mapping[str, Any], learnt: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a run that decide what its voxels are: they hold for data of every kind."""
    told = {name: value for name in _MEANING if (value := learnt.get("options", {}).get(name)) is not None}
    there: Mapping[str, Any]
    if "store" in section:
        what, there = f"in {section['store']}", VolumeStore(place(section["store"])).attributes.get("options", {})
        lacking = [name for name, usual in _MEANING.items() if told.get(name, usual) != there.get(name, usual)]
    else:
        what, source = f"of kind {section.get('kind')!r}", SOURCES.get(str(section.get("kind")))
        there = {name: told[name] for name in told if source is None or hasattr(source, name)}
        lacking = [name for name in told if name not in there and told[name] != _MEANING[name]]
    if lacking:
        name = lacking[0]
        raise ConfigError(
            f"the volumes of the run were read with data.{name} = {toml_value(told.get(name, _MEANING[name]))}, and "
            f"those {what} are not: features would mean something else; give image files or a manifest"
        )
    return {} if "store" in section else dict(there)


# Options of image files that decide what the voxels are, and their defaults.
_MEANING: dict[str, Any] = {
    field.name: field.default
    for field in fields(FileOptions)
    if field.name in ("canonical", "mask_mode", "mask_label", "margin", "margin_unit", "nan")
}


def _regions_for(section: Mapping[str, Any], learnt: Mapping[str, Any]) -> dict[str, Any]:
    """Options by which data give the regions of interest of a run, by the names and values that it has found."""
    rois = learnt["rois"]
    if "store" in section:
        theirs = VolumeStore(place(section["store"])).attributes.get("rois", {})
        if sorted(theirs) != sorted(rois):
            raise ConfigError(
                f"the volumes in {section['store']} are {', '.join(theirs) or 'no regions of interest'}, and those of "
                f"the run {', '.join(rois)}: ingest them with the same data.mask_labels"
            )
        return {}
    source = SOURCES.get(str(section.get("kind")))
    if source is not None and not hasattr(source, "mask_labels"):
        raise ConfigError(
            f"the volumes of the run are regions of interest ({', '.join(rois)}), and a source of kind "
            f"{section['kind']!r} has no masks: give image files or a manifest"
        )
    return {"mask_labels": rois}


# Options that choose or label volumes of the run's own data.
_OF_LABELS = ("limit", "table", "splits", "split")


def features_folder(run: Path, data: Any) -> Path:
    """Where the features of other data are kept in a run: a name of a digest of where the data lie."""
    where = dict(data) if isinstance(data, Mapping) else {"path": str(place(data).expanduser().absolute())}
    digest = options_digest({key: str(value) for key, value in where.items()})[:8]
    # Without the name of the folder: those of DICOM files are often named after patients.
    return run / "applied" / f"data-{digest}"


def _settings(
    config: "str | Path | Mapping[str, Any] | RunConfig",
    data: str | Path | None,
    changes: Mapping[str, Any] | Sequence[str],
    watching: Observer,
) -> tuple[RunConfig, str]:
    overrides = _assignments(changes)
    where = None if data is None else place(data)
    if isinstance(config, str | Path):
        return read_config(str(config), where, overrides, say=watching.message)
    tables = config.model_dump(mode="json") if isinstance(config, RunConfig) else config
    return load_config(None, overrides, data=where, tables=tables), "run"


def _assignments(changes: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """``section.key=value`` with the value in TOML, from a mapping or as they are."""
    if isinstance(changes, Mapping):
        return [f"{key}={toml_value(value)}" for key, value in changes.items()]
    return [str(change) for change in changes]


@contextmanager
def watched(progress: bool | Observer) -> Iterator[Observer]:
    """Give the observer that `progress` stands for: True for one that prints, False for a silent one."""
    if isinstance(progress, bool):
        if not progress:
            yield Silent()
            return
        with observer() as watching:
            yield watching
    else:
        yield progress


@contextmanager
def _engine(client: "Client | None", spec: ClusterSpec | None, watching: Observer) -> Iterator[Engine]:
    if client is not None:
        from tdaflow.cluster.client import client_engine

        theirs = client_engine(client, say=watching.message)
        if theirs.dashboard:
            watching.message(f"dashboard: {theirs.dashboard}")
        yield theirs
        return
    assert spec is not None
    with on_demand(spec, watching.message) as engine:
        yield engine


def _refuse_unguarded(spec: ClusterSpec) -> None:
    """Processes import the script that starts them: refuse one that would call this again."""
    if spec.kind != "processes":
        return
    remedy = 'put the call under `if __name__ == "__main__":`, or give cluster="threads", which starts no processes'
    if getattr(multiprocessing.process.current_process(), "_inheriting", False):
        raise ConfigError(f"a worker process imports this script, which calls tdaflow.run once more; {remedy}")
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is None or getattr(sys.modules["__main__"], "__spec__", None) is not None:
        return
    try:
        tree = ast.parse(Path(script).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return
    guarded = any(
        isinstance(node, ast.If) and "__name__" in {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
        for node in tree.body
    )
    if not guarded:
        raise ConfigError(f"{Path(script).name} would be run again by every worker process that it starts; {remedy}")
