"""``tdaflow status``: print progress, speed and workers of a run."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.filesize import decimal
from rich.table import Table

from tdaflow.cli.exit_codes import DONE
from tdaflow.pipeline import STAGES, dashboard_sentence, jobs_sentence, read_status
from tdaflow.pipeline.no_run import no_run
from tdaflow.printable import counted
from tdaflow.progress import Console
from tdaflow.store import RunFolder
from tdaflow.store.run_folder import WAITING

_JSON = (
    "state", "reason", "holder", "heartbeat_age", "engine", "stages", "workers", "ranges", "quarantined", "failed",
)  # fmt: skip
_COUNTS = ("done", "computed", "reused", "quarantined", "failed", "left")
_SHOWN = 10
_WATCH_SECONDS = 2.0
_AT_WORK = ("running", WAITING)
_PIPE_WIDTH = 160
# Workers on a terminal; JSON has them all.
_SHOWN_WORKERS = 20
# A worker tells its scheduler of itself at least every few seconds, of a thousand every ten.
_SILENT_SECONDS = 30.0


def status_command(path: Path, *, as_json: bool, watch: bool = False) -> int:
    """Print the status of a run, again and again until it ends to `watch` it; return the exit code."""
    while True:
        if watch and not as_json:
            Console().clear()  # nothing but on a terminal
        if not _shown(path, as_json=as_json) or not watch:
            return DONE
        time.sleep(_WATCH_SECONDS)


def _shown(path: Path, *, as_json: bool) -> bool:
    """Print the status once; return True if somebody is at work."""
    folder = RunFolder(path)
    status = read_status(folder)
    if status is None and (names := folder.states_of_shards()):
        shards = [(name, read_status(RunFolder(path, name)) or {}) for name in names]
        _shards(path, shards, as_json=as_json)
        return any(state["state"] in _AT_WORK for _, state in shards)
    if status is None:
        raise no_run(path)
    if as_json:
        print(json.dumps({name: status[name] for name in _JSON}, indent=1), flush=True)
    else:
        _print(path, status)
    return status["state"] in _AT_WORK


def _print(path: Path, status: Mapping[str, Any]) -> None:
    console = Console(soft_wrap=True)
    for line in _headline(path, status):
        console.print(line)
    # A pipe has no width to fit columns into.
    tables = Console() if console.is_terminal else Console(width=_PIPE_WIDTH)
    tables.print(_stages(status["stages"]))
    for line in _pace(status["stages"]):
        console.print(line)
    if status["workers"]:
        tables.print(_workers(status["workers"]))
    for kind in ("quarantined", "failed"):
        for volume, reason in list(status[kind].items())[:_SHOWN]:
            console.print(f"{kind}: {volume}: {reason}")
        if len(status[kind]) > _SHOWN:
            console.print(f"{kind}: … and {len(status[kind]) - _SHOWN} more; --json has them all")


def _shards(path: Path, shards: Sequence[tuple[str, Mapping[str, Any]]], *, as_json: bool) -> None:
    """Print how far the parts of a run have come that nobody has joined yet."""
    if as_json:
        print(json.dumps({name: {key: state[key] for key in _JSON} for name, state in shards}, indent=1), flush=True)
        return
    table = Table(box=SIMPLE_HEAD, title=f"{path}: {counted(len(shards), 'shard')}", title_justify="left")
    for column in ("shard", "state", "volumes read", "left", "diagrams done", "left", "quarantined", "failed"):
        table.add_column(column, justify="left" if column in ("shard", "state") else "right")
    for name, state in shards:
        read, made = (state["stages"][stage] for stage in STAGES[:2])
        counts = (
            read["done"],
            read["left"],
            made["done"],
            made["left"],
            len(state["quarantined"]),
            len(state["failed"]),
        )
        table.add_row(name, state["state"], *(f"{count:,}" for count in counts))
    console = Console()
    (console if console.is_terminal else Console(width=_PIPE_WIDTH)).print(table)


def _headline(path: Path, status: Mapping[str, Any]) -> list[str]:
    holder, engine = status["holder"], status["engine"]
    who = f"{engine['name']}, pid {holder['pid']} on {holder['host']}"
    age = _duration(status["heartbeat_age"])
    if status["state"] == "running":
        lines = [f"{path}: running on {who}, heartbeat {age} ago"]
        if told := dashboard_sentence(engine):
            lines.append(told)
        if engine.get("jobs"):
            lines.append(jobs_sentence(engine["jobs"], time.time()))
    else:
        lines = [f"{path}: {status['state']} {age} ago ({who})"]
    return [*lines, status["reason"]] if status["reason"] else lines


def _stages(stages: Mapping[str, Mapping[str, Any]]) -> Table:
    # A terminal of 80 columns has no room for what is zero everywhere; without reused ones, computed are done.
    told = {name for name in _COUNTS if any(stage[name] for stage in stages.values())} | {"done", "left"}
    counts = [name for name in _COUNTS if name in told and (name != "computed" or "reused" in told)]
    table = Table(box=SIMPLE_HEAD)
    for column in ("stage", "", *counts, "seconds", "per s"):
        table.add_column(column, justify="left" if column in ("stage", "") else "right", no_wrap=True)
    for name, stage in stages.items():
        waits = stage["state"] == "waiting"
        numbers = ["" if waits else f"{stage[count]:,}" for count in counts]
        rate = "" if stage["rate"] is None else f"{stage['rate']:.3g}"
        table.add_row(name, stage["state"], *numbers, "" if waits else f"{stage['seconds']:.1f}", rate)
    return table


def _pace(stages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    for name, stage in stages.items():
        if stage["state"] == "running":
            last = stage["last_batch_age"]
            finished = "no batch finished yet" if last is None else f"last batch finished {_duration(last)} ago"
            left = "" if stage["eta_seconds"] is None else f", about {_duration(stage['eta_seconds'])} left"
            lines.append(f"{name}: {finished}{left}")
    return lines


def _workers(workers: Sequence[Mapping[str, Any]]) -> Table:
    silent = sum(worker["seen_age"] > _SILENT_SECONDS for worker in workers)
    hosts = len({worker["host"] for worker in workers})
    title = counted(len(workers), "worker") + (f" on {hosts} hosts" if hosts > 1 else "")
    title += f", {silent} silent for more than {_SILENT_SECONDS:.0f} s" if silent else ""
    if len(workers) > _SHOWN_WORKERS:
        title += f"; the {_SHOWN_WORKERS} that were silent longest (--json has all)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("worker", "host", "threads", "tasks", "CPU", "memory", "seen"):
        table.add_column(column, justify="left" if column in ("worker", "host") else "right")
    shown = sorted(workers, key=lambda worker: -worker["seen_age"])[:_SHOWN_WORKERS]
    for worker in sorted(shown, key=lambda worker: (worker["host"], len(worker["name"]), worker["name"])):
        memory = decimal(worker["memory"])
        limit = f" of {decimal(worker['memory_limit'])}" if worker["memory_limit"] else ""
        table.add_row(
            worker["name"],
            worker["host"],
            str(worker["threads"]),
            str(worker["tasks"]),
            f"{worker['cpu']:.0f} %",
            memory + limit,
            f"{_duration(worker['seen_age'])} ago",
        )
    return table


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(0.0, seconds):.0f} s"
    return str(timedelta(seconds=round(seconds)))
