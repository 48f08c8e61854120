"""A BIDS App: what ``tdaflow bids BIDS_DIR OUT_DIR participant|group`` does.

Participants are read and their diagrams computed, in one process or in shards; the group gets ranges, images, a table
and a report. Intensity scales are learnt from all participants together, so the jobs of one analysis share its folder
and its choice of participants: parts of the work are shards, not single participants.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdaflow import __version__
from tdaflow.api import Run, watched
from tdaflow.atomic import write_whole
from tdaflow.cluster import on_demand, read_spec
from tdaflow.config import RunConfig, find_config, load_config
from tdaflow.config.load import read_tables
from tdaflow.errors import ConfigError, InputError
from tdaflow.pipeline import Observer, RunState
from tdaflow.pipeline.run import run as run_pipeline
from tdaflow.pipeline.shard import Shard
from tdaflow.pipeline.shards import merged_config, run_shard
from tdaflow.pipeline.table import write_table
from tdaflow.report.libraries import PAGE, require_libraries
from tdaflow.sources.layouts import layout_of
from tdaflow.store import RunFolder

RUN = "tdaflow-run"
"""Folder of the run in OUT_DIR."""
_DESCRIPTION = "dataset_description.json"
_BIDS_VERSION = "1.10.0"
_COLUMNS = {
    "id": "Image, by the name of its file",
    "label": "Number of its class, if one was taken from participants.tsv",
    "class_name": "Its class",
    "split": "train, val or test",
    "group": "Participant",
}


@dataclass(frozen=True)
class GroupLevel:
    """What the group level has made: the run, its table, and its report if the extra ``report`` is installed."""

    run: Run
    state: RunState
    table: Path
    report: Path | None


def bids_config(
    bids_dir: Path, config: str | None = None, labels: Sequence[str] = (), overrides: Sequence[str] = ()
) -> RunConfig:
    """The configuration of an analysis of a BIDS data set.

    Parameters
    ----------
    bids_dir : Path
    config : str, optional
        A TOML file or the name of a packaged workflow; the BIDS data set takes the place of its section ``data``.
    labels : sequence of str
        Participants, with or without ``sub-``; all by default.
    overrides : sequence of str
        ``section.key=value``.

    Raises
    ------
    ConfigError, InputError
        If the folder is no BIDS data set, or a setting is wrong.
    """
    if not bids_dir.is_dir():
        raise InputError(f"there is no folder {bids_dir}: give the root of a BIDS data set")
    if layout_of(bids_dir) != "BIDS":
        raise InputError(
            f"{bids_dir} is no BIDS data set: it needs dataset_description.json and folders sub-…; other data are for "
            f"`tdaflow run {bids_dir}`"
        )
    path = None if config is None else find_config(config)
    if config is not None and path is None:
        raise ConfigError(f"there is no file {config} and no workflow of that name: give a TOML file with --config")
    tables = {} if path is None else read_tables(path)
    theirs = tables.get("data", {})
    data = {**(theirs if theirs.get("kind") == "dataset" else {}), "kind": "dataset", "path": str(bids_dir)}
    if labels:
        data["subjects"] = sorted({label.removeprefix("sub-") for label in labels})
    return load_config(None, overrides, tables={**tables, "data": data})


def bids_participants(
    config: RunConfig,
    out_dir: Path,
    *,
    shard: Shard | None = None,
    cluster: str | None = None,
    workers: int | None = None,
    progress: bool | Observer = True,
) -> RunState:
    """Read the participants of a configuration and compute their diagrams; the same call resumes.

    After the group level it takes in participants that were added to the data set; scales stay as they are.

    Parameters
    ----------
    config : RunConfig
        As `bids_config` returns it.
    out_dir : Path
        A BIDS derivative; the run is in its folder ``tdaflow-run``.
    shard : Shard, optional
        Do this part only, beside other processes that do the others; by default all of it.
    cluster, workers, progress
        As for `tdaflow.run`.

    Raises
    ------
    ConfigError
        If `out_dir` holds something else, or participants with other settings.
    InputError, RunError
        As `tdaflow.run`.
    """
    folder = RunFolder(out_dir / RUN)
    spec = read_spec(cluster or config.run.cluster, workers or config.run.workers)
    with watched(progress) as watching:
        _describe(out_dir, config)
        _check_same_participants(folder, config)
        folder.create()
        with on_demand(spec.logging_to(folder.logs), watching.message) as engine:
            if shard is None and folder.read() is not None:
                return run_pipeline(config, folder, engine, watching)  # of a joined run: takes in what was added
            return run_shard(config, folder, engine, watching, shard or Shard(1, 1))


def bids_group(
    out_dir: Path, *, cluster: str | None = None, workers: int | None = None, progress: bool | Observer = True
) -> GroupLevel:
    """Join what participants have made: ranges and images of all, a table of features and a report.

    Parameters
    ----------
    out_dir : Path
        As `bids_participants` was given it.
    cluster, workers, progress
        As for `tdaflow.run`.

    Raises
    ------
    InputError
        If the participant level has not been done, or not for every shard, naming them.
    """
    folder = RunFolder(out_dir / RUN)
    if not folder.states_of_shards():
        raise InputError(
            f"{out_dir} holds no participants yet: run `tdaflow bids BIDS_DIR {out_dir} participant` first"
        )
    config = merged_config(folder)
    spec = read_spec(cluster or config.run.cluster, workers or config.run.workers)
    with watched(progress) as watching:
        with on_demand(spec.logging_to(folder.logs), watching.message) as engine:
            state = run_pipeline(config, folder, engine, watching)
        run = Run(folder.path)
        table = out_dir / "group_features.tsv"
        write_table(run, table, summary=folder.diagrams.is_dir(), overwrite=True)
        columns = {name: {"Description": text} for name, text in _COLUMNS.items()}
        _write_json(table.with_suffix(".json"), columns)
        try:
            require_libraries(*PAGE)
        except ConfigError as missing:
            watching.message(str(missing))
            return GroupLevel(run, state, table, None)
        watching.message("writing the report")
        return GroupLevel(run, state, table, run.report(out_dir / "report.html"))


def _check_same_participants(folder: RunFolder, config: RunConfig) -> None:
    here = config.data.get("subjects")
    for state in folder.states_of_shards().values():
        there = state["config"]["data"].get("subjects")
        if there != here:
            raise ConfigError(
                f"{folder.path.parent} is an analysis of {_told(there)}, this is one of {_told(here)}: scales are "
                "learnt from all of them together, so name the same in every command (jobs share the work with "
                "--shard 1/8 …), or give another OUT_DIR"
            )


def _told(subjects: Sequence[str] | None) -> str:
    return "all participants" if subjects is None else f"the participants {', '.join(subjects)}"


def _describe(out_dir: Path, config: RunConfig) -> None:
    """Make `out_dir` a BIDS derivative; ConfigError if it is another data set."""
    path = out_dir / _DESCRIPTION
    try:
        there: Any = json.loads(path.read_bytes())
        makers = [maker.get("Name") for maker in there.get("GeneratedBy", [])]
    except FileNotFoundError:
        makers = ["tdaflow"]
    except (OSError, ValueError, AttributeError):
        makers = []
    if "tdaflow" not in makers:
        raise ConfigError(f"{out_dir} is another data set already ({path}): give a new folder as OUT_DIR")
    source = config.source()
    _write_json(
        path,
        {
            "Name": f"Topological features of {getattr(source, 'name', 'a BIDS data set')}",
            "BIDSVersion": _BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "tdaflow", "Version": __version__}],
        },
    )
    _write(out_dir / ".bidsignore", f"{RUN}/\nreport.html\n")


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    _write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}): give another OUT_DIR") from None
